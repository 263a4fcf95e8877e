"""Changes of what is defined, and how much a feature is used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from footfall.errors import BadRecord
from footfall.model.event import EventType
from footfall.model.metadata import Engagement, Feature, Metadata, Survey
from footfall.model.selection import Branch, Field, Kind, Selection, Term
from footfall.ports import EventsWanted
from footfall.web.px.desk import Px, body_of, handled
from footfall.web.px.events import PREFIX
from footfall.web.px.replies import Answered, answer, nothing
from footfall.wire.px_query import EPOCH, read_instant

ADOPTION_DAYS: Final = 7
_ROOT: Final = "ROOT"  # the vendor's word for no parent
_STATES: Final = {"START": "STARTED", "PAUSE": "PAUSED"}
_ENVIRONMENTS: Final = {name.upper(): name for name in ("Production", "Stage", "QA", "Integration")}


def routes(px: Px) -> Sequence[Route]:
    return [
        Route(f"{PREFIX}/feature/adoption/{{id:path}}", handled(px, adoption), methods=["GET"]),
        Route(f"{PREFIX}/feature/backfill/{{id:path}}", handled(px, backfill), methods=["POST"]),
        Route(f"{PREFIX}/feature/{{id:path}}", handled(px, change_feature), methods=["PUT"]),
        Route(f"{PREFIX}/engagement/state", handled(px, change_state), methods=["PUT"]),
        Route(f"{PREFIX}/engagement/env", handled(px, change_environments), methods=["PUT"]),
        Route(f"{PREFIX}/engagement/envs", handled(px, change_environments), methods=["PUT"]),
        Route(f"{PREFIX}/engagement/{{id:path}}", handled(px, delete_engagement), methods=["DELETE"]),
    ]


async def adoption(request: Request, px: Px) -> Response:
    await px.let_in(request, "read")
    given = request.query_params
    now = px.clock()
    start, end = (read_instant(name, given.get(name, "")) for name in ("dateRangeStart", "dateRangeEnd"))
    try:
        until = now if end is None else EPOCH + timedelta(milliseconds=float(end))
        since = until - timedelta(days=1) if start is None else EPOCH + timedelta(milliseconds=float(start))
    except OverflowError:
        raise Answered(400, "The date range is out of range") from None
    if until - since > timedelta(days=ADOPTION_DAYS):
        raise Answered(400, f"Exceeded date range{ADOPTION_DAYS}days")

    def work() -> dict[str, Any]:
        feature = _feature(px, request.path_params["id"])
        terms = [Term(Field("name", Kind.TEXT), "==", feature.id)]
        if product := given.get("propertyKey", ""):
            terms.append(Term(Field("product", Kind.TEXT), "==", product))
        wanted = EventsWanted((EventType.FEATURE_MATCH,), Selection((Branch(tuple(terms), since, until),)), 0)
        found = px.explore.totals(wanted)
        return {
            "featureId": feature.id,
            "featureName": feature.name,
            "dateRangeStart": (since - EPOCH) // timedelta(milliseconds=1),
            "dateRangeEnd": (until - EPOCH) // timedelta(milliseconds=1),
            "propertyKey": feature.product_key,
            "totalEventCount": found.events,
            "uniqueUserCount": found.users,
            "uniqueAccountCount": found.accounts,
        }

    return answer(await px.work(work))


async def change_feature(request: Request, px: Px) -> Response:
    actor = await px.let_in(request, "write")
    body = await body_of(request)

    def work() -> None:
        with px.transaction():
            feature = _feature(px, request.path_params["id"])
            name, parent = _text(body, "name", feature.name), _text(body, "parentFeatureId", feature.parent_feature_id)
            changed = replace(feature, name=name or feature.name, parent_feature_id=None if parent == _ROOT else parent)
            px.catalogue.write(Metadata(features=(changed,)), px.clock())

    await px.work(work, actor)
    return nothing()


async def backfill(request: Request, px: Px) -> Response:
    """Its rules, and those of what is below it, see all days."""
    actor = await px.let_in(request, "write")
    wanted = request.path_params["id"]

    def work() -> None:
        _feature(px, wanted)
        px.backfill(wanted, actor)

    await px.work(work, actor)
    return nothing()


async def change_state(request: Request, px: Px) -> Response:
    actor = await px.let_in(request, "write")
    body = await body_of(request)
    state = _STATES.get(str(body.get("state")))
    if state is None:
        raise Answered(400, f"state must be one of {', '.join(_STATES)}")
    environments = _environments(body) if "envs" in body else None

    change: dict[str, Any] = {"status": state} | ({} if environments is None else {"environments": environments})
    await px.work(lambda: _change(px, body.get("engagementId"), **change), actor)
    return answer({"status": 200, "errors": []})


async def change_environments(request: Request, px: Px) -> Response:
    actor = await px.let_in(request, "write")
    body = await body_of(request)
    environments = _environments(body)
    await px.work(lambda: _change(px, body.get("engagementId"), environments=environments), actor)
    return answer({"status": 200, "errors": []})


async def delete_engagement(request: Request, px: Px) -> Response:
    actor = await px.let_in(request, "write")
    wanted = request.path_params["id"]
    await px.work(lambda: _change(px, wanted, status="DELETED"), actor)
    return answer({"status": 200, "errors": []})


def _feature(px: Px, wanted: str) -> Feature:
    found = next((each for each in px.catalogue.read().features if each.id == wanted), None)
    if found is None:
        raise Answered(404, "Feature not found")
    return found


def _engagement(px: Px, wanted: object) -> Engagement:
    found = next((each for each in px.catalogue.read().all_engagements if each.id == wanted), None)
    if found is None or found.status == "DELETED":
        raise Answered(404, "Engagement not found")
    return found


def _change(px: Px, wanted: object, **changes: Any) -> None:
    """Set these fields of an engagement, the others as they are by then. Raises 404."""
    with px.transaction():
        changed = replace(_engagement(px, wanted), **changes)
        metadata = Metadata(surveys=(changed,)) if isinstance(changed, Survey) else Metadata(engagements=(changed,))
        px.catalogue.write(metadata, px.clock())


def _text(body: Any, name: str, otherwise: str | None) -> str | None:
    value = body.get(name)
    if value is not None and (not isinstance(value, str) or not value):
        raise BadRecord("bad_body", f"{name} must be a text")
    return otherwise if value is None else value


def _environments(body: Any) -> tuple[str, ...]:
    given = body.get("envs", [body["env"]] if "env" in body else [])
    known = [_ENVIRONMENTS.get(str(each).upper()) for each in given] if isinstance(given, list) else [None]
    if not known or None in known:
        raise BadRecord("bad_body", f"envs must name {', '.join(_ENVIRONMENTS.values())}")
    return tuple(dict.fromkeys(each for each in known if each is not None))
