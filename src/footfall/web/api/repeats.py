"""``Idempotency-Key``: a request that may be sent again is carried out once, and answered the same each time.

As draft-ietf-httpapi-idempotency-key-header has it: the header names the request, another request under the same name
is a 422. Here a name is good for one caller, one route and one day, and only what succeeded is remembered.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from hashlib import sha256
from typing import Annotated, Any, TypeVar, cast

from fastapi import Depends, Header, Request, Response
from pydantic import BaseModel

from footfall.web.api.callers import Desk

Endpoint = TypeVar("Endpoint", bound=Callable[..., BaseModel])
Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        pattern="^[!-~]{1,255}$",
        description="Any text, a new one for each thing that is asked for, such as a UUID. The same request with the "
        "same key within a day is carried out once, and gets the same answer.",
    ),
]


@dataclass(frozen=True, slots=True)
class Repeat:
    """A request that has a name. key: with the route it is for. digest: of everything that was asked.

    headers: of the answer to be.
    """

    key: str
    digest: str
    headers: Any

    def answer(self, desk: Desk, kind: type[BaseModel], do: Callable[[], BaseModel]) -> BaseModel:
        """What ``do`` returns, or what it returned when this was asked before."""
        repeats, now = desk.management.repeats, desk.management.clock()
        text, again = repeats.once(desk.caller, self.key, self.digest, now, lambda: do().model_dump_json())
        if again:
            self.headers["idempotent-replayed"] = "true"
        return kind.model_validate_json(text)


async def _named(request: Request, response: Response, idempotency_key: Key = None) -> Repeat | None:
    if idempotency_key is None:
        return None
    # With the key, of which nothing is kept: a digest of the body alone would tell who guesses a secret in it.
    asked = b"\0".join((idempotency_key.encode(), request.url.query.encode(), await request.body()))
    key = f"{request.method} {request.url.path} {idempotency_key}"
    return Repeat(key, sha256(asked).hexdigest(), response.headers)


def repeatable(endpoint: Endpoint) -> Endpoint:
    """A route that takes ``Idempotency-Key``. What it changes must be in the store, or cost nothing to do twice."""
    signature = inspect.signature(endpoint, eval_str=True)
    named = inspect.Parameter(
        "repeat", inspect.Parameter.KEYWORD_ONLY, annotation=Annotated[Repeat | None, Depends(_named)]
    )

    @wraps(endpoint)
    def once(*, repeat: Repeat | None, **given: Any) -> BaseModel:
        if repeat is None:
            return endpoint(**given)
        return repeat.answer(given["desk"], signature.return_annotation, lambda: endpoint(**given))

    del once.__wrapped__  # its signature is not this one's
    once.__signature__ = signature.replace(parameters=[*signature.parameters.values(), named])  # type: ignore[attr-defined]
    return cast("Endpoint", once)
