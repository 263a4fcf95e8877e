"""Many rules asked at once: which patterns a text has, which URLs a page answers, which selectors an element answers.

Hundreds of patterns are one automaton (RE2); selectors are looked up by what their element must have; what was asked
lately is remembered, within bounds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final
from urllib.parse import parse_qsl

import re2

from footfall.model.selectors import Compound, Element, Selector
from footfall.model.url_rules import UrlRule, subject_of

_re2: Any = re2  # it has no types
_SET_PATTERNS: Final = 1_000
_SET_BYTES: Final = 64 << 20
_TEXTS_KEPT: Final = 32_768
_TEXT_CHARS_KEPT: Final = 512
_PAGES_KEPT: Final = 10_000
_ANY: Final = r"(?s:.*)"
NOBODY: Final[frozenset[int]] = frozenset()


@dataclass(frozen=True, slots=True)
class Page:
    """Numbers of the rules about URLs that a page answers. counts: is it on a host of the product?"""

    urls: frozenset[int] = NOBODY
    counts: bool = True


class Patterns:
    """Which of many patterns of RE2 a text has as a whole, in one pass over it for each few hundred."""

    def __init__(self, patterns: Sequence[str]) -> None:
        self._sets: list[tuple[int, Any]] = []
        for start in range(0, len(patterns), _SET_PATTERNS):
            some = _re2.Set.FullMatchSet(_options())
            for pattern in patterns[start : start + _SET_PATTERNS]:
                some.Add(pattern)
            some.Compile()
            self._sets.append((start, some))

    def __call__(self, text: str | bytes) -> tuple[int, ...]:
        if len(self._sets) == 1:
            return tuple(self._sets[0][1].Match(text) or ())
        return tuple(start + place for start, some in self._sets for place in some.Match(text) or ())


def _options() -> Any:
    options = _re2.Options()
    options.log_errors = False
    options.max_mem = _SET_BYTES
    return options


class Texts:
    """Which of many (text, way to compare) a text answers."""

    def __init__(self, wanted: Sequence[tuple[str, str]]) -> None:
        self._exact: dict[str, list[int]] = {}
        others: list[int] = []
        for number, (text, match) in enumerate(wanted):
            if match == "exact":
                self._exact.setdefault(text, []).append(number)
            else:
                others.append(number)
        self._others = others
        self._patterns = Patterns([_text_pattern(*wanted[number]) for number in others])
        self._known = lru_cache(_TEXTS_KEPT)(self._of)

    def of(self, text: str) -> frozenset[int]:
        """Numbers of those that it answers. Long texts are not remembered."""
        return self._known(text) if len(text) <= _TEXT_CHARS_KEPT else self._of(text)

    def _of(self, text: str) -> frozenset[int]:
        found = {self._others[place] for place in self._patterns(text)}
        found.update(self._exact.get(text, ()))
        return frozenset(found) if found else NOBODY


def _text_pattern(text: str, match: str) -> str:
    quoted = _re2.escape(text)
    match match:
        case "contains":
            return f"{_ANY}{quoted}{_ANY}"
        case "starts":
            return f"{quoted}{_ANY}"
        case "ends":
            return f"{_ANY}{quoted}"
        case "wildcard":
            return str(_ANY.join(_re2.escape(part) for part in text.split("*")))
        case _:
            return f"{_ANY}(?:{text}){_ANY}"


class Urls:
    """Which of many rules about URLs a page answers. hosts: patterns of those that count; all if none is given.

    whole: does any rule ask for query or hash?
    """

    def __init__(self, rules: Sequence[UrlRule], hosts: Sequence[str]) -> None:
        self._rules = rules
        self._short = [number for number, rule in enumerate(rules) if not rule.whole]
        self._long = [number for number, rule in enumerate(rules) if rule.whole]
        self._hosts = frozenset(range(len(self._short), len(self._short) + len(hosts)))
        self._by_subject = Patterns([*(rules[number].regex for number in self._short), *hosts])
        self._by_whole = Patterns([rules[number].regex for number in self._long])
        self._pages: dict[tuple[int, ...], tuple[Page, bool]] = {}
        self.whole = bool(self._long) or not all(rule.alone for rule in rules)

    def of_subject(self, subject: str | bytes) -> tuple[Page, bool]:
        """What a page answers by its URL without query and hash; and whether these may change it."""
        found = self._by_subject(subject)
        return self._pages.get(found) or self._made(found)

    def _made(self, found: tuple[int, ...]) -> tuple[Page, bool]:
        urls = frozenset(self._short[place] for place in found if place not in self._hosts)
        page = Page(urls) if not self._hosts or not self._hosts.isdisjoint(found) else Page(counts=False)
        asked = page.counts and (bool(self._long) or not all(self._rules[number].alone for number in urls))
        if len(self._pages) >= _PAGES_KEPT:
            self._pages.clear()
        self._pages[found] = page, asked
        return page, asked

    def of(self, url: str) -> Page:
        """What a page answers by its whole URL."""
        page, asked = self.of_subject(subject_of(url))
        if not asked:
            return page
        found = {each for each in page.urls if self._rules[each].alone or _fits(self._rules[each], url)}
        found.update(self._long[place] for place in self._by_whole(url))
        return Page(frozenset(found))


def _fits(rule: UrlRule, url: str) -> bool:
    """Do query and hash answer what the rule asks beside the rest?"""
    before, _, fragment = url.partition("#")
    if rule.query or rule.only:
        given = parse_qsl(before.partition("?")[2], keep_blank_values=True)
        if rule.only and len(given) != len(rule.query):
            return False
        for name, value in rule.query:
            if not any(n == name and _fullmatch(value, v) for n, v in given):
                return False
    return rule.hash is None or _fullmatch(rule.hash, fragment if rule.deep else fragment.partition("?")[0])


@lru_cache(4_096)
def _compiled(pattern: str) -> Any:
    return _re2.compile(pattern, _options())


def _fullmatch(pattern: str, text: str) -> bool:
    return _compiled(pattern).fullmatch(text) is not None


Mark = tuple[str, str]
"""Something that an element has: (``id``, ``class``, ``attribute`` or ``tag``, its name), or of an attribute
(``is``, ``name=value``)."""


class Selectors:
    """Which of many selectors an element answers; only those are tried for which it and what is around it have all that
    they name, looked up by what the element itself must have."""

    def __init__(self, selectors: Sequence[Selector]) -> None:
        self._by: dict[Mark, list[tuple[int, frozenset[Mark]]]] = {}
        self._selectors = selectors
        for number, selector in enumerate(selectors):
            for each in selector.alternatives:
                named = frozenset(
                    mark for part in (each.subject, *(c for _, c in each.around)) for mark in _named(part)
                )
                self._by.setdefault(_needed(each.subject), []).append((number, named))

    def of(self, element: Element) -> set[int]:
        own = _marks(element)
        there = own.union(*map(_marks, element.path))
        candidates = {number for key in (*own, _NOTHING) for number, named in self._by.get(key, ()) if named <= there}
        return {number for number in candidates if self._selectors[number].holds(element)}


_NOTHING: Final = ("", "")


def _marks(element: Element) -> set[Mark]:
    marks = {("id", element.id), ("tag", element.tag), *(("class", each) for each in element.classes)}
    for name, value in element.attributes.items():
        marks |= {("attribute", name), ("is", f"{name}={value}")}
    return marks


def _named(compound: Compound) -> list[Mark]:
    """All that an element must have for a compound to hold."""
    marks = [("id", each) for each in compound.ids] + [("class", each) for each in compound.classes]
    for each in compound.attributes:
        if each.name not in ("id", "class"):
            exact = each.operator == "=" and not each.ignore_case
            marks.append(("is", f"{each.name}={each.value}") if exact else ("attribute", each.name))
    return marks + ([("tag", compound.tag)] if compound.tag else [])


def _needed(compound: Compound) -> Mark:
    """What an element must have for a compound to hold: the rarest that it names."""
    return min(_named(compound), key=lambda mark: _RARE.index(mark[0]), default=_NOTHING)


_RARE: Final = ("id", "is", "class", "attribute", "tag")
