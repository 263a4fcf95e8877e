"""Which features one event uses, by the rules of the product mapper: compiled once, then asked of distinct values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import msgspec

from footfall.config.feature_patterns import check_patterns
from footfall.engines.rule_sets import NOBODY, Page, Selectors, Texts, Urls
from footfall.errors import Refused
from footfall.model.event import EventType
from footfall.model.feature_rules import (
    CUSTOM_EVENT,
    ELEMENT,
    FORM,
    LOOKS_AT,
    SCREEN,
    TEXT,
    URL,
    FeatureMatch,
    FeatureRule,
)
from footfall.model.metadata import Feature, Metadata
from footfall.model.selectors import read_element, read_selector
from footfall.model.url_rules import read_host, read_url_rule

_ELEMENTS_KEPT: Final = 8_192
_ELEMENT_CHARS_KEPT: Final = 4_096


@dataclass(frozen=True, slots=True)
class Clicked:
    """Numbers of the selectors and of the texts that an element answers."""

    selected: frozenset[int] = NOBODY
    said: frozenset[int] = NOBODY


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


class _Numbers:
    """Each distinct value once, with a number."""

    def __init__(self) -> None:
        self.known: dict[Any, int] = {}

    def of(self, value: Any) -> int:
        return self.known.setdefault(value, len(self.known))


@dataclass(slots=True)
class _Rule:
    match: FeatureMatch
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
                    FeatureMatch(feature.id, place),
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
        self._known = lru_cache(_ELEMENTS_KEPT)(self._element)

    def element(self, plain: str) -> Clicked:
        """What an element answers. plain: the JSON of its descriptor; a long one is not remembered."""
        return self._known(plain) if len(plain) <= _ELEMENT_CHARS_KEPT else self._element(plain)

    def matches(self, seen: Seen) -> list[FeatureMatch]:
        """The features that the event uses, by id; of each the first rule that says so."""
        found: dict[str, FeatureMatch] = {}
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
        try:
            element = read_element(msgspec.json.decode(plain))
        except msgspec.DecodeError:
            return NO_ELEMENT
        said = self._texts.of(element.text) if element.text else NOBODY
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
