"""Random events that say something of themselves, random WHEREs about it, and whether they hold, found the slow way."""

from __future__ import annotations

import re
from collections.abc import Mapping
from operator import ge, gt, le, lt
from typing import Any

from hypothesis import strategies as st
from plain_texts import items_of, like

from footfall.model.attributes import instant_us
from footfall.model.audience_rules import All, Compare, Not, Rule, Some
from footfall.model.audience_where import EVENT, Kind, Property, kind_of
from footfall.model.people import canonical_json

TEXTS = st.sampled_from(["pro", "free", "50%", "a_b", "x'y", "é", "b", "5", "1.50", "true", "False", "[1]", ""])
NUMBERS = st.integers(-3, 8) | st.sampled_from([1.5, -0.25, 1_793_000_000, 1_793_000_000_000])
DATES = st.sampled_from(
    [
        "2026-11-01",
        "2026-11-01T00:00:00Z",
        "2026-11-01 02:00:00+02",
        "2026-11-05T19:59:59.5-0330",
        "2026-10-26T08:53",
    ]
)
VALUES = TEXTS | NUMBERS | st.booleans() | DATES
SAID = VALUES | st.none() | st.lists(TEXTS | st.integers(0, 5), max_size=2)
PROPERTIES = ("plan", "amount", "a/b", "product")
PAGES = st.fixed_dictionaries(
    {},
    optional={
        "url": st.sampled_from(["https://me@x.y/pricing/eu?a=1#b", "/pricing", "app:start", "https://x.y"]),
        "path": st.sampled_from(["/pricing", "/"]),
        "host": st.sampled_from(["x.y", ""]),
        "query_string": st.sampled_from(["?a=1", "a=1"]),
        "title": st.just("Prices"),
    },
)
ORDERED = {"<": lt, "<=": le, ">": gt, ">=": ge}


def events() -> st.SearchStrategy[dict[str, Any]]:
    """More of an event: its properties, product, environment and channel."""
    said = st.dictionaries(st.sampled_from(PROPERTIES), SAID, max_size=3)
    metrics = st.dictionaries(st.sampled_from(PROPERTIES), NUMBERS, max_size=1)
    properties = st.fixed_dictionaries({"attributes": said}, optional={"metrics": metrics, "page": PAGES})
    return st.fixed_dictionaries(
        {"properties": properties, "product": st.sampled_from(["Web", "App"])},
        optional={"environment": st.sampled_from(["prod", "stage"])},
    )


@st.composite
def _conditions(draw: st.DrawFn) -> Rule:
    fields = ["product", "environment", "page.url", "page.path", "page.host", "page.title"]
    own = st.sampled_from(PROPERTIES).map(Property)
    subject = draw(own | st.sampled_from(fields).map(lambda name: Property(name, EVENT)))
    words = ["Web", "prod", "/pricing", "x.y", "https://x.y/pricing?a=1", "Prices"]
    values = VALUES if subject.of != EVENT else st.sampled_from(words)
    operator = draw(st.sampled_from(["=", "!=", "in", "exists", "contains", "like", "between", *ORDERED]))
    if operator == "exists":
        return Compare(subject, operator)
    if operator in ORDERED or operator == "between":
        kind = draw(st.sampled_from([TEXTS, NUMBERS, DATES]))
        return Compare(subject, operator, tuple(draw(kind) for _ in range(2 if operator == "between" else 1)))
    if operator == "like":
        values = st.sampled_from(["*", "p*", "*o", "50%", "/pri*", "*pricing*", "a_b"])
    count = draw(st.integers(1, 3)) if operator == "in" else 1
    return Compare(subject, operator, tuple(draw(values) for _ in range(count)))


def wheres() -> st.SearchStrategy[Rule]:
    return st.recursive(
        _conditions(),
        lambda inner: st.one_of(
            st.lists(inner, min_size=1, max_size=2).map(lambda each: All(tuple(each))),
            st.lists(inner, min_size=1, max_size=2).map(lambda each: Some(tuple(each))),
            inner.map(Not),
        ),
        max_leaves=3,
    )


def answers(event: Mapping[str, Any], where: Rule) -> bool:
    match where:
        case All(parts):
            return all(answers(event, part) for part in parts)
        case Some(parts):
            return any(answers(event, part) for part in parts)
        case Not(part):
            return not answers(event, part)
        case Compare(Property() as subject, operator, values):
            return _compare(_text(_said(event, subject)), operator, values)
        case _:
            raise AssertionError(where)


def _said(event: Mapping[str, Any], subject: Property) -> Any:
    properties = event.get("properties", {})
    if subject.of != EVENT:
        found = properties.get("attributes", {}).get(subject.name)
        return properties.get("metrics", {}).get(subject.name) if found is None else found
    if subject.name in ("product", "environment"):
        return event.get(subject.name, {"product": "AP-1", "environment": "Production"}[subject.name])
    page = properties.get("page", {})
    return _page(page, subject.name.removeprefix("page."))


def _page(page: Mapping[str, str], name: str) -> str | None:
    url = page.get("url")
    if url is None and page.get("host"):
        query = page.get("query_string", "").lstrip("?")
        url = f"https://{page['host']}{page.get('path', '')}{'?' + query if query else ''}"
    if name == "url" or page.get(name) is not None:
        return url if name == "url" else page[name]
    found = re.match(r"(?:[A-Za-z][\w+.-]*://(?:[^/?#@]*@)?([^/?#]*))?(/[^?#]*)?", url or "")
    return {"host": found and found[1], "path": found and found[2]}.get(name) or None


def _text(said: Any) -> str | None:
    if said is None or isinstance(said, str):
        return said
    return canonical_json(said)


def _compare(text: str | None, operator: str, values: tuple[Any, ...]) -> bool:
    if operator == "exists":
        return text is not None
    if operator == "!=":
        return not _compare(text, "=", values)
    if text is None:
        return False
    if operator in ("=", "in"):
        return any((found := _as(text, each)) is not None and found == _asked(each) for each in values)
    first = values[0] if isinstance(values[0], str) else str(canonical_json(values[0]))
    if operator == "contains":
        return first in items_of(text)
    if operator == "like":
        return like(text, first)
    found, asked = _as(text, values[0]), [_asked(each) for each in values]
    if found is None:
        return False
    return bool(asked[0] <= found <= asked[1] if operator == "between" else ORDERED[operator](found, asked[0]))


def _asked(value: Any) -> Any:
    return instant_us(value) if kind_of(value) is Kind.INSTANT else value.encode() if isinstance(value, str) else value


def _as(text: str, value: Any) -> Any:
    """What an event says, as what it is compared with."""
    kind = kind_of(value)
    if kind is Kind.TEXT:
        return text.encode()
    if kind is Kind.BOOLEAN:
        return {"true": True, "1": True, "false": False, "0": False}.get(text.lower())
    number = float(text) if re.fullmatch(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?", text) else None
    if kind is Kind.NUMBER:
        return number
    if number is not None:
        return round(number * (1_000_000 if abs(number) < 1e11 else 1000))
    return instant_us(text) if kind_of(text) is Kind.INSTANT else None
