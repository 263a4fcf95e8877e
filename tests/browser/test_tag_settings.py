"""What a source's settings and privacy policy change in its tag."""

from __future__ import annotations

import json

import pytest


@pytest.fixture
def source(world):
    """Change the settings of the source of this test's pages: ``source({tag settings}, {policy})``."""
    name = f"set-{world.site.port}"
    world.key = world.hub.ask("POST", "/api/sources", {"name": name, "channel": "web"}).body["write_key"]

    def change(tag, policy):
        done = world.hub.ask("PUT", f"/api/sources/{name}", {"channel": "web", "tag": tag})
        assert (done.status, done.body["tag"]) == (200, done.body["tag"] | tag), done.text
        if policy:
            done = world.hub.ask("PUT", f"/api/privacy/{name}", policy)
            assert done.status == 200, done.text
        world.line.wait(lambda: settings(world) == tag | policy)

    return change


def settings(world):
    text = world.get("/footfall.js?a=" + world.key)[2].decode()
    begin = "var footfallSettings="
    return json.loads(text.partition(begin)[2].partition(";\n")[0]) if text.startswith(begin) else {}


def test_addresses_tell_what_the_policy_lets_them(source, pages, world):
    source({}, {"query": ["utm_*"], "mask_query": ["q"], "exclude_urls": ["/secret*"], "mask_urls": ["/clients/*"]})
    html = world.page("/", '<a id="go" href="/clients/ada?q=1" onclick="event.preventDefault()">Ada</a>')
    page = world.open(html + "?utm_source=mail&q=canary&token=canary")
    assert world.line.one("page_view")["page"]["query_string"] == "utm_source=mail&q=*"
    page.press("#go")
    assert world.line.one("link_click")["link_url"] == f"{world.site.url}/***"
    page.run("history.pushState({}, '', '/secret/canary'); footfall('track', 'canary')")
    page.run("new Promise(done => setTimeout(done, 200))")
    page.run("history.pushState({}, '', '/clients/canary')")
    assert world.line.one("page_view", 2)["page"] == {
        "scheme": "http", "host": f"127.0.0.1:{world.site.port}", "path": "/***",
        "referrer": f"{world.site.url}/?utm_source=mail&q=*",
    }  # fmt: skip
    page.run("history.pushState({}, '', '/clients/another')")
    assert world.line.one("page_view", 3)["page"]["path"] == "/***"
    assert "custom" not in world.line.types()
    assert b"canary" not in b"".join(each.body for each in world.line.sent)


def test_what_a_source_does_not_want_is_not_noticed_and_attributes_it_wants_are_told(source, pages, world):
    source({"attributes": ["data-testid"], "text": False, "title": False, "forms": False, "idle_minutes": 5}, {})
    page = pages(
        '<form data-testid="f" onsubmit="event.preventDefault()"><button id="b" data-testid="go">Go</button></form>',
        before="{ const real = Date.now; self.shift = 0; Date.now = () => real() + self.shift }",
    )
    assert "title" not in world.line.one("page_view")["page"]
    page.press("#b")
    element = world.line.one("click")["element"]
    assert "text" not in element
    assert element["attributes"] == {"data-testid": "go"}
    assert element["path"][0]["attributes"] == {"data-testid": "f"}
    page.run(f"self.shift = {6 * 60_000}; footfall('track', 'later')")
    world.line.one("session_started", 2)
    assert "form_submit" not in world.line.types()


def test_where_consent_is_required_nothing_happens_before_it_is_given(source, pages, world):
    source({}, {"consent": "required"})
    page = pages("<button id=b>b</button>", script="footfall('identify', 'ada'); footfall('track', 'before')")
    page.press("#b")
    assert world.stored() == []
    assert [each.method for each in world.line.sent] == ["GET"]
    page.run("footfall('consent', 'granted')")
    assert world.line.one("page_view")["identify_id"] == "ada"
    assert world.line.types() == ["session_started", "identify", "page_view"]


def test_global_privacy_control_may_mean_silence(source, pages, world):
    source({}, {"gpc": "drop"})
    page = pages(
        "<button id=b>b</button>", before="Object.defineProperty(navigator, 'globalPrivacyControl', {get: () => true})"
    )
    page.press("#b")
    page.run("footfall('track', 'never')")
    assert world.stored() == []
    assert [each.method for each in world.line.sent] == ["GET"]


def test_an_attribute_that_may_hold_what_was_typed_is_refused(world):
    for name in ("value", "onclick", "a b"):
        tried = world.hub.ask("POST", "/api/sources", {"name": f"no-{world.site.port}", "tag": {"attributes": [name]}})
        assert tried.status == 422, tried.text
