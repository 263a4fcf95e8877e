"""The PostHog dialect at the door: its capture API, as its libraries for servers, browsers and phones speak it.

Its events are put into native words (docs/reference/posthog.md says which becomes which); what has no native field
stays in ``attributes`` under PostHog's own name.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from typing import Annotated, Final

import msgspec

from footfall.errors import BadRecord
from footfall.model.reading import EVENT_ID_CHARS_MAX, NAME_CHARS_MAX, Reading, Rejected
from footfall.wire.door import EventId, Fault, Id, Name, check_work, malformed, mended, split
from footfall.wire.posthog_elements import described, link_of
from footfall.wire.translating import (
    NOTHING,
    Fields,
    Text,
    TooLong,
    Translator,
    id_in,
    instant,
    object_in,
    sent,
    text_in,
    without_nothing,
)

NAME: Final = "posthog"
# Of the types of groups an app may have, those that are accounts; earlier ones win.
ACCOUNT_TYPES: Final = (
    "account", "company", "organization", "organisation", "customer", "tenant", "workspace", "group",
)  # fmt: skip

_YEARS_10_MS: Final = 315_576_000_000
_Raws = dict[str, msgspec.Raw]
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
# An event that says only how long ago it was is placed by the difference of two instants: what the settler makes of
# `occurred_at` and `sent_at` is then the time of receipt less the offset, whatever the clock of the client shows.
_SENT_MS: Final = 1_000_000_000_000


class PostHogEvent(msgspec.Struct, gc=False):
    """The fields an event is judged by. ``properties`` are kept as they came."""

    event: Name | None = None
    distinct_id: Id | None = None
    uuid: EventId | None = None
    timestamp: str | None = None
    offset: Annotated[float, msgspec.Meta(ge=0, le=_YEARS_10_MS)] | None = None
    properties: _Raws | None = None
    set: _Raws | None = msgspec.field(default=None, name="$set")
    set_once: _Raws | None = msgspec.field(default=None, name="$set_once")


class _Envelope(msgspec.Struct):
    batch: msgspec.Raw = NOTHING
    sent_at: msgspec.Raw = NOTHING
    api_key: msgspec.Raw = NOTHING
    token: msgspec.Raw = NOTHING
    properties: msgspec.Raw = NOTHING


_envelope: Final = msgspec.json.Decoder(_Envelope).decode
_NO_PROPERTIES: Final[_Raws] = {}
_FALSE: Final = msgspec.Raw(b"false")

# Properties that say of one event what a native field says, or that are no business of whoever reads events.
_IDS: Final = ("distinct_id", "$session_id", "$anon_distinct_id", "$group_key", "alias")
_TAKEN: Final = frozenset({
    "distinct_id", "$user_id", "token", "api_key", "$ip", "$session_id", "$anon_distinct_id", "$insert_id",
    "$device_id",
})  # fmt: skip
_NAMED: Final = (("$product_key", "product_key"), ("$environment", "environment"), ("$channel", "channel"),
                 ("$browser_language", "locale"))  # fmt: skip
_PAGE: Final = (("$current_url", "url"), ("$host", "host"), ("$pathname", "path"), ("$referrer", "referrer"))


def read(body: bytes, call: str) -> Reading:
    """Judge one request. body: JSON text: ``{"batch": [...]}``, an array of events, or one event. call: any.

    Raises ``BadRecord`` (``malformed``, ``too_deep``, ``too_many_events``) when there is nothing to judge.
    """
    check_work(body)
    try:
        return _read(body, call, ())
    except (RecursionError, msgspec.DecodeError) as error:
        array = body.lstrip()[:1] == b"["
        field = "" if array else "batch" if b'"batch"' in body else None
        text, rejected = mended(body, field, error)
        try:
            return _read(text, call, rejected)
        except (RecursionError, msgspec.DecodeError) as again:
            raise malformed(again) from again


def _read(body: bytes, call: str, known: Sequence[Rejected]) -> Reading:
    if body.lstrip()[:1] == b"[":
        texts = split(body)
        return _EVENTS.body(texts, call, known=known, write_key=_key_of(texts))
    if body == b"null" and known:
        return _EVENTS.body([body], call, known=known)
    try:
        envelope = _envelope(body)
    except msgspec.ValidationError as error:
        raise BadRecord("malformed", "The body is neither an object nor an array of events") from error
    key = text_in(envelope.api_key) or text_in(envelope.token)
    if envelope.batch is NOTHING:
        return _EVENTS.body([body], call, known=known, sent_at=_sent(envelope), write_key=key or _key_of([body]))
    try:
        texts = split(envelope.batch)
    except msgspec.ValidationError as error:
        raise BadRecord("malformed", "'batch' is not an array") from error
    return _EVENTS.body(texts, call, known=known, sent_at=_sent(envelope), write_key=key or _key_of(texts))


def _sent(envelope: _Envelope) -> str | None:
    return None if envelope.sent_at is NOTHING else sent(envelope.sent_at)


def _key_of(texts: Sequence[Text]) -> str:
    """The key that the library for browsers writes into each event."""
    for text in texts:
        fields = object_in(msgspec.Raw(text))
        if fields:
            inner = object_in(fields.get("properties"))
            return next(
                filter(None, map(text_in, (fields.get("api_key"), fields.get("token"), inner.get("token")))), ""
            )
    return ""


# --- one event ---------------------------------------------------------------------------------------


def _incomplete(event: PostHogEvent, call: str) -> Fault | None:
    if not event.event:
        return "missing_event", "An event needs 'event'"
    properties = event.properties or _NO_PROPERTIES
    for name in _IDS:
        if name in properties:
            try:
                id_in(properties[name])
            except TooLong:
                return "too_long", f"'properties.{name}' is too long for an id"
    if _who(event) is None:
        return "missing_user", "An event needs 'distinct_id'"
    if event.timestamp and not instant(event.timestamp):
        return "bad_timestamp", "'timestamp' is not an instant as in 2026-11-22T09:30:00Z"
    if event.event == "$groupidentify" and id_in(properties.get("$group_key")) is None:
        return "missing_group", "A $groupidentify needs '$group_key'"
    if event.event in _ALIASES and id_in(properties.get("alias")) is None:
        return "missing_previous", f"A {event.event} needs 'alias'"
    return None


def _who(event: PostHogEvent) -> str | int | None:
    if event.distinct_id is not None and event.distinct_id != "":
        return event.distinct_id
    return id_in((event.properties or _NO_PROPERTIES).get("distinct_id"))


def _words(event: PostHogEvent, text: Text) -> Fields | Fault:
    properties = event.properties or _NO_PROPERTIES
    left = {name: value for name, value in properties.items() if name not in _TAKEN}
    said: Fields = {"event_id": _event_id(event, properties), "session_id": id_in(properties.get("$session_id"))}
    if event.timestamp:
        said["occurred_at"] = event.timestamp
    elif event.offset is not None:
        said |= {"occurred_at": _SENT_MS - round(event.offset), "sent_at": _SENT_MS}
    for name, field in _NAMED:
        if 0 < len(value := text_in(left.get(name))) <= NAME_CHARS_MAX:
            said[field] = value
            del left[name]
    if agent := text_in(left.get("$raw_user_agent")):
        said["user_agent"] = agent
        del left["$raw_user_agent"]
    said["user"] = _of_the_user(event, left)
    said["account_id"] = _account(left)
    said |= _happened(event, properties, left)
    said["page"] = _page(left)
    return without_nothing({**said, "attributes": left})


def _event_id(event: PostHogEvent, properties: _Raws) -> str | int | None:
    if event.uuid is not None:
        return event.uuid
    earlier = text_in(properties.get("$insert_id"))
    return earlier if len(earlier) <= EVENT_ID_CHARS_MAX else None


def _happened(event: PostHogEvent, properties: _Raws, left: _Raws) -> Fields:
    """What happened, to whom. Takes out of ``left`` what it says."""
    assert event.event is not None
    who, kind = _who(event), event.event
    if kind in _ALIASES:
        alias = id_in(left.pop("alias", None))
        # The libraries do not agree which of the two is the earlier one; an id that a library made up is not a user's.
        made_up = _UUID.fullmatch(str(alias)) is not None and _UUID.fullmatch(str(who)) is None
        earlier_first = kind == "$create_alias" and not made_up
        previous, user = (who, alias) if earlier_first else (alias, who)
        return {"type": "alias", "previous_id": previous, "identify_id": user}
    if kind == "$groupidentify" and text_in(properties.get("$group_type")) in ACCOUNT_TYPES:
        key, account = id_in(left.pop("$group_key")), object_in(left.pop("$group_set", None))
        del left["$group_type"]
        # Libraries for servers make up an id for the call when the app names nobody.
        nobody = str(who).startswith("$") or _UUID.fullmatch(str(who)) is not None
        whose: Fields = {"anonymous_id" if nobody or _anonymous(properties, who) else "identify_id": who}
        return {"type": "group", **whose, "account_id": key, "account": {**account, "id": key}}
    if kind == "$identify":
        return {"type": "identify", "identify_id": who, "anonymous_id": id_in(properties.get("$anon_distinct_id"))}
    whose = {"anonymous_id" if _anonymous(properties, who) else "identify_id": who}
    if kind == "$set":
        return {"type": "identify", **whose}
    if kind in _VIEWS:
        return {"type": _VIEWS[kind], **whose}
    if kind == "$autocapture" and (done := _clicked(left)):
        return {**done, **whose}
    return {"type": "custom", "event_name": kind, **whose}


def _anonymous(properties: _Raws, who: str | int | None) -> bool:
    """Whether the id is one that a browser or phone made up for a visitor."""
    return (
        properties.get("$is_identified") == _FALSE
        or properties.get("$process_person_profile") == _FALSE
        or ("$device_id" in properties and text_in(properties["$device_id"]) == who)
    )


def _of_the_user(event: PostHogEvent, left: _Raws) -> Fields:
    """What the app says of the user. Names that begin with ``$`` are the library's own and stay with the event."""
    said: Fields = {}
    for name, beside in (("$set_once", event.set_once), ("$set", event.set)):
        both = {**object_in(left.pop(name, None)), **(beside or {})}
        said |= {field: value for field, value in both.items() if not field.startswith("$")}
        if own := {field: value for field, value in both.items() if field.startswith("$")}:
            left[name] = msgspec.Raw(msgspec.json.encode(own))
    return said


def _account(left: _Raws) -> str | int | None:
    if "$groups" not in left:
        return None
    groups, found = object_in(left.get("$groups")), None
    for kind in ACCOUNT_TYPES:
        raw = groups.pop(kind, None)
        if found is None and raw is not None:
            with suppress(TooLong):
                found = id_in(raw)
    if groups:  # an account is named in one place only, where policies of identities look
        left["$groups"] = msgspec.Raw(msgspec.json.encode(groups))
    else:
        left.pop("$groups", None)
    return found


def _page(left: _Raws) -> dict[str, str]:
    page: dict[str, str] = {}
    for name, field in _PAGE:
        text = text_in(left.get(name))
        if text and text != "$direct":
            page[field] = text
            del left[name]
    for name in ("title", "$screen_name") if page or "$screen_name" in left else ():
        if text := text_in(left.get(name)):
            page["title"] = text
            del left[name]
    return page


def _clicked(left: _Raws) -> Fields | None:
    """An automatic click or submit as a native event; None for what else is captured so."""
    what, element = text_in(left.get("$event_type")), described(left)
    if what not in ("click", "submit"):
        return None
    del left["$event_type"]
    left.pop("$elements", None)
    left.pop("$el_text", None)
    if what == "submit":
        known = element.get("attributes", {})
        form = {"id": element.get("id"), "name": known.get("name"), "action": known.get("action")}
        return {"type": "form_submit", "form": without_nothing(form), "element": element}
    link = link_of(left, element)
    return {"type": "link_click" if link else "click", "element": element, "link_url": link}


_ALIASES: Final = frozenset({"$create_alias", "$merge_dangerously"})
_VIEWS: Final = {"$pageview": "page_view", "$screen": "screen_view"}
_EVENTS: Final = Translator(PostHogEvent, _incomplete, _words, instants=frozenset({"timestamp"}))
