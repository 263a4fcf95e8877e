"""Errors as answers: one shape for all of them, RFC 9457, whose ``type`` says what the caller should do."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import partial
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.routing import compile_path

from footfall import observe
from footfall.errors import BadRecord, Conflict, Damaged, Denied, FootfallError, Missing, Refused, Unavailable

MEDIA_TYPE: Final = "application/problem+json"
SCHEMA: Final[dict[str, Any]] = {
    "title": "Problem",
    "description": "What went wrong, as RFC 9457 has it.",
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "additionalProperties": False,
    "properties": {
        "type": {"type": "string", "description": "What to do about it: `urn:footfall:` and a stable word."},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What went wrong, and where."},
        "hint": {"type": "string", "description": "What can be done next."},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["place", "message"],
                "additionalProperties": False,
                "properties": {
                    "place": {"type": "array", "items": {"type": ["string", "integer"]}},
                    "message": {"type": "string"},
                },
            },
        },
    },
}

# By kind of error, most special first: (status, last part of the type).
_KINDS: Final[Sequence[tuple[type[FootfallError], int, str]]] = (
    (Missing, 404, "missing"),
    (Denied, 403, "denied"),
    (Refused, 422, "refused"),
    (Conflict, 409, "conflict"),
    (Unavailable, 503, "unavailable"),
    (BadRecord, 422, "bad_record"),
    (Damaged, 500, "damaged"),
)
_WORDS: Final = {
    400: "malformed",
    401: "unauthorized",
    403: "forbidden",
    404: "missing",
    405: "method_not_allowed",
    413: "too_large",
    415: "media_type",
    422: "unfit",
    429: "too_many",
}
STATUSES: Final = (400, 401, 403, 404, 409, 413, 415, 422, 429, 500, 503)


class Answered(FootfallError):
    """An error of the request itself, with the status to answer."""

    def __init__(self, status: int, what: str, hint: str = "", *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(what, hint)
        self.status = status
        self.headers = dict(headers or {})


def problem(
    status: int,
    word: str,
    detail: str,
    hint: str = "",
    errors: Sequence[Mapping[str, Any]] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The answer. word: the last part of its ``type``."""
    title = HTTPStatus(status).phrase
    body: dict[str, Any] = {"type": f"urn:footfall:{word}", "title": title, "status": status, "detail": detail}
    body |= ({"hint": hint} if hint else {}) | ({"errors": list(errors)} if errors else {})
    return JSONResponse(body, status, dict(headers or {}), media_type=MEDIA_TYPE)


_unforeseen = partial(problem, 500, "failed", "Something went wrong here", "See the log of the server")


def answer(error: FootfallError) -> Response:
    """A deliberate error as an answer."""
    if isinstance(error, Answered):
        return problem(error.status, _WORDS[error.status], error.what, error.hint, headers=error.headers)
    status, word = next(((status, word) for kind, status, word in _KINDS if isinstance(error, kind)), (500, "failed"))
    headers = {"retry-after": str(error.retry_after_s)} if isinstance(error, Unavailable) else {}
    place = [each if isinstance(each, int) else str(each) for each in getattr(error, "place", ())]
    errors = [{"place": place, "message": error.what}] if place else ()
    if status >= 500:
        observe.went_wrong("request failed", error, status=status)
    return problem(status, word, error.what, error.hint, errors, headers)


def install(app: FastAPI) -> None:
    """Let every error of the app be answered as a problem."""

    async def deliberate(_: Request, error: Exception) -> Response:
        assert isinstance(error, FootfallError)
        return answer(error)

    async def unfit(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        found = error.errors()
        if any(each["type"] == "json_invalid" for each in found):
            return problem(400, "malformed", "The body is not JSON")
        # Never what was given: it may be a secret, and so may a name where secrets are expected.
        secret = request.url.path.endswith("/secrets")
        errors = [{"place": ["body"] if secret else _place(each["loc"]), "message": each["msg"]} for each in found[:20]]
        return problem(422, "unfit", "The request does not fit its description", errors=errors)

    allowed: list[tuple[re.Pattern[str], list[str]]] = []

    async def by_status(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        headers = dict(error.headers or {})
        if error.status_code == 405:
            # Starlette names the methods of the first route of this path only.
            if not allowed:
                paths = app.openapi()["paths"].items()
                allowed.extend((compile_path(path)[0], [m.upper() for m in methods]) for path, methods in paths)
            here = [name for path, names in allowed if path.match(request.url.path) for name in names]
            headers = {"allow": ", ".join(sorted(here))} if here else headers
        word = _WORDS.get(error.status_code, "failed")
        return problem(error.status_code, word, str(error.detail), headers=headers)

    async def unexpected(_: Request, error: Exception) -> Response:
        return _unforeseen()  # the guard, to whom it is raised all the same, says it in the log

    app.add_exception_handler(Exception, unexpected)
    app.add_exception_handler(FootfallError, deliberate)
    app.add_exception_handler(RequestValidationError, unfit)
    app.add_exception_handler(HTTPException, by_status)


def unforeseen(error: Exception) -> Response:
    """The answer to an error that nobody foresaw. Only its kind and place are told: its text may hold what was sent."""
    observe.went_wrong("request failed", status=500, kind=type(error).__name__, at=observe.where(error))
    return _unforeseen()


def _place(location: Sequence[Any]) -> list[str | int]:
    place = [each if isinstance(each, int) else str(each) for each in location]
    return place[: place.index("secrets") + 1] if "secrets" in place else place


def responses() -> dict[int | str, dict[str, Any]]:
    """For the routes: each may answer with each of these."""
    return {status: {"description": HTTPStatus(status).phrase} for status in STATUSES}


def describe_in(document: dict[str, Any]) -> None:
    """Put the shape of problems into an OpenAPI document, once, and refer to it wherever a route may answer one."""
    components = document["components"]
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    components["schemas"]["Problem"] = SCHEMA
    components["responses"] = {
        HTTPStatus(status).name: {"description": HTTPStatus(status).phrase, "content": content} for status in STATUSES
    }
    for operations in document["paths"].values():
        for operation in operations.values():
            for status in STATUSES:
                reference = f"#/components/responses/{HTTPStatus(status).name}"
                operation["responses"][str(status)] = {"$ref": reference}
