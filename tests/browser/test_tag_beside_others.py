"""Proof of users, and the tag beside Segment's own library on one page."""

from __future__ import annotations

import hashlib
import hmac
import json

import pytest

from footfall.wiring.user_keys import release_user_hash, require_user_hash


@pytest.fixture
def proven_source(world):
    """A source that takes users only with proof, and the key."""
    name = f"proven-{world.site.port}"
    world.key = world.hub.ask("POST", "/api/sources", {"name": name, "channel": "web"}).body["write_key"]
    world.line.wait(lambda: world.get(f"/footfall.js?a={world.key}")[0] == 200)
    with world.hub.hub() as hub:
        yield require_user_hash(hub, name)
        release_user_hash(hub, name)


def rejected(world):
    """(type, code) of what was refused, by the index that the answers name."""
    found = []
    for each in world.line.sent:
        answer = json.loads(each.answer or b"{}") if each.body else {}
        events = json.loads(each.body)["events"] if each.body else []
        found += [(events[one["index"]]["type"], one["code"]) for one in answer.get("rejected", ())]
    return found


def test_events_of_users_count_only_with_the_hash_of_the_sites_server(proven_source, pages, world):
    page = pages()
    world.line.one("page_view")
    assert rejected(world) == []  # a visitor needs none
    page.run("footfall('identify', 'ada')")
    world.line.one("identify")
    assert rejected(world) == [("identify", "user_hash_missing")]
    proof = hmac.new(proven_source.encode(), b"ada", hashlib.sha256).hexdigest()
    page.run(f"footfall('identify', {{id: 'bob', userHash: '{proof}'}})")
    world.line.one("identify", 2)
    assert ("identify", "user_hash_wrong") in rejected(world)
    page.run(f"footfall('identify', {{id: 'ada', userHash: '{proof}'}}); footfall('track', 'proven')")
    world.line.one("custom")
    refused = rejected(world)
    assert [code for kind, code in refused if kind == "identify"] == ["user_hash_missing", "user_hash_wrong"]
    assert "custom" not in dict(refused)
    assert world.line.batches()[-1]["user_hashes"]["ada"] == proof
    assert "userHash" not in world.line.one("identify", 3).get("user", {})


def test_segments_own_library_and_the_tag_run_side_by_side(world, bundled):
    made = bundled("export { AnalyticsBrowser } from '@segment/analytics-next'", "segment")
    world.site.add("/segment.js", made)
    page = world.open(
        world.page("/both", '<script src="/segment.js"></script><button id="b">b</button>',
                   script="footfall('identify', 'ada')")
    )  # fmt: skip
    page.wait("!!self.segment")
    world.line.one("page_view")
    host = f"127.0.0.1:{world.line.port}"
    page.run(
        f"""self.analytics = segment.AnalyticsBrowser.load({{writeKey: '{world.key}', cdnURL: 'http://{host}'}},
        {{integrations: {{'Segment.io': {{apiHost: '{host}/v1', protocol: 'http'}}}}}});
        analytics.identify('ada', {{plan: 'pro'}}); analytics.track('theirs', {{n: 1}}); footfall('track', 'ours');
        history.pushState({{}}, '', '/both/2'); analytics.page()"""
    )
    page.press("#b")
    world.line.one("click")
    world.line.one("page_view", 2)

    def theirs():
        bodies = [json.loads(each.body) for each in world.line.sent if each.path.startswith("/v1/") and each.body]
        return {body["type"]: body for body in bodies if each_ok(world, body)}

    world.line.wait(lambda: {"identify", "track", "page"} <= theirs().keys())
    ids = [theirs()["track"]["messageId"], world.line.one("custom")["event_id"]]

    def settled():
        with world.hub.hub() as hub:
            found = {each["event_id"]: each for each in map(json.loads, hub.tail(100, follow=False))}
        return all(one in found for one in ids) and [found[one] for one in ids]

    segment, ours = world.line.wait(settled, 60)
    assert (segment["name"], ours["name"]) == ("theirs", "ours")
    assert segment["user"] == ours["user"] if "user" in segment else segment["user_key"] == ours["user_key"]
    assert [line for line in page.said if "footfall" in line] == []


def each_ok(world, body):
    return any(each.status == 200 and each.body and json.loads(each.body) == body for each in world.line.sent)
