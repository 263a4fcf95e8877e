"""Answers in the vendor's shapes: JSON, and errors as ``externalapierror``, which its clients look into."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import msgspec
from starlette.responses import Response

from footfall import observe
from footfall.errors import BadRecord, Conflict, Damaged, FootfallError, Missing, Refused, Unavailable

_encode: Final = msgspec.json.Encoder().encode
_HEADERS: Final = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
_KINDS: Final = ((Missing, 404), (BadRecord, 400), (Refused, 400), (Conflict, 409), (Unavailable, 503), (Damaged, 500))


class Answered(FootfallError):
    """An error of the request itself, with the status to answer."""

    def __init__(self, status: int, what: str, hint: str = "", retry_after_s: int | None = None) -> None:
        super().__init__(what, hint)
        self.status = status
        self.retry_after_s = retry_after_s


def answer(body: Any, status: int = 200) -> Response:
    """JSON."""
    return Response(_encode(body), status, _HEADERS, media_type="application/json")


def nothing(status: int = 204) -> Response:
    return Response(b"", status, _HEADERS)


def refusal(status: int, message: str, hint: str = "", headers: Mapping[str, str] | None = None) -> Response:
    """An error as the vendor writes it: ``status`` is the words of the HTTP status, in capitals."""
    error = {
        "status": HTTPStatus(status).name,
        "statusCode": status,
        "message": message,
        "debugMessage": hint or None,
        "subErrors": None,
    }
    return Response(
        _encode({"externalapierror": error}), status, {**_HEADERS, **(headers or {})}, media_type="application/json"
    )


def refused(error: FootfallError) -> Response:
    """A deliberate error as an answer."""
    if isinstance(error, Answered):
        wait = {} if error.retry_after_s is None else {"retry-after": str(error.retry_after_s)}
        return refusal(error.status, error.what, error.hint, wait)
    status = next((status for kind, status in _KINDS if isinstance(error, kind)), 500)
    if status >= 500:  # this port is for everybody: what is wrong here, and where, is for the server's log
        observe.went_wrong("a request of the PX dialect failed", error, status=status)
        wait = {"retry-after": str(max(1, error.retry_after_s))} if isinstance(error, Unavailable) else {}
        return refusal(status, "This cannot be answered now", "See the log of the server", wait)
    return refusal(status, error.what, error.hint)
