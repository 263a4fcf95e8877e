"""Retention over a whole Footfall: what is removed when its time is over, what waits, and what shows it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from datetime import time as wall_time

import pytest

from footfall.config import Settings
from footfall.errors import Refused
from footfall.model.jobs import Job
from footfall.model.schedules import Schedule
from footfall.ports import Batch
from footfall.stores.retention import SqlRetention
from footfall.wiring import Footfall
from footfall.wiring.erasing import advance, ask_for
from footfall.wiring.erasing_places import Reach
from footfall.wiring.jobs import add_job
from footfall.wiring.retention import due_of, keep_retention, remove_due
from footfall.wiring.rollups import export_rollups

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
OLD, NEW = date(2026, 9, 1), date(2026, 11, 20)


def send(hub: Footfall, *days: date, mark: str = "") -> None:
    events: list[dict[str, object]] = [
        {"type": "page_view", "event_id": f"{day}{mark}{n}", "occurred_at": f"{day}T10:00:00Z", "identify_id": f"u{n}"}
        for day in days
        for n in range(3)
    ]
    events.append({"type": "page_view", "event_id": f"bad{mark}", "identify_id": "u1", "occurred_at": "1980-01-01"})
    at = int(datetime(2026, 9, 1, tzinfo=UTC).timestamp() * 1_000_000) + 10**6 * 86_400 * 80
    hub.log.append(Batch(at, "web", "native", "batch", len(events), (), "", "", json.dumps(events).encode()))
    hub.settle()


@pytest.fixture
def hub(tmp_path) -> Iterator[Footfall]:
    settings = Settings(data=tmp_path / "data", reserve_bytes=0, keep_events_days=30, keep_quarantine_days=2)
    with Footfall.open(settings, clock=lambda: NOW) as hub:
        send(hub, OLD, NEW)
        yield hub


def words(hub: Footfall) -> dict[str, tuple[int, str]]:
    return {day: (events, word) for day, events, _, word, _ in hub.days()}


def test_a_day_waits_until_it_is_closed_and_then_goes_and_is_shown_as_removed(hub):
    (waiting,) = due_of(hub).days
    assert (waiting.day, waiting.events, waiting.waits) == (OLD, 3, "it is not closed")
    hub.close_day(OLD)
    seq = hub.lake.next_seq()
    assert due_of(hub).going
    assert words(hub)[str(OLD)] == (3, "sealed"), "looking removes nothing"
    assert [each.day for each in remove_due(hub).going] == [OLD]
    assert words(hub) == {str(OLD): (0, "removed"), str(NEW): (3, "open")}
    assert hub.lake.next_seq() == seq
    assert not due_of(hub).days
    told = [each for each in hub.audit.changes() if each.action == "day.remove"]
    assert [(each.subject, each.before) for each in told] == [(f"day {OLD}", {"events": 3})]


def test_of_a_removed_day_nothing_is_closed_or_exported_and_what_comes_late_goes_too(hub, tmp_path):
    hub.close_day(OLD)
    remove_due(hub)
    with pytest.raises(Refused, match="removed"):
        export_rollups(hub, OLD, OLD, to=str(tmp_path / "out"), reports=["Users"], version="2.0", format="csv")
    send(hub, OLD, mark="late")
    assert words(hub)[str(OLD)] == (3, "removed")
    keep_retention(hub)
    assert words(hub)[str(OLD)] == (0, "removed")
    assert SqlRetention(hub.database).removed()[OLD] == (6, NOW)


def test_a_day_that_a_job_has_not_delivered_stays_unless_it_is_told_to_go(hub, tmp_path):
    began = datetime(2026, 8, 1, tzinfo=UTC)
    schedule = Schedule("daily", hub.zone, at=wall_time(3))
    add_job(hub, Job("rolls", "rollups", str(tmp_path / "out"), schedule, began, began))
    hub.close_day(OLD)
    assert [each.waits for each in due_of(hub).days] == ["job 'rolls' has not delivered it"]
    assert not remove_due(hub).going
    assert due_of(hub, undelivered=True).going
    export_rollups(hub, OLD, OLD, to=str(tmp_path / "out"), reports=["Users"], version="2.0", format="csv")
    assert due_of(hub).going


def test_a_revision_that_only_an_erasure_made_is_no_debt_of_a_job_whose_files_held_nobody(hub, tmp_path):
    began = datetime(2026, 8, 1, tzinfo=UTC)
    schedule = Schedule("daily", hub.zone, at=wall_time(3))
    add_job(hub, Job("rolls", "rollups", str(tmp_path / "out"), schedule, began, began))
    for place, report in (("out", "Account_Event_Rollups"), ("people", "User_Event_Rollups")):
        export_rollups(hub, OLD, OLD, to=str(tmp_path / place), reports=[report], version="2.0", format="csv")
    assert advance(hub, ask_for(hub, ["u1"], "erase", "test").id, Reach()).ended
    assert hub.ledger.day(OLD).revision == 2
    assert [each.waits for each in due_of(hub).days] == [""]


def test_events_that_a_stream_has_not_delivered_stay(hub, tmp_path):
    began = datetime(2026, 8, 1, tzinfo=UTC)
    schedule = Schedule("daily", hub.zone, at=wall_time(3))
    add_job(hub, Job("acts", "activity", str(tmp_path / "out"), schedule, began, began))
    hub.close_day(OLD)
    assert [each.waits for each in due_of(hub).days] == ["job 'acts' has not delivered its events"]


def test_records_of_quarantine_go_and_the_counters_stay(hub):
    before = hub.ledger.counts()
    assert due_of(hub).quarantined == 1
    keep_retention(hub)
    assert due_of(hub).quarantined == 0
    assert hub.ledger.quarantined().num_rows == 0
    assert hub.ledger.counts() == before
    assert [each.after for each in hub.audit.changes() if each.action == "quarantine.forget"] == [{"records": 1}]


def test_without_settings_everything_is_kept(tmp_path):
    with Footfall.open(Settings(data=tmp_path / "all", reserve_bytes=0), clock=lambda: NOW) as hub:
        send(hub, OLD)
        hub.close_day(OLD)
        due = due_of(hub, undelivered=True)
        assert not due.days
        assert due.quarantined == 0
