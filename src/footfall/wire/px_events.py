"""Events as PX's REST API shows them: which lists there are, what their fields are made of, and one event of each.

Source: PX REST API 0.1.6, the event objects of ``/v1/events/*`` and ``/v1/survey/responses``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit, urlunsplit

from footfall.model.event import EventType
from footfall.model.metadata import content_type as survey_content_type
from footfall.model.selection import Field, Kind
from footfall.ports import StoredEvent
from footfall.wire.px_query import DATE

Shown = dict[str, Any]
ContentTypes = Mapping[str, str]
"""Type of an engagement by its id."""

MANY_QUESTIONS: Final = "IN_APP_MULTIPLE_QUESTION_SURVEY"
_STATES: Final = {"carouselState": "IN_APP_CAROUSEL", "guideState": "IN_APP_GUIDE", "surveyState": "IN_APP_SURVEY_*"}


def _text(source: str) -> Field:
    return Field(source, Kind.TEXT)


# Fields that lists of every kind of event have.
_COMMON: Final = {
    "date": DATE,
    "identifyId": _text("person"),
    "accountId": _text("account"),
    "propertyKey": _text("product"),
    "sessionId": _text("session_id"),
    "userType": _text("user_type"),
    "eventId": _text("event_id"),
}
_MAIL: Final = {
    **{name: field for name, field in _COMMON.items() if name not in ("accountId", "sessionId")},
    "engagementId": _text("name"),
    "emailTrackType": _text("detail"),
    "email": _text("properties/attributes/email"),
}
_ENGAGEMENT: Final = {
    **_COMMON,
    "engagementId": _text("name"),
    "contentType": _text("content_type"),
    "executionId": _text("execution_id"),
    "sequenceNumber": Field("step_number", Kind.NUMBER),
    "linkUrl": _text("properties/link_url"),
    **{name: _text(f"state/{kind}") for name, kind in _STATES.items()},
}
_ANSWER: Final = {
    **{name: field for name, field in _ENGAGEMENT.items() if name not in _STATES},
    "score": Field("properties/score", Kind.NUMBER),
    "comment": _text("properties/comment"),
    "contactMeAllowed": Field("properties/contact_me_allowed", Kind.BOOLEAN),
}


@dataclass(frozen=True, slots=True)
class EventList:
    """One list. path: below ``/px/v1``. key: of the array in the answer. fields: those one may filter and sort by."""

    path: str
    key: str
    types: tuple[EventType, ...]
    event_type: str
    fields: Mapping[str, Field]
    more: Callable[[StoredEvent, ContentTypes], Shown]

    @property
    def emails(self) -> bool:
        """Whether an event is shown with the address that its user has now."""
        return self.more is _email_of

    @property
    def engagements(self) -> bool:
        """Whether the types of engagements must be known to show it."""
        return "contentType" in self.fields

    def show(self, event: StoredEvent, content_types: ContentTypes) -> Shown:
        """One event; what is not known is left out."""
        base = {
            "eventId": event.event_id,
            "identifyId": event.person,
            "propertyKey": event.product,
            "date": event.at_us // 1000,
            "eventType": self.event_type,
            "sessionId": event.session_id,
            "userType": "USER" if event.identified else "VISITOR",
            "accountId": event.account,
            "globalContext": dict(event.global_context) or None,
        }
        shown = base | self.more(event, content_types)
        return {name: value for name, value in shown.items() if value is not None}


def _nothing(_: StoredEvent, __: ContentTypes) -> Shown:
    return {}


def _named(field: str) -> Callable[[StoredEvent, ContentTypes], Shown]:
    return lambda event, _: {field: event.name}


def _page(event: StoredEvent, _: ContentTypes) -> Shown:
    page = _object(event.properties.get("page"))
    parts = urlsplit_safely(_string(page.get("url")) or "")
    query = _string(page.get("query_string"))
    query = (parts[3] if query is None else query).removeprefix("?")
    return {
        "scheme": _string(page.get("scheme")) or parts[0] or None,
        "host": _string(page.get("host")) or parts[1] or None,
        "path": _string(page.get("path")) or parts[2] or None,
        "queryString": query or None,
        "hash": (_string(page.get("hash")) or parts[4]).removeprefix("#") or None,
        "queryParams": parse_qs(query, keep_blank_values=True, max_num_fields=1000)
        if query.count("&") < 1000
        else None,
        "remoteHost": _string(page.get("remote_host")),
        "referrer": _string(page.get("referrer")),
        "languages": [event.locale] if event.locale else None,
        "pageTitle": _string(page.get("title")) or _string(page.get("name")),
    }


def _form(event: StoredEvent, content_types: ContentTypes) -> Shown:
    form = _object(event.properties.get("form"))
    return _page(event, content_types) | {"formData": {name: _as_text(value) for name, value in form.items()} or None}


def _custom(event: StoredEvent, _: ContentTypes) -> Shown:
    page = _object(event.properties.get("page"))
    return {
        "eventName": event.name,
        "attributes": _object(event.properties.get("attributes")),
        "url": _url(page),
        "referrer": _string(page.get("referrer")),
        "remoteHost": _string(page.get("remote_host")),
    }


def _mail(event: StoredEvent, _: ContentTypes) -> Shown:
    given = event.properties
    attributes = _object(given.get("attributes"))
    return {
        "sessionId": None,
        "accountId": None,
        "engagementId": event.name,
        "email": _string(attributes.get("email")),
        "emailTrackType": event.detail,
        **{name: _string(attributes.get(name)) for name in ("mtaResponse", "attempt", "linkType")},
        "linkIndex": _integer(attributes.get("linkIndex")),
        "status": _string(given.get("status")),
        "reason": _string(given.get("reason")),
        "bounceType": _string(given.get("bounce_type")),
        "linkUrl": _string(given.get("link_url")),
    }


def _email_of(event: StoredEvent, _: ContentTypes) -> Shown:
    return {"email": _string(_object(event.properties.get("attributes")).get("email"))}


def content_type_of(event: StoredEvent, content_types: ContentTypes) -> str | None:
    """The content type an event of an engagement is shown with."""
    if event.type is EventType.SURVEY_ANSWER:
        return MANY_QUESTIONS
    if event.type is EventType.SURVEY_RESPONSE:
        return None if event.detail is None else survey_content_type(event.detail) or event.detail
    return _string(event.properties.get("content_type")) or content_types.get(event.name or "")


def _shown_engagement(event: StoredEvent, content_types: ContentTypes) -> Shown:
    kind = content_type_of(event, content_types)
    clicked = event.type is EventType.ENGAGEMENT_CLICK
    return {
        "engagementId": event.name,
        "engagementTrackType": "ENGAGEMENT_CLICK" if clicked else "ENGAGEMENT_VIEW",
        "contentType": kind,
        "executionId": event.execution_id,
        "sequenceNumber": event.step_number,
        "linkUrl": _string(event.properties.get("link_url")),
        **{name: event.detail for name, of in _STATES.items() if _is(kind, of)},
    }


def _is(kind: str | None, wanted: str) -> bool:
    if kind is None:
        return False
    return kind.startswith(wanted[:-1]) if wanted.endswith("*") else kind == wanted


def _answer(event: StoredEvent, content_types: ContentTypes) -> Shown:
    given = event.properties
    answers = given.get("answers")
    comment = _string(given.get("comment"))
    several = event.type is EventType.SURVEY_ANSWER
    return _shown_engagement(event, content_types) | {
        **dict.fromkeys(_STATES),
        "score": given.get("score") if isinstance(given.get("score"), int | float) else None,
        "comment": answers if comment is None and isinstance(answers, str) else comment,
        "contactMeAllowed": given.get("contact_me_allowed"),
        "questionType": event.detail if several else None,
        "selectionIds": [_as_text(each) for each in answers] if isinstance(answers, list) else None,
        "path": _string(given.get("path")) or _string(_object(given.get("page")).get("path")),
    }


_T = EventType
LISTS: Final = (
    EventList(
        "/events/custom", "customEvents", (_T.CUSTOM,), "CUSTOM", _COMMON | {"eventName": _text("name")}, _custom
    ),
    EventList(
        "/events/email",
        "results",
        (_T.EMAIL_EVENT,),
        "EMAIL",
        _MAIL,
        _mail,
    ),
    EventList(
        "/events/engagementView",
        "results",
        (_T.ENGAGEMENT_VIEW, _T.ENGAGEMENT_CLICK),
        "ENGAGEMENT",
        _ENGAGEMENT,
        _shown_engagement,
    ),
    EventList(
        "/events/feature_match",
        "featureMatchEvents",
        (_T.FEATURE_MATCH,),
        "FEATURE_MATCH",
        _COMMON | {"featureId": _text("name")},
        _named("featureId"),
    ),
    EventList("/events/formSubmit", "results", (_T.FORM_SUBMIT,), "FORM_SUBMIT", _COMMON, _form),
    EventList("/events/identify", "identifyEvents", (_T.IDENTIFY,), "IDENTIFY", _COMMON, _email_of),
    EventList("/events/lead", "results", (_T.LEAD,), "LEAD", _COMMON, _email_of),
    EventList("/events/pageView", "results", (_T.PAGE_VIEW,), "PAGE_VIEW", _COMMON, _page),
    # The key of this list is the vendor's own slip, which its clients rely on.
    EventList(
        "/events/segment_match",
        "featureMatchEvents",
        (_T.SEGMENT_MATCH,),
        "SEGMENT",
        _COMMON | {"segmentId": _text("name")},
        _named("segmentId"),
    ),
    EventList(
        "/events/session", "sessionInitializedEvents", (_T.SESSION_STARTED,), "SESSION_INITIALIZED", _COMMON, _nothing
    ),
    EventList("/survey/responses", "results", (_T.SURVEY_RESPONSE, _T.SURVEY_ANSWER), "SURVEY", _ANSWER, _answer),
)


# --- values ----------------------------------------------------------------------------------------------------------


def urlsplit_safely(url: str) -> tuple[str, str, str, str, str]:
    """(scheme, host, path, query, fragment); all empty for what is no URL."""
    try:
        parts = urlsplit(url)
        return parts.scheme, parts.netloc, parts.path, parts.query, parts.fragment
    except ValueError:
        return "", "", "", "", ""


def _url(page: Mapping[str, Any]) -> str | None:
    whole = _string(page.get("url"))
    if whole is not None or not _string(page.get("host")):
        return whole
    parts = [_string(page.get(name)) or "" for name in ("scheme", "host", "path", "query_string", "hash")]
    try:
        return urlunsplit(
            (parts[0] or "https", parts[1], parts[2], parts[3].removeprefix("?"), parts[4].removeprefix("#"))
        )
    except ValueError:
        return None


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _string(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _integer(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
