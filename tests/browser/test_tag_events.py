"""What the tag notices by itself, in a real browser."""

from __future__ import annotations


def test_a_page_tells_its_session_and_its_view_and_settle_counts_them(pages, world):
    pages()
    view = world.line.one("page_view")
    started = world.line.one("session_started")
    assert world.line.types() == ["session_started", "page_view"]
    assert view["page"] == {
        "scheme": "http", "host": f"127.0.0.1:{world.site.port}", "path": "/", "title": "Page /",
    }  # fmt: skip
    assert view["session_id"] == started["session_id"]
    assert started["event_id"] == f"{started['session_id']}-start"
    assert view["anonymous_id"] == started["anonymous_id"]
    assert view["channel"] == "web"
    (post,) = [each for each in world.line.sent if each.method == "POST"]
    assert post.path == "/events"
    assert post.headers["content-type"] == "text/plain"
    assert "cookie" not in post.headers
    assert [each.method for each in world.line.sent] == ["GET", "POST"]  # and no question before it

    def settled():
        with world.hub.hub() as hub:
            return [line for line in hub.tail(50, follow=False) if view["event_id"] in line]

    (line,) = world.line.wait(settled, 60)
    assert '"channel":"web"' in line.replace(" ", "")


def test_every_change_of_route_is_a_view_and_a_change_of_what_is_dropped_is_none(pages, world):
    page = pages()
    world.line.one("page_view")
    page.run("history.pushState({}, '', '/cart'); document.title = 'Cart'")
    assert world.line.one("page_view", 2)["page"]["title"] == "Cart"
    page.run("history.replaceState({}, '', '/cart?word=canary')")
    page.run("history.pushState({}, '', '/pay')")
    third = world.line.one("page_view", 3)["page"]
    assert (third["path"], third["referrer"]) == ("/pay", f"{world.site.url}/cart")
    page.run("location.hash = '#/step/2?token=canary'")
    assert world.line.one("page_view", 4)["page"]["hash"] == "#/step/2"
    page.run("history.go(-2)")
    assert world.line.one("page_view", 5)["page"]["path"] == "/cart"
    assert len(world.line.types()) == 6
    assert b"canary" not in b"".join(each.body for each in world.line.sent)
    assert len({event["session_id"] for event in world.line.events()}) == 1


def test_the_page_before_is_told_without_its_parameters_from_the_first_event_on(pages, world):
    world.page("/to", script="footfall('track', 'early')")
    start = world.site.add("/from", '<title>From</title><a id="go" href="/to">Go</a>')
    page = world.open(start + "?token=canary")
    page.press("#go")
    view = world.line.one("page_view")
    assert {event["page"]["referrer"] for event in world.line.events()} == {f"{world.site.url}/from"}
    page.run("footfall('page')")
    again = world.line.one("page_view", 2)
    assert again["page"] == view["page"]
    assert len(world.line.types()) == 4


def test_clicks_on_buttons_and_links_say_where_they_were_and_others_are_not_told(pages, world):
    page = pages(
        """<main id="app"><p id="text">just text</p>
        <div class="bar wide"><i></i>
        <button id="save" class="btn primary" name="save" data-secret="canary" value="canary">
        <b>Save</b> report</button></div>
        <a id="help" href="/help?user=canary#/faq?x=canary" onclick="event.preventDefault()">Help</a>
        <a id="mail" href="mailto:canary@example.org" onclick="event.preventDefault()">Write to canary@example.org</a>
        </main>"""
    )
    page.press("#text")
    page.press("#save b")
    click = world.line.one("click")
    element = click["element"]
    assert element["path"][0] == {"tag": "div", "classes": ["bar", "wide"], "nth": 2}
    assert [each["tag"] for each in element["path"]] == ["div", "main", "body"]
    assert element["path"][1]["id"] == "app"
    del element["path"]
    assert element == {
        "tag": "button", "id": "save", "classes": ["btn", "primary"], "nth": 2, "attributes": {"name": "save"},
        "text": "Save report",
    }  # fmt: skip
    page.press("#help")
    link = world.line.one("link_click")
    assert link["link_url"] == f"{world.site.url}/help#/faq"
    page.press("#mail")
    mail = world.line.one("link_click", 2)
    assert (mail["link_url"], mail["element"]["text"]) == ("mailto:", "Write to ***")
    assert world.line.types().count("click") == 1
    assert b"canary" not in b"".join(each.body for each in world.line.sent)
