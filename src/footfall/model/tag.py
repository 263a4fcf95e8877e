"""What the browser tag of a source notices; what it may tell of addresses and people is the source's privacy policy."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from footfall.errors import Refused
from footfall.model.privacy import Policy

USUAL: Final[Mapping[str, Any]] = {
    "attributes": [], "text": True, "title": True, "pages": True, "clicks": True, "forms": True, "idle_minutes": 30,
}  # fmt: skip
IDLE_MINUTES_MAX: Final = 1440
_ATTRIBUTE: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.:-]{0,99}")
_NEVER: Final = re.compile(r"value|placeholder|srcdoc|style|on.*", re.IGNORECASE)  # the tag itself refuses them too


def read_tag(plain: Mapping[str, Any]) -> dict[str, Any]:
    """Settings as they are kept: only what is not as usual. Raises ``Refused`` for what cannot be."""
    given = {name: plain[name] for name in USUAL if plain.get(name) is not None}
    if "attributes" in given:
        given["attributes"] = list(given["attributes"])
    found = {name: value for name, value in given.items() if value != USUAL[name]}
    _check_attributes(found.get("attributes", ()))
    minutes = found.get("idle_minutes", 1)
    if not 1 <= minutes <= IDLE_MINUTES_MAX:
        raise Refused(f"idle_minutes is {minutes}", f"A session ends after 1 to {IDLE_MINUTES_MAX} minutes")
    return found


def _check_attributes(names: Sequence[str]) -> None:
    for name in names:
        if _ATTRIBUTE.fullmatch(name) is None:
            raise Refused(f"'{name}' is no attribute of an element", "Name it as in HTML: data-testid")
        if _NEVER.fullmatch(name) is not None:
            raise Refused(f"the tag never reads the attribute '{name}'", "It may hold what people typed, or code")


def served_settings(tag: Mapping[str, Any], policy: Policy) -> dict[str, Any]:
    """What is written in front of the tag: what is not as the tag itself has it."""
    signals = {"gpc": policy.gpc, "dnt": policy.dnt, "consent": "required" if policy.consent == "required" else "none"}
    usual = {"gpc": "anonymise", "dnt": "allow", "consent": "none"}
    lists = {
        "query": policy.query or (), "mask_query": policy.mask_query,
        "exclude_urls": policy.exclude_urls, "mask_urls": policy.mask_urls,
    }  # fmt: skip
    found = {name: word for name, word in signals.items() if word != usual[name]}
    return {**tag, **found, **{name: list(each) for name, each in lists.items() if each}}
