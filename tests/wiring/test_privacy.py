"""Policies over a whole Footfall: what is in its data directory, and what is not, whatever way it came."""

from __future__ import annotations

import gzip
import io
import json
import random
import stat
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from footfall.config import Settings
from footfall.errors import Missing, Refused
from footfall.flows.collect import Collect, Doorkeeper
from footfall.model.attribute_definitions import usual
from footfall.model.people_loading import PeopleLoading
from footfall.model.privacy import HIDDEN
from footfall.wire import native, segment
from footfall.wiring import Footfall
from footfall.wiring.denying import allow_user, denied_users, deny_user
from footfall.wiring.import_settings import LOADING, settings_of
from footfall.wiring.imports import Origin, import_now
from footfall.wiring.keys import create_key
from footfall.wiring.people_import import load_people
from footfall.wiring.privacy import key_path, policies_of, put_policy, token_key_of
from footfall.wiring.private_rows import stored_ids
from footfall.wiring.profiles import attributes_of

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
DAY = date(2026, 11, 23)


@pytest.fixture
def hub(tmp_path) -> Iterator[Footfall]:
    with Footfall.open(Settings(data=tmp_path / "data", reserve_bytes=0), clock=lambda: NOW) as hub:
        yield hub


class Sender:
    """Sends bodies as clients do."""

    def __init__(self, hub: Footfall, source: str = "web") -> None:
        self._key = create_key(hub, source, product_key="default", environment="Production", channel="web")
        dialects = {"segment": segment.read, "native": native.read}
        keeper = Doorkeeper(hub.sources, hub.clock, lambda: 0.0)
        self._collect = Collect(hub.log, keeper, dialects, hub.clock, privacy=hub.privacy)
        self._hub = hub

    def send(self, body: object, dialect: str = "segment", call: str = "batch", **headers: bool) -> int:
        """How many events of it went to the log."""
        reading = self._collect.read(dialect, call, json.dumps(body, ensure_ascii=False).encode())
        source = self._collect.source(self._key)
        batch = self._collect.batch(source, dialect, call, reading, "203.0.113.77", "Agent/1", **headers)
        if batch is not None:
            self._hub.log.append(batch)
        return 0 if batch is None else batch.count


def track(who: str, **more: Any) -> dict[str, Any]:
    return {
        "type": "track",
        "event": "Saved",
        "userId": who,
        "messageId": f"m-{random.Random(str(more) + who).random()}",
    } | more


def everything(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every byte below a folder, and what compressed files hold."""
    for path in sorted(folder.rglob("*")):
        if not path.is_file():
            continue
        data = path.read_bytes()
        yield str(path), str(path).encode() + b"\n" + data
        if data[:4] == b"PAR1":
            file = pq.ParquetFile(io.BytesIO(data))
            yield str(path), json.dumps(file.read().to_pylist(), default=str, ensure_ascii=False).encode()
            yield str(path), str(file.metadata.to_dict()).encode()
        if data[:2] == b"\x1f\x8b":
            yield str(path), gzip.decompress(data)


def found_in(folder: Path, *texts: str) -> set[tuple[str, str]]:
    """(file, text) of every text that stands somewhere below."""
    found = set()
    for name, data in everything(folder):
        low = data.lower()
        found |= {(name, text) for text in texts if text.lower().encode() in low}
    return found


def settle(hub: Footfall) -> None:
    hub.settle()
    hub.close_day(DAY, unfinished=True)


def test_without_a_policy_everything_is_as_it_came_and_no_key_is_drawn(hub):
    assert Sender(hub).send({"batch": [track("ana@example.com")]}) == 1
    assert found_in(hub.settings.data / "log", "ana@example.com"), "what is looked for can be found"
    assert not key_path(hub.settings).exists()
    settle(hub)
    assert found_in(hub.settings.data, "ana@example.com")


def test_with_anonymisation_no_raw_identifier_is_in_any_byte_of_the_data_directory(hub, tmp_path):
    put_policy(hub, "*", {"identities": ["user", "account", "email"]})
    chance = random.Random(20261123)
    ids = [f"canary{n}.{chance.randrange(10**9)}@example.com" for n in range(12)]
    ids += [
        f"Ünïq-{chance.randrange(10**9)}-Ω",
        f"tab\\t{chance.randrange(10**9)}",
        f"{chance.randrange(10**14, 10**15)}",
    ]
    accounts = [f"acme-{chance.randrange(10**9)}" for _ in range(3)]
    sender = Sender(hub)
    for nth, who in enumerate(ids):
        account = chance.choice(accounts)
        places = [
            track(who, properties={"owner": who, "by": [f"of {who}!"], who: 1}),
            track(
                who,
                context={
                    "groupId": account,
                    "traits": {"email": who},
                    "page": {"url": f"https://x.test/{who}?u={who}"},
                },
            ),
            {"type": "identify", "userId": who, "traits": {"email": who, "name": f"Mr {who}"}},
            {"type": "group", "userId": who, "groupId": account, "traits": {"name": account}},
            {"type": "alias", "userId": who, "previousId": f"visitor-{who}"},
            {"type": "track", "userId": who},  # rejected at the door
            track(who, timestamp=f"not a time {who}"),
            {"type": f"odd {who}", "userId": who},
        ]
        sender.send({"batch": places, "sentAt": "2026-11-23T11:59:00Z", "writeKey": "k"})
        event = {
            "identify_id": who, "account_id": account, "event_id": f"{who}-{nth}",
            "occurred_at": "2026-11-23T10:00:00Z",
            "user": {"email": who, "firstName": who}, "account": {"id": account, "name": account},
        }  # fmt: skip
        kinds: list[dict[str, Any]] = [
            {"type": "page_view", "page": {"path": f"/u/{who}"}},
            {"type": "feedback", "subject": who, "description": who},
            {"type": "custom", "event_name": f"opened {who}"},
            {"type": "custom"},
            {"type": "identify", "session_id": who},
        ]  # fmt: skip
        sender.send({"events": [event | kind for kind in kinds]}, "native")
    assert found_in(hub.settings.data, *ids, *accounts) == set(), "nor while it waits in the log"
    lines = (
        ["id,email,qty"] + [f"{who},{who},7" for who in ids if "," not in who] + ["x" * 600 + ",,1"]
    )  # an id that is too long
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "rows.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    chosen = settings_of({"stream": "rows", "format": "csv", "file": "rows.csv", "identify_id": "id"}, what="it")
    import_now(hub, Origin(url=str(tmp_path / "in")), chosen, lambda *a: None)
    settle(hub)
    assert hub.ledger.counts()["rows"].stored == len(lines) - 2
    hub.close()
    assert found_in(hub.settings.data, *ids, *accounts) == set()
    assert stat.S_IMODE(key_path(hub.settings).stat().st_mode) == 0o600
    assert key_path(hub.settings).parent == hub.settings.data.parent


def test_the_same_person_is_one_user_and_history_stays_under_the_old_id(hub):
    sender = Sender(hub)
    sender.send({"batch": [track("ana@example.com")]})
    put_policy(hub, "web", {"identities": ["user"]})
    sender.send({"batch": [track("ana@example.com", n=1), track(" ANA@example.com", n=2)]})
    hub.settle()
    ids = set(hub.people.texts("users").to_pydict()["text"])
    assert ids == {"ana@example.com", hub.privacy.tokens().token("user", "ana@example.com")}


def test_what_cannot_be_used_is_quarantined_without_its_text(hub):
    put_policy(hub, "web", {"identities": ["user"]})
    Sender(hub).send(
        {"batch": [{"type": "track", "userId": "ana-maria"}, track("ana-maria", timestamp="at ana-maria's")]}
    )
    hub.settle()
    rows = hub.ledger.quarantined().to_pylist()
    assert len(rows) == 2
    assert {row["message"] for row in rows} == {HIDDEN}
    assert all("ana-maria" not in str(row) for row in rows)


def test_who_says_not_to_be_shared_is_nobody_unless_the_source_has_a_reason(hub):
    sender = Sender(hub)
    assert sender.send({"batch": [track("ana-maria", context={"traits": {"name": "Ana"}})]}, gpc=True) == 1
    put_policy(hub, "web", {"gpc": "drop"})
    assert sender.send({"batch": [track("bob-marley")]}, gpc=True) == 0
    assert sender.send({"batch": [track("bob-marley")]}, dnt=True) == 1
    with pytest.raises(Refused):
        put_policy(hub, "web", {"gpc": "allow"})
    put_policy(hub, "web", {"gpc": "allow", "gpc_reason": "staff, by contract", "dnt": "drop"})
    assert sender.send({"batch": [track("cy-twombly")]}, gpc=True) == 1
    assert sender.send({"batch": [track("cy-twombly")]}, gpc=True, dnt=True) == 0
    hub.settle()
    ids = set(hub.people.texts("users").to_pydict()["text"])
    assert ids == {hub.privacy.tokens().token("user", "ana-maria"), "bob-marley", "cy-twombly"}


def test_a_lost_key_is_told_and_makes_nobody_somebody_else(hub):
    put_policy(hub, "web", {"identities": ["user"]})
    sender = Sender(hub)
    sender.send({"batch": [track("ana-maria")]})
    path = key_path(hub.settings)
    kept = path.read_text()
    path.unlink()
    hub.privacy.forget()
    with pytest.raises(Refused, match="missing"):
        sender.send({"batch": [track("ana-maria")]})
    path.write_text(kept)
    path.chmod(0o644)
    with pytest.raises(Refused, match="others"):
        sender.send({"batch": [track("ana-maria")]})
    path.chmod(0o600)
    before = hub.privacy.tokens().token("user", "ana-maria")
    token_key_of(hub).rotate()
    hub.privacy.forget()
    assert hub.privacy.tokens().token("user", "ana-maria") != before


def test_every_change_of_a_policy_is_in_the_audit_log(hub):
    put_policy(hub, "web", {"identities": ["user"]})
    put_policy(hub, "web", {"identities": ["user"], "consent": "required"})
    put_policy(hub, "web", None)
    put_policy(hub, "web", None)
    told = [(each.action, each.before, each.after) for each in hub.audit.changes() if each.subject == "privacy web"]
    assert [each[0] for each in told] == ["privacy.change"] * 3
    assert policies_of(hub).all() == {}


def test_ids_of_people_files_are_known_as_they_are_stored(hub):
    put_policy(hub, "people", {"identities": ["user"]})
    token = hub.privacy.tokens().token("user", "ana-maria")
    assert stored_ids(hub, "people", "user", ["ana-maria"]) == {"ana-maria": token}
    assert stored_ids(hub, "people", "account", ["acme"]) == {"acme": "acme"}


def test_the_request_of_somebody_who_did_not_consent_tells_nothing_about_them_either(hub):
    put_policy(hub, "web", {"consent": "required", "without_consent": "anonymise"})
    sender = Sender(hub)
    sender.send({"batch": [track("ana-maria")]})
    sender.send({"batch": [track("ana-maria", context={"consent": True})]})
    hidden, told = (entry.batch for entry in hub.log.read(0, 100_000))
    assert (hidden.address, hidden.user_agent, hidden.place) == ("", "", "")
    assert (told.address, told.user_agent) == ("203.0.113.0", "Agent/1")


def test_who_is_denied_stays_so_under_a_token_and_no_id_is_written_down(hub):
    put_policy(hub, "*", {"identities": ["user"]})
    sender = Sender(hub)
    deny_user(hub, "ana-maria")
    assert [who for who, _ in denied_users(hub)] == [hub.privacy.tokens().token("user", "ana-maria")]
    sender.send({"batch": [track("ana-maria"), track(" ANA-maria", n=1), track("bob-marley")]})
    hub.settle()
    assert [row["code"] for row in hub.ledger.quarantined().to_pylist()] == ["denied_user"] * 2
    allow_user(hub, "ana-maria")
    assert not denied_users(hub)
    with pytest.raises(Missing):
        allow_user(hub, "ana-maria")
    assert found_in(hub.settings.data, "ana-maria") == set()


def test_without_tokens_an_id_is_denied_as_it_is_and_no_key_is_drawn(hub):
    deny_user(hub, "ana-maria")
    assert [who for who, _ in denied_users(hub)] == ["ana-maria"]
    assert not key_path(hub.settings).exists()
    assert [each.action for each in hub.audit.changes()] == ["user.deny"]


def test_consent_is_stored_with_its_version_and_without_it_nothing_is(hub):
    put_policy(hub, "web", {"consent": "required"})
    sender = Sender(hub)
    agreed = {"state": "granted", "version": "2026-11"}
    assert sender.send({"batch": [track("ana-maria", context={"consent": agreed}), track("bob-marley")]}) == 1
    assert (
        sender.send(
            {"events": [{"type": "page_view", "identify_id": "cy", "event_id": "n1"}], "consent": agreed}, "native"
        )
        == 1
    )
    assert sender.send({"events": [{"type": "page_view", "identify_id": "cy"}]}, "native") == 0
    hub.settle()
    stored = hub.lake.after(0, 10).to_pylist()
    said = [json.loads(row["global_context"]) for row in stored if row["global_context"] is not None]
    assert said == [{"consent": agreed}] * 2, "and nothing of sessions that follow from them"


def test_a_file_of_people_is_anonymous_too_and_knows_who_is_there(hub, tmp_path):
    put_policy(hub, "crm", {"identities": ["user", "email"], "sensitive": "drop"})
    attributes_of(hub).define(usual("user", "firstName", is_pii=True), NOW)
    (tmp_path / "in").mkdir()
    people = [f"canary-{n}-{random.Random(n).randrange(10**9)}@mail.example" for n in range(4)]
    for plan in ("free", "pro"):
        lines = ["who,email,firstName,plan"] + [f"{who},{who},Name {who},{plan}" for who in people]
        (tmp_path / "in" / "users.csv").write_text("\n".join(lines) + "\n")
        loading = PeopleLoading(
            "user", "who", {each: each for each in ("email", "firstName", "plan")}, insert_missing=True
        )
        options = {"stream": "crm", "format": "csv", "file": "users.csv", LOADING: loading.plain()}
        settings = settings_of(options, what="it")
        done, inserted = load_people(hub, Origin(url=str(tmp_path / "in")), settings, options, lambda *a: None)
        assert inserted == (len(people) if plan == "free" else 0)
        assert [each.applied for each in done] == [len(people)]
    rows = hub.people.users(DAY).read_all().to_pylist()
    assert {row["identify_id"] for row in rows} == {hub.privacy.tokens().token("user", who) for who in people}
    assert all(json.loads(row["attributes"])["plan"] == "pro" for row in rows)
    assert found_in(hub.settings.data, *people, "Name canary") == set()


def test_who_was_denied_before_there_were_tokens_stays_so(hub):
    deny_user(hub, "ana-maria")
    sender = Sender(hub)
    sender.send({"batch": [track("ana-maria")]})
    put_policy(hub, "web", {"identities": ["user"]})
    sender.send({"batch": [track("ana-maria", n=1), track("bob-marley")]})
    hub.settle()
    assert [row["code"] for row in hub.ledger.quarantined().to_pylist()] == ["denied_user"] * 2
    allow_user(hub, "ana-maria")
    sender.send({"batch": [track("ana-maria", n=2)]})
    hub.settle()
    assert hub.ledger.counts()["web"].stored == 2


@pytest.mark.parametrize("people", [False, True], ids=["events", "people"])
def test_a_row_does_not_say_again_what_is_hidden_of_a_person_however_short_it_is(hub, tmp_path, people):
    put_policy(hub, "crm", {"identities": ["user", "account"], "sensitive": "drop"})
    for name in ("gender", "salary"):
        attributes_of(hub).define(usual("user", name, is_pii=True), NOW)
    (tmp_path / "in").mkdir()
    row = {"who": 12345, "firm": 77, "sex": "f", "pay": 95000, "plan": "pro"}
    (tmp_path / "in" / "rows.jsonl").write_text(json.dumps(row) + "\n" + json.dumps(row | {"who": 12346}) + "\n")
    options: dict[str, Any] = {"stream": "crm", "format": "json", "file": "rows.jsonl"}
    said = {"gender": "sex", "salary": "pay", "plan": "plan"}
    if people:
        options[LOADING] = PeopleLoading("user", "who", said, account="firm", insert_missing=True).plain()
        load_people(hub, Origin(url=str(tmp_path / "in")), settings_of(options, what="it"), options, lambda *a: None)
    else:
        options |= {"identify_id": "who", "account_id": "firm", "user": said}
        import_now(hub, Origin(url=str(tmp_path / "in")), settings_of(options, what="it"), lambda *a: None)
    settle(hub)
    tokens = hub.privacy.tokens()
    kept = sorted((json.loads(each["properties"])["attributes"] for each in hub.lake.after(0, 10).to_pylist()), key=str)
    assert kept == sorted(
        ({"who": tokens.token("user", who), "firm": tokens.token("account", 77), "plan": "pro"}
         for who in (12345, 12346)), key=str)  # fmt: skip


def test_a_key_that_only_signals_needed_is_drawn_anew_when_it_is_lost(hub):
    sender = Sender(hub)
    assert sender.send({"batch": [track("ana-maria")]}, gpc=True) == 1
    key_path(hub.settings).unlink()
    hub.privacy.forget()
    assert sender.send({"batch": [track("ana-maria")]}, gpc=True) == 1
    assert hub.audit.changes()[0].action == "privacy.redraw_key"
    put_policy(hub, "web", {"fields": [{"path": "properties.x", "action": "hash"}]})
    key_path(hub.settings).unlink()
    with pytest.raises(Refused, match="missing"):
        sender.send({"batch": [track("ana-maria")]}, gpc=True)
