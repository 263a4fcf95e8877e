"""Lists of events: history, a scroll at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from footfall.flows.explore import FoundEvents
from footfall.model.selection import Selection
from footfall.ports import EventsWanted
from footfall.web.px.desk import Px, handled, number
from footfall.web.px.replies import answer
from footfall.wire.px_events import LISTS, EventList
from footfall.wire.px_query import Scroll, read_instant, read_scroll, read_selection, within_history, write_scroll

PREFIX: Final = "/px/v1"
PAGE_DEFAULT: Final = 25
PAGE_MAX: Final = 1_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def routes(px: Px) -> Sequence[Route]:
    return [Route(PREFIX + each.path, handled(px, _listing(each)), methods=["GET"]) for each in LISTS]


def asked(request: Request, of: str, now: datetime) -> Scroll:
    """What a request for a page asks: that of its scrollId, or the beginning of a new list."""
    given = request.query_params
    if text := given.get("scrollId", ""):
        scroll = read_scroll(text, of)
        size = min(scroll.size or PAGE_DEFAULT, PAGE_MAX)  # whoever sent it may have written it
        return replace(scroll, size=number(request, "pageSize", size, 1, PAGE_MAX))
    return Scroll(
        of=of,
        at=(now - _EPOCH) // timedelta(milliseconds=1),
        size=number(request, "pageSize", PAGE_DEFAULT, 1, PAGE_MAX),
        filters=tuple(given.getlist("filter")),
        sort=given.get("sort", ""),
        start=given.get("dateRangeStart", ""),
        end=given.get("dateRangeEnd", ""),
    )


def _listing(of: EventList) -> Any:
    async def listing(request: Request, px: Px) -> Response:
        await px.let_in(request, "read")
        scroll = asked(request, of.path, px.clock())
        selection = _selection(scroll, of)
        return answer(await px.work(lambda: _page(px, of, scroll, selection)))

    return listing


def _selection(scroll: Scroll, of: EventList) -> Selection:
    start = read_instant("dateRangeStart", scroll.start)
    end = read_instant("dateRangeEnd", scroll.end)
    return within_history(read_selection(scroll.filters, scroll.sort, of.fields.get), scroll.now, start, end)


def _page(px: Px, of: EventList, scroll: Scroll, selection: Selection) -> dict[str, Any]:
    types = {each.id: each.type for each in px.catalogue.read().all_engagements} if of.engagements else {}
    wanted = EventsWanted(of.types, selection, scroll.upto, types)
    if scroll.after:
        found = px.explore.more(wanted, scroll.size, scroll.after, scroll.total)
    else:
        found = px.explore.events(wanted, scroll.size)
    shown = [of.show(event, types) for event in found.events]
    if of.emails:
        emails = _emails(px, sorted({event.person for event in found.events if event.identified and event.person}))
        for event in shown:
            if event.get("identifyId") in emails:
                event.setdefault("email", emails[event["identifyId"]])
    return {of.key: shown, "totalHits": found.total, "scrollId": _further(scroll, found)}


def _emails(px: Px, ids: Sequence[str]) -> dict[str, str]:
    """Addresses of users, by identify id."""
    keys = px.directory.known("user", ids)
    rows = px.directory.rows("user", sorted(keys.values())).to_pylist() if keys else []
    emails = {row["user_key"]: msgspec.json.decode(row["attributes"]).get("email") for row in rows}
    return {name: emails[key] for name, key in keys.items() if isinstance(emails.get(key), str)}


def _further(scroll: Scroll, found: FoundEvents) -> str | None:
    """The scrollId of the next page; none after the last one, which is the one that is not full."""
    if len(found.events) < scroll.size:
        return None
    return write_scroll(replace(scroll, total=found.total, upto=found.upto, after=found.after))
