"""``ports.Channels`` and ``ports.Outbox`` over every implementation."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import pytest
from new_store import open_store

from footfall.config import load_zone
from footfall.errors import Conflict, Refused
from footfall.model.channels import Channel, Rule
from footfall.model.jobs import Job, Run, Verdict
from footfall.model.notices import Message, Notice
from footfall.model.schedules import Schedule, slots
from footfall.ports import Channels, Jobs, Outbox, Store, Vault
from footfall.stores.channels import SqlChannels
from footfall.stores.envelope import Envelope
from footfall.stores.jobs import SqlJobs
from footfall.stores.key_ring import KeyRing
from footfall.stores.outbox import SqlOutbox
from footfall.stores.vault import SqlVault

AT = datetime(2026, 11, 21, 8, 0, 0, 123456, tzinfo=UTC)
SOON = AT + timedelta(minutes=3)
MAIL = Channel(
    name="ops", kind="mail", host="smtp.example.com", sender="hub@example.com", to=("ops@example.com",), created_at=AT
)
HOOK = Channel(name="hook", kind="webhook", url="https://example.com/hook", created_at=AT)
LOGIN = {"user": "hub", "password": "canary-password-0123456789"}
SIGNING = "whsec_Y2FuYXJ5Y2FuYXJ5Y2FuYXJ5Y2FuYXJ5Y2FuYXJ5ISE="
SECOND = "whsec_c2Vjb25kc2Vjb25kc2Vjb25kc2Vjb25kc2Vjb25kISE="


@dataclass(frozen=True)
class Told:
    store: Store
    vault: Vault
    channels: Channels
    outbox: Outbox
    jobs: Jobs


@contextmanager
def sqlite(place: Path) -> Iterator[Told]:
    database = open_store(place / "store.db")
    vault = SqlVault(database, Envelope("tenant"), KeyRing(place / "master.keys"))
    try:
        yield Told(database, vault, SqlChannels(database, vault), SqlOutbox(database), SqlJobs(database, load_zone))
    finally:
        database.close()


@pytest.fixture(params=[pytest.param(sqlite, id="sqlite")])
def opened_told(request) -> Callable[[Path], object]:
    return request.param


@pytest.fixture
def told(opened_told, tmp_path) -> Iterator[Told]:
    with opened_told(tmp_path) as told:
        yield told


def notice(number: int, channel: str = "ops") -> Notice:
    message = Message(occasion="failure", at=AT, what="x", job="daily", start=AT, end=AT, keys=("a.csv", "ä.csv"))
    return Notice(f"msg_{number}", channel, "ops@example.com", message)


# --- channels ---------------------------------------------------------------------------------------------------------


def test_channels_come_back_without_and_secrets_only_when_asked_for(told, opened_told, tmp_path):
    told.channels.add(MAIL, LOGIN)
    told.channels.add(HOOK, {"signing_secret": SIGNING})
    with opened_told(tmp_path) as again:
        assert again.channels.all() == [HOOK, MAIL]
        assert again.channels.get("ops") == MAIL
        assert dict(again.channels.secrets("ops")) == LOGIN
    assert "canary" not in repr(told.channels.all())
    assert "canary" not in repr(told.channels.secrets("ops"))


def test_no_secret_lies_on_the_disk_as_it_was_given(told, tmp_path):
    told.channels.add(MAIL, LOGIN)
    told.channels.add(HOOK, {"signing_secret": SIGNING})
    told.channels.rotate("hook", {"signing_secret": SECOND})
    for path in tmp_path.rglob("*"):
        data = path.read_bytes() if path.is_file() else b""
        assert b"canary" not in data
        assert SIGNING.encode() not in data
        assert SECOND.encode() not in data


def test_what_is_refused_changes_nothing(told):
    with pytest.raises(Refused):
        told.channels.add(MAIL, {"user": "hub"})
    assert told.channels.all() == []
    told.channels.add(MAIL, LOGIN)
    with pytest.raises(Conflict):
        told.channels.add(replace(MAIL, host="other"), {})
    with pytest.raises(Refused):
        told.channels.rotate("ops", {"password": "half"})
    with pytest.raises(Refused):
        told.channels.change(replace(MAIL, security="none"))  # it has a password
    assert (told.channels.get("ops"), dict(told.channels.secrets("ops"))) == (MAIL, LOGIN)


def test_settings_change_and_secrets_stay(told):
    told.channels.add(MAIL, LOGIN)
    told.channels.change(replace(MAIL, host="smtp2.example.com", created_at=SOON))
    assert told.channels.get("ops") == replace(MAIL, host="smtp2.example.com")
    assert dict(told.channels.secrets("ops")) == LOGIN
    with pytest.raises(Refused, match="cannot become"):
        told.channels.change(replace(HOOK, name="ops"))


def test_settings_and_secrets_change_together_or_not_at_all(told):
    told.channels.add(MAIL, LOGIN)
    told.channels.change(replace(MAIL, security="tls"), {"user": "hub", "password": "another"})
    assert dict(told.channels.secrets("ops")) == {"user": "hub", "password": "another"}
    told.channels.change(replace(MAIL, security="none"), {})  # which the password alone would not let it be
    assert (told.channels.get("ops").security, told.channels.secret_names("ops")) == ("none", frozenset())
    with pytest.raises(Refused, match="half of a login"):
        told.channels.change(replace(MAIL, host="other"), {"user": "hub"})
    assert told.channels.get("ops").host == MAIL.host


def test_names_of_secrets_are_told_and_what_was_before_is_none_of_them(told):
    told.channels.add(HOOK, {"signing_secret": SIGNING})
    told.channels.change(HOOK, {"signing_secret": SECOND})
    assert told.channels.secret_names("hook") == {"signing_secret"}
    assert set(told.channels.secrets("hook").values()) == {SIGNING, SECOND}


def test_a_webhook_signs_with_its_last_secret_too_until_it_is_rotated_again(told):
    told.channels.add(HOOK, {"signing_secret": SIGNING})
    told.channels.rotate("hook", {"signing_secret": SECOND})
    assert set(told.channels.secrets("hook").values()) == {SIGNING, SECOND}
    told.channels.rotate("hook", {"signing_secret": SECOND})
    assert set(told.channels.secrets("hook").values()) == {SECOND}


def test_a_channel_that_rules_use_is_not_deleted_unless_forced(told):
    told.channels.add(MAIL, LOGIN)
    told.channels.add_rule(Rule(name="nightly", channel="ops"))
    told.outbox.put([notice(1)], AT)
    with pytest.raises(Conflict, match="nightly"):
        told.channels.delete("ops")
    told.channels.delete("ops", force=True)
    assert (told.channels.all(), told.channels.rules(), told.outbox.all()) == ([], [], [])
    assert told.vault.fields("channel", "ops") == frozenset()


def test_rules_are_kept_changed_and_deleted(told):
    told.channels.add(MAIL, LOGIN)
    rule = Rule(name="nightly", channel="ops", jobs=("daily",), on=("done",), to=("a@example.com",), patience=2)
    told.channels.add_rule(rule)
    assert told.channels.rules() == [rule]
    with pytest.raises(Conflict):
        told.channels.add_rule(rule)
    told.channels.change_rule(replace(rule, patience=5))
    assert told.channels.rules() == [replace(rule, patience=5)]
    told.channels.delete_rule("nightly")
    assert told.channels.rules() == []


def test_a_rule_that_would_tell_nobody_is_refused(told):
    told.channels.add(replace(MAIL, to=()), LOGIN)
    told.channels.add(HOOK, {"signing_secret": SIGNING})
    with pytest.raises(Refused, match="nobody"):
        told.channels.add_rule(Rule(name="r", channel="ops"))
    with pytest.raises(Refused, match="kind webhook"):
        told.channels.add_rule(Rule(name="r", channel="hook", to=("a@example.com",)))
    with pytest.raises(Refused, match="no channel"):
        told.channels.add_rule(Rule(name="r", channel="nobody"))


def test_names_nobody_has_are_refused(told):
    channels = told.channels
    for call in (channels.get, channels.secrets, channels.secret_names, channels.delete, channels.delete_rule):
        with pytest.raises(Refused, match="there is no"):
            call("nobody")
    with pytest.raises(Refused):
        told.channels.change(MAIL)
    with pytest.raises(Refused):
        told.channels.change_rule(Rule(name="r", channel="ops"))


def test_every_change_is_noted_with_the_names_of_secrets_only(tmp_path):
    noted: list[tuple[object, ...]] = []
    database = open_store(tmp_path / "store.db")
    vault = SqlVault(database, Envelope("tenant"), KeyRing(tmp_path / "master.keys"))
    try:
        channels = SqlChannels(database, vault, lambda *each: noted.append(each))
        channels.add(MAIL, LOGIN)
        channels.change(replace(MAIL, host="smtp2.example.com"))
        channels.rotate("ops", {"user": "hub", "password": "canary-two"})
        rule = Rule(name="nightly", channel="ops")
        channels.add_rule(rule)
        channels.change_rule(replace(rule, patience=2))
        channels.delete_rule("nightly")
        channels.add_rule(rule)
        channels.delete("ops", force=True)
        with pytest.raises(Refused):
            channels.delete("ops")
        channels.add(MAIL, LOGIN)
        outbox = SqlOutbox(database, lambda *each: noted.append(each))
        outbox.put([notice(1), notice(2)], AT)
        outbox.revive(AT)
        outbox.bury(outbox.claim(AT, SOON), "no")
        outbox.revive(AT)
    finally:
        database.close()
    assert [action for action, *_ in noted] == [
        "channel.add", "channel.change", "channel.rotate", "rule.add", "rule.change", "rule.delete", "rule.add",
        "rule.delete", "channel.delete", "channel.add", "notice.retry",
    ]  # fmt: skip
    assert noted[-1][3] == {"count": 1}
    assert "canary" not in repr(noted)
    assert noted[0][3]["secrets"] == ["password", "user"]


# --- the outbox -------------------------------------------------------------------------------------------------------


@pytest.fixture
def outbox(told) -> Outbox:
    told.channels.add(MAIL, LOGIN)
    return told.outbox


def test_a_notice_comes_back_as_it_was_put_and_waits(outbox):
    assert outbox.put([notice(1)], AT) == 1
    (posted,) = outbox.all()
    assert posted.notice == notice(1)
    assert (posted.state, posted.attempts, posted.put_at, posted.next_at, posted.sent_at) == (
        "waiting",
        0,
        AT,
        AT,
        None,
    )


def test_a_notice_is_put_once_whatever_became_of_it(outbox):
    outbox.put([notice(1), notice(2)], AT)
    outbox.sent(outbox.claim(AT, SOON), AT)
    outbox.bury(outbox.claim(AT, SOON), "no")
    assert outbox.put([notice(1), notice(2), notice(3)], SOON) == 1
    assert sorted((p.notice.id, p.state) for p in outbox.all()) == [
        ("msg_1", "sent"), ("msg_2", "dead"), ("msg_3", "waiting"),
    ]  # fmt: skip


def test_what_is_put_in_a_transaction_goes_with_it(told, outbox):
    def broken():
        with told.store.transaction():
            outbox.put([notice(1)], AT)
            outbox.set_streak("daily", 0)
            raise EOFError

    with pytest.raises(EOFError):
        broken()
    assert outbox.all() == []


def test_one_that_was_claimed_and_not_heard_of_waits_again(outbox):
    outbox.put([notice(1)], AT)
    first = outbox.claim(AT, SOON)
    assert (first.attempts, outbox.claim(AT, SOON)) == (1, None)
    again = outbox.claim(SOON, SOON + timedelta(minutes=3))
    assert (again.notice, again.attempts) == (notice(1), 2)
    outbox.sent(first, SOON)  # the first one was only slow
    outbox.bury(first, "late")
    assert outbox.all()[0].state == "waiting"
    outbox.sent(again, SOON)
    assert (outbox.all()[0].state, outbox.all()[0].sent_at) == ("sent", SOON)


def test_of_several_who_claim_at_once_each_gets_another(outbox):
    outbox.put([notice(n) for n in range(20)], AT)
    got: list[str] = []

    def take() -> None:
        while (posted := outbox.claim(AT, SOON)) is not None:
            got.append(posted.notice.id)

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(got) == sorted(f"msg_{n}" for n in range(20))


def test_what_was_put_off_waits_and_others_go_first(outbox):
    outbox.put([notice(1)], AT)
    outbox.put_off(outbox.claim(AT, SOON), SOON, "busy")
    outbox.put([notice(2)], AT + timedelta(seconds=1))
    assert outbox.claim(AT, SOON) is None
    now = SOON + timedelta(minutes=1)
    assert [outbox.claim(now, now + timedelta(minutes=3)).notice.id for _ in range(2)] == ["msg_2", "msg_1"]
    assert {p.notice.id: p.error for p in outbox.all()} == {"msg_1": "busy", "msg_2": ""}


def test_the_dead_stay_until_they_are_revived_or_pruned(outbox):
    outbox.put([notice(1), notice(2)], AT)
    for _ in range(2):
        outbox.bury(outbox.claim(AT, SOON), "no such address")
    assert [p.error for p in outbox.all(("dead",))] == ["no such address"] * 2
    assert outbox.claim(SOON, SOON) is None
    assert outbox.revive(SOON, "msg_1") == 1
    assert (outbox.claim(SOON, SOON).attempts, outbox.all(("waiting",))[0].put_at) == (1, SOON)
    with pytest.raises(Refused):
        outbox.revive(SOON, "msg_1")
    assert outbox.prune(AT + timedelta(seconds=1)) == 1
    assert [p.notice.id for p in outbox.all()] == ["msg_1"]  # it waits, and that is never forgotten
    assert outbox.prune(AT + timedelta(days=1)) == 0


def test_the_newest_are_listed_first(outbox):
    for number in range(5):
        outbox.put([notice(number)], AT + timedelta(minutes=number))
    assert [p.notice.id for p in outbox.all(limit=2)] == ["msg_4", "msg_3"]


# --- what is known of a job -------------------------------------------------------------------------------------------


def job(told: Told) -> Job:
    schedule = Schedule("daily", load_zone("UTC"), at=time(3))
    found = Job("daily", "rollups", "out", schedule, AT - timedelta(days=60), AT)
    told.jobs.add(found, found.created_at)
    return found


def run(told: Told, slot, rows: int, *, failures: int = 0) -> None:
    told.jobs.issue("daily", [slot], AT)
    for n in range(failures + 1):
        claim = told.jobs.claim(AT, SOON, "test", job="daily", slot=slot.name)
        ended = Run("daily", slot.name, claim.attempt, "succeeded", AT, AT, files=1, rows=rows)
        last = n == failures
        told.jobs.finish(
            claim,
            ended if last else replace(ended, state="failed"),
            Verdict("succeeded" if last else "waiting", "fault"),
        )


def test_a_streak_is_remembered_and_ends_with_the_job_that_is_made_anew(told, outbox):
    assert outbox.streak("daily") == 0
    made = job(told)
    outbox.set_streak("daily", 3)
    outbox.set_streak("daily", 4)
    assert outbox.streak("daily") == 4
    told.jobs.move("daily", "deleted", AT)
    told.jobs.add(made, made.created_at)
    assert outbox.streak("daily") == 0


def test_counted_are_slots_that_were_delivered_whole_within_the_spans(told, outbox):
    made = job(told)
    some = list(slots(made.schedule, AT - timedelta(days=5), AT))
    run(told, some[0], 10)
    run(told, some[1], 20, failures=1)  # what the first try delivered is not in its rows
    run(told, some[2], 30)
    run(told, some[3], 40)
    span = (some[0].due, some[3].due)
    assert [(c.due, c.rows) for c in outbox.counted("daily", [span])] == [(some[0].due, 10), (some[2].due, 30)]
    assert outbox.counted("daily", [span, span]) == outbox.counted("daily", [span])
    assert outbox.counted("other", [span]) == []
    run(told, some[0], 11)  # a backfill
    assert [c.rows for c in outbox.counted("daily", [span])] == [11, 30]


def test_pages_follow_each_other_without_a_gap_or_a_repetition(outbox):
    outbox.put([notice(n) for n in range(5)], AT)
    outbox.put([notice(n) for n in range(5, 7)], SOON)
    whole = [posted.notice.id for posted in outbox.all()]
    assert whole[:2] == ["msg_5", "msg_6"]
    seen, after = [], None
    while page := outbox.all(("waiting",), 2, after=after):
        seen += [posted.notice.id for posted in page]
        after = (page[-1].put_at, page[-1].notice.id)
    assert seen == whole
