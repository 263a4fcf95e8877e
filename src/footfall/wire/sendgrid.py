"""The event webhook of SendGrid at the door: what became of each mail, as e-mail events in native words.

Custom arguments of a mail stand beside the webhook's own fields, so a sender names the user, the account and the
engagement there; docs/reference/sendgrid.md says how, and what is taken where it does not.
"""

from __future__ import annotations

import base64
import binascii
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Final

import msgspec

from footfall.errors import BadRecord, Refused
from footfall.model.reading import ID_CHARS_MAX, NAME_CHARS_MAX, Reading, Rejected
from footfall.wire.door import EventId, Fault, Name, check_work, malformed, mended, split
from footfall.wire.translating import Fields, Text, TooLong, Translator, id_in, text_in, value_in, without_nothing

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

NAME: Final = "sendgrid"
ENGAGEMENT_DEFAULT: Final = "sendgrid"
SIGNATURE: Final = b"x-twilio-email-event-webhook-signature"
TIMESTAMP: Final = b"x-twilio-email-event-webhook-timestamp"
# What fails is sent again for 24 hours; a signature older than that and a little is a recording.
OLD_S: Final = 25 * 3600
AHEAD_S: Final = 300

_EMAIL_TYPES: Final = {
    word: f"EMAIL_TRACK_{word.upper()}"
    for word in ("processed", "dropped", "delivered", "deferred", "bounce", "open", "click", "unsubscribe")
}
_FAILED: Final = frozenset({"bounce", "dropped", "deferred"})
_Raws = dict[str, msgspec.Raw]
# Custom arguments in the first of these names that is there.
_USER: Final = ("identify_id", "user_id", "userId")
_ACCOUNT: Final = ("account_id", "accountId")
_ENGAGEMENT: Final = (
    "engagement_id", "engagementId", "singlesend_id", "marketing_campaign_id", "sg_template_id", "category",
)  # fmt: skip
_NAMED: Final = ("product_key", "environment")
_ADDRESSES: Final = ("ip",)  # of whoever opened the mail: what is kept of an address is decided elsewhere


class SendGridEvent(msgspec.Struct, gc=False):
    """The fields an event is judged by."""

    event: Name | None = None
    email: Annotated[str, msgspec.Meta(max_length=ID_CHARS_MAX)] | None = None
    timestamp: Annotated[int, msgspec.Meta(ge=0, le=253_402_300_799)] | None = None
    sg_event_id: EventId | None = None


_fields: Final = msgspec.json.Decoder(_Raws).decode


def read(body: bytes, call: str) -> Reading:
    """Judge one delivery of the webhook. body: JSON text, an array of events. call: any.

    Raises ``BadRecord`` (``malformed``, ``too_deep``, ``too_many_events``) when there is nothing to judge.
    """
    check_work(body)
    try:
        return _read(body, call, [])
    except (RecursionError, msgspec.DecodeError) as error:
        text, rejected = mended(body, "", error)
        try:
            return _read(text, call, rejected)
        except (RecursionError, msgspec.DecodeError) as again:
            raise malformed(again) from again


def _read(body: bytes, call: str, known: list[Rejected]) -> Reading:
    try:
        texts = split(body)
    except msgspec.ValidationError as error:
        raise BadRecord("malformed", "The body is not an array of events") from error
    return _EVENTS.body(texts, call, known=known)


def _incomplete(event: SendGridEvent, call: str) -> Fault | None:
    if not event.event:
        return "missing_event", "An event needs 'event'"
    if not event.email:
        return "missing_user", "An event needs 'email'"
    return None


def _words(event: SendGridEvent, text: Text) -> Fields | Fault:
    left = {name: value for name, value in _fields(text).items() if name not in _ADDRESSES}
    for name in ("event", "timestamp", "sg_event_id"):
        left.pop(name, None)
    said: Fields = {"event_id": event.sg_event_id}
    if event.timestamp is not None:
        said["occurred_at"] = event.timestamp * 1000
    said["identify_id"] = _first_id(left, _USER)
    if said["identify_id"] is None:
        said |= {"identify_id": event.email, "user": {"email": event.email}}
    said["account_id"] = _first_id(left, _ACCOUNT)
    for name in (*_USER, *_ACCOUNT):  # people are named in one place only, where policies of identities look
        left.pop(name, None)
    for name in _NAMED:
        if 0 < len(value := text_in(left.get(name))) <= NAME_CHARS_MAX:
            said[name] = value
            del left[name]
    said["user_agent"] = _taken(left, "useragent")
    said |= _happened(event, left)
    return without_nothing({**said, "attributes": left})


def _happened(event: SendGridEvent, left: _Raws) -> Fields:
    """What became of the mail. Takes out of ``left`` what it says."""
    kind = _EMAIL_TYPES.get(event.event or "")
    if kind is None:  # a complaint, or the leaving of a group: not among the eight, so it counts under its own name
        name = f"{NAME}.{event.event}"[:NAME_CHARS_MAX]
        return {"type": "custom", "event_name": name}
    said: Fields = {"type": "email_event", "email_type": kind, "engagement_id": _engagement(left)}
    # In other events fields of these names are custom arguments.
    if event.event in _FAILED:
        said |= {"status": _taken(left, "status"), "reason": _taken(left, "reason")}
    if event.event == "deferred" and not said["reason"]:  # it says why in the words of the other server
        said["reason"] = _taken(left, "response")
    if event.event == "bounce":
        said["bounce_type"] = _taken(left, "type")
    if event.event == "click":
        said["link_url"] = _taken(left, "url")
    return said


def _engagement(left: _Raws) -> str | int:
    for name in _ENGAGEMENT:
        value = value_in(left.get(name))
        if name == "category" and isinstance(value, list) and value:
            value = value[0]
        if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
            continue
        if len(str(value)) <= ID_CHARS_MAX:
            if name in ("engagement_id", "engagementId"):
                del left[name]
            return str(value)
    return ENGAGEMENT_DEFAULT


def _first_id(left: _Raws, names: tuple[str, ...]) -> str | int | None:
    for name in names:
        try:
            found = id_in(left.get(name))
        except TooLong:
            continue
        if found is not None:
            del left[name]
            return found
    return None


def _taken(left: _Raws, name: str) -> str:
    """A text that a native field says from here on; what is no text stays."""
    value = text_in(left.get(name))
    if value:
        del left[name]
    return value


_EVENTS: Final = Translator(SendGridEvent, _incomplete, _words)


# --- the signature -----------------------------------------------------------------------------------


def check_key(text: str) -> None:
    """Raise ``Refused`` unless ``text`` is a public key as SendGrid shows it: base64, or PEM."""
    _key(text)


def signed(key: str, signature: bytes, timestamp: bytes, body: bytes, now_s: float) -> bool:
    """Whether SendGrid signed this very delivery, at most a day ago. key: the public key of the source.

    body: the bytes as they arrived. Elliptic-curve signature (P-256, SHA-256) over the timestamp and the body.
    """
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
    from cryptography.hazmat.primitives.hashes import SHA256

    if not (timestamp.isdigit() and len(timestamp) <= 12 and -OLD_S <= int(timestamp) - now_s <= AHEAD_S):
        return False
    try:
        _key(key).verify(base64.b64decode(signature, validate=True), timestamp + body, ECDSA(SHA256()))
    except (InvalidSignature, binascii.Error):
        return False
    return True


@lru_cache(maxsize=64)
def _key(text: str) -> EllipticCurvePublicKey:
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    lines = [line.strip() for line in text.strip().splitlines() if not line.startswith("-----")]
    try:
        key = load_der_public_key(base64.b64decode("".join(lines), validate=True))
    except (ValueError, binascii.Error) as error:
        raise Refused(
            "The verification key is not a public key", "Copy it from SendGrid's page of the webhook"
        ) from error
    if not isinstance(key, EllipticCurvePublicKey) or not isinstance(key.curve, SECP256R1):
        raise Refused("The verification key is no ECDSA key on P-256", "Copy it from SendGrid's page of the webhook")
    return key
