"""From the end of a run to an accepted notice: with the run or not at all, once a streak, again after a kill."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from random import Random

import pytest
from new_store import open_store
from receivers import Requests, http_server

from footfall.config import load_zone
from footfall.config.cron import next_instant
from footfall.errors import Denied, Refused, Unavailable
from footfall.flows.post_notices import LEASE, Postman
from footfall.flows.run_jobs import Runner
from footfall.flows.tell import Teller, email_of
from footfall.model.channels import OCCASIONS, Channel, Rule
from footfall.model.jobs import Attempt, FileFacts, Job, first_watermark
from footfall.model.notices import TRIED_FOR, Message
from footfall.model.schedules import Schedule, Slot
from footfall.notify.webhook import Webhook
from footfall.ports import Messenger
from footfall.stores.channels import SqlChannels
from footfall.stores.database import Database
from footfall.stores.envelope import Envelope
from footfall.stores.jobs import SqlJobs
from footfall.stores.key_ring import KeyRing
from footfall.stores.outbox import SqlOutbox
from footfall.stores.vault import SqlVault

BEGAN = datetime(2026, 8, 3, 12, tzinfo=UTC)
DAY = timedelta(days=1)
SIGNING = "whsec_Y2FuYXJ5Y2FuYXJ5Y2FuYXJ5Y2FuYXJ5Y2FuYXJ5ISE="
DOWN = Unavailable("the bucket is down", "Wait")
REFUSED = Denied("the key is refused", "Rotate it")


@dataclass
class Works:
    """A store, a clock that is turned by hand, a webhook at a real server, and a delivery that does as it is told.

    breaks: raised by every delivery while it is there. rows: of every delivery.
    """

    database: Database
    server: Requests
    vault: SqlVault
    now: datetime = BEGAN
    breaks: BaseException | None = None
    rows: int = 1000
    unreachable: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.jobs = SqlJobs(self.database, load_zone)
        self.channels = SqlChannels(self.database, self.vault)
        self.outbox = SqlOutbox(self.database)
        channel = Channel(name="hook", kind="webhook", url=f"{self.server.url}/hook", created_at=BEGAN)
        self.channels.add(channel, {"signing_secret": SIGNING})
        self.channels.add_rule(Rule(name="all", channel="hook", on=tuple(o for o in OCCASIONS if o != "done")))

    def deliver(self, job: Job, slot: Slot, attempt: Attempt) -> Iterable[FileFacts]:
        if self.breaks is not None:
            raise self.breaks
        yield FileFacts(f"{slot.name}.csv", self.rows, 100)

    def runner(self) -> Runner:
        teller = Teller(self.channels, self.outbox, lambda claim: claim.tries == 1, self.database.savepoint)
        return Runner(
            self.jobs, {"rollups": self.deliver}, lambda: self.now, holder="me", cron=next_instant,
            ended=teller, together=self.database.transaction,
        )  # fmt: skip

    def postman(self) -> Postman:
        def links(message: Message) -> tuple[tuple[str, str], ...]:
            return tuple((key, f"https://hub/{key}") for key in message.keys)

        return Postman(self.outbox, self.reach, links, lambda: self.now, Random(7))

    def reach(self, name: str) -> Messenger:
        if name in self.unreachable:
            raise Refused(f"there is no channel '{name}'")
        return Webhook(
            self.channels.get(name), (SIGNING,), addresses=lambda host, port: ["127.0.0.1"], clock=lambda: self.now,
            agent="footfall/test",
        )  # fmt: skip

    def add(self, **options: object) -> Job:
        schedule = Schedule("daily", load_zone("UTC"), at=time(3))
        job = Job("daily", "rollups", "out", schedule, self.now, self.now, options=options)
        self.jobs.add(job, first_watermark(job))
        return job

    def days(self, count: int, rows: int | None = None) -> None:
        """Live through so many days."""
        self.rows = self.rows if rows is None else rows
        for _ in range(count):
            self.now += DAY
            runner = self.runner()
            while runner.once():
                pass

    def post(self) -> None:
        postman = self.postman()
        while postman.once():
            pass

    def told(self) -> list[str]:
        """Occasions of every notice there is, oldest first."""
        return [posted.notice.message.occasion for posted in reversed(self.outbox.all(limit=1000))]


@pytest.fixture
def works(tmp_path: Path) -> Iterator[Works]:
    with ExitStack() as stack:
        server = stack.enter_context(http_server())
        database = open_store(tmp_path / "store.db")
        stack.callback(database.close)
        yield Works(database, server, SqlVault(database, Envelope("tenant"), KeyRing(tmp_path / "master.keys")))


def test_a_bucket_that_is_down_for_a_week_is_told_once_and_that_it_is_back_once(works):
    works.add()
    works.days(3)
    works.breaks = DOWN
    works.days(7)
    works.breaks = None
    works.days(2)
    assert works.told() == ["failure", "recovery"]
    assert works.jobs.get("daily").state == "sleeping"


def test_a_refused_credential_is_told_with_what_to_do(works):
    works.add()
    works.breaks = REFUSED
    works.days(3)
    (posted,) = works.outbox.all()
    assert posted.notice.message.occasion == "paused"
    assert posted.notice.message.what == "the key is refused"
    assert "jobs resume daily" in posted.notice.message.hint


def test_the_notice_of_a_run_is_there_if_and_only_if_its_end_is(works):
    works.add()
    works.breaks = DOWN
    runner, finish = works.runner(), works.jobs.finish

    def killed(*arguments: object) -> None:
        finish(*arguments)
        raise KeyboardInterrupt  # before the commit

    works.now += DAY
    works.jobs.finish = killed  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        runner.once()
    assert (works.told(), works.outbox.streak("daily")) == ([], 0)
    assert works.jobs.runs()[0].state == "running"
    works.jobs.finish = finish  # type: ignore[method-assign]
    works.now += timedelta(hours=1)
    works.runner().once()
    assert (works.told(), works.outbox.streak("daily")) == (["failure"], 1)


def test_who_is_killed_while_telling_has_not_ended_the_run_either(works):
    works.add()
    works.breaks = DOWN
    put = works.outbox.put

    def killed(*arguments: object) -> int:
        put(*arguments)
        raise KeyboardInterrupt

    works.now += DAY
    works.outbox.put = killed  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        works.runner().once()
    works.outbox.put = put  # type: ignore[method-assign]
    assert (works.jobs.runs()[0].state, works.told(), works.outbox.streak("daily")) == ("running", [], 0)


def test_when_telling_breaks_the_run_ends_all_the_same(works, caplog):
    works.add()
    with works.database.writing() as connection:
        connection.exec_driver_sql("UPDATE notice_rule SET settings = 'no json'")
    works.days(1)
    assert works.jobs.runs()[0].state == "succeeded"
    assert "telling failed" in caplog.text


def test_a_failure_that_could_not_be_told_is_told_at_the_next_try(works, caplog):
    works.add()
    works.breaks = DOWN
    works.outbox.put = lambda *_: works.database.no_such_thing  # after the streak is kept
    works.days(1)
    assert (works.told(), works.outbox.streak("daily")) == ([], 0)
    assert "telling failed" in caplog.text
    del works.outbox.put
    works.days(1)
    assert works.told() == ["failure"]


def test_a_day_without_data_and_one_with_too_much_are_told_beside_weeks_of_history(works):
    works.add()
    works.days(31)
    works.days(1, rows=0)
    works.days(1, rows=5000)
    works.days(1, rows=1100)
    assert works.told() == ["no_data", "unusual"]
    unusual = works.outbox.all()[0].notice.message
    assert unusual.what.startswith("5,000 rows were delivered; 750 to 1,250 rows were expected (median 1,000 of 4")


def test_without_history_nothing_is_unusual(works):
    works.add()
    works.days(5, rows=0)
    works.days(5, rows=10**6)
    assert works.told() == []


def test_a_quiet_sunday_is_not_compared_with_busy_days(works):
    works.add()
    for _ in range(6):
        works.days(6, rows=1000)
        works.days(1, rows=0)
    assert works.told() == []


# --- sending ----------------------------------------------------------------------------------------------------------


def test_what_was_told_arrives_with_its_id(works):
    works.add()
    works.breaks = DOWN
    works.days(1)
    works.post()
    (posted,) = works.outbox.all()
    assert (posted.state, posted.sent_at) == ("sent", works.now)
    ((_, headers, body),) = works.server.got
    assert headers["webhook-id"] == posted.notice.id
    assert b"footfall.failure" in body


def test_a_receiver_that_is_down_gets_it_when_it_is_back(works):
    works.add()
    works.breaks = DOWN
    works.days(1)
    works.server.statuses = [503, 503, 200]
    attempts = []
    while works.outbox.all()[0].state == "waiting":
        works.post()
        attempts.append(works.outbox.all()[0].attempts)
        works.now = max(works.now, works.outbox.all()[0].next_at)
    assert attempts == [1, 2, 3]
    assert len({headers["webhook-id"] for _, headers, _ in works.server.got}) == 1


def test_pauses_grow_and_after_a_day_it_is_given_up_and_can_be_seen(works):
    works.add()
    works.breaks = DOWN
    works.days(1)
    works.server.statuses = [503]
    began, pauses = works.now, []
    while works.outbox.all()[0].state == "waiting":
        works.post()
        pauses.append(works.outbox.all()[0].next_at - works.now)
        works.now = max(works.now, works.outbox.all()[0].next_at)
    (dead,) = works.outbox.all(("dead",))
    assert works.now - began <= TRIED_FOR + timedelta(hours=1)
    assert timedelta(seconds=15) <= pauses[0] <= timedelta(seconds=30)
    assert timedelta(minutes=30) <= pauses[-2] <= timedelta(hours=1)
    assert "503" in dead.error
    works.server.statuses = [200]
    assert works.outbox.revive(works.now) == 1
    works.post()
    assert works.outbox.all()[0].state == "sent"


def test_what_is_refused_is_given_up_at_once_and_holds_up_nothing_else(works):
    works.add()
    works.breaks = DOWN
    works.days(1)
    works.breaks = None
    works.days(1)
    works.server.statuses = [404, 200]
    works.post()
    assert sorted((p.notice.message.occasion, p.state) for p in works.outbox.all()) == [
        ("failure", "dead"), ("recovery", "sent"),
    ]  # fmt: skip


def test_who_dies_between_sending_and_noting_it_sends_it_again_with_the_same_id(works):
    works.add()
    works.breaks = DOWN
    works.days(1)
    dying = works.postman()
    works.outbox.sent = None  # type: ignore[assignment,method-assign]  # what a kill leaves undone
    with pytest.raises(TypeError):
        dying.once()
    del works.outbox.sent
    works.post()
    assert len(works.server.got) == 1  # it is still the other one's
    works.now += LEASE
    works.post()
    assert [headers["webhook-id"] for _, headers, _ in works.server.got] == [works.outbox.all()[0].notice.id] * 2
    assert works.outbox.all()[0].state == "sent"


def test_a_channel_that_is_gone_kills_its_notices_visibly(works):
    works.add()
    works.breaks = DOWN
    works.days(1)
    works.unreachable = ["hook"]
    works.post()
    assert [(p.state, p.error) for p in works.outbox.all()] == [("dead", "there is no channel 'hook'")]


def test_what_was_sent_is_forgotten_after_a_month(works):
    works.add()
    works.breaks = DOWN
    works.days(1)
    works.post()
    works.now += 29 * DAY
    works.post()
    assert len(works.outbox.all()) == 1
    works.now += 2 * DAY
    works.post()
    assert works.outbox.all() == []


# --- e-mail to --------------------------------------------------------------------------------------------------------

MAIL = Channel(
    name="mail",
    kind="mail",
    host="smtp.example.com",
    sender="hub@example.com",
    to=("ops@example.com",),
    created_at=BEGAN,
)


def test_who_a_job_names_gets_a_mail_with_its_files_when_it_is_done(works):
    works.channels.add(MAIL, {})
    works.add(email_to=["ana@example.com", "bo@example.com"])
    works.days(1)
    found = sorted((p.notice.to, p.notice.message.occasion, p.notice.message.keys) for p in works.outbox.all())
    assert found == [
        ("ana@example.com", "done", ("2026-08-03.csv",)), ("bo@example.com", "done", ("2026-08-03.csv",)),
    ]  # fmt: skip


def test_a_job_is_refused_whose_mails_could_reach_nobody(works):
    job = replace(works.add(), options={"email_to": "ana@example.com, bo@example.com"})
    with pytest.raises(Refused, match="no channel to send mail through"):
        email_of(job, {})
    assert email_of(job, {"mail": MAIL}).to == ("ana@example.com", "bo@example.com")
    two = {"mail": MAIL, "other": replace(MAIL, name="other")}
    with pytest.raises(Refused, match="Choose among mail, other"):
        email_of(job, two)
    assert email_of(replace(job, options={**job.options, "email_channel": "other"}), two).channel == "other"
    with pytest.raises(Refused, match="no mail address"):
        email_of(replace(job, options={"email_to": ["not an address"]}), {"mail": MAIL})
    assert email_of(replace(job, options={}), {}) is None
