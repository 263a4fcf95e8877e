"""The unmodified npm posthog-js on a page: what it sees is stored, as the page of the dialect says."""

from __future__ import annotations

import json

PAGE = '<script src="/posthog.js"></script><a id="a" href="#there">There</a>'


def test_what_posthogs_own_library_sees_on_a_page_is_stored(world, bundled):
    world.site.add("/posthog.js", bundled("export { posthog } from 'posthog-js'", "library"))
    page = world.open(world.page("/theirs", PAGE, tag=""))
    page.wait("!!self.library?.posthog")
    # Left to itself it keeps silent in a headless browser.
    page.run(
        f"""posthog = library.posthog; posthog.init('{world.key}', {{api_host: '{world.line.url}',
        opt_out_useragent_filter: true, capture_pageview: 'history_change', disable_surveys: true}});
        posthog.capture('Theirs', {{n: 1}}); posthog.identify('grace', {{plan: 'pro'}});
        posthog.group('company', 'firm', {{tier: 'gold'}}); posthog.capture('Theirs too', {{n: 2}})"""
    )
    # It looks at clicks once it was told that it may.
    world.line.wait(lambda: any(each.path.startswith("/flags/") for each in world.line.sent))
    page.press("#a")
    page.run("history.pushState({}, '', '/theirs/2')")
    session = page.run("posthog.get_session_id()")

    def settled():
        with world.hub.hub() as hub:
            found = [json.loads(each) for each in hub.tail(200, follow=False)]
        mine = [each for each in found if each["session_id"] == session]
        return len(mine) >= 7 and mine

    events = world.line.wait(settled, 60)
    kinds = sorted(each["type"] for each in events)
    assert kinds == ["custom", "custom", "group", "identify", "link_click", "page_view", "page_view"]
    assert {each["name"] for each in events if each["type"] == "custom"} == {"Theirs", "Theirs too"}
    [known] = {each["user_key"] for each in events if each["name"] != "Theirs"} - {None}
    assert [each["user_key"] for each in events if each["name"] == "Theirs too"] == [known]
    assert [(each.path, each.status) for each in world.line.sent if each.status != 200] == []
    assert [line for line in page.said if "posthog" in line.lower()] == []
