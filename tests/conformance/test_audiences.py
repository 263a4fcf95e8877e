"""``ports.Audiences`` and ``ports.MembershipStates``: definitions that hold together, and what was seen last."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pytest
from new_store import open_store

from footfall.errors import Conflict, Damaged, Missing, Refused
from footfall.model.audience_rules import DEPTH_MAX, Compare, Field
from footfall.model.audience_text import TEXT_MAX, read
from footfall.model.audiences import MEMBERSHIP_COLUMNS, Audience, check_together, evaluable
from footfall.ports import Audiences, Membership, MembershipStates
from footfall.stores.audiences import SqlAudiences
from footfall.stores.membership_files import MembershipFiles

AT, LATER = datetime(2026, 11, 20, 8, tzinfo=UTC), datetime(2026, 11, 21, tzinfo=UTC)
PRO = Audience("pros", read("plan = pro"), label="Pros", description="who pays", tells="enter", backfill=True)


@pytest.fixture
def noted() -> list[tuple[str, str]]:
    return []


@pytest.fixture
def audiences(tmp_path: Path, noted: list[tuple[str, str]]) -> Iterator[Audiences]:
    database = open_store(tmp_path / "store.db")
    yield SqlAudiences(database, lambda action, subject, before, after: noted.append((action, subject)))
    database.close()


def test_what_is_added_is_there_with_all_it_says(audiences: Audiences, noted: list[tuple[str, str]]) -> None:
    made = audiences.add(PRO, AT)
    assert (made.created_at, made.changed_at) == (AT, AT)
    assert audiences.get("pros") == made
    assert list(audiences.all()) == [made]
    assert noted == [("audience.add", "audience pros")]
    with pytest.raises(Conflict):
        audiences.add(PRO, AT)
    with pytest.raises(Missing):
        audiences.get("others")


def test_a_change_replaces_the_definition_and_keeps_when_it_was_made(audiences: Audiences) -> None:
    audiences.add(PRO, AT)
    changed = audiences.change(Audience("pros", read("plan IN (pro, team)")), LATER)
    assert (changed.created_at, changed.changed_at, changed.label) == (AT, LATER, "")
    assert audiences.get("pros") == changed
    with pytest.raises(Missing):
        audiences.change(Audience("others"), LATER)


def test_audiences_hold_together(audiences: Audiences) -> None:
    with pytest.raises(Refused, match="which is not there"):
        audiences.add(Audience("a", read("INCLUDE b")), AT)
    with pytest.raises(Refused, match="made of itself"):
        audiences.add(Audience("a", read("INCLUDE a")), AT)
    audiences.add(Audience("b"), AT)
    audiences.add(Audience("a", read("NOT INCLUDE b")), AT)
    with pytest.raises(Refused, match="made of itself: "):
        audiences.change(Audience("b", read("INCLUDE a")), AT)
    with pytest.raises(Refused, match="is included by a"):
        audiences.delete("b")
    audiences.delete("a")
    audiences.delete("b")
    assert list(audiences.all()) == []


def test_audiences_are_made_of_others_only_so_deep() -> None:
    """Whatever their order by name, and however many they are."""
    for order in (range(1000), range(999, -1, -1)):
        names = [f"a{n:03}" for n in order]
        chain = [Audience(names[0]), *(Audience(b, read(f"INCLUDE {a}")) for a, b in pairwise(names))]
        good, faults = evaluable(chain)
        assert [each.name for each in good] == names[:DEPTH_MAX]
        assert len(faults) == 1000 - DEPTH_MAX
        assert faults[names[DEPTH_MAX]] == "it is made of audiences more than 40 deep"
        assert len(faults[names[-1]]) < 100
    with pytest.raises(Refused, match="40 deep"):
        check_together(chain[: DEPTH_MAX + 1])
    check_together(chain[:DEPTH_MAX])


@pytest.mark.parametrize("word", ["9", "x"])
def test_a_rule_is_refused_at_first_or_can_be_read_ever_after(audiences: Audiences, word: str) -> None:
    """What is kept is longer than these texts: values are put in quotes, and spaces between them."""
    kept = Audience("kept", Compare(Field("plan"), "in", ("y" * (TEXT_MAX - len('plan IN ("")')),)))
    audiences.add(kept, AT)
    values = (TEXT_MAX - len("plan IN ()")) // len(f"{word},")
    with pytest.raises(Refused, match="characters, written out"):
        audiences.add(Audience("long", read(f"plan IN ({','.join([word] * values)})")), AT)
    with pytest.raises(Refused, match="characters, written out"):
        audiences.add(replace(kept, rule=Compare(Field("plan"), "in", ("\n" * (TEXT_MAX - 12),))), AT)
    assert [each.name for each in audiences.all()] == ["kept"]
    audiences.delete("kept")


def test_a_list_is_replaced_whole_or_added_to(audiences: Audiences) -> None:
    audiences.add(Audience("vips", listed="email"), AT)
    assert audiences.put_values("vips", ["b@x", "a@x", "b@x"], AT) == 2
    assert audiences.values("vips").to_pylist() == ["a@x", "b@x"]
    assert audiences.put_values("vips", ["c@x"], LATER, keep=True) == 3
    assert audiences.put_values("vips", (f"{n}@y" for n in range(25_000)), LATER) == 25_000
    assert audiences.get("vips").changed_at == LATER

    def broken() -> Iterator[str]:
        yield "z"
        raise Refused("no more")

    with pytest.raises(Refused):
        audiences.put_values("vips", broken(), LATER)
    assert audiences.count_values("vips") == 25_000
    audiences.delete("vips")
    audiences.add(Audience("vips", listed="email"), AT)
    assert audiences.count_values("vips") == 0


def test_a_list_stays_a_list_and_a_rule_a_rule(audiences: Audiences) -> None:
    audiences.add(Audience("vips", listed="email"), AT)
    audiences.add(PRO, AT)
    with pytest.raises(Refused, match="stays an imported list"):
        audiences.change(Audience("vips", read("ALL")), AT)
    with pytest.raises(Refused, match="stays one with a rule"):
        audiences.change(Audience("pros", listed="email"), AT)
    with pytest.raises(Refused, match="has a rule"):
        audiences.put_values("pros", ["x"], AT)


@pytest.mark.parametrize("name", ["", "Pros", "-a", "a/b", "a" * 64, "é"])
def test_names_are_those_that_files_and_urls_can_hold(name: str) -> None:
    with pytest.raises(Refused, match="is no name"):
        Audience(name)


# --- states -------------------------------------------------------------------------------------------------------


@pytest.fixture
def states(tmp_path: Path) -> MembershipStates:
    return MembershipFiles(tmp_path / "memberships")


def membership(*rows: tuple[int, int, int]) -> Membership:
    columns = zip(*rows, strict=True) if rows else ((), (), ())
    kinds = (pa.int32(), pa.int64(), pa.int8())
    arrays = [pa.array(column, kind) for column, kind in zip(columns, kinds, strict=True)]
    return Membership(AT, pa.table(arrays, names=list(MEMBERSHIP_COLUMNS)))


def test_what_is_prepared_waits_until_it_is_the_state(states: MembershipStates) -> None:
    assert states.read("a.next") is None
    states.prepare("a.next", membership((1, 5, 0), (2, 6, 1), (3, 7, 2)))
    assert list(states.waiting()) == ["a.next"]
    assert states.read("a.next") is None
    assert states.read_next("a.next").rows.num_rows == 3
    assert states.read_next("a.next").looked_at == AT
    states.commit("a.next")
    assert list(states.waiting()) == []
    found = states.read("a.next")
    assert found is not None
    assert found.rows["user_key"].to_pylist() == [1, 2]  # who left is in no more
    assert found.rows["since_us"].to_pylist() == [5, 6]
    with pytest.raises(Damaged):
        states.read_next("a.next")


def test_an_empty_audience_has_a_state(states: MembershipStates) -> None:
    states.prepare("a", membership())
    states.commit("a")
    found = states.read("a")
    assert found is not None
    assert found.rows.num_rows == 0


def test_audiences_that_are_gone_are_forgotten(states: MembershipStates) -> None:
    for name in ("a", "b"):
        states.prepare(name, membership((1, 1, 0)))
        states.commit(name)
        states.prepare(name, membership((1, 1, 0)))
    states.keep(["b"])
    assert states.read("a") is None
    assert list(states.waiting()) == ["b"]
    assert states.read("b") is not None
