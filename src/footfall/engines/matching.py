"""Which features one event uses, by the rules of the product mapper: compiled once, then asked of distinct values.

Hundreds of patterns are one automaton (RE2), selectors are looked up by what their element must have, and what was
asked lately is remembered, within bounds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec
import re2

from footfall.config.feature_fields import check_patterns
from footfall.errors import Refused
from footfall.model.event import EventType
from footfall.model.feature_rules import CUSTOM_EVENT, ELEMENT, FORM, LOOKS_AT, SCREEN, TEXT, URL, FeatureRule
from footfall.model.metadata import Feature, Metadata
from footfall.model.selectors import Compound, Element, Selector, read_element, read_selector
from footfall.model.url_rules import UrlRule, read_host, read_url_rule, subject_of

_re2: Any = re2  # it has no types
_SET_PATTERNS: Final = 1_000
_SET_BYTES: Final = 64 << 20
_TEXTS_KEPT: Final = 32_768
_ELEMENTS_KEPT: Final = 8_192
_PAGES_KEPT: Final = 10_000
_ANY: Final = r"(?s:.*)"
_NOBODY: Final[frozenset[int]] = frozenset()


@dataclass(frozen=True, slots=True)
class Page:
    """Numbers of the rules about URLs that a page answers. counts: is it on a host of the product?"""

    urls: frozenset[int] = _NOBODY
    counts: bool = True


@dataclass(frozen=True, slots=True)
class Clicked:
    """Numbers of the selectors and of the texts that an element answers."""

    selected: frozenset[int] = _NOBODY
    said: frozenset[int] = _NOBODY


NO_PAGE: Final = Page()
NO_ELEMENT: Final = Clicked()


@dataclass(frozen=True, slots=True)
class Seen:
    """What rules look at, of one event; empty for what it does not say.

    about: the name of the screen or form. held: numbers of the WHEREs that hold, as ``1,4``.
    """

    type: int
    environment: str = ""
    name: str = ""
    page: Page = NO_PAGE
    element: Clicked = NO_ELEMENT
    about: str = ""
    held: str = ""


@dataclass(frozen=True, slots=True)
class Match:
    """A feature and the place of its rule that says so."""

    feature: str
    rule: int


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
        self.of = lru_cache(_TEXTS_KEPT)(self._of)

    def _of(self, text: str) -> frozenset[int]:
        found = {self._others[place] for place in self._patterns(text)}
        found.update(self._exact.get(text, ()))
        return frozenset(found) if found else _NOBODY


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


class Selectors:
    """Which of many selectors an element answers; only those are tried whose id, class, attribute or tag it has."""

    def __init__(self, selectors: Sequence[Selector]) -> None:
        self._by: dict[tuple[str, str], list[int]] = {}
        self._selectors = selectors
        for number, selector in enumerate(selectors):
            for key in {_needed(each.subject) for each in selector.alternatives}:
                self._by.setdefault(key, []).append(number)

    def of(self, element: Element) -> set[int]:
        had = [("id", element.id), ("tag", element.tag), ("", "")]
        had += [("class", each) for each in element.classes]
        had += [("attribute", each) for each in element.attributes]
        candidates = {number for key in had for number in self._by.get(key, ())}
        return {number for number in candidates if self._selectors[number].holds(element)}


def _needed(compound: Compound) -> tuple[str, str]:
    """What an element must have for a compound to hold: the rarest that it names."""
    if compound.ids:
        return "id", compound.ids[0]
    if compound.classes:
        return "class", compound.classes[0]
    for attribute in compound.attributes:
        if attribute.name not in ("id", "class"):
            return "attribute", attribute.name
    return ("tag", compound.tag) if compound.tag else ("", "")


class _Numbers:
    """Each distinct value once, with a number."""

    def __init__(self) -> None:
        self.known: dict[Any, int] = {}

    def of(self, value: Any) -> int:
        return self.known.setdefault(value, len(self.known))


@dataclass(slots=True)
class _Rule:
    match: Match
    kind: str
    environments: frozenset[str]
    value: int
    url: int | None
    text: int | None
    where: str


class ProductRules:
    """The rules of one product. wheres: numbers of the conditions that events are asked beforehand, see ``Seen.held``.

    What an event uses is named once, however many of its rules say so.
    """

    def __init__(self, features: Iterable[Feature], hosts: Sequence[str], wheres: Mapping[str, int]) -> None:
        urls, selectors, texts, named = _Numbers(), _Numbers(), _Numbers(), _Numbers()
        self._by_value: dict[tuple[str, int], list[_Rule]] = {}
        for feature in features:
            environments = frozenset(feature.environments)
            for place, rule in enumerate(feature.rules):
                if rule.state != "ENABLED":
                    continue
                numbers = {URL: urls, ELEMENT: selectors, TEXT: texts}.get(rule.kind, named)
                made = _Rule(
                    Match(feature.id, place),
                    rule.kind,
                    environments,
                    numbers.of(_value_of(rule)),
                    None if rule.url is None else urls.of((rule.url, rule.url_match)),
                    None if rule.text is None else texts.of((_blanks(rule.text), rule.text_match)),
                    "" if rule.where is None else str(wheres[rule.where]),
                )
                self._by_value.setdefault((rule.kind, made.value), []).append(made)
        self.kinds = frozenset(kind for kind, _ in self._by_value)
        self.asks_page = bool(urls.known) or bool(hosts)
        self.urls = Urls(
            [read_url_rule(text, match) for text, match in urls.known], [read_host(each) for each in hosts]
        )
        self._selectors = Selectors([read_selector(text) for text in selectors.known])
        self._texts = Texts(list(texts.known))
        self._named = Texts([(value, match) for _, value, match in named.known])
        self._kind_of = [kind for kind, _, _ in named.known]
        self.element = lru_cache(_ELEMENTS_KEPT)(self._element)

    def matches(self, seen: Seen) -> list[Match]:
        """The features that the event uses, by id; of each the first rule that says so."""
        found: dict[str, Match] = {}
        for rule in self._candidates(seen):
            if rule.environments and seen.environment not in rule.environments:
                continue
            if rule.url is not None and rule.url not in seen.page.urls:
                continue
            if rule.where and rule.where not in seen.held.split(","):
                continue
            known = found.get(rule.match.feature)
            if known is None or rule.match.rule < known.rule:
                found[rule.match.feature] = rule.match
        return [found[feature] for feature in sorted(found)]

    def _candidates(self, seen: Seen) -> list[_Rule]:
        match seen.type:
            case EventType.PAGE_VIEW:
                return self._of(URL, seen.page.urls)
            case EventType.CUSTOM:
                return self._of_named(CUSTOM_EVENT, seen.name)
            case EventType.SCREEN_VIEW:
                return self._of_named(SCREEN, seen.about)
        if not seen.page.counts:
            return []
        clicked = [r for r in self._of(ELEMENT, seen.element.selected) if r.text is None or r.text in seen.element.said]
        if seen.type == EventType.FORM_SUBMIT:
            return clicked + self._of_named(FORM, seen.about)
        return clicked + self._of(TEXT, seen.element.said)

    def _element(self, plain: str) -> Clicked:
        """What an element answers. plain: the JSON of its descriptor."""
        try:
            element = read_element(msgspec.json.decode(plain))
        except msgspec.DecodeError:
            return NO_ELEMENT
        said = self._texts.of(element.text) if element.text else _NOBODY
        return Clicked(frozenset(self._selectors.of(element)), said)

    def _of_named(self, kind: str, text: str) -> list[_Rule]:
        if not text:
            return []
        return self._of(kind, [number for number in self._named.of(text) if self._kind_of[number] == kind])

    def _of(self, kind: str, numbers: Iterable[int]) -> list[_Rule]:
        return [rule for number in numbers for rule in self._by_value.get((kind, number), ())]


def _value_of(rule: FeatureRule) -> object:
    match rule.kind:
        case "URL":
            return rule.value, rule.matched
        case "ELEMENT":
            return rule.value
        case "TEXT":
            return _blanks(rule.value) if rule.matched != "pattern" else rule.value, rule.matched
        case _:
            return rule.kind, rule.value, rule.matched


def _blanks(text: str) -> str:
    return " ".join(text.split())


@dataclass(frozen=True, slots=True)
class Mapped:
    """All rules that count, by product. wheres: the conditions of custom events, each at its number; names: of the
    events whose rules ask for more than their names, None for any."""

    products: Mapping[str, ProductRules]
    wheres: tuple[str, ...]
    names: frozenset[str] | None

    @property
    def types(self) -> frozenset[int]:
        """Of the events that any rule looks at."""
        kinds = {kind for product in self.products.values() for kind in product.kinds}
        return frozenset(int(each) for kind in kinds for each in LOOKS_AT[kind])

    @property
    def asks_page(self) -> bool:
        """Does it matter where an event happened?"""
        return any(product.asks_page for product in self.products.values())

    @property
    def whole_urls(self) -> bool:
        """Do queries and hashes of pages matter?"""
        return any(product.urls.whole for product in self.products.values())


def compile_rules(metadata: Metadata, faulty: Callable[[str, Refused], None]) -> Mapped:
    """faulty: told of a feature whose rules cannot be compiled; it has no matches then, and the others have theirs."""
    features = [_sound(each, faulty) for each in metadata.features if each.status != "DELETED" and each.rules]
    features = [each for each in features if each.rules]
    rules = [rule for feature in features for rule in feature.rules if rule.state == "ENABLED"]
    wheres = {
        where: number for number, where in enumerate(dict.fromkeys(r.where for r in rules if r.where is not None))
    }
    asking = [rule for rule in rules if rule.kind == CUSTOM_EVENT and (rule.where is not None or rule.url is not None)]
    names = frozenset(rule.value for rule in asking) if all(rule.matched == "exact" for rule in asking) else None
    hosts = {product.product_key: product.hosts for product in metadata.products}
    by_product: dict[str, list[Feature]] = {}
    for feature in features:
        by_product.setdefault(feature.product_key, []).append(feature)
    products = {key: ProductRules(each, hosts.get(key, ()), wheres) for key, each in by_product.items()}
    return Mapped(products, tuple(wheres), names)


def _sound(feature: Feature, faulty: Callable[[str, Refused], None]) -> Feature:
    """The feature if its patterns can be compiled, else without rules."""
    try:
        check_patterns(feature)
    except Refused as error:
        faulty(feature.id, error)
        return Feature(feature.id, feature.name)
    return feature
