"""The canonical event: its types, its envelope, and the columns it becomes in the lake.

Source: spec.md 4.2 (envelope) and 4.3 (types). Every dialect in ``wire`` ends here, and everything after
settle sees only ``LAKE_COLUMNS``: integers for identities and names, so that no name and no address is in
the event files, and so that counting is counting of integers.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final


class EventType(IntEnum):
    """What happened. The number is what the lake stores: append only, never renumber."""

    SESSION_STARTED = 1
    SESSION_ENDED = 2
    PAGE_VIEW = 3
    SCREEN_VIEW = 4
    CLICK = 5
    LINK_CLICK = 6
    FORM_SUBMIT = 7
    IDENTIFY = 8
    SIGN_UP = 9
    LEAD = 10
    CUSTOM = 11
    FEATURE_MATCH = 12
    SEGMENT_MATCH = 13
    ENGAGEMENT_VIEW = 14
    ENGAGEMENT_CLICK = 15
    SURVEY_RESPONSE = 16
    SURVEY_ANSWER = 17
    FEEDBACK = 18
    EMAIL_EVENT = 19
    ARTICLE_VIEW = 20
    PLATFORM_EVENT = 21
    AUDIT_EVENT = 22
    GROUP = 23
    ALIAS = 24

    @property
    def word(self) -> str:
        """The name on the wire and in files: ``page_view``."""
        return self.name.lower()


WORDS: Final[dict[str, EventType]] = {t.word: t for t in EventType}

# What the two term columns of the lake hold, by type. ``name`` is what the event is about, ``detail`` how it went.
NAME_FIELD: Final[dict[EventType, str]] = {
    EventType.CUSTOM: "event_name",
    EventType.PLATFORM_EVENT: "event_name",
    EventType.AUDIT_EVENT: "event_name",
    EventType.FEATURE_MATCH: "feature_id",
    EventType.SEGMENT_MATCH: "audience_id",
    EventType.ENGAGEMENT_VIEW: "engagement_id",
    EventType.ENGAGEMENT_CLICK: "engagement_id",
    EventType.SURVEY_RESPONSE: "engagement_id",
    EventType.SURVEY_ANSWER: "engagement_id",
    EventType.EMAIL_EVENT: "engagement_id",
    EventType.ARTICLE_VIEW: "external_article_id",
}
DETAIL_FIELD: Final[dict[EventType, str]] = {
    EventType.ENGAGEMENT_VIEW: "view_state",
    EventType.SURVEY_RESPONSE: "survey_type",
    EventType.SURVEY_ANSWER: "question_type",
    EventType.EMAIL_EVENT: "email_type",
    EventType.ARTICLE_VIEW: "provider",
}

# Fields that only rows of one type carry; they stay together as one JSON object in the column ``properties``.
# For every type ``attributes`` (the client's own properties) and ``page`` may be there too.
PAYLOAD_FIELDS: Final[dict[EventType, tuple[str, ...]]] = {
    EventType.CLICK: ("element", "link_url"),
    EventType.LINK_CLICK: ("element", "link_url"),
    EventType.FORM_SUBMIT: ("form",),
    EventType.SESSION_ENDED: ("duration_s", "event_count"),
    EventType.FEATURE_MATCH: ("source_event_id",),
    EventType.ENGAGEMENT_VIEW: ("content_type",),
    EventType.ENGAGEMENT_CLICK: ("link_url",),
    EventType.SURVEY_RESPONSE: ("score", "comment", "contact_me_allowed", "labels", "path"),
    EventType.SURVEY_ANSWER: (
        "question_id",
        "question_text",
        "score",
        "answers",
        "contact_me_allowed",
        "path",
    ),
    EventType.FEEDBACK: ("subject", "category", "description", "labels"),
    EventType.EMAIL_EVENT: ("status", "reason", "bounce_type", "link_url"),
    EventType.ARTICLE_VIEW: ("title", "url"),
}

EMAIL_TYPES: Final = tuple(
    f"EMAIL_TRACK_{w}"
    for w in ("BOUNCE", "DEFERRED", "DELIVERED", "DROPPED", "PROCESSED", "OPEN", "CLICK", "UNSUBSCRIBE")
)
VIEW_STATES: Final = ("VIEWED", "COMPLETED")
TRIGGER_TYPES: Final = ("AUTOMATIC", "KNOWLEDGE_CENTER", "JO", "BADGE")
# Ids of events that follow from others begin so; a client's id that does gets an @ more.
DERIVED: Final = "@derived:"
QUESTION_TYPES: Final = ("SCORE", "MULTI_CHOICE_QUESTION_TYPE", "OPEN_TEXT_QUESTION_TYPE")
ENVIRONMENT_DEFAULT: Final = "Production"
PRODUCT_DEFAULT: Final = "default"

# The table ``events``: (column, type, what it is). ``term`` columns are keys into the dimension of names.
LAKE_COLUMNS: Final[tuple[tuple[str, str, str], ...]] = (
    ("day", "date", "partition: the local date of occurred_at in the subscription's zone"),
    ("ingest_seq", "long", "rises with every stored event; 'since the last run' is a range of it"),
    ("type", "short", "EventType"),
    ("occurred_at", "timestamp", "UTC, microseconds, corrected by the client's clock skew"),
    ("received_at", "timestamp", "UTC, microseconds"),
    ("source", "integer", "term: the source whose write key the client used"),
    ("event_id", "string", "the client's id, or ours; unique within a source"),
    ("user_key", "integer", "identified user, null for a visitor"),
    ("anonymous_key", "integer", "visitor's own id, null when the client sent none"),
    ("account_key", "integer", "account named by the event itself, else null"),
    ("product", "integer", "term: product key"),
    ("environment", "integer", "term: environment's display name"),
    ("channel", "integer", "term: web, server, ios, ..."),
    ("name", "integer", "term: what it is about, see NAME_FIELD"),
    ("detail", "integer", "term: how it went, see DETAIL_FIELD"),
    ("session_key", "long", "64 bits of the MD5 of session_id: integers group faster than text"),
    ("session_id", "string", "the client's session id"),
    ("execution_id", "string", "one showing of an engagement"),
    ("step_number", "integer", "0-based step of an engagement"),
    ("locale", "integer", "term"),
    ("trigger_type", "integer", "term"),
    ("properties", "string", "JSON object: PAYLOAD_FIELDS of the type, attributes, page, user_agent"),
    ("global_context", "string", "JSON object"),
)
