"""Make what is become what a file says: a plan first, then exactly that plan."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from footfall.errors import Conflict, FootfallError
from footfall.model.plans import Change, Plain, Plan, Wanted, plan
from footfall.ports import Store


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of resource as the store has it.

    name: as in the file. kept: fields that stay when a file does not say them. prunable: whether anything of it may be
    deleted. together: kinds of the same word are changed in one go, because they refer to each other both ways; empty
    when each resource stands for itself.
    current: every resource by name. It is told those that are wanted, for fields that can only be compared with them
    (a secret), and gives what is there as it would be written otherwise.
    apply: make these changes, which are of one resource unless the kind goes together; returns what a person must be
    told of them (a new key), once; of kinds that go together it is of the first. Raises ``FootfallError`` and changes
    nothing.
    """

    name: str
    current: Callable[[Mapping[str, Plain]], Mapping[str, Plain]]
    apply: Callable[[Sequence[Change]], Mapping[str, str]]
    kept: tuple[str, ...] = ()
    prunable: bool = True
    together: str = ""


@dataclass(slots=True)
class Applied:
    """What became of a plan. told: by kind and name, what is shown this once.

    failed: the change that did not work, and why; what comes after it is not done.
    """

    done: list[Change] = field(default_factory=list)
    failed: list[Change] = field(default_factory=list)
    error: FootfallError | None = None
    rest: list[Change] = field(default_factory=list)
    told: dict[tuple[str, str], str] = field(default_factory=dict)


def make_plan(kinds: Sequence[Kind], wanted: Mapping[str, Mapping[str, Plain]], *, prune: bool = False) -> Plan:
    """The plan for the kinds that ``wanted`` names; the others are left alone, and nothing is changed.

    prune: delete what is there and not wanted, of kinds that can be deleted.
    """
    asked = [kind for kind in kinds if kind.name in wanted]
    rows = [Wanted(kind.name, wanted[kind.name], kind.kept, prune and kind.prunable) for kind in asked]
    return plan(rows, {kind.name: kind.current(wanted[kind.name]) for kind in asked})


def apply_plan(
    store: Store,
    kinds: Sequence[Kind],
    wanted: Mapping[str, Mapping[str, Plain]],
    chosen: Plan,
    *,
    say: Callable[[Change], None] = lambda _: None,
) -> Applied:
    """Make the changes of a plan, each resource whole or not at all; stop at the first that fails.

    Raises ``Conflict`` and changes nothing if the plan would not be the same any more. say: told of each that is done.
    """
    again = make_plan(kinds, wanted, prune=any(change.after is None for change in chosen.changes))
    if again.changes != chosen.changes:
        raise Conflict("something was changed since the plan was made", "Look at the new plan, then apply again")
    applied = Applied()
    portions = list(_portions(chosen.changes, {kind.name: kind for kind in kinds}))
    for number, (kind, changes) in enumerate(portions):
        try:
            with store.transaction():
                told = kind.apply(changes)
        except FootfallError as error:
            applied.failed, applied.error = changes, error
            applied.rest = [change for _, later in portions[number + 1 :] for change in later]
            break
        applied.told |= {(kind.name, name): text for name, text in told.items()}
        applied.done += changes
        for change in changes:
            say(change)
    return applied


def _portions(changes: Sequence[Change], kinds: Mapping[str, Kind]) -> Iterator[tuple[Kind, list[Change]]]:
    """What is changed in one go: a resource, or all neighbours of kinds that go together."""

    def portion(numbered: tuple[int, Change]) -> tuple[str, int]:
        number, change = numbered
        together = kinds[change.kind].together
        return (together, 0) if together else (change.kind, number)

    for _, group in groupby(enumerate(changes), portion):
        some = [change for _, change in group]
        yield kinds[some[0].kind], some
