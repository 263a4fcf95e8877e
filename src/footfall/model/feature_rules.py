"""When a feature counts as used: rules about pages, elements, texts, custom events, screens and forms.

Source: PX "Product Mapper": URL rules, UI elements, custom events; PX REST API, MappedElement (its words are
``MAPPED_TYPES``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from footfall.errors import Refused
from footfall.model.audience_text import read_where
from footfall.model.event import EventType
from footfall.model.selectors import read_selector
from footfall.model.url_rules import MATCHES, WILDCARD, read_url_rule

URL, ELEMENT, TEXT, CUSTOM_EVENT, SCREEN, FORM = "URL", "ELEMENT", "TEXT", "CUSTOM_EVENT", "SCREEN", "FORM"
RULE_STATES: Final = ("ENABLED", "DISABLED", "DELETED")
RULES_MAX: Final = 100  # of one feature
FEATURES_A_LABEL_MAX: Final = 10
LABELS_A_PRODUCT_MAX: Final = 20

# What a rule of a kind looks at.
LOOKS_AT: Final[dict[str, tuple[EventType, ...]]] = {
    URL: (EventType.PAGE_VIEW,),
    ELEMENT: (EventType.CLICK, EventType.LINK_CLICK, EventType.FORM_SUBMIT),
    TEXT: (EventType.CLICK, EventType.LINK_CLICK),
    CUSTOM_EVENT: (EventType.CUSTOM,),
    SCREEN: (EventType.SCREEN_VIEW,),
    FORM: (EventType.FORM_SUBMIT,),
}
RULE_KINDS: Final = tuple(LOOKS_AT)
# (eventType, type) of a mapped element in the words of the PX REST API.
MAPPED_TYPES: Final[dict[str, tuple[str, str]]] = {
    URL: ("PAGE_VIEW", "URL"),
    ELEMENT: ("CLICK", "TAG"),
    TEXT: ("CLICK", "TEXT_ELEMENT"),
    CUSTOM_EVENT: ("CUSTOM_EVENT", "CUSTOM_EVENT"),
    SCREEN: ("SCREEN", "SCREEN"),
    FORM: ("FORM", "EVENT"),
}


@dataclass(frozen=True, slots=True)
class FeatureRule:
    """One way to use a feature; of several one is enough.

    value: by kind a URL, a CSS selector, the text of an element, or the name of an event, screen or form. match: how
    it is compared; wildcards for a URL and the same for anything else where nothing is said; a selector knows none.
    url: where it has to happen, too. text: what an element has to say, too. where: what a custom event has to say of
    itself, such as ``plan = pro AND amount >= 50``.
    """

    kind: str
    value: str
    match: str = ""
    url: str | None = None
    url_match: str = WILDCARD
    text: str | None = None
    text_match: str = "exact"
    where: str | None = None
    state: str = "ENABLED"

    @property
    def matched(self) -> str:
        """How ``value`` is compared."""
        return self.match or (WILDCARD if self.kind == URL else "exact")


@dataclass(frozen=True, slots=True)
class FeatureMatch:
    """A feature that an event used, and the place of the rule that says so."""

    feature: str
    rule: int


def check_rule(rule: FeatureRule) -> tuple[str, Refused] | None:
    """The field that is wrong, and why; None for a rule that can work. Patterns are checked where they are compiled."""
    for name, known in (("kind", RULE_KINDS), ("state", RULE_STATES), ("url_match", MATCHES), ("text_match", MATCHES)):
        if getattr(rule, name) not in known:
            return name, Refused(f"{getattr(rule, name)!r} is not known", f"Use one of {', '.join(known)}")
    if rule.match not in ("", *MATCHES) or (rule.match and rule.kind == ELEMENT):
        hint = "A selector says itself what it matches" if rule.kind == ELEMENT else f"Use one of {', '.join(MATCHES)}"
        return "match", Refused(f"{rule.match!r} is no way to compare", hint)
    for name, kinds in (("url", tuple(set(RULE_KINDS) - {URL})), ("text", (ELEMENT,)), ("where", (CUSTOM_EVENT,))):
        if getattr(rule, name) is not None and rule.kind not in kinds:
            return name, Refused(f"a rule of kind {rule.kind} asks for no {name}", f"{', '.join(sorted(kinds))} can")
    if not rule.value.strip():
        return "value", Refused("is empty", "Say what to look for")
    return _check_texts(rule)


def _check_texts(rule: FeatureRule) -> tuple[str, Refused] | None:
    field = "value"
    try:
        if rule.kind == ELEMENT:
            read_selector(rule.value)
        if rule.kind == URL:
            read_url_rule(rule.value, rule.matched)
        field = "url"
        if rule.url is not None:
            read_url_rule(rule.url, rule.url_match)
        field = "where"
        if rule.where is not None:
            read_where(rule.where)
    except Refused as error:
        return field, error
    return None
