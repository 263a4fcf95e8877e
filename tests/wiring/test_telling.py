"""Telling over a whole data directory: what counts as a slot delivered whole, and where links lead."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import pytest

from footfall.config import load_settings
from footfall.config.cron import next_instant
from footfall.errors import FootfallError, Refused, Unavailable
from footfall.flows.run_jobs import LEASE, Runner
from footfall.model.channels import Channel, Rule
from footfall.model.jobs import FileFacts, Job, first_watermark
from footfall.model.links import Expired, Link, fingerprint
from footfall.model.notices import Message
from footfall.model.schedules import Schedule
from footfall.wiring import Footfall
from footfall.wiring.jobs import add_job
from footfall.wiring.telling import (
    add_channel,
    channels_of,
    fetch,
    links_of,
    messenger_of,
    outbox_of,
    read_link,
    rotate_link_key,
    teller_of,
)

BEGAN = datetime(2026, 8, 3, 12, tzinfo=UTC)
DAY = timedelta(days=1)
DOWN = Unavailable("down", retry_after_s=1)


@dataclass
class Turned:
    now: datetime = BEGAN

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Turned:
    return Turned()


@pytest.fixture
def hub(tmp_path: Path, clock: Turned) -> Iterator[Footfall]:
    settings = load_settings(data=tmp_path / "data", environment={"FOOTFALL_ALLOW_PRIVATE_ENDPOINTS": "true"})
    with Footfall.open(settings, clock=clock) as hub:
        yield hub


@pytest.fixture
def mail(hub) -> Channel:
    channel = Channel(
        name="ops", kind="mail", host="127.0.0.1", sender="hub@example.com", to=("ops@example.com",), created_at=BEGAN
    )
    add_channel(hub, channel, {})
    return channel


def job_of(hub: Footfall, url: str, **options: object) -> Job:
    made = hub.clock()
    job = Job("daily", "rollups", url, Schedule("daily", hub.zone, at=time(3)), made, made, options=options)
    hub.jobs.add(job, first_watermark(job))
    return job


@pytest.mark.parametrize(
    ("first", "told"),
    [
        pytest.param((DOWN, False), ["no_data"], id="the first attempt delivered nothing"),
        pytest.param((DOWN, True), [], id="the first attempt delivered a part"),
        pytest.param((KeyboardInterrupt(), True), [], id="the first attempt was interrupted"),
        pytest.param((SystemError("killed"), True), [], id="the first attempt was killed"),
    ],
)
def test_a_slot_is_compared_only_when_its_last_attempt_delivered_all_of_it(hub, clock, mail, first, told):
    channels_of(hub).add_rule(Rule(name="rows", channel="ops", on=("no_data", "unusual")))
    job_of(hub, "out")
    rows, error = 1000, None

    def deliver(job, slot, attempt):
        if error is not None and not error[1]:
            raise error[0]
        yield FileFacts("a", rows, 1)
        if error is not None:
            raise error[0]

    def once() -> None:
        Runner(hub.jobs, {"rollups": deliver}, clock, holder="me", cron=next_instant, ended=teller_of(hub),
               together=hub.database.transaction).once()  # fmt: skip

    for _ in range(31):
        clock.now += DAY
        once()
    clock.now += DAY
    error, rows = first, 0
    if isinstance(first[0], SystemError):  # nobody hears of the end of a process that is killed
        Runner(hub.jobs, {}, clock, holder="dead", cron=next_instant).plan()
        assert hub.jobs.claim(clock.now, clock.now + LEASE, "dead") is not None
    elif isinstance(first[0], KeyboardInterrupt):
        with pytest.raises(KeyboardInterrupt):
            once()
    else:
        once()
    error = None
    clock.now += timedelta(hours=1)
    once()
    assert hub.jobs.runs("daily", 1)[0].state == "succeeded"
    assert [p.notice.message.occasion for p in outbox_of(hub).all()] == told


def done(**more) -> Message:
    return Message(occasion="done", at=BEGAN, what="x", job="daily", run="daily:2026-08-02:1", **more)


def test_a_link_leads_to_the_file_where_the_job_delivers(hub, clock, tmp_path):
    out = tmp_path / "out"
    (out / "deep").mkdir(parents=True)
    (out / "deep" / "a.csv").write_bytes(b"the file")
    job_of(hub, str(out))
    ((name, address),) = links_of(hub, done(keys=("deep/a.csv",)))
    assert name == "a.csv"
    assert address.startswith("http://127.0.0.1:8081/downloads/k1.")
    link = read_link(hub, address.rpartition("/")[2])
    assert link == Link("daily:2026-08-02:1", "deep/a.csv", fingerprint(str(out)), BEGAN + DAY)
    download = fetch(hub, link)
    assert (download.name, download.size_bytes, b"".join(download.chunks)) == ("a.csv", 8, b"the file")
    hub.jobs.move("daily", "deleted", BEGAN)
    assert fetch(hub, link).size_bytes == 8
    (out / "deep" / "a.csv").unlink()
    with pytest.raises(KeyError):
        fetch(hub, link)
    clock.now += DAY
    with pytest.raises(Expired):
        read_link(hub, address.rpartition("/")[2])


def test_a_job_that_was_moved_gives_nothing_from_its_new_place(hub, tmp_path):
    out, secret = tmp_path / "out", tmp_path / "secret"
    for folder in (out, secret):
        folder.mkdir()
        (folder / "a.csv").write_bytes(b"x")
    job = job_of(hub, str(out))
    ((_, address),) = links_of(hub, done(keys=("a.csv",)))
    hub.jobs.change(replace(job, url=str(secret)))
    with pytest.raises(Refused, match="another place"):
        fetch(hub, read_link(hub, address.rpartition("/")[2]))


def test_no_link_leads_out_of_the_place(hub, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (tmp_path / "passwords").write_bytes(b"x")
    job_of(hub, str(out))
    for key in ("../passwords", "/etc/hostname"):
        with pytest.raises((FootfallError, KeyError, ValueError)):
            fetch(hub, Link("daily:2026-08-02:1", key, fingerprint(str(out)), BEGAN + DAY))


def test_the_operator_says_how_long_links_live(hub, tmp_path):
    job_of(hub, str(tmp_path))
    hub.settings = replace(hub.settings, link_hours=3, admin_url="https://hub.example.com")
    ((_, address),) = links_of(hub, done(keys=("a.csv",)))
    assert address.startswith("https://hub.example.com/downloads/")
    assert read_link(hub, address.rpartition("/")[2]).until == BEGAN + timedelta(hours=3)


def test_the_same_link_is_sent_again_after_a_kill(hub, tmp_path):
    job_of(hub, str(tmp_path))
    assert links_of(hub, done(keys=("a.csv",))) == links_of(hub, done(keys=("a.csv",)))
    assert links_of(hub, done()) == ()


def test_links_of_a_key_that_was_forgotten_are_void(hub, tmp_path):
    job_of(hub, str(tmp_path))
    ((_, address),) = links_of(hub, done(keys=("a.csv",)))
    assert rotate_link_key(hub) == "k2"
    read_link(hub, address.rpartition("/")[2])
    assert rotate_link_key(hub, forget=True) == "k3"
    with pytest.raises(Refused, match="not valid"):
        read_link(hub, address.rpartition("/")[2])


def test_what_the_operator_does_not_allow_any_more_is_not_used_any_more(hub):
    url = "http://127.0.0.1:9/hook"
    add_channel(hub, Channel(name="hook", kind="webhook", url=url, created_at=BEGAN), {})
    messenger_of(hub, "hook")
    hub.settings = replace(hub.settings, allow_private_endpoints=False)
    with pytest.raises(Refused, match="not https"):
        messenger_of(hub, "hook")


def test_a_job_whose_mails_could_reach_nobody_is_refused_when_it_is_made(hub, tmp_path):
    made = hub.clock()
    schedule = Schedule("daily", hub.zone, at=time(3))
    job = Job("users", "audience", str(tmp_path), schedule, made, made, options={"email_to": ["ana@example.com"]})
    with pytest.raises(Refused, match="no channel to send mail through"):
        add_job(hub, job)
    assert hub.jobs.all() == []
