"""What every request of the PX dialect goes through: whose key it is, bounds, a thread, errors as answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Protocol, TypeVar

import msgspec
from anyio import CapacityLimiter, to_thread
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from footfall import observe
from footfall.errors import FootfallError
from footfall.flows.explore import Explore
from footfall.model.api_keys import may
from footfall.model.audit import Actor
from footfall.ports import Attributes, Audiences, Catalogue, Clock, Directory, People, PeopleOrder, Removals
from footfall.web.px.replies import Answered, refusal, refused

HEADER: Final = "x-aptrinsic-api-key"
BODY_BYTES_MAX: Final = 1 << 20
# Threads at once, by what they do. Those that look things up take memory of the engine each. Those that change
# something mostly wait, for a day's close at times, and what waits together is settled together. Whose key it is is a
# short question that must not wait for either.
_Kind = Literal["key", "read", "write"]
AT_ONCE: Final[Mapping[_Kind, int]] = {"key": 4, "read": 4, "write": 32}
WAITING_MAX: Final = 64  # requests of a kind, with those that have a thread

Found = TypeVar("Found")
Handler = Callable[[Request, "Px"], Awaitable[Response]]


class Write(Protocol):
    def __call__(self, events: Sequence[Mapping[str, Any]], *, settled: bool) -> None:
        """Accept native events. settled: return when they are in the lake and not as soon as they are safe.

        Raises ``BadRecord`` when one of them cannot be accepted; then none is.
        """


@dataclass(kw_only=True)
class Px:
    """One deployment, as the PX dialect sees it.

    identify: (who, scope) of a key, None for one that opens nothing. products: (product key, name, channel) of
    everything that sends. subscription: facts about the deployment. transaction: as ``Store.transaction``.
    remove: deletes a user or account by its key, ``hard`` or not. deny: (key, identify id, whether). backfill: lets the
    rules of a feature see all days, for somebody and in its own time. new_id: of an event, never the same twice.
    act_as: in whose name what a thread changes is.
    """

    identify: Callable[[str], tuple[Actor, str] | None]
    clock: Clock
    explore: Explore
    directory: Directory
    order: PeopleOrder
    people: People
    attributes: Attributes
    catalogue: Catalogue
    products: Callable[[], Sequence[tuple[str, str, str]]]
    audiences: Audiences
    subscription: Callable[[], Mapping[str, str]]
    removals: Removals
    write: Write
    remove: Callable[[str, int, bool], None]
    deny: Callable[[int, str, bool], None]
    backfill: Callable[[str, Actor], None]
    new_id: Callable[[], str]
    transaction: Callable[[], AbstractContextManager[None]]
    act_as: Callable[[Actor], None]
    _threads: dict[_Kind, CapacityLimiter] = field(default_factory=dict, init=False)
    _waiting: dict[_Kind, int] = field(default_factory=lambda: dict.fromkeys(AT_ONCE, 0), init=False)

    async def work(self, do: Callable[[], Found], actor: Actor | None = None, *, writes: bool = False) -> Found:
        """Run in a thread. actor: in whose name it changes something. writes: it may wait for settling.

        Raises 429 when too many wait that do the like.
        """

        def run() -> Found:
            if actor is not None:
                self.act_as(actor)
            return do()

        return await self._run(run, "write" if writes or actor is not None else "read")

    async def _run(self, do: Callable[[], Found], kind: _Kind) -> Found:
        if not self._threads:
            self._threads = {each: CapacityLimiter(most) for each, most in AT_ONCE.items()}
        if self._waiting[kind] >= WAITING_MAX:
            raise Answered(429, "Too many requests at once", retry_after_s=1)
        self._waiting[kind] += 1
        try:
            return await to_thread.run_sync(do, limiter=self._threads[kind])
        finally:
            self._waiting[kind] -= 1

    async def let_in(self, request: Request, needed: str) -> Actor:
        """Who calls, if the key is good for the scope ``needed``. Raises 401 and 403."""
        key = request.headers.get(HEADER, "").strip()
        found = await self._run(lambda: self.identify(key), "key") if key else None
        if found is None:
            raise Answered(401, "Unauthorized or bad API Key", "Send an API key in X-APTRINSIC-API-KEY")
        actor, scope = found
        if not may(scope, needed):
            raise Answered(403, f"This needs a key with the scope {needed}; this one has {scope}")
        return actor


def handled(px: Px, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    """A handler whose errors are answers."""

    async def handle(request: Request) -> Response:
        try:
            return await handler(request, px)
        except FootfallError as error:
            return refused(error)
        except ClientDisconnect:
            return refusal(400, "The body ended too early")
        except Exception as error:
            observe.went_wrong("a request of the PX dialect failed", status=500, kind=type(error).__name__)
            return refusal(500, "Something went wrong here", "See the log of the server")

    return handle


async def body_of(request: Request) -> Mapping[str, Any]:
    """The JSON object that a request carries. Raises 400 and 413."""
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > BODY_BYTES_MAX:
            raise Answered(413, f"The body has more than {BODY_BYTES_MAX} bytes")
        parts.append(part)
    try:
        found = msgspec.json.decode(b"".join(parts))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Answered(400, f"The body is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise Answered(400, "The body is not a JSON object")
    return found


def number(request: Request, name: str, default: int, low: int, high: int) -> int:
    """A whole number of the query. Raises 400 for what is none, or out of bounds."""
    given = request.query_params.get(name, "")
    if not given:
        return default
    if not given.isascii() or not given.isdigit() or len(given) > 9 or not low <= int(given) <= high:
        raise Answered(400, f"{name} must be a whole number from {low} to {high}")
    return int(given)


def truth(request: Request, name: str) -> bool:
    """A flag of the query; false by default. Raises 400 for what is none."""
    given = request.query_params.get(name, "").lower()
    if given not in ("", "true", "false"):
        raise Answered(400, f"{name} must be true or false")
    return given == "true"
