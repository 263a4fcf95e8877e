"""Lists in the PX dialect: filters, sorting and scrolling, as PX's REST API writes them. Pure functions.

``filter=a==1;b>2&filter=c~x*`` is (a is 1 and b above 2) or (c begins with x); ``sort=-date;name`` is by date, newest
first, then by name. docs/reference/px-api.md is this grammar in prose. Source: PX REST API 0.1.6, "Get accounts".
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from math import ceil, floor, isfinite
from typing import Final

from footfall.errors import BadRecord
from footfall.model.selection import Branch, Field, Kind, Order, Selection, Term, Value

Fields = Callable[[str], Field | None]
"""The field of a list that has this name; None if there is none."""

DATE: Final = Field("occurred_at", Kind.INSTANT)
HISTORY_DAYS: Final = 190
DEFAULT_WINDOW: Final = timedelta(days=1)
FILTER_CHARS_MAX: Final = 8_000  # of all filters of a request together
TERMS_MAX: Final = 100
ORDERS_MAX: Final = 8
_MILLISECOND: Final = timedelta(milliseconds=1)
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
# One "=" is in PX's own examples.
_TERM: Final = re.compile(r"\s*([A-Za-z_][^=!<>~;]*?)\s*(==|!=|<=|>=|!~|=|<|>|~)(.*)", re.DOTALL)
_PLUS_LOST: Final = re.compile(r"(T\d\d:\d\d[\d:.]*) (\d\d:?\d\d)$")
_ORDERED: Final = frozenset({"<", "<=", ">", ">="})
_ALIKE: Final = frozenset({"~", "!~"})


def read_selection(filters: Sequence[str], sort: str, fields: Fields) -> Selection:
    """The selection that a request asks for. Raises ``BadRecord`` for what is no filter or names no field."""
    if sum(map(len, filters)) > FILTER_CHARS_MAX:
        raise _bad(f"The filters have more than {FILTER_CHARS_MAX} characters")
    branches = [Branch(terms) for text in filters if (terms := _terms(text, fields))]
    if sum(len(branch.terms) for branch in branches) > TERMS_MAX:
        raise _bad(f"The filters have more than {TERMS_MAX} terms")
    # A filter without terms lets everything through, and so everything is what it gives with any other.
    every = any(not text.strip(" ;") for text in filters)
    return Selection(() if every else tuple(branches), _orders(sort, fields))


def _terms(text: str, fields: Fields) -> tuple[Term, ...]:
    return tuple(_term(part, fields) for part in text.split(";") if part.strip())


def _term(text: str, fields: Fields) -> Term:
    found = _TERM.fullmatch(text)
    if found is None:
        raise _bad(f"{_shown(text)} is no filter; write field, operator, value, as in name==Acme")
    name, operator, given = found[1], "==" if found[2] == "=" else found[2], found[3]
    field = fields(name)
    if field is None or field.kind is Kind.OBJECT:
        raise _bad(f"There is no filter for the field {_shown(name)}")
    kind = field.kind
    if (operator in _ALIKE and kind is not Kind.TEXT) or (operator in _ORDERED and kind is Kind.BOOLEAN):
        raise _bad(f"The operator {operator} does not go with the field {_shown(name)}")
    value = _READERS[kind](given)
    if value is None:
        raise _bad(f"{_shown(given)} is no {_WORDS[kind]}, as the field {_shown(name)} needs")
    return Term(field, operator, value)


def _text(given: str) -> Value | None:
    return None if "\0" in given else given


def _number(given: str) -> Value | None:
    try:
        number = float(given)
    except ValueError:
        return None
    return number if isfinite(number) else None


def _boolean(given: str) -> Value | None:
    return {"true": True, "false": False}.get(given.strip().lower())


def _instant(given: str) -> Value | None:
    """Milliseconds: of a number as it is, of ISO 8601 with a fraction for microseconds. Without offset it is UTC."""
    text = given.strip()
    if re.fullmatch(r"-?\d{1,15}", text, re.ASCII):
        return int(text)
    try:
        # A "+" that was not escaped arrives as a space.
        at = datetime.fromisoformat(_PLUS_LOST.sub(r"\1+\2", text))
        since = (at.replace(tzinfo=UTC) if at.tzinfo is None else at) - EPOCH
    except (ValueError, OverflowError):
        return None
    return since / _MILLISECOND


_READERS: Final[Mapping[Kind, Callable[[str], Value | None]]] = {
    Kind.TEXT: _text,
    Kind.NUMBER: _number,
    Kind.BOOLEAN: _boolean,
    Kind.INSTANT: _instant,
}
_WORDS: Final = {
    Kind.TEXT: "text",
    Kind.NUMBER: "number",
    Kind.BOOLEAN: "true or false",
    Kind.INSTANT: "time (milliseconds since 1970, or ISO 8601)",
}


def _orders(sort: str, fields: Fields) -> tuple[Order, ...]:
    orders: dict[str, Order] = {}
    for part in filter(None, map(str.strip, sort.split(";"))):
        name = part.lstrip("+-").strip()
        field = fields(name)
        if field is None or field.kind is Kind.OBJECT:
            raise _bad(f"There is no sorting by the field {_shown(name)}")
        orders.setdefault(field.source, Order(field, part.startswith("-")))
    if len(orders) > ORDERS_MAX:
        raise _bad(f"Sort by at most {ORDERS_MAX} fields")
    return tuple(orders.values())


# --- history -------------------------------------------------------------------------------------------------------


def within_history(
    selection: Selection, now: datetime, start: Value | None = None, end: Value | None = None
) -> Selection:
    """The selection with the terms on ``date`` as bounds of its branches.

    A branch that says nothing of the date is about the last day, one that only says an end about the 190 days before
    it. start, end: milliseconds that bound all branches together. Raises ``BadRecord`` ``date_range`` when the whole
    is more than 190 days.
    """
    given = [Term(DATE, operator, at) for operator, at in ((">=", start), ("<=", end)) if at is not None]
    branches = [_bounded(branch, given, now) for branch in selection.branches or (Branch(),)]
    first = min(branch.start for branch in branches if branch.start is not None)
    last = max(branch.end or now for branch in branches)
    if last - first > timedelta(days=HISTORY_DAYS):
        raise BadRecord("date_range", f"Exceeded date range{HISTORY_DAYS}days")
    return Selection(tuple(branches), selection.orders)


def _bounded(branch: Branch, given: Sequence[Term], now: datetime) -> Branch:
    low, high = float("-inf"), float("inf")
    rest: list[Term] = []
    for term in (*branch.terms, *given):
        if term.field != DATE or term.operator == "!=":
            rest.append(term)
            continue
        # Instants are shown and compared as whole milliseconds.
        at = float(term.value)
        if term.operator in ("==", ">=", ">"):
            low = max(low, floor(at) + 1 if term.operator == ">" else ceil(at))
        if term.operator in ("==", "<=", "<"):
            high = min(high, ceil(at) if term.operator == "<" else floor(at) + 1)
    try:
        end = None if high == float("inf") else EPOCH + high * _MILLISECOND
        if low != float("-inf"):
            start = EPOCH + low * _MILLISECOND
        else:
            start = now - DEFAULT_WINDOW if end is None else end - timedelta(days=HISTORY_DAYS)
    except OverflowError:
        raise _bad("A date of the filter is out of range") from None
    return Branch(tuple(rest), start, end)


def read_instant(name: str, given: str) -> Value | None:
    """The value of a parameter that holds an instant; None for an empty one. Raises ``BadRecord``."""
    if not given.strip():
        return None
    value = _instant(given)
    if value is None:
        raise _bad(f"{_shown(given)} is no {_WORDS[Kind.INSTANT]}, as {name} needs")
    return value


# --- scrolling -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Scroll:
    """Everything a further page needs, so that a client may send the scrollId alone.

    of: the list. filters, sort, start, end: as the first request had them; at: when that was, milliseconds.
    size: of a page. total: rows of all pages. upto: rows that came later are in no page. after: where the page before
    ended; empty at the beginning.
    """

    of: str
    at: int
    size: int
    filters: tuple[str, ...] = ()
    sort: str = ""
    start: str = ""
    end: str = ""
    total: int = 0
    upto: int = 0
    after: tuple[Value, ...] = ()

    @property
    def now(self) -> datetime:
        return EPOCH + self.at * _MILLISECOND


def write_scroll(scroll: Scroll) -> str:
    """The scrollId."""
    plain = {name: value for name, value in asdict(scroll).items() if value not in ((), "")}
    return base64.urlsafe_b64encode(json.dumps(plain, separators=(",", ":")).encode()).decode().rstrip("=")


def read_scroll(text: str, of: str) -> Scroll:
    """What ``write_scroll`` was given. Raises ``BadRecord`` for what it never made, and for that of another list."""
    try:
        plain = json.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
        texts = {name: plain.get(name, "") for name in ("of", "sort", "start", "end")}
        numbers = {name: plain.get(name, 0) for name in ("at", "size", "total", "upto")}
        filters, after = tuple(plain.get("filters", ())), tuple(plain.get("after", ()))
    except (ValueError, RecursionError, AttributeError, TypeError):
        raise _bad("The scrollId is not one of ours") from None
    good = (
        all(type(each) is str for each in (*texts.values(), *filters))
        and all(type(each) is int and 0 <= each < 1 << 53 for each in numbers.values())
        and all(_sane(each) for each in after)
        and numbers["at"] <= 253_402_300_799_999
        and texts["of"] == of
    )
    if not good:
        raise _bad("The scrollId is not one of this list")
    return Scroll(**texts, **numbers, filters=filters, after=after)


def _sane(value: object) -> bool:
    if isinstance(value, str):
        return "\0" not in value
    return isinstance(value, int | float) and abs(value) < 1 << 63  # not so of NaN and infinity


def _bad(what: str) -> BadRecord:
    return BadRecord("bad_query", what)


def _shown(text: str) -> str:
    return repr(text if len(text) <= 80 else text[:80] + "…")
