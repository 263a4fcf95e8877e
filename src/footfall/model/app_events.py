"""What an event is called in the app-event stream. Source: Airkit, "App Events to AWS S3 Buckets", schema and example.

The document shows ``session_start`` only; the words of the other types are ours.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from footfall.errors import Refused
from footfall.model.event import EventType

SESSION: Final = "Session"
PLATFORM: Final = "Platform"
AUDIT: Final = "Audit"
KINDS: Final = (SESSION, PLATFORM, AUDIT)
STANDARD_FIELDS: Final = (
    "organizationId",
    "eventTime",
    "appId",
    "branchId",
    "sessionId",
    "deployId",
    "type",
    "actorId",
    "sourceRuntime",
    "sourceDetail",
    "appEventSchema",
    "appEventId",
    "ipAddresses",
    "billingCode",
    "kind",
    "defaultMetrics",
)
_WORDS: Final = {EventType.SESSION_STARTED: "session_start", EventType.SESSION_ENDED: "session_end"}
# Events of these types are named by whoever sends them.
_NAMED: Final = (EventType.CUSTOM, EventType.PLATFORM_EVENT, EventType.AUDIT_EVENT)


def kind_of(type: EventType) -> str:
    """``Session``, ``Platform`` or ``Audit``."""
    return {EventType.PLATFORM_EVENT: PLATFORM, EventType.AUDIT_EVENT: AUDIT}.get(type, SESSION)


def type_of(type: EventType) -> str | None:
    """The field ``type``; None for events that have a name of their own, which it is then."""
    return None if type in _NAMED else _WORDS.get(type, type.word)


def detail_of(type: EventType) -> str:
    """The field ``sourceDetail``: where in a session it was."""
    return {EventType.SESSION_STARTED: "INIT", EventType.SESSION_ENDED: "END"}.get(type, "EVENT")


def schema_of(type: EventType) -> str:
    """The field ``appEventSchema``: ``/element/event2/session/on-start.json``."""
    word = {EventType.SESSION_STARTED: "start", EventType.SESSION_ENDED: "end"}.get(type, type.word)
    return f"/element/event2/{kind_of(type).lower()}/on-{word.replace('_', '-')}.json"


def types_of(kinds: Collection[str]) -> tuple[EventType, ...]:
    """The types of events of these kinds. Raises ``Refused`` for a kind there is not."""
    for kind in kinds:
        if kind not in KINDS:
            raise Refused(f"'{kind}' is no kind of app event", f"Choose of {', '.join(KINDS)}")
    return tuple(each for each in EventType if kind_of(each) in kinds)
