"""The rules of a feature in ``footfall.yaml``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from footfall.config.feature_patterns import check_patterns
from footfall.config.shapes import Field, Listed, Record, Text
from footfall.model.definitions import read_item
from footfall.model.feature_rules import RULE_KINDS, RULE_STATES
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


def check_feature(plain: Mapping[str, Any]) -> None:
    """``check_patterns`` of a feature of the file. Other faults have places of their own, and are found later."""
    if plain.get("rules"):
        check_patterns(read_item("features", plain))
