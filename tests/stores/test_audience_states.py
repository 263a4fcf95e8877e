"""Where audience jobs keep what they need from run to run."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from footfall.model.audience_export import AudienceExport
from footfall.stores.audience_states import AudienceStateFiles

AT = datetime(2026, 11, 21, 8, tzinfo=UTC)
EXPORT = AudienceExport(job="a job / of any name")


def settled(states: AudienceStateFiles, at: datetime, export: AudienceExport = EXPORT) -> None:
    states.settled(export, at, lambda path: path.write_bytes(at.isoformat().encode()))


def text(path: Path | None) -> str:
    return "" if path is None else path.read_text()


def test_a_repeated_run_finds_its_draft_and_another_definition_does_not(tmp_path: Path) -> None:
    states = AudienceStateFiles(tmp_path)
    draft = states.draft(EXPORT, AT)
    draft.write_bytes(b"rows")
    assert AudienceStateFiles(tmp_path).draft(EXPORT, AT) == draft
    assert states.draft(AudienceExport(job=EXPORT.job, limit=3), AT) != draft
    assert states.draft(EXPORT, AT + timedelta(seconds=1)) != draft


def test_a_run_is_compared_with_the_newest_one_before_it(tmp_path: Path) -> None:
    states = AudienceStateFiles(tmp_path)
    states.draft(EXPORT, AT)
    assert states.before(EXPORT.job, AT) is None
    for day in range(3):
        settled(states, AT + timedelta(days=day))
    assert text(states.before(EXPORT.job, AT + timedelta(days=9))) == (AT + timedelta(days=2)).isoformat()
    assert text(states.before(EXPORT.job, AT + timedelta(days=2))) == (AT + timedelta(days=1)).isoformat()
    assert states.before("another job", AT + timedelta(days=9)) is None


def test_a_later_run_is_known(tmp_path: Path) -> None:
    states = AudienceStateFiles(tmp_path)
    states.draft(EXPORT, AT)
    settled(states, AT)
    assert states.later(EXPORT.job, AT - timedelta(microseconds=1))
    assert not states.later(EXPORT.job, AT)


def test_what_people_said_is_gone_after_a_delivery_and_what_is_under_way_is_not(tmp_path: Path) -> None:
    states = AudienceStateFiles(tmp_path)
    drafts = [states.draft(EXPORT, AT + timedelta(days=day)) for day in (-1, 0, 1)]
    for draft in drafts:
        draft.write_bytes(b"rows")
    settled(states, AT)
    assert [draft.exists() for draft in drafts] == [False, False, True]
