"""Where each dialect has what privacy policies are about, and what a client says about consent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from footfall.model.event import WORDS
from footfall.model.privacy import Policy

Event = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Words:
    """Where a dialect has what policies are about.

    ids: of people. account: of accounts. properties, traits: fields that hold such objects, with whose traits they are.
    context: the field of the context; beside: fields that belong to it. texts: what people write. wrapped: the field
    of a body that holds its events.
    """

    ids: tuple[str, ...]
    account: tuple[str, ...]
    properties: tuple[str, ...]
    traits: tuple[tuple[str, str], ...]
    context: str
    beside: tuple[str, ...]
    texts: tuple[str, ...]
    wrapped: str
    sent: str


@dataclass(frozen=True, slots=True)
class RowColumns:
    """What columns of rows of a file mean. ids: column -> the kind. attributes: (column, ``user`` or ``account``, the
    attribute) of what is said of people."""

    ids: Mapping[str, str]
    attributes: Sequence[tuple[str, str, str]] = ()


SEGMENT: Final = Words(
    ("userId", "previousId", "anonymousId"),
    ("groupId",),
    ("properties",),
    (("traits", "user"),),
    "context",
    (),
    ("name", "category"),
    "batch",
    "sentAt",
)
NATIVE: Final = Words(
    ("identify_id", "previous_id", "anonymous_id"),
    ("account_id",),
    ("attributes", "metrics"),
    (("user", "user"), ("account", "account")),
    "global_context",
    ("page", "element", "form"),
    (
        "comment", "subject", "description", "category", "reason", "status", "title", "url", "link_url", "path",
        "labels", "question_text", "answers", "user_agent", "locale",
    ),
    "events",
    "sent_at",
)  # fmt: skip
WORDS_OF: Final = {"segment": SEGMENT, "native": NATIVE}
# No identity but words of the dialects; in a text of an event they say nothing about anybody.
COMMON: Final = frozenset(
    name.casefold()
    for words in WORDS_OF.values()
    for name in (
        *words.ids, *words.account, *words.properties, *words.beside, *words.texts, words.context, words.wrapped,
        *(name for name, _ in words.traits), *WORDS, "track", "screen",
        "anonymous", "unknown", "undefined", "default", "production", "server", "web", "consent", "state", "granted",
        "denied", "useragent", "sessionid", "session_id", "product_key", "productkey", "environment", "channel",
    )
)  # fmt: skip


def consented(event: Event, words: Words, around: Event, policy: Policy) -> bool:
    """Whether an event may be stored as it is; what was said of consent stays with the event."""
    context = event.get(words.context)
    said = event.pop("consent", None) if words is NATIVE else None
    if said is None and isinstance(context, dict):
        said = context.get("consent")
    if said is None:
        said = around.get("consent")
    state, version = consent_of(said, policy.purpose)
    if state != "unknown":
        if not isinstance(context, dict):
            context = event[words.context] = {}
        context["consent"] = {"state": state} | ({} if version is None else {"version": version})
    return state == "granted" or (state == "unknown" and policy.consent != "required")


def consent_of(said: Any, purpose: str) -> tuple[str, str | int | float | None]:
    """(granted, denied or unknown; the version of what was agreed to) of what a client says about consent.

    A word, a truth, or an object with ``state``, ``version`` and ``purposes`` (in Segment's words
    ``categoryPreferences``): purpose -> truth. What is said of the purpose goes before ``state``.
    """
    version = None
    if isinstance(said, dict):
        given = said.get("version")
        version = given if isinstance(given, str | int | float) and not isinstance(given, bool) else None
        purposes = said.get("purposes", said.get("categoryPreferences"))
        if isinstance(purposes, dict) and purpose in purposes:
            said = purposes[purpose]
        else:
            said = said.get("state")
    if said is True or (isinstance(said, str) and said.casefold() == "granted"):
        return "granted", version
    if said is False or (isinstance(said, str) and said.casefold() == "denied"):
        return "denied", version
    return "unknown", version
