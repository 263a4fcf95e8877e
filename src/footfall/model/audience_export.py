"""What an audience export is: whom it takes, what it says of them, how, and against what it is compared.

Source: Lytics "Export Audiences" to S3 (CSV, Multi-CSV, JSON, fields, user limit, additional segments).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from footfall.errors import Refused
from footfall.model.attributes import as_boolean, as_date, as_long, as_number, as_string
from footfall.model.columns import BOOLEAN, LONG, NUMBER
from footfall.model.user_fields import DATE, NON_SCALAR, UserField

EQUAL: Final = "="
UNEQUAL: Final = "!="
ONE_OF: Final = "in"
EXISTS: Final = "exists"
MISSING: Final = "missing"
COMPARISONS: Final = ("<", "<=", ">", ">=")
OPERATORS: Final = (EQUAL, UNEQUAL, ONE_OF, *COMPARISONS, EXISTS, MISSING)

CSV: Final = "csv"
MULTI_CSV: Final = "multi-csv"
JSON: Final = "json"
PARQUET: Final = "parquet"
LAYOUTS: Final = (CSV, MULTI_CSV, JSON, PARQUET)

FULL: Final = "full"
CHANGED: Final = "changed"
DIFF: Final = "diff"
MODES: Final = (FULL, CHANGED, DIFF)

JOIN: Final = "&"
TEMPLATE: Final = "lytics-users-{TIMESTAMP}"

Value = str | int | float | bool
_CONDITION: Final = re.compile(r"\s*(\S+)\s+(=|!=|<=|<|>=|>|in|exists|missing)(?:\s+(.*\S))?\s*", re.DOTALL)
_COERCIONS: Final = {LONG: as_long, NUMBER: as_number, BOOLEAN: as_boolean, DATE: as_date}
_JOIN: Final = re.compile(r"[!#$&*+,./:;<>?@^_`|~\t -]")


@dataclass(frozen=True, slots=True)
class Condition:
    """One question to a user: does ``field`` compare so with one of ``values``?

    A user without the field answers no, except to ``!=`` (the opposite of ``=``) and ``missing``.
    """

    field: str
    operator: str
    values: tuple[Value, ...] = ()

    def __post_init__(self) -> None:
        if self.operator not in OPERATORS:
            raise Refused(f"'{self.operator}' is no comparison", f"Choose one of {' '.join(OPERATORS)}")
        wanted = 0 if self.operator in (EXISTS, MISSING) else 1
        if len(self.values) < wanted or (len(self.values) > wanted and self.operator != ONE_OF):
            raise Refused(f"'{self.field} {self.operator}' has {len(self.values)} values", _GRAMMAR)

    @classmethod
    def parse(cls, text: str) -> Condition:
        """Read ``plan = pro``, ``plan in pro, team``, ``score >= 5``, ``email exists``. Raises ``Refused``.

        A value in double quotes is JSON, and so is a list of values in brackets: ``plan in ["a, b", "c"]``.
        """
        found = _CONDITION.fullmatch(text)
        if found is None:
            raise Refused(f"'{text}' is no condition", _GRAMMAR)
        name, operator, rest = found[1], found[2], found[3] or ""
        if operator in (EXISTS, MISSING):
            return cls(name, operator, (rest,) if rest else ())
        if rest[:1] in ('"', "["):
            try:
                given = json.loads(rest)
            except ValueError as error:
                raise Refused(f"the value of '{text}' is no JSON: {error}", _GRAMMAR) from error
            return cls.from_value({"field": name, "operator": operator, "value": given})
        values = [each.strip() for each in rest.split(",")] if operator == ONE_OF else [rest]
        return cls(name, operator, tuple(value for value in values if value))

    @classmethod
    def from_value(cls, value: Mapping[str, Any]) -> Condition:
        """From ``{"field", "operator", "value"}``, as a job keeps it. Raises ``Refused``."""
        given = value.get("value")
        values = () if given is None else tuple(given) if isinstance(given, list | tuple) else (given,)
        if not all(isinstance(each, Value) for each in values) or not isinstance(value.get("field"), str):
            raise Refused(f"{json.dumps(dict(value), default=str)} is no condition", _GRAMMAR)
        return cls(value["field"], str(value.get("operator", "")), values)

    def to_value(self) -> dict[str, Any]:
        """The opposite of ``from_value``."""
        shown = list(self.values) if self.operator == ONE_OF else next(iter(self.values), None)
        kept: dict[str, Any] = {"field": self.field, "operator": self.operator}
        return kept if shown is None else {**kept, "value": shown}

    def typed(self, field: UserField) -> tuple[Value, ...]:
        """The values in the type of ``field``; dates as files show them. Raises ``Refused`` when one does not fit."""
        if field.type in NON_SCALAR and self.values:
            raise Refused(f"{field.name} is a {field.type}, which no condition can compare", "Filter by another field")
        if field.type == BOOLEAN and self.operator in COMPARISONS:
            raise Refused(f"{field.name} is true or false, neither of which is greater", "Use = or exists")
        coerce = _COERCIONS.get(field.type, as_string)
        typed = []
        for value in self.values:
            fitting = coerce(value)
            if fitting is None:
                raise Refused(f"{value!r} is no {field.type}, but {field.name} is one", _GRAMMAR)
            typed.append(fitting)
        return tuple(typed)


_GRAMMAR: Final = 'Write it like: plan = pro, plan in ["a, b", "c"], score >= 5, email exists'


@dataclass(frozen=True, slots=True)
class AudienceExport:
    """A definition; two equal ones over the same users make the same files.

    job: whose last run this one is compared with. fields: names in the order of the file, none for all.
    audience: whose members, all users if empty. conditions: every one must hold. limit: at most so many users, a
    random selection that ``seed`` decides.
    memberships: add the column ``segments``. layout, mode: see the words above. join: the character between the items
    of a list in CSV. raw: items are written as they are, so that one with the join character falls apart.
    header: CSV begins with the names. kinds: custom attributes read as ``String``, ``List`` or ``Map`` instead of what
    their values look like.
    privacy: name of a field -> what becomes of it, see ``model.hiding``.
    """

    job: str = "audience"
    fields: tuple[str, ...] = ()
    conditions: tuple[Condition, ...] = ()
    limit: int | None = None
    seed: str = ""
    memberships: bool = False
    layout: str = CSV
    mode: str = FULL
    join: str = JOIN
    raw: bool = False
    header: bool = True
    kinds: Mapping[str, str] = field(default_factory=dict)
    audience: str = ""
    privacy: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.privacy and self.layout == MULTI_CSV:
            raise Refused("files that are joined by a key hide nothing", "Export CSV, JSON or Parquet")
        for given, offered, what in ((self.layout, LAYOUTS, "format"), (self.mode, MODES, "mode")):
            if given not in offered:
                raise Refused(f"'{given}' is no {what} of an audience export", f"Choose one of {', '.join(offered)}")
        if self.limit is not None and self.limit < 1:
            raise Refused(f"a limit of {self.limit} users leaves none", "Leave it out to export all")
        if _JOIN.fullmatch(self.join) is None:
            raise Refused(
                f"{self.join!r} cannot stand between items",
                "Use one character that is no letter, digit, quote, bracket, '%', '=' or line end",
            )

    @property
    def seed_text(self) -> str:
        """What the selection is made from: the seed, or the job's name so that each run takes the same users."""
        return self.seed or self.job

    def describe(self) -> dict[str, Any]:
        """The definition for the manifest."""
        return {
            "job": self.job,
            "fields": list(self.fields),
            "filter": [condition.to_value() for condition in self.conditions],
            "mode": self.mode,
            "layout": self.layout,
            "memberships": self.memberships,
            "join": self.join,
            "raw": self.raw,
            "header": self.header,
            "kinds": dict(sorted(self.kinds.items())),
            "limit": self.limit,
            "seed": self.seed_text if self.limit is not None else None,
            # Only where there is one: older manifests and drafts do not have it.
            **({"audience": self.audience} if self.audience else {}),
            **({"privacy": dict(self.privacy)} if self.privacy else {}),
        }

    def digest(self) -> str:
        """32 hexadecimal digits that differ when the definition does."""
        text = json.dumps(self.describe(), sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def joined(items: Sequence[str], join: str = JOIN) -> str:
    """The items of a list as one CSV field: ``%``, ``=`` and the join character are percent-encoded.

    An empty last item is followed by one more join character, so that ``[]``, ``[""]`` and ``["", ""]`` differ.
    """
    text = join.join(_escaped(item, join) for item in items)
    return text + join if items and items[-1] == "" else text


def joined_map(entries: Mapping[str, str], join: str = JOIN) -> str:
    """The entries of a map as one CSV field, ``k=v&k2=v2``, escaped like the items of a list."""
    return join.join(f"{_escaped(key, join)}={_escaped(value, join)}" for key, value in entries.items())


def split_list(text: str, join: str = JOIN) -> list[str]:
    """The opposite of ``joined``."""
    items = text.split(join) if text else []
    return [_unescaped(item, join) for item in (items[:-1] if items and items[-1] == "" else items)]


def split_map(text: str, join: str = JOIN) -> dict[str, str]:
    """The opposite of ``joined_map``."""
    pairs = (entry.split("=", 1) for entry in (text.split(join) if text else []))
    return {_unescaped(key, join): _unescaped(value, join) for key, value in pairs}


def escapes(join: str) -> tuple[tuple[str, str], ...]:
    """(character, what stands for it) in the order of replacing: the percent sign is the first."""
    return tuple((each, f"%{ord(each):02X}") for each in ("%", "=", join))


def _escaped(item: str, join: str) -> str:
    for character, code in escapes(join):
        item = item.replace(character, code)
    return item


def _unescaped(item: str, join: str) -> str:
    for character, code in reversed(escapes(join)):
        item = item.replace(code, character)
    return item
