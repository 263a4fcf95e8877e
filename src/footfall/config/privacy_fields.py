"""The fields of a privacy policy in ``footfall.yaml``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from footfall.config.shapes import Field, Flag, Listed, Record, Text
from footfall.model import address, field_rules, privacy

_ID: Final = Text(pattern=r"(.|\n)*\S(.|\n)*", example="one or more characters")
_PATTERNS: Final = Listed(_ID)
_RULE: Final = Record(
    (
        Field(
            "path", _ID, "Which fields: traits.email, properties.*, context.**; the first rule that fits decides.", True
        ),
        Field("action", Text(field_rules.ACTIONS), "What becomes of them.", True),
    )
)
PRIVACY: Final = Record(
    (
        Field("source", _ID, "Name of a source or stream; * for the deployment.", True),
        Field("addresses", Text(address.POLICIES), "What is kept of clients' addresses."),
        Field("inference", Flag(), "Whether agents, places and organisations are inferred."),
        Field("identities", Listed(Text(privacy.KINDS)), "Whose ids become tokens."),
        Field("fields", Listed(_RULE), "What becomes of single fields."),
        Field("sensitive", Text(field_rules.ACTIONS), "What becomes of attributes that are personal (is_pii)."),
        Field("query", _PATTERNS, "URL parameters that are kept, * for any characters; all by default."),
        Field("mask_query", _PATTERNS, "URL parameters whose values are not kept."),
        Field("exclude_urls", _PATTERNS, "Pages of which nothing is stored."),
        Field("mask_urls", _PATTERNS, "Pages that are stored without saying which."),
        Field("gpc", Text(privacy.SIGNALS), "What Global Privacy Control means; anonymise by default."),
        Field("gpc_reason", Text(), "Why it may be ignored, for gpc: allow."),
        Field("dnt", Text(privacy.SIGNALS), "What Do Not Track means; allow by default."),
        Field("consent", Text(privacy.CONSENT), "Whether consent is asked for."),
        Field("without_consent", Text(privacy.SIGNALS[:2]), "What becomes of events without it; drop by default."),
        Field("purpose", _ID, "Purpose that is asked of consent by purpose; analytics by default."),
    )
)


def check_privacy(plain: Mapping[str, Any]) -> None:
    """Refuse a policy that could never be, whatever that of the deployment is."""
    said = {name: value for name, value in plain.items() if name != "source"}
    privacy.read_policy(said, privacy.Policy(gpc_reason="said by the deployment"))
