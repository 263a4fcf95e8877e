"""The rules of audiences: a tree of conditions on what users are, what they did, and where else they belong.

A rule is true or false of a user, never unknown: who lacks what a condition asks for answers no, except to ``!=``,
which is the opposite of ``=``. ``model.audience_text`` reads and writes the short form of the same tree.

Sources: PX "Segments" and "Audience Selection" (users, account, engagements, feature use, survey responses; AND and
OR); Lytics segment filters (comparisons, IN, CONTAINS, LIKE, EXISTS, BETWEEN, INCLUDE).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any, Final

from footfall.errors import Refused
from footfall.model import audience_where
from footfall.model.audience_where import Kind, Property, is_relative, kind_of
from footfall.model.event import DETAIL_FIELD, NAME_FIELD, WORDS, EventType

EQUAL: Final = "="
UNEQUAL: Final = "!="
ONE_OF: Final = "in"
BETWEEN: Final = "between"
CONTAINS: Final = "contains"
LIKE: Final = "like"
EXISTS: Final = "exists"
ORDERED: Final = ("<", "<=", ">", ">=")
OPERATORS: Final = (EQUAL, UNEQUAL, *ORDERED, ONE_OF, BETWEEN, CONTAINS, LIKE, EXISTS)

USER: Final = "user"
ACCOUNT: Final = "account"

COUNT: Final = "count"
FIRST: Final = "first"
LAST: Final = "last"
SCORE: Final = "score"
ANSWER: Final = "answer"
MEASURES: Final = (COUNT, FIRST, LAST, SCORE, ANSWER)

# Types of events that say nothing of what somebody did.
_NOT_COUNTED: Final = frozenset({EventType.IDENTIFY, EventType.GROUP, EventType.ALIAS, EventType.AUDIT_EVENT})
COUNTED_TYPES: Final = tuple(kind for kind in EventType if kind not in _NOT_COUNTED)
ANSWERED_TYPES: Final = (EventType.SURVEY_RESPONSE, EventType.SURVEY_ANSWER)
COUNTED_WORDS: Final = tuple(kind.word for kind in COUNTED_TYPES)
_ANSWERED_WORDS: Final = tuple(kind.word for kind in ANSWERED_TYPES)

CONDITIONS_MAX: Final = 500
DEPTH_MAX: Final = 40
DAYS_MAX: Final = 3660
_NUMBER_MAX: Final = 10**40

Value = str | int | float | bool


@dataclass(frozen=True, slots=True)
class Field:
    """What a user or, with ``of`` ``account``, the user's account is said to be. name: as in ``model.user_fields``."""

    name: str
    of: str = USER

    def __post_init__(self) -> None:
        _check_name(self.name)
        if self.of not in (USER, ACCOUNT):
            raise Refused(f"'{self.of}' has no fields", "Name a field of the user or of the account")


@dataclass(frozen=True, slots=True)
class Happened:
    """What a user's events come to.

    measure: how many there are (``count``), when the ``first`` or the ``last`` was, the ``score`` or the ``answer``
    that was given last to a survey. type: a word of ``EventType``. name: what they are about (the feature's, the
    engagement's, the event's), None for any. detail: how it went (``COMPLETED``), None for any. question: of a survey.
    days: the last so many local days, today included; None for all. where: what holds of each event, a rule made of
    comparisons of a ``Property``; None for any.
    """

    measure: str
    type: str
    name: str | None = None
    detail: str | None = None
    question: str | None = None
    days: int | None = None
    where: Rule | None = None

    def __post_init__(self) -> None:
        if self.measure not in MEASURES:
            raise Refused(f"'{self.measure}' is no measure of events", f"Choose one of {', '.join(MEASURES)}")
        if self.type not in COUNTED_WORDS:
            raise Refused(f"'{self.type}' is no type of events that count", f"It is one of {', '.join(COUNTED_WORDS)}")
        if self.measure in (SCORE, ANSWER) and self.type not in _ANSWERED_WORDS:
            raise Refused(
                f"events of type {self.type} have no {self.measure}", "Ask a survey_response or survey_answer"
            )
        kind = WORDS[self.type]
        if self.name is not None and kind not in NAME_FIELD:
            raise Refused(f"events of type {self.type} have no name", "Leave it out")
        if self.detail is not None and kind not in DETAIL_FIELD:
            raise Refused(f"events of type {self.type} have no detail", "Leave it out")
        if self.question is not None and kind is not EventType.SURVEY_ANSWER:
            raise Refused(f"events of type {self.type} have no question", "Ask a survey_answer")
        for name in (self.name, self.detail, self.question):
            _check_name("-" if name is None else name)
        if self.days is not None and not 1 <= self.days <= DAYS_MAX:
            raise Refused(f"{self.days} days are no span of time", f"Give 1 to {DAYS_MAX}")
        if self.where is not None:
            _check_where(self.where)


Subject = Field | Happened | Property


@dataclass(frozen=True, slots=True, eq=False)
class Compare:
    """Does the subject compare so with the values? ``between`` has two, both inclusive; ``exists`` has none.

    Two of them are equal if their values are of the same types, too: 1 is neither true nor 1.0.
    """

    subject: Subject
    operator: str
    values: tuple[Value, ...] = ()

    def __post_init__(self) -> None:
        if self.operator not in OPERATORS:
            raise Refused(f"'{self.operator}' is no comparison", f"Choose one of {' '.join(OPERATORS)}")
        wanted = {EXISTS: 0, BETWEEN: 2}.get(self.operator, 1)
        if len(self.values) < wanted or (len(self.values) > wanted and self.operator != ONE_OF):
            raise Refused(f"'{self.operator}' has {len(self.values)} values", f"It takes {wanted}")
        for value in self.values:
            if not isinstance(value, Value) or not _usable(value):
                raise Refused(f"{value!r} is no value to compare with", "Give a text, a number, true or false")

    def _same(self) -> tuple[object, ...]:
        return (self.subject, self.operator, *((type(value), value) for value in self.values))

    def __eq__(self, other: object) -> bool:
        return self._same() == other._same() if isinstance(other, Compare) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._same())


@dataclass(frozen=True, slots=True)
class Included:
    """Is the user in that audience?"""

    audience: str

    def __post_init__(self) -> None:
        _check_name(self.audience)


@dataclass(frozen=True, slots=True)
class Everyone:
    """True of every user."""


@dataclass(frozen=True, slots=True)
class All:
    """Every one of them holds."""

    rules: tuple[Rule, ...]

    def __post_init__(self) -> None:
        _check_some(self.rules)


@dataclass(frozen=True, slots=True)
class Some:
    """At least one of them holds."""

    rules: tuple[Rule, ...]

    def __post_init__(self) -> None:
        _check_some(self.rules)


@dataclass(frozen=True, slots=True)
class Not:
    """It does not hold."""

    rule: Rule


Rule = Compare | Included | Everyone | All | Some | Not


def parts_of(rule: Rule) -> tuple[Rule, ...]:
    """The rules that a rule is made of; none of a condition."""
    if isinstance(rule, All | Some):
        return rule.rules
    return (rule.rule,) if isinstance(rule, Not) else ()


def walk(rule: Rule) -> Iterator[Rule]:
    """Yield the rule and all that it is made of, a whole before its parts."""
    yield rule
    for part in parts_of(rule):
        yield from walk(part)


def included(rule: Rule) -> frozenset[str]:
    """The audiences that a rule asks for."""
    return frozenset(each.audience for each in walk(rule) if isinstance(each, Included))


def check(rule: Rule) -> Rule:
    """The same rule. Raises ``Refused`` for one that is too deep or has too many conditions to be evaluated."""
    _check_depth(rule, DEPTH_MAX)
    if sum(1 for each in walk(rule) if not parts_of(each)) > CONDITIONS_MAX:
        raise Refused(f"a rule of more than {CONDITIONS_MAX} conditions", "Make audiences of its parts, or a list")
    subjects = [each.subject for each in walk(rule) if isinstance(each, Compare)]
    for subject in subjects:
        if isinstance(subject, Property):
            raise Refused(f"'{subject.name}' is asked of events, not of users", "Ask it in a WHERE, as in COUNT(…)")
    filtered = [each for each in subjects if isinstance(each, Happened) and each.where is not None]
    if len(filtered) > audience_where.PER_RULE_MAX:
        raise Refused(f"a rule of more than {audience_where.PER_RULE_MAX} WHERE", "Make audiences of its parts")
    for each in filtered:
        if each.days is None or each.days > audience_where.DAYS_MAX:
            raise Refused(
                "a WHERE looks at every event of its days", f"Say how many: WITHIN 1d to {audience_where.DAYS_MAX}d"
            )
    return rule


def _check_depth(rule: Rule, left: int) -> None:
    if left == 0:
        raise Refused(f"a rule is nested more than {DEPTH_MAX} deep", "Make audiences of its parts and INCLUDE them")
    where = rule.subject.where if isinstance(rule, Compare) and isinstance(rule.subject, Happened) else None
    for part in parts_of(rule) if where is None else (where,):
        _check_depth(part, left - 1)


def _check_where(where: Rule) -> None:
    """Raises ``Refused`` for what cannot be asked of an event."""
    _check_depth(where, DEPTH_MAX)
    conditions = [each for each in walk(where) if not parts_of(each)]
    if len(conditions) > audience_where.CONDITIONS_MAX:
        raise Refused(f"a WHERE of more than {audience_where.CONDITIONS_MAX} conditions", "Ask for less")
    for each in conditions:
        if not isinstance(each, Compare) or not isinstance(each.subject, Property):
            raise Refused("a WHERE asks what an event says of itself", 'Such as plan = pro, or page.path LIKE "/a*"')
        kinds = {kind_of(value) for value in each.values}
        if each.operator in (*ORDERED, BETWEEN):
            if any(map(is_relative, each.values)):
                raise Refused("what an event says does not change with time", "Give an instant, such as 2026-01-31")
            if Kind.BOOLEAN in kinds or len(kinds) > 1:
                raise Refused(
                    f"{each.subject.name} is compared with a {' and a '.join(sorted(kinds))}",
                    "Order numbers, dates or texts, each among themselves; = and IN take any",
                )


def _check_some(rules: Sequence[Rule]) -> None:
    if not rules:
        raise Refused("AND and OR of nothing", "Give at least one condition")


def _check_name(name: str) -> None:
    if not name or not name.isprintable():
        raise Refused(f"{name!r} is no name", "A name has one or more characters, all of them printable")


def _usable(value: Value) -> bool:
    if isinstance(value, str):
        return not any("\ud800" <= each <= "\udfff" or each == "\0" for each in value)
    return isinstance(value, bool) or (abs(value) < _NUMBER_MAX and isfinite(value))


# --- as plain data, for the API and footfall.yaml -----------------------------------------------------------------

_HAPPENED: Final = ("name", "detail", "question", "days")
_FIELDS: Final = ("field", "account_field")
_PROPERTIES: Final = {"property": audience_where.PROPERTY, "event_field": audience_where.EVENT}
_SHAPE: Final = 'Such as {"field": "plan", "operator": "=", "value": "pro"}, or {"and": [...]}'


def to_plain(rule: Rule) -> dict[str, Any]:
    """The tree as JSON has it; see docs/guide/audiences.md."""
    match rule:
        case All(rules):
            return {"and": [to_plain(each) for each in rules]}
        case Some(rules):
            return {"or": [to_plain(each) for each in rules]}
        case Not(inner):
            return {"not": to_plain(inner)}
        case Everyone():
            return {"all": True}
        case Included(audience):
            return {"include": audience}
        case Compare(subject, operator, values):
            listed = operator in (ONE_OF, BETWEEN)
            shown = {"value": list(values) if listed else values[0]} if values else {}
            return {**_subject_to_plain(subject), "operator": operator, **shown}


def from_plain(plain: object, depth: int = DEPTH_MAX) -> Rule:
    """The opposite of ``to_plain``. Raises ``Refused`` for what is no rule."""
    if not isinstance(plain, Mapping) or depth == 0:
        raise Refused(f"{_shown(plain)} is no rule" if depth else "a rule is nested too deep", _SHAPE)
    words = set(plain)
    for word, make in (("and", All), ("or", Some)):
        if words == {word} and isinstance(plain[word], list | tuple):
            return make(tuple(from_plain(each, depth - 1) for each in plain[word]))
    if words == {"not"}:
        return Not(from_plain(plain["not"], depth - 1))
    if words == {"include"} and isinstance(plain["include"], str):
        return Included(plain["include"])
    if words == {"all"} and plain["all"] is True:
        return Everyone()
    return Compare(_subject(plain, depth), str(plain.get("operator", "")).lower(), _values(plain))


def _subject_to_plain(subject: Subject) -> dict[str, Any]:
    if isinstance(subject, Field):
        return {"field" if subject.of == USER else "account_field": subject.name}
    if isinstance(subject, Property):
        return {"property" if subject.of == audience_where.PROPERTY else "event_field": subject.name}
    said = {name: getattr(subject, name) for name in _HAPPENED if getattr(subject, name) is not None}
    where = {} if subject.where is None else {"where": to_plain(subject.where)}
    return {subject.measure: {"type": subject.type, **said, **where}}


def _subject(plain: Mapping[str, Any], depth: int) -> Subject:
    beside = set(plain) - {"operator", "value"}
    if len(beside) == 1:
        (word,) = beside
        about = plain[word]
        if word in _FIELDS and isinstance(about, str):
            return Field(about, USER if word == "field" else ACCOUNT)
        if word in _PROPERTIES and isinstance(about, str):
            return Property(about, _PROPERTIES[word])
        if word in MEASURES and isinstance(about, Mapping) and set(about) <= {"type", "where", *_HAPPENED}:
            said = {name: value for name, value in about.items() if name != "where"}
            texts = all(isinstance(value, str) for name, value in said.items() if name != "days")
            if texts and type(said.get("days", 1)) is int:
                where = from_plain(about["where"], depth - 1) if "where" in about else None
                return Happened(word, **{"type": "", **said}, where=where)
    raise Refused(f"{_shown(plain)} is no condition", _SHAPE)


def _values(plain: Mapping[str, Any]) -> tuple[Value, ...]:
    if "value" not in plain:
        return ()
    given = plain["value"]
    return tuple(given) if isinstance(given, list | tuple) else (given,)


def _shown(plain: object) -> str:
    text = repr(dict(plain) if isinstance(plain, Mapping) else plain)
    return text if len(text) <= 200 else text[:200] + "…"
