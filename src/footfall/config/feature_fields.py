"""The rules of a feature in ``footfall.yaml``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from footfall.config.patterns import whole_match
from footfall.config.shapes import Field, Listed, Record, Text
from footfall.model.definitions import read_item
from footfall.model.feature_rules import RULE_KINDS, RULE_STATES
from footfall.model.metadata import Feature, Metadata
from footfall.model.url_rules import MATCHES

_SOMETHING: Final = Text(pattern=r"(.|\n)*\S(.|\n)*", example="one or more characters")
RULES: Final = Listed(
    Record(
        (
            Field("kind", Text(RULE_KINDS), "What it looks at.", True),
            Field("value", _SOMETHING, "A URL, a CSS selector, a text, or the name of an event, screen or form.", True),
            Field("match", Text(MATCHES), "How it is compared; wildcard for a URL and else exact by default."),
            Field("url", _SOMETHING, "Where it has to happen, too."),
            Field("url_match", Text(MATCHES), "How that is compared.", default="wildcard"),
            Field("text", _SOMETHING, "What an element has to say, too."),
            Field("text_match", Text(MATCHES), "How that is compared.", default="exact"),
            Field("where", _SOMETHING, "What a custom event has to say, such as plan = pro AND amount >= 50."),
            Field("state", Text(RULE_STATES), "Only what is enabled counts.", default="ENABLED"),
        )
    )
)


def check_patterns(feature: Feature) -> None:
    """Raises ``Refused`` for a rule with a pattern that is no RE2."""
    for rule in feature.rules:
        for text, match in ((rule.value, rule.match), (rule.url, rule.url_match), (rule.text, rule.text_match)):
            if match == "pattern" and text is not None:
                whole_match(text)


def check_feature(plain: Mapping[str, Any]) -> None:
    """``check_patterns`` of a feature of the file. Other faults have places of their own, and are found later."""
    if plain.get("rules"):
        check_patterns(read_item("features", plain))


def check_all_patterns(metadata: Metadata) -> None:
    """``check_patterns`` of every feature."""
    for feature in metadata.features:
        check_patterns(feature)
