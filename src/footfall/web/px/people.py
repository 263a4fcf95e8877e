"""Users and accounts: lists, and one by one."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from threading import Lock
from typing import Any, Final

import pyarrow as pa
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from footfall.model.selection import Selection, Value
from footfall.web.px.desk import Px, handled
from footfall.web.px.events import PREFIX, asked
from footfall.web.px.replies import Answered, answer
from footfall.wire.px_people import PeopleList
from footfall.wire.px_query import Scroll, read_selection, write_scroll

# Keys of people in order that are kept between the pages of a list, at 4 bytes each.
KEPT_KEYS_MAX: Final = 20_000_000
KEPT_LISTS_MAX: Final = 64
_PATHS: Final = {"user": "users", "account": "accounts"}


class Orders:
    """The keys of lists that are being scrolled, the latest ones. What is forgotten is looked up anew."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._kept: OrderedDict[tuple[object, ...], pa.Array] = OrderedDict()

    def keys(self, scroll: Scroll, find: Callable[[], pa.Array]) -> pa.Array:
        name = (scroll.of, scroll.at, scroll.filters, scroll.sort)
        with self._lock:
            found = self._kept.pop(name, None)
        if found is None:
            found = find()
        with self._lock:
            self._kept[name] = found
            while len(self._kept) > KEPT_LISTS_MAX or sum(map(len, self._kept.values())) > KEPT_KEYS_MAX:
                self._kept.popitem(last=False)
        return found


def routes(px: Px) -> Sequence[Route]:
    orders = Orders()
    found = []
    for entity, path in _PATHS.items():
        found.append(Route(f"{PREFIX}/{path}", handled(px, _listing(entity, orders)), methods=["GET"]))
        found.append(Route(f"{PREFIX}/{path}/{{id:path}}", handled(px, _one(entity)), methods=["GET"]))
    return found


def listed(px: Px, entity: str) -> PeopleList:
    return PeopleList(entity, px.people.custom_attributes(entity))


def _listing(entity: str, orders: Orders) -> Any:
    async def listing(request: Request, px: Px) -> Response:
        await px.let_in(request, "read")
        scroll = asked(request, _PATHS[entity], px.clock())
        return answer(await px.work(lambda: _page(px, entity, scroll, orders)))

    return listing


def _page(px: Px, entity: str, scroll: Scroll, orders: Orders) -> dict[str, Any]:
    of = listed(px, entity)
    selection = read_selection(scroll.filters, scroll.sort, of.field)
    if selection.branches or selection.orders:
        keys, total, after = _sorted(px, entity, scroll, selection, orders)
    else:
        beyond = _place(scroll)
        keys = px.directory.keys(entity, beyond, scroll.size)
        total = scroll.total if scroll.after else px.directory.count(entity)
        after = (keys[-1] if keys else beyond,)
    further = None if len(keys) < scroll.size else write_scroll(replace(scroll, total=total, after=after))
    return {_PATHS[entity]: show(px, of, keys), "totalHits": total, "scrollId": further}


def _sorted(
    px: Px, entity: str, scroll: Scroll, selection: Selection, orders: Orders
) -> tuple[Sequence[int], int, tuple[Value, ...]]:
    """(keys of the page, keys of all pages, where the page ends) of a list that has to be looked through."""

    def find() -> pa.Array:
        ids = _ids(selection)
        if ids is None:
            rows = px.directory.all(entity)
        else:
            rows = px.directory.rows(entity, px.directory.alike(entity, ids)).to_reader()
        return px.order.keys(rows, selection, lambda: px.people.texts("accounts"))

    found = orders.keys(scroll, find)
    begin = _place(scroll)
    keys = found.slice(min(begin, len(found)), scroll.size).to_pylist()
    return keys, len(found), (begin + len(keys),)


def _ids(selection: Selection) -> list[str] | None:
    """Ids of which everybody who answers must have one; None if the selection does not say."""
    ids = []
    for branch in selection.branches:
        named = [term.value for term in branch.terms if term.field.source == "id" and term.operator == "=="]
        if not named or not str(named[0]).isascii():
            return None
        ids.append(str(named[0]))
    return ids or None


def _place(scroll: Scroll) -> int:
    match scroll.after:
        case ():
            return 0
        case (int(place),) if 0 <= place < 1 << 53:
            return place
    raise Answered(400, "The scrollId is not one of this list")


def show(px: Px, of: PeopleList, keys: Sequence[int]) -> list[dict[str, Any]]:
    """The records of ``keys``, in their order; those that are gone meanwhile are left out."""
    if not keys:
        return []
    rows = px.directory.rows(of.entity, keys).to_pylist()
    by_key = {row[f"{of.entity}_key"]: row for row in rows}
    accounts = _account_ids(px, rows) if of.entity == "user" else {}
    users = px.directory.users_of(list(by_key)) if of.entity == "account" else {}
    products = [key for key, _, _ in px.products()]
    return [of.show(by_key[key], accounts, users, products) for key in keys if key in by_key]


def _account_ids(px: Px, rows: Sequence[Mapping[str, Any]]) -> Mapping[int, str]:
    keys = sorted({row["account_key"] for row in rows if row["account_key"] is not None})
    found = px.people.texts("accounts", pa.array(keys, pa.int32()))
    return dict(zip(found["key"].to_pylist(), found["text"].to_pylist(), strict=True))


def _one(entity: str) -> Any:
    async def one(request: Request, px: Px) -> Response:
        await px.let_in(request, "read")
        wanted = request.path_params["id"]
        return answer(await px.work(lambda: found_one(px, entity, wanted)))

    return one


def found_one(px: Px, entity: str, id: str) -> dict[str, Any]:
    """The record of an id; of a user who was merged, that of the one they live on in. Raises 404."""
    key = px.directory.known(entity, [id]).get(id)
    found = show(px, listed(px, entity), [] if key is None else [key])
    if not found:
        raise Answered(404, f"{entity.capitalize()} not found")
    return found[0]
