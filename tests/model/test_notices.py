"""Who is told what about the end of a run, once each, in words that give nothing away."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footfall.config import load_zone
from footfall.errors import Damaged, Denied, Unavailable
from footfall.model.channels import OCCASIONS, Channel, Rule
from footfall.model.jobs import UNEXPECTED_HINT, Job, Run, verdict
from footfall.model.notices import Ending, masked, notices, occasions, pause, read_message
from footfall.model.row_counts import Opinion
from footfall.model.schedules import Schedule, Slot

AT = datetime(2026, 11, 21, 8, tzinfo=UTC)
JOB = Job("daily", "rollups", "s3://bucket/px", Schedule("daily", load_zone("UTC"), at=time(3)), AT, AT)
SLOT = Slot(AT - timedelta(days=1), AT, AT, date(2026, 11, 20), date(2026, 11, 20))
ALL = Rule(name="all", channel="ops", on=tuple(OCCASIONS))
OPS = Channel(name="ops", kind="mail", host="h", sender="hub@example.com", to=("ops@example.com",), created_at=AT)
DOWN = Unavailable("the bucket is down", "Wait")
REFUSED = Denied("the key is refused", "Rotate it")


def ending(error: Exception | None = None, *, streak: int = 0, tries: int = 1, files: int = 3, opinion=None) -> Ending:
    run = Run("daily", "2026-11-20", tries, "succeeded", AT, AT, files=files, rows=files * 10)
    if error is not None:
        run = replace(run, state="failed", files=0, rows=0, error=str(error.args[0]), hint=getattr(error, "hint", ""))
    keys = tuple(f"f{n}.csv" for n in range(run.files))
    return Ending(JOB, SLOT, run, verdict(error, tries, AT), streak, opinion or Opinion(), keys)


def told(errors: list[Exception | None], rule: Rule) -> list[list[str]]:
    """What the rule is told of one run after the other."""
    streak, found = 0, []
    for error in errors:
        end = ending(error, streak=streak)
        found.append([each for each in occasions(end, rule) if each != "done"])
        streak = end.streak_after
    return found


def test_a_streak_of_failures_is_told_once_and_so_is_its_end():
    assert told([None, DOWN, DOWN, DOWN, None, None, DOWN], ALL) == [
        [], ["failure"], [], [], ["recovery"], [], ["failure"],
    ]  # fmt: skip


def test_with_patience_a_short_streak_is_told_neither_at_its_begin_nor_at_its_end():
    patient = replace(ALL, patience=3)
    assert told([DOWN, DOWN, None], patient) == [[], [], []]
    assert told([DOWN, DOWN, DOWN, DOWN, None], patient) == [[], [], ["failure"], [], ["recovery"]]


def test_a_job_that_is_paused_is_told_at_once_whatever_the_patience():
    patient = replace(ALL, patience=3)
    assert told([DOWN, REFUSED, DOWN, None], patient) == [[], ["paused"], [], ["recovery"]]
    assert told([REFUSED, REFUSED], ALL) == [["paused"], ["paused"]]  # a person resumed it in between


def test_who_wants_failures_only_is_told_of_a_pause_as_one():
    only = replace(ALL, on=("failure",))
    assert told([DOWN, REFUSED], only) == [["failure"], []]
    assert told([REFUSED, REFUSED], only) == [["failure"], []]


@given(st.lists(st.sampled_from([None, DOWN, Damaged("x"), REFUSED]), max_size=30), st.integers(1, 5))
def test_recovery_is_told_exactly_when_a_failure_or_pause_was(errors, patience):
    open_one = False
    for heard in told(errors, replace(ALL, patience=patience)):
        if heard in (["failure"], ["paused"]):
            open_one = True
        elif heard == ["recovery"]:
            assert open_one
            open_one = False
    if errors and errors[-1] is None:
        assert not open_one


def test_an_interrupted_run_changes_nothing():
    stopped = replace(ending(streak=2), run=Run("daily", "2026-11-20", 1, "cancelled", AT, AT, files=2))
    assert (occasions(stopped, ALL), stopped.streak_after) == ([], 2)


def test_a_run_that_delivered_nothing_is_not_done():
    assert occasions(ending(files=0), ALL) == []
    assert occasions(ending(files=1), ALL) == ["done"]


def test_two_rules_for_one_address_make_one_notice():
    rules = [ALL, replace(ALL, name="again"), replace(ALL, name="more", to=("ops@example.com", "dev@example.com"))]
    found = notices(ending(), rules, {"ops": OPS})
    assert [notice.to for notice in found] == ["ops@example.com", "dev@example.com"]
    assert len({notice.id for notice in found}) == 2


def test_the_id_is_that_of_the_run_and_its_occasion_not_of_the_moment():
    (one,) = notices(ending(), [ALL], {"ops": OPS})
    (same,) = notices(ending(), [ALL], {"ops": OPS})
    (other,) = notices(ending(tries=2), [ALL], {"ops": OPS})
    assert one.id == same.id != other.id


def test_a_job_made_anew_under_its_name_is_told_anew():
    (one,) = notices(ending(), [ALL], {"ops": OPS})
    anew = ending()
    anew = replace(anew, run=replace(anew.run, begun_at=AT + timedelta(hours=1)))
    (other,) = notices(anew, [ALL], {"ops": OPS})
    assert one.id != other.id


def test_a_message_says_what_happened_and_what_to_do():
    (failure,) = notices(ending(DOWN), [ALL], {"ops": OPS})
    assert failure.message.what == "the bucket is down"
    assert failure.message.hint == "Wait. It is tried again at 2026-11-21 08:00:30 UTC"
    (paused,) = notices(ending(REFUSED), [ALL], {"ops": OPS})
    assert paused.message.hint == "Rotate it. Then let it go on with `footfall jobs resume daily`"
    (given_up,) = notices(ending(Damaged("torn"), tries=5), [ALL], {"ops": OPS})
    assert "footfall runs retry daily:2026-11-20:5" in given_up.message.hint
    unusual = ending(opinion=Opinion("unusual", 1000, 750, 1250, 8))
    assert notices(unusual, [ALL], {"ops": OPS})[0].message.what == (
        "30 rows were delivered; 750 to 1,250 rows were expected (median 1,000 of 8 slots before)"
    )


def test_a_message_comes_back_from_its_plain_form():
    (notice,) = notices(ending(), [ALL], {"ops": OPS})
    assert notice.message.keys == ("f0.csv", "f1.csv", "f2.csv")
    assert read_message(notice.message.plain()) == notice.message


def test_an_error_that_nobody_foresaw_is_not_repeated():
    error = ValueError("ValueError: bad value 'Jane Doe'")
    unforeseen = ending(error)
    unforeseen = replace(unforeseen, run=replace(unforeseen.run, hint=UNEXPECTED_HINT))
    (notice,) = notices(unforeseen, [ALL], {"ops": OPS})
    assert "Jane" not in str(notice.message.plain())
    assert "ValueError" in notice.message.what


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("filter email = jane.doe@example.com", "filter email = (an address)"),
        ("https://u:pw@host/x?X-Amz-Signature=abc failed", "https://host/x failed"),
        ("key AKIAIOSFODNN7EXAMPLE is refused", "key (a key) is refused"),
        ("secret whsec_Y2FuYXJ5Y2Fu is wrong", "secret (a key) is wrong"),
        ("key ff_admin_abcDEF0123456789 is wrong", "key (a key) is wrong"),
        ("one\r\ntwo\x00three\u2028four", "one two three four"),
        ("s3://bucket/px/file_20261121T080000Z.csv.gz differs", "s3://bucket/px/file_20261121T080000Z.csv.gz differs"),
    ],
)
def test_what_looks_like_a_person_or_a_key_is_masked(text, shown):
    assert masked(text) == shown


@given(st.text(max_size=2000))
def test_masked_text_is_one_bounded_line(text):
    shown = masked(text)
    assert len(shown) <= 500
    assert len(shown.splitlines()) <= 1


def test_pauses_grow_to_an_hour_and_never_fall_below_half():
    longest = [pause(n, 0, 0.0).total_seconds() for n in range(1, 12)]
    assert longest == [30, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600, 3600]
    assert pause(1, 0, 0.999) >= timedelta(seconds=15)
    assert pause(1, 120, 0.5) == timedelta(seconds=120)
