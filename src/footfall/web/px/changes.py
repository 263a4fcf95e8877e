"""What clients change: users, accounts, custom events, who is denied.

A write is an event in the log. That of a user or account is answered when it is settled, so that who asks next finds
it; a custom event is answered when it is safe.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import Condition
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from footfall.web.px.desk import Px, body_of, handled, truth
from footfall.web.px.events import PREFIX
from footfall.web.px.replies import Answered, answer, nothing
from footfall.wire import px as wire

_PATHS: Final = {"user": "/users", "account": "/accounts"}
_EVENTS: Final[dict[str, Callable[[wire.Body, str, str], wire.Event]]] = {
    "user": wire.user_event,
    "account": wire.account_event,
}
_NEXT: Final = {"user": "identifyId", "account": "id"}


def routes(px: Px) -> Sequence[Route]:
    found = [
        Route(f"{PREFIX}/events/custom", handled(px, _custom), methods=["POST"]),
        Route(f"{PREFIX}/users/denylist/{{id:path}}", handled(px, _look), methods=["GET"]),
        Route(f"{PREFIX}/users/denylist/{{id:path}}", handled(px, _deny), methods=["PUT"]),
    ]
    for entity, path in _PATHS.items():
        one = f"{PREFIX}{path}/{{id:path}}"
        found += [
            Route(f"{PREFIX}{path}", handled(px, _create(entity)), methods=["POST"]),
            Route(f"{PREFIX}{path}/update", handled(px, _update(entity, in_body=True)), methods=["PUT"]),
            Route(f"{PREFIX}{path}/delete", handled(px, _delete(entity, in_body=True)), methods=["DELETE"]),
            Route(one, handled(px, _update(entity)), methods=["PUT"]),
            Route(one, handled(px, _delete(entity)), methods=["DELETE"]),
        ]
    return found


class _Turns:
    """One at a time of each name, several names at once."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._taken: set[str] = set()

    @contextmanager
    def of(self, name: str) -> Iterator[None]:
        with self._changed:
            self._changed.wait_for(lambda: name not in self._taken)
            self._taken.add(name)
        try:
            yield
        finally:
            with self._changed:
                self._taken.discard(name)
                self._changed.notify_all()


def _create(entity: str) -> Any:
    turns = _Turns()  # there is nobody to find until the first of two is settled

    async def create(request: Request, px: Px) -> Response:
        await px.let_in(request, "write")
        body = await body_of(request)
        wire.check_new(body, entity)
        id_ = wire.id_of(body, entity)
        event = _EVENTS[entity](body, id_, px.new_id())

        def make() -> dict[str, Any]:
            _check_heard(px, entity, id_)
            if id_ in px.directory.known(entity, [id_]):
                raise Answered(
                    400, f"{entity.capitalize()} already exists", f"Change it by PUT {_PATHS[entity]}/{{id}}"
                )
            px.write([event], settled=True)
            px.removals.told(entity, id_, px.clock())  # it may say nothing but the id
            return {_NEXT[entity]: id_}

        def work() -> dict[str, Any]:
            with turns.of(id_):
                return make()

        return answer(await px.work(work, writes=True), 201)

    return create


def _update(entity: str, *, in_body: bool = False) -> Any:
    async def update(request: Request, px: Px) -> Response:
        await px.let_in(request, "write")
        body = await body_of(request)
        id_ = wire.id_of(body, entity) if in_body else wire.check_id(request.path_params["id"])
        event = _EVENTS[entity](body, id_, px.new_id())

        def work() -> None:
            if id_ not in px.directory.known(entity, [id_]):
                raise _not_found(entity)
            _check_heard(px, entity, id_)
            px.write([event], settled=True)

        await px.work(work, writes=True)
        return nothing()

    return update


def _delete(entity: str, *, in_body: bool = False) -> Any:
    async def delete(request: Request, px: Px) -> Response:
        actor = await px.let_in(request, "write")
        id_ = wire.id_of(await body_of(request), entity) if in_body else wire.check_id(request.path_params["id"])
        hard = truth(request, "hardDelete")
        await px.work(lambda: px.remove(entity, _key(px, entity, id_), hard), actor)
        return nothing()

    return delete


async def _custom(request: Request, px: Px) -> Response:
    await px.let_in(request, "write")
    event = wire.custom_event(await body_of(request), px.new_id())
    await px.work(lambda: px.write([event], settled=False), writes=True)
    return answer({"eventId": event["event_id"]}, 201)


async def _look(request: Request, px: Px) -> Response:
    await px.let_in(request, "read")
    id_ = wire.check_id(request.path_params["id"])

    def work() -> dict[str, Any]:
        _ever_known(px, id_)
        return {"identifyId": id_, "denied": id_ in px.removals.denied()}

    return answer(await px.work(work))


async def _deny(request: Request, px: Px) -> Response:
    actor = await px.let_in(request, "write")
    denied = (await body_of(request)).get("denied")
    if not isinstance(denied, bool):
        raise Answered(400, "denied must be true or false")
    id_ = wire.check_id(request.path_params["id"])

    def work() -> None:
        px.deny(_ever_known(px, id_), id_, denied)

    await px.work(work, actor)
    return nothing()


def _key(px: Px, entity: str, id_: str) -> int:
    """Of whom to delete. Raises 404."""
    key = px.directory.find(entity, id_)
    if key is None:
        # Deleting the person for one of their ids would delete more than was asked for.
        last = px.directory.known(entity, [id_]).get(id_)
        into = [] if last is None else px.directory.rows(entity, [last]).column("identify_id").to_pylist()
        raise _not_found(entity, f"They were merged into {into[0]!r}: delete that one" if into else "")
    return key


def _not_found(entity: str, hint: str = "") -> Answered:
    return Answered(404, f"{entity.capitalize()} not found", hint)


def _ever_known(px: Px, identify_id: str) -> int:
    """The key of a user, also of one who is deleted: the deny list outlives that. Raises 404."""
    key = px.people.key_of(identify_id)
    if key is None:
        raise Answered(404, "User not found")
    return key


def _check_heard(px: Px, entity: str, id_: str) -> None:
    """Raises 400 for a user of whom settling ignores everything."""
    if entity == "user" and id_ in px.removals.denied():
        raise Answered(400, "User is denied", "Send denied: false to /users/denylist/{id} first")
