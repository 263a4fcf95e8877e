"""Rules of a product mapper as a large web app has them, and events that they look at."""

from __future__ import annotations

import json
import random
from typing import Any

_PLACES = (
    "orders", "customers", "invoices", "reports", "settings", "team", "projects", "boards", "exports", "billing",
    "catalogue", "stock", "shipping", "returns", "campaigns", "segments", "journeys", "inbox", "calendar", "files",
)  # fmt: skip
_PARTS = ("list", "detail", "edit", "history", "share", "print", "archive", "comments", "filters", "totals")
_HOST = "app.example.com"


def mapper_definitions(rules: int = 500, product_key: str = "default") -> dict[str, list[dict[str, Any]]]:
    """Definitions with that many rules, each of a feature of its own, below twenty modules.

    Half ask for URLs, a third for elements, the rest for texts and custom events, some of which have conditions.
    """
    modules = [{"id": place, "name": place.title(), "type": "MODULE", "product_key": product_key} for place in _PLACES]
    features = []
    for number in range(rules):
        place, part = _PLACES[number % 20], _PARTS[number // 20 % 10]
        features.append(
            {
                "id": f"feature-{number}",
                "name": f"Feature {number}",
                "product_key": product_key,
                "parent_feature_id": place,
                "rules": [_rule(number, place, f"{part}{number // 200}")],
            }
        )
    return {"features": [*modules, *features]}


def _rule(number: int, place: str, part: str) -> dict[str, Any]:
    match number % 12:
        case 0 | 1:
            return {"kind": "URL", "value": f"/{place}/*/{part}"}
        case 2:
            return {"kind": "URL", "value": f"/{place}/{part}/**"}
        case 3:
            return {"kind": "URL", "value": f"{_HOST}/{place}/**/{part}"}
        case 4:
            return {"kind": "URL", "value": f"/{place}?tab={part}"}
        case 5:
            return {"kind": "URL", "value": f"/{place}/{part}", "match": "contains"}
        case 6:
            return {"kind": "ELEMENT", "value": f"#{place} .{part} > button.primary"}
        case 7:
            return {"kind": "ELEMENT", "value": f'button[data-footfall="{place}-{part}"]'}
        case 8:
            return {"kind": "ELEMENT", "value": f"nav a.{part}", "url": f"/{place}/**"}
        case 9:
            return {"kind": "TEXT", "value": f"{part.title()} {place}"}
        case 10:
            return {"kind": "CUSTOM_EVENT", "value": f"{place} {part}"}
        case _:
            return {"kind": "CUSTOM_EVENT", "value": f"{place} saved", "where": f"part = {part} AND amount >= 10"}


def mapper_events(count: int, seed: int = 1) -> list[dict[str, Any]]:
    """Native events of that app, as its tag and its server send them: pages with ids in their paths, clicks, custom."""
    rng = random.Random(seed)
    return [_event(number, rng) for number in range(count)]


def _event(number: int, rng: random.Random) -> dict[str, Any]:
    place, part = rng.choice(_PLACES), f"{rng.choice(_PARTS)}{rng.randrange(3)}"
    user = f"user-{rng.randrange(20_000)}"
    base = {"event_id": f"{seed_of(rng)}-{number}", "identify_id": user, "account_id": f"account-{hash_of(user)}"}
    page = {"scheme": "https", "host": _HOST, "path": f"/{place}/{rng.randrange(100_000)}/{part}",
            "query_string": f"?tab={part}&from={rng.randrange(10)}"}  # fmt: skip
    kind = rng.random()
    if kind < 0.4:
        return base | {"type": "page_view", "page": page}
    if kind < 0.7:
        around = [{"tag": "div", "classes": [part]}, {"tag": "section", "id": place}, {"tag": "body"}]
        element = {"tag": "button", "classes": ["primary"], "nth": rng.randrange(1, 5), "path": around,
                   "attributes": {"data-footfall": f"{place}-{part}"}, "text": f"{part.title()} {place}"}  # fmt: skip
        return base | {"type": "click", "page": page, "element": element}
    name = f"{place} {part if kind < 0.85 else 'saved'}"
    return base | {"type": "custom", "event_name": name,
                   "attributes": {"part": part, "amount": rng.randrange(100)}}  # fmt: skip


def seed_of(rng: random.Random) -> str:
    """A part of an id that differs from event to event."""
    return f"{rng.getrandbits(64):016x}"


def hash_of(text: str) -> int:
    """An account for a user, the same in every process."""
    return sum(text.encode()) % 997


def texts(events: list[dict[str, Any]]) -> list[str]:
    """The events as JSON."""
    return [json.dumps(event) for event in events]
