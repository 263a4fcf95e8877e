"""What becomes of somebody who was deleted."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from footfall.model.removals import REVIVAL_US, Fate, Removal, fate

LATER = 10 * REVIVAL_US


def test_nobody_who_was_never_deleted_has_a_fate() -> None:
    assert fate([], LATER) is None
    assert fate([Removal(100, False)], 100) is None  # not yet


def test_a_deleted_one_stays_deleted_until_something_is_told() -> None:
    assert fate([Removal(100, False)], LATER) == Fate(True, 100)
    assert fate([Removal(100, False, 500)], 500) == Fate(True, 100)
    assert fate([Removal(100, False, 500)], 501) == Fate(False, 500)


def test_within_seven_days_all_is_known_again_and_later_nothing_of_it() -> None:
    assert fate([Removal(0, False, REVIVAL_US)], LATER) == Fate(False, REVIVAL_US)
    assert fate([Removal(0, False, REVIVAL_US + 1)], LATER) == Fate(False, REVIVAL_US + 1, 0, REVIVAL_US + 1)


def test_a_hard_delete_is_never_revived() -> None:
    assert fate([Removal(5, True, 6)], LATER) == Fate(False, 6, 5, 6)


def test_what_was_forgotten_stays_so_through_later_deletes() -> None:
    hard, soft = Removal(5, True, 6), Removal(10, False, 11)
    assert fate([hard, soft], LATER) == Fate(False, 11, 5, 6)
    assert fate([hard, soft], 11) == Fate(True, 10, 5, 6)


@given(st.lists(st.builds(Removal, st.integers(0, 50), st.booleans(), st.none() | st.integers(51, 90))), st.integers())
def test_the_order_in_which_deletes_are_found_does_not_matter(removals: list[Removal], until: int) -> None:
    distinct = list({removal.at: removal for removal in removals}.values())
    assert fate(distinct, until) == fate(distinct[::-1], until)
