"""The promises of ``ports.Audit``."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from footfall.model.audit import Actor
from footfall.stores.audit import SqlAudit
from footfall.stores.database import Database

NOW = datetime(2026, 11, 23, 9, 0, 0, 123456, tzinfo=UTC)
ADA = Actor("key", "ada", "192.0.2.0")


class Kept:
    def __init__(self, place):
        self.database = Database.open(place / "store.db")
        self.audit = SqlAudit(self.database)

    def tamper(self, statement):
        with self.database.writing() as connection:
            connection.execute(text(statement))


@pytest.fixture(params=[Kept])
def kept(request, tmp_path):
    kept = request.param(tmp_path)
    yield kept
    kept.database.close()


def test_an_entry_is_read_as_it_was_written(kept):
    made = kept.audit.append(NOW, ADA, "job.add", "job daily", None, {"url": "s3://b/ö", "n": [1, None]})
    assert kept.audit.changes() == [made]
    assert (made.number, made.at, made.actor, made.after) == (1, NOW, ADA, {"url": "s3://b/ö", "n": [1, None]})


def test_the_newest_come_first_and_pages_join_without_gap(kept):
    for number in range(1, 8):
        kept.audit.append(NOW, ADA, "job.pause", f"job {number % 2}", {"state": "sleeping"}, {"state": "paused"})
    first = kept.audit.changes(limit=3)
    rest = kept.audit.changes(before=first[-1].number)
    assert [change.number for change in (*first, *rest)] == [7, 6, 5, 4, 3, 2, 1]
    assert [change.number for change in kept.audit.changes(subject="job 0")] == [6, 4, 2]


def test_an_entry_is_there_if_and_only_if_its_transaction_is(kept):
    def change() -> None:
        with kept.database.transaction():
            kept.audit.append(NOW, ADA, "job.add", "job daily", None, {})
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        change()
    assert kept.audit.changes() == []
    assert kept.audit.append(NOW, ADA, "job.add", "job daily", None, {}).number == 1


def test_numbers_have_no_gaps_whoever_appends(kept):
    def append():
        for _ in range(10):
            kept.audit.append(NOW, ADA, "job.run", "job daily", None, {})

    threads = [threading.Thread(target=append) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [change.number for change in kept.audit.changes()] == list(range(40, 0, -1))
    assert kept.audit.check() is None


@pytest.mark.parametrize(
    ("tampering", "broken"),
    [
        ("UPDATE audit SET after = '{\"n\": 9}' WHERE number = 2", 2),
        ("UPDATE audit SET actor_name = 'eve' WHERE number = 4", 4),
        ("DELETE FROM audit WHERE number = 3", 3),
        ("DELETE FROM audit WHERE number = 1", 1),
    ],
)
def test_what_was_altered_or_removed_shows(kept, tampering, broken):
    for number in range(5):
        kept.audit.append(NOW, ADA, "job.add", f"job {number}", None, {"n": number})
    assert kept.audit.check() is None
    kept.tamper(tampering)
    assert kept.audit.check() == broken
