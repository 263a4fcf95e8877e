"""The bundled shop file as the requests its clients would have sent, in both dialects.

Pages and actions go out in the Segment dialect, as a web shop's snippet would send them, and what a product's own
instrumentation knows (sessions, features, promotions, help articles) as native events. Nothing is invented: each event
stands for one row of the file, or for the first or last row of a session, and its id is a function of that row.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Final, NamedTuple

from footfall.client import DIALECTS, Request

Event = dict[str, Any]

TIME_ZONE: Final = "America/New_York"
PRODUCT: Final = "web-shop"
CHANNEL: Final = "web"  # the file's platform is the kind of device on which the web shop was open: a trait of the user
SPACE: Final = uuid.UUID("b0b2a1c6-9a64-5d0f-8e2b-7c1f6a5e4d31")
ORIGIN: Final = "https://shop.example"
BATCH: Final = 100

# The file's 19 names: the pages a visitor was on, by path, and the actions taken there.
PAGES: Final = {
    "home": "/",
    "catalog": "/catalog",
    "product_view": "/product",
    "cart": "/cart",
    "shipping_details": "/checkout/shipping",
    "payment_details": "/checkout/payment",
    "promo_page": "/promo",
    "account_page": "/account",
    "review_page": "/reviews",
    "support_chat": "/help/chat",
    "error_page": "/error",
}
ACTIONS: Final = frozenset(
    {
        "search", "filter_results", "add_to_cart", "wishlist_add", "purchase", "compare", "payment_error",
        "checkout_bug",
    }
)  # fmt: skip
FEATURES: Final = {
    "catalog": "browse-catalog",
    "search": "search",
    "filter_results": "filters",
    "compare": "compare",
    "product_view": "product-page",
    "review_page": "reviews",
    "wishlist_add": "wishlist",
    "add_to_cart": "add-to-cart",
    "cart": "cart",
    "shipping_details": "shipping",
    "payment_details": "payment",
    "purchase": "purchase",
    "account_page": "account",
    "support_chat": "support-chat",
}
PROMOTION: Final = "promo-banner"
LEADS_TO: Final = frozenset({"product_view", "catalog"})  # what a click on the promotion opens
ARTICLE: Final = "support-chat-guide"
ARTICLE_PROVIDER: Final = "HELP_DOCS_ARTICLE_PROVIDER"


class Row(NamedTuple):
    """One line of the file. Times are read as UTC; the last three say who the user is at that time."""

    user_id: str
    session_id: str
    event: str
    timestamp: str
    platform: str
    acquisition_channel: str
    user_cohort: str
    user_lifecycle: str

    @property
    def at(self) -> str:
        return self.timestamp.replace(" ", "T") + "Z"

    @property
    def account_id(self) -> str:
        return f"cohort-{self.user_cohort}"

    @property
    def traits(self) -> dict[str, str]:
        return {
            "acquisitionChannel": self.acquisition_channel,
            "lifecycle": self.user_lifecycle,
            "platform": self.platform,
        }


@dataclass(frozen=True, slots=True)
class _Place:
    """A row where it stands: its number in the file, and its neighbours in the same session, if any."""

    number: int
    row: Row
    before: Row | None
    after: Row | None

    def id(self, about: str) -> str:
        """Name the event ``about`` this row: two equal rows are two events, the same row is one however often sent."""
        return str(uuid.uuid5(SPACE, f"{self.number}\n{about}\n{','.join(self.row)}"))


def rows() -> Iterator[Row]:
    """Yield the 31,106 rows of the bundled file, sessions whole and in order of time within each."""
    packed = files("footfall.demo").joinpath("data/ecom.csv.gz").read_bytes()
    lines = csv.reader(io.StringIO(gzip.decompress(packed).decode("utf-8")))
    next(lines)
    for line in lines:
        yield Row(*line)


def requests(shop: Iterable[Row]) -> Iterator[Request]:
    """Yield the shop's rows as HTTP requests of both dialects, at most BATCH events each, in the order of the file.

    The same rows give the same bytes.
    """
    waiting: dict[str, list[Event]] = {"segment": [], "native": []}
    known: dict[str, Row] = {}
    for place in _places(shop):
        waiting["segment"] += _who(place, known)
        waiting["segment"].append(_page(place) if place.row.event in PAGES else _action(place))
        waiting["native"] += _product_events(place)
        for dialect, events in waiting.items():
            if len(events) >= BATCH:
                yield _request(dialect, events[:BATCH])
                del events[:BATCH]
    for dialect, events in waiting.items():
        while events:
            yield _request(dialect, events[:BATCH])
            del events[:BATCH]


def _places(shop: Iterable[Row]) -> Iterator[_Place]:
    before: Row | None = None
    row: Row | None = None
    number = 0
    for number, after in enumerate(shop):
        if row is not None:
            yield _Place(number - 1, row, _same(row, before), _same(row, after))
            before = row
        row = after
    if row is not None:
        yield _Place(number, row, _same(row, before), None)


def _same(row: Row, neighbour: Row | None) -> Row | None:
    return neighbour if neighbour is not None and neighbour.session_id == row.session_id else None


def _request(dialect: str, events: list[Event]) -> Request:
    shape = DIALECTS[dialect]
    body = json.dumps({shape.list_name: events}, separators=(",", ":"))
    return Request(shape.path, body.encode("ascii"), len(events))


def _who(place: _Place, known: dict[str, Row]) -> list[Event]:
    """Identify the user at first sight and whenever a trait changed; name the cohort as account at first sight."""
    row, last = place.row, known.get(place.row.user_id)
    known[row.user_id] = row
    calls: list[Event] = []
    if last is None or last.traits != row.traits:
        calls.append(_call(place, "identify", traits=row.traits))
    if last is None:
        traits = {"name": f"Cohort {row.user_cohort}"}
        calls.append(_call(place, "group", groupId=row.account_id, traits=traits))
    return calls


def _call(place: _Place, kind: str, **fields: Any) -> Event:
    row = place.row
    context = {"sessionId": row.session_id, "channel": CHANNEL, "product_key": PRODUCT, "groupId": row.account_id}
    return {
        "type": kind,
        "messageId": place.id(kind),
        "timestamp": row.at,
        "userId": row.user_id,
        **fields,
        "context": context,
    }


def _page(place: _Place) -> Event:
    path = PAGES[place.row.event]
    return _call(place, "page", name=place.row.event, properties={"path": path, "url": ORIGIN + path})


def _action(place: _Place) -> Event:
    if place.row.event not in ACTIONS:
        raise ValueError(f"row {place.number}: the shop knows no event {place.row.event!r}")
    return _call(place, "track", event=place.row.event, properties={"lifecycle": place.row.user_lifecycle})


def _product_events(place: _Place) -> Iterator[Event]:
    """Yield what this row means to the product, besides being a page or an action."""
    row = place.row
    if place.before is None:
        yield _native(place, "session_started")
    feature = FEATURES.get(row.event)
    if feature is not None:
        source = place.id("page" if row.event in PAGES else "track")
        yield _native(place, "feature_match", feature_id=feature, source_event_id=source)
    if row.event == "promo_page":
        yield from _promotion(place)
    if row.event == "support_chat":
        yield _native(place, "article_view", external_article_id=ARTICLE, provider=ARTICLE_PROVIDER)
    if place.after is None:
        yield _native(place, "session_ended")


def _promotion(place: _Place) -> Iterator[Event]:
    """A promotion was shown; a visitor whose next row is a product or the catalogue clicked it."""
    showing = {
        "engagement_id": PROMOTION,
        "execution_id": place.id("showing"),
        "step_number": 0,
        "trigger_type": "AUTOMATIC",
    }
    yield _native(place, "engagement_view", view_state="VIEWED", **showing)
    if place.after is not None and place.after.event in LEADS_TO:
        link = ORIGIN + PAGES[place.after.event]
        yield _native(place, "engagement_click", link_url=link, **showing)


def _native(place: _Place, kind: str, **fields: Any) -> Event:
    row = place.row
    return {
        "type": kind,
        "event_id": place.id(kind),
        "occurred_at": row.at,
        "identify_id": row.user_id,
        "account_id": row.account_id,
        "session_id": row.session_id,
        "product_key": PRODUCT,
        "channel": CHANNEL,
        **fields,
    }
