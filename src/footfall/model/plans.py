"""What has to change so that the resources that are become the resources that are wanted.

A resource is plain data under (kind, name). What is as usual is left out of it, so two that are equal compare equal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

Plain = Mapping[str, Any]


class Action(StrEnum):
    """What happens to a resource."""

    CREATE = "create"
    CHANGE = "change"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field. field: ``schedule.at``. before, after: plain data; None where it is not given."""

    field: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Change:
    """One resource. before, after: the whole of it; None where there is none. fields: what differs, by name."""

    action: Action
    kind: str
    name: str
    before: Plain | None
    after: Plain | None
    fields: tuple[FieldChange, ...] = ()

    def plain(self) -> dict[str, Any]:
        """As JSON has it."""
        fields = [{"field": each.field, "before": each.before, "after": each.after} for each in self.fields]
        return {"action": str(self.action), "kind": self.kind, "name": self.name, "fields": fields}


@dataclass(frozen=True, slots=True)
class Plan:
    """Changes in the order in which they are made. left: (kind, name) of what is there, not wanted, and stays."""

    changes: tuple[Change, ...] = ()
    left: tuple[tuple[str, str], ...] = ()

    def count(self, action: Action) -> int:
        return sum(change.action is action for change in self.changes)

    def plain(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "changes": [change.plain() for change in self.changes],
            "left": [{"kind": kind, "name": name} for kind, name in self.left],
        }


@dataclass(frozen=True, slots=True)
class Wanted:
    """The wanted resources of one kind, by name. kept: fields that stay when they are not given.

    prunes: whether what is not wanted is deleted; otherwise it is left alone.
    """

    kind: str
    resources: Mapping[str, Plain]
    kept: Sequence[str] = ()
    prunes: bool = False


def plan(wanted: Sequence[Wanted], current: Mapping[str, Mapping[str, Plain]]) -> Plan:
    """The changes from ``current`` (by kind and name) to ``wanted``.

    Creations and changes come first, in the order of ``wanted``; then deletions, in the opposite order of the kinds, so
    that what others name is there before them and goes after them.
    """
    made: list[Change] = []
    deleted: list[Change] = []
    left: list[tuple[str, str]] = []
    for each in wanted:
        there = current.get(each.kind, {})
        for name, after in each.resources.items():
            change = compared(each.kind, name, there.get(name), after, each.kept)
            made += [] if change is None else [change]
        gone = sorted(set(there) - set(each.resources))
        if each.prunes:
            deleted = [Change(Action.DELETE, each.kind, name, there[name], None) for name in gone] + deleted
        else:
            left += [(each.kind, name) for name in gone]
    return Plan((*made, *deleted), tuple(left))


def compared(kind: str, name: str, before: Plain | None, after: Plain, kept: Sequence[str] = ()) -> Change | None:
    """The change from ``before`` to ``after``; None when there is none."""
    if before is None:
        return Change(Action.CREATE, kind, name, None, after, tuple(_differences("", {}, after)))
    known = {field: value for field, value in before.items() if field in after or field not in kept}
    fields = tuple(_differences("", known, after))
    return Change(Action.CHANGE, kind, name, before, after, fields) if fields else None


def _differences(above: str, before: Plain, after: Plain) -> list[FieldChange]:
    """Field by field; mappings are gone into, lists are compared whole."""
    found = []
    for name in [*after, *(name for name in before if name not in after)]:
        old, new = before.get(name), after.get(name)
        field = f"{above}{name}"
        if all(each is None or isinstance(each, Mapping) for each in (old, new)):
            below = _differences(f"{field}.", old or {}, new or {})
            if below:
                found += below
                continue
        if old != new or isinstance(old, bool) != isinstance(new, bool):
            found.append(FieldChange(field, old, new))
    return found
