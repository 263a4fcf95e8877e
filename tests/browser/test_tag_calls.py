"""What a page tells the tag, and what becomes of it."""

from __future__ import annotations

from urllib.parse import quote


def test_calls_made_before_the_tag_came_are_heeded_in_order_and_say_who_it_is(pages, world):
    pages(
        script="""
        footfall('track', 'Opened', {from: 'mail', pages: 3});
        footfall('identify', {id: 'ada', email: 'ada@example.org', plan: 'pro'}, {id: 'acme', name: 'Acme'});
        footfall('set', 'globalContext', {theme: 'dark', beta: null});
        footfall('track', 'Exported', {format: 'csv'});"""
    )
    view = world.line.one("page_view")
    first, second = (world.line.one("custom", number) for number in (1, 2))
    identify = world.line.one("identify")
    assert world.line.types() == ["session_started", "custom", "identify", "custom", "page_view"]
    assert (first["event_name"], first["attributes"]) == ("Opened", {"from": "mail", "pages": 3})
    assert "identify_id" not in first
    assert identify["user"] == {"email": "ada@example.org", "plan": "pro"}
    assert identify["account"] == {"id": "acme", "name": "Acme"}
    assert identify["anonymous_id"] == first["anonymous_id"]
    assert "global_context" not in identify
    for event in (second, view):
        assert (event["identify_id"], event["account_id"]) == ("ada", "acme")
        assert event["global_context"] == {"theme": "dark"}
    assert [answer for batch in world.line.sent for answer in (batch.status,)] == [200, 200]


def test_attributes_that_are_set_wait_for_their_user_and_account(pages, world):
    page = pages(script="footfall('set', 'user', {language: 'en'}); footfall('set', 'account', {seats: 3});")
    page.run("footfall('identify', 'ada', 'acme')")
    first = world.line.one("identify")
    assert (first["identify_id"], first["user"], first["account"]) == (
        "ada", {"language": "en"}, {"seats": 3, "id": "acme"},
    )  # fmt: skip
    page.run("footfall('set', 'user', {language: 'fr'}); footfall('set', 'account', {seats: 4})")
    assert world.line.one("identify", 2)["user"] == {"language": "fr"}
    group = world.line.one("group")
    assert (group["account_id"], group["account"]) == ("acme", {"seats": 4, "id": "acme"})


def test_after_a_reset_and_for_another_user_it_is_another_visitor(pages, world):
    page = pages(script="footfall('identify', 'ada'); footfall('set', 'globalContext', {theme: 'dark'})")
    before = world.line.one("page_view")
    page.run("footfall('reset'); footfall('track', 'after')")
    after = world.line.one("custom")
    ended = world.line.one("session_ended")
    assert ended["session_id"] == before["session_id"]
    assert (ended["identify_id"], ended["event_count"]) == ("ada", 3)
    assert not {"identify_id", "account_id", "global_context"} & after.keys()
    assert after["session_id"] != before["session_id"]
    assert after["anonymous_id"] != before["anonymous_id"]
    page.run("footfall('identify', 'bob'); footfall('identify', 'eve')")
    bob, eve = (world.line.one("identify", number) for number in (2, 3))
    assert bob["anonymous_id"] == after["anonymous_id"] != eve["anonymous_id"]


def test_feedback_surveys_and_engagements_are_sent_by_name(pages, world):
    page = pages(script="footfall('identify', 'ada')")
    page.run(
        """footfall('send', 'feedback', {category: 'Idea', subject: 'More', description: 'Please', labels: 'ux'});
        footfall('send', 'survey_response', {engagement_id: 's1', survey_type: 'NPS', score: 9});
        footfall('send', 'click', {}); footfall('dance')"""
    )
    feedback = world.line.one("feedback")
    assert (feedback["subject"], feedback["labels"]) == ("More", ["ux"])
    assert world.line.one("survey_response")["score"] == 9
    assert {each.status for each in world.line.sent} == {200}
    assert len(page.said) == 2, page.said  # what is no call is said, and stops nothing
    assert "rejected" not in str(page.said)


def test_another_key_sends_to_another_source(pages, world):
    other = world.hub.ask("POST", "/api/sources", {"name": f"other-{world.site.port}", "channel": "web"}).body[
        "write_key"
    ]
    page = pages()
    world.line.one("page_view")
    page.run(f"footfall('config', 'tagKey', '{other}'); footfall('track', 'there')")
    world.line.one("custom")
    keys = [batch["write_key"] for batch in world.line.batches()]
    assert keys == [world.key, other]


def test_a_page_of_px_moves_by_one_address_and_keeps_its_loader(world):
    loader = f"""
    (function(n,t,a,e,co){{var i="aptrinsic";n[i]=n[i]||function(){{
      (n[i].q=n[i].q||[]).push(arguments)}},n[i].p=e;n[i].c=co;
      var r=t.createElement("script");r.async=!0,r.src=a+"?a="+e;
      var c=t.getElementsByTagName("script")[0];c.parentNode.insertBefore(r,c)
    }})(window,document,"{world.line.url}/api/aptrinsic.js","{world.key}");
    aptrinsic("identify", {{"id": "ada", "email": "ada@example.org"}}, {{"id": "acme"}});"""
    page = world.open(world.site.add("/px", f"<title>PX</title><script>{loader}</script><body>"))
    page.wait("!!self.aptrinsic?.loaded")
    page.run("aptrinsic('track', 'Moved', {n: 1})")
    assert world.line.one("custom")["identify_id"] == "ada"
    assert world.line.one("identify")["account"] == {"id": "acme"}
    assert world.line.one("page_view")["page"]["path"] == "/px"


def test_the_tag_of_px_on_the_same_page_keeps_its_own_calls(pages, world):
    page = pages(
        script="window.aptrinsic = function () { aptrinsic.q.push(arguments) }; aptrinsic.q = []; aptrinsic.p = 'AP-1'"
    )
    page.run("aptrinsic('track', 'theirs'); footfall('track', 'ours')")
    assert world.line.one("custom")["event_name"] == "ours"
    assert page.run("aptrinsic.q.length") == 1


def test_a_page_that_opts_out_stores_and_sends_nothing_until_it_opts_in(pages, world):
    page = pages(
        script="footfall('config', 'enableTag', false); footfall('identify', 'ada')", body="<button id=b>b</button>"
    )
    page.press("#b")
    page.run("footfall('track', 'early')")
    assert world.stored() == []
    assert [each.method for each in world.line.sent] == ["GET"]
    page.run("footfall('config', 'enableTag', true)")
    assert world.line.one("page_view")["identify_id"] == "ada"
    assert "custom" not in world.line.types()
    page.run("footfall('config', 'enableTag', false)")
    assert world.stored() == []


def test_consent_that_is_denied_is_remembered_and_nothing_else(pages, world):
    page = pages(script="footfall('identify', 'ada')")
    world.line.one("page_view")
    page.run("footfall('consent', 'denied', {version: '2'})")
    page.run("footfall('track', 'never')")
    assert world.stored() == ["footfall:consent"]
    again = pages()
    again.run("footfall('track', 'never')")
    assert world.stored() == ["footfall:consent"]
    again.run("footfall('consent', 'granted', {version: '3'}); footfall('track', 'now')")
    assert world.line.one("custom")["event_name"] == "now"
    assert world.line.batches()[-1]["consent"] == {"state": "granted", "version": "3"}


def test_a_strict_content_security_policy_lets_it_work(world):
    own = world.site.add("/own.js", "footfall('track', 'own script')")
    stub = world.site.add(
        "/stub.js", "window.footfall=window.footfall||function(){(footfall.q=footfall.q||[]).push(arguments)}"
    )
    policy = f"default-src 'none'; script-src 'self' {world.line.url}; connect-src {world.line.url}"
    html = f'<title>Strict</title><script src="{stub}"></script>{world.tag()}<script src="{own}"></script><body>'
    page = world.open(world.site.add("/strict", html, content_security_policy=policy))
    assert world.line.one("custom")["event_name"] == "own script"
    assert page.said == []


def test_nothing_typed_leaves_the_page_or_reaches_a_disk(pages, world):
    canary = "canary-7f3a"
    page = pages(
        body=f"""<form id="f" name="signup" action="/done?x={canary}" onsubmit="event.preventDefault()">
        <label>Name <input id="name" name="name" placeholder="{canary}"></label><textarea id="area"></textarea>
        <input id="secret" type="password"><select id="sel"><option>{canary}</option></select>
        <div id="edit" contenteditable>…</div><input id="send" type="submit" value="Send {canary}">
        <button id="around" type="button">Save <span contenteditable id="inner">x</span> {canary}@example.org</button>
        <input type="hidden" name="id" value="{canary}"></form>
        <div data-footfall-mask><a id="masked" href="/{canary}" onclick="event.preventDefault()">{canary}</a></div>
        <p data-footfall-ignore><button id="ignored">{canary}</button></p>"""
    )
    for field in ("name", "area", "secret", "edit", "inner"):
        page.type(f"#{field}", f"{canary} typed")
    page.run(f"history.pushState({{}}, '', '/found?q={quote(canary)}#token={canary}')")
    for button in ("#around", "#masked", "#ignored"):
        page.press(button)
    page.press("#send")
    form = world.line.one("form_submit")
    assert form["form"] == {"id": "f", "name": "signup", "action": f"{world.site.url}/done"}
    assert world.line.one("link_click")["element"].get("text") is None
    sent = b"".join(each.body + each.path.encode() + str(each.headers).encode() for each in world.line.sent)
    assert canary.encode() not in sent
    stored = page.run(
        "JSON.stringify(Object.assign({}, localStorage)) + JSON.stringify(Object.assign({}, sessionStorage))"
    )
    assert canary not in stored + page.run("document.cookie")
    page.close()
    world.line.wait(lambda: "form_submit" in world.line.types())
    for path in world.hub.data.rglob("*"):
        assert path.is_dir() or canary.encode() not in path.read_bytes(), path


def test_a_browser_that_asks_not_to_be_shared_is_told_of_without_anybody(pages, world):
    page = pages(
        script="footfall('identify', 'ada'); footfall('consent', 'granted')", body="<button id=b>b</button>",
        before="Object.defineProperty(navigator, 'globalPrivacyControl', {get: () => true})",
    )  # fmt: skip
    page.press("#b")
    click = world.line.one("click")
    assert "identify_id" not in click
    assert "identify" not in world.line.types()
    assert world.stored() == ["footfall:consent"]
    assert {batch["consent"]["state"] for batch in world.line.batches()} == {"granted"}
    first = click["anonymous_id"]
    page.close()
    pages(path="/2", before="Object.defineProperty(navigator, 'globalPrivacyControl', {get: () => true})")
    assert world.line.one("page_view", 2)["anonymous_id"] != first
