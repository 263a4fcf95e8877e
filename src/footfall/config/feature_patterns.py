"""Whether the patterns in rules of features can be used."""

from __future__ import annotations

from footfall.config.patterns import whole_match
from footfall.model.metadata import Feature, Metadata


def check_patterns(feature: Feature) -> None:
    """Raises ``Refused`` for a rule with a pattern that is no RE2."""
    for rule in feature.rules:
        for text, match in ((rule.value, rule.match), (rule.url, rule.url_match), (rule.text, rule.text_match)):
            if match == "pattern" and text is not None:
                whole_match(text)


def check_all_patterns(metadata: Metadata) -> None:
    """``check_patterns`` of every feature."""
    for feature in metadata.features:
        check_patterns(feature)
