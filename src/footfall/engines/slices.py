"""The statements that make rows of a slice of events: what many events share is made once for all of them.

An event is its own columns, texts that follow from its terms, texts that follow from its objects of JSON, and the texts
of its people. Each of these is a relation: ``named``, ``objects``, ``users``, ``visitors``, ``accounts``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

TERMS: Final = ("source", "product", "environment", "channel", "name", "detail", "locale", "trigger_type")
PEOPLE: Final = {"users": "user_key", "visitors": "anonymous_key", "accounts": "account_key"}
_OF_TERMS: Final = ("type", *TERMS)


@dataclass(frozen=True, slots=True)
class Objects:
    """Columns that follow from the JSON of an event alone.

    keys: which columns of the lake that is; none when there is nothing to make.
    layers: name -> SQL over ``e``. The first one's ``e`` has the keys, the next one's what the first one made as well;
    the columns are those of the last.
    """

    keys: Sequence[str] = ()
    layers: Sequence[Mapping[str, str]] = ()

    @property
    def columns(self) -> Sequence[str]:
        return tuple(self.layers[-1]) if self.layers else ()


@dataclass(frozen=True, slots=True)
class Making:
    """What is made of each event, as SQL.

    named: columns that follow from its type and terms alone: name -> SQL, in which ``e`` are these and
    ``t.text[e.name]`` is the text of one. own: columns made before ``row``: name -> SQL over the event and ``t``.
    row: columns of the result: name -> SQL over ``e``, the event with the columns of ``objects`` and ``own``, over
    ``n``, the named ones, and ``users``, ``visitors``, ``accounts`` (plain, text).
    """

    row: Mapping[str, str]
    named: Mapping[str, str] = field(default_factory=dict)
    objects: Objects = field(default_factory=Objects)
    own: Mapping[str, str] = field(default_factory=dict)

    def named_table(self) -> str:
        """SQL of ``named``: a row for all events of the slice that have their type and all terms in common."""
        return (
            f"SELECT e.*{_picked(self.named)} FROM (SELECT DISTINCT {', '.join(_OF_TERMS)} FROM slice) e, terms t"
        )  # fmt: skip

    def objects_table(self) -> str:
        """SQL of ``objects``: a row for all events of the slice that have the same JSON."""
        keys = ", ".join(self.objects.keys)
        made = _layered(f"(SELECT DISTINCT {keys} FROM slice)", self.objects.layers)
        return f"SELECT {', '.join((*self.objects.keys, *self.objects.columns))} FROM {made}"

    def statement(self, *, shared: bool) -> str:
        """SQL of the rows of the slice, in no order, with their ingest_seq. shared: there is a relation ``objects``."""
        if not self.objects.keys:
            events = "slice"
        elif shared:
            columns = ", ".join(f"o.{name}" for name in self.objects.columns)
            events = f"(SELECT e.*, {columns} FROM slice e JOIN objects o ON {_same('o', self.objects.keys)})"
        else:
            events = _layered("slice", self.objects.layers)
        if self.own:
            events = f"(SELECT e.*{_picked(self.own)} FROM {events} e, terms t)"
        people = "".join(f" LEFT JOIN {name} ON {name}.key = e.{column}" for name, column in PEOPLE.items())
        named = f"JOIN named n ON {_same('n', _OF_TERMS)}"
        return f"SELECT e.ingest_seq{_picked(self.row)} FROM {events} e {named}{people}"


def _layered(source: str, layers: Sequence[Mapping[str, str]]) -> str:
    for layer in layers:
        source = f"(SELECT *{_picked(layer)} FROM {source} e)"
    return source


def _same(other: str, columns: Sequence[str]) -> str:
    return " AND ".join(f"{other}.{column} IS NOT DISTINCT FROM e.{column}" for column in columns)


def _picked(columns: Mapping[str, str]) -> str:
    return "".join(f", {sql} AS {name}" for name, sql in columns.items())
