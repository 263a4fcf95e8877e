"""What is defined: features, engagements, attributes, articles, the subscription. Lists by page number."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from footfall.model.attribute_definitions import AttributeDefinition
from footfall.model.attributes import ATTRIBUTES, CUSTOM_TYPES, as_string
from footfall.model.feature_rules import MAPPED_TYPES, FeatureRule
from footfall.model.metadata import Article, Engagement, Feature
from footfall.web.px.desk import Px, handled, number
from footfall.web.px.events import PREFIX
from footfall.web.px.replies import Answered, answer
from footfall.wire.px_people import milliseconds

_Item = TypeVar("_Item")
EXTENDED: Final = "/px/v2/feature_ext"  # the vendor has no first version of it


def routes(px: Px) -> Sequence[Route]:
    ways = {
        "/feature": features,
        "/feature/{id:path}": feature,
        "/engagement": engagements,
        "/engagement/extended": extended_engagements,
        "/engagement/{id:path}": engagement,
        "/articles": articles,
        "/admin/model/{entity}/attributes": attributes,
        "/admin/subscription": subscription,
    }
    found = {PREFIX + path: handler for path, handler in ways.items()} | {EXTENDED: extended_features}
    return [Route(path, handled(px, handler), methods=["GET"]) for path, handler in found.items()]


async def features(request: Request, px: Px) -> Response:
    await px.let_in(request, "read")
    key = request.query_params.get("propertyKey", "")
    found = await px.work(lambda: [each for each in px.catalogue.read().features if key in ("", each.product_key)])
    return answer(numbered(request, "features", found, _feature, 25, 200))


async def feature(request: Request, px: Px) -> Response:
    await px.let_in(request, "read")
    found = await px.work(lambda: px.catalogue.read().features)
    return answer(_feature(_of_id(request, found, lambda each: each.id, "Feature")))


async def extended_features(request: Request, px: Px) -> Response:
    """With their rules in the vendor's words."""
    await px.let_in(request, "read")
    key = request.query_params.get("propertyKey", "")
    found = await px.work(lambda: [each for each in px.catalogue.read().features if key in ("", each.product_key)])
    return answer(numbered(request, "features", found, _extended, 25, 200))


def _extended(item: Feature) -> dict[str, Any]:
    mapped = [_mapped(f"{item.id}-{place}", rule) for place, rule in enumerate(item.rules)]
    return _feature(item) | {"mappedElements": mapped}


def _mapped(id: str, rule: FeatureRule) -> dict[str, Any]:
    event_type, kind = MAPPED_TYPES[rule.kind]
    found: dict[str, Any] = {"id": id, "eventType": event_type, "type": kind, "state": rule.state, "value": rule.value}
    found |= {} if rule.kind == "ELEMENT" else {"match": rule.matched}
    more = {"url": rule.url, "text": rule.text, "where": rule.where}
    return found | {name: value for name, value in more.items() if value is not None}


def _feature(item: Feature) -> dict[str, Any]:
    found: dict[str, Any] = {"id": item.id, "name": item.name, "type": item.type}
    if item.parent_feature_id is not None:
        found["parentFeatureId"] = item.parent_feature_id
    labels = [{"id": label, "name": label} for label in item.labels]
    return found | {"propertyKey": item.product_key, "status": item.status, "featureLabels": labels}


async def engagements(request: Request, px: Px) -> Response:
    return answer(await _engagements(request, px, _engagement))


async def extended_engagements(request: Request, px: Px) -> Response:
    """With the custom events that their rules name: engagements have no rules here."""
    return answer(await _engagements(request, px, lambda each: _engagement(each) | {"customEvents": []}))


async def _engagements(request: Request, px: Px, show: Callable[[Engagement], dict[str, Any]]) -> dict[str, Any]:
    await px.let_in(request, "read")
    kinds = {each for text in request.query_params.getlist("contentTypes") for each in text.split(",") if each}
    # The vendor has no word for one that was deleted.
    found = [
        each
        for each in (await px.work(px.catalogue.read)).all_engagements
        if each.status != "DELETED" and (not kinds or each.type in kinds)
    ]
    return numbered(request, "engagements", found, show, 200, 500)


async def engagement(request: Request, px: Px) -> Response:
    await px.let_in(request, "read")
    found = (await px.work(px.catalogue.read)).all_engagements
    return answer(_engagement(_of_id(request, found, lambda each: each.id, "Engagement")))


def _engagement(item: Engagement) -> dict[str, Any]:
    return {
        "id": item.id,
        "name": item.name,
        "type": item.type,
        "state": item.status,
        "propertyKeys": list(item.product_keys),
        "envs": list(item.environments),
    }


async def articles(request: Request, px: Px) -> Response:
    await px.let_in(request, "read")
    found = (await px.work(px.catalogue.read)).articles
    return answer(numbered(request, "articleExternalViewList", found, _article, 200, 500))


def _article(item: Article) -> dict[str, Any]:
    return {"id": item.external_article_id, "articleName": item.title, "viewType": item.provider}


async def attributes(request: Request, px: Px) -> Response:
    await px.let_in(request, "read")
    entity = request.path_params["entity"]
    if entity not in ATTRIBUTES:
        raise Answered(404, "Type not found", "It is user or account")
    found = await px.work(lambda: px.attributes.all(entity))
    now = milliseconds(px.clock())
    return answer([_attribute(each) | {"createdDate": now, "modifiedDate": now} for each in found])


def _attribute(item: AttributeDefinition) -> dict[str, Any]:
    """The vendor has no sets and maps: these are their JSON text."""
    found: dict[str, Any] = {
        **dict.fromkeys(("id", "apiName", "internalName"), item.api_name),
        "name": item.label or item.api_name,
        "type": item.type if item.type in CUSTOM_TYPES else "STRING",
        "state": item.state,
        "origin": item.origin,
    }
    found |= {"description": item.description} if item.description else {}
    return found | ({} if item.default is None else {"defaultValue": as_string(item.default)})


async def subscription(request: Request, px: Px) -> Response:
    await px.let_in(request, "read")
    facts = await px.work(lambda: (px.subscription(), px.products()))
    products = [
        {"name": name, "productKeys": [{"channel": channel, "productKey": key}]} for key, name, channel in facts[1]
    ]
    return answer({**facts[0], "products": products})


def _of_id(request: Request, items: Sequence[_Item], id_of: Callable[[_Item], str], what: str) -> _Item:
    wanted = request.path_params["id"]
    found = next((each for each in items if id_of(each) == wanted), None)
    if found is None:
        raise Answered(404, f"{what} not found")
    return found


def numbered(
    request: Request, key: str, items: Sequence[_Item], show: Callable[[_Item], dict[str, Any]], default: int, most: int
) -> dict[str, Any]:
    """A page of a list that goes by page number."""
    size, page = number(request, "pageSize", default, 1, most), number(request, "pageNumber", 0, 0, 999_999_999)
    shown = [show(each) for each in items[page * size : (page + 1) * size]]
    return {key: shown, "pageNumber": page, "isLastPage": (page + 1) * size >= len(items)}
