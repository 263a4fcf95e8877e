"""Erasing people, the receipts of that, and all that is held about one."""

from __future__ import annotations

import json
from typing import Annotated, Literal

from fastapi import Path, Query
from pydantic import Field, JsonValue
from starlette.responses import Response

from footfall.errors import Missing
from footfall.model.erasures import Erasure
from footfall.web.api.callers import Administering
from footfall.web.api.people import Id
from footfall.web.api.repeats import repeatable
from footfall.web.api.shapes import Given, Instant, Told
from footfall.web.api.strict import section

router = section("/api/people", "people")
IDS_MAX = 100_000
ErasureId = Annotated[str, Path(pattern="^er[0-9a-f]{1,38}$", description="Of the erasure.")]


class ErasureIn(Given):
    """ids: identify ids or aptrinsicIds. mode: `anonymize` keeps events without anything that names who did them."""

    ids: Annotated[list[Annotated[str, Field(min_length=1, max_length=1_000)]], Field(min_length=1, max_length=IDS_MAX)]
    mode: Literal["erase", "anonymize"] = "erase"


class ErasureOut(Told):
    """people, unknown: of those asked for, how many were found and not. removed: rows and events, by kind. error: of
    the last try; the server goes on until it has ended."""

    id: str
    mode: str
    state: Literal["asked", "planned", "forgotten", "cut", "delivered", "done"]
    by: str
    asked_at: Instant
    ended_at: Instant | None
    people: int
    unknown: int
    removed: dict[str, int]
    error: str


class Erasures(Told):
    erasures: list[ErasureOut]


class ReceiptOut(Told):
    """As it was signed; see docs/guide/privacy.md."""

    receipt: dict[str, JsonValue]


@router.post("/erasures", status_code=202, summary="Erase people from everything, also from what was delivered")
@repeatable
def erase_people(desk: Administering, given: ErasureIn) -> ErasureOut:
    """Cannot be taken back. The server does it in its own time; the receipt is there when the state is `done`."""
    return _out(desk.management.erase(given.ids, given.mode, desk.name))


@router.get("/erasures", summary="List erasures, newest first")
def list_erasures(desk: Administering, limit: Annotated[int, Query(ge=1, le=1_000)] = 100) -> Erasures:
    return Erasures(erasures=[_out(each) for each in desk.management.erasures.all(limit)])


@router.get("/erasures/{id}", summary="Show an erasure")
def show_erasure(desk: Administering, id: ErasureId) -> ErasureOut:
    return _out(desk.management.erasures.get(id))


@router.get("/erasures/{id}/receipt", summary="Get the signed receipt of an erasure")
def get_receipt(desk: Administering, id: ErasureId) -> ReceiptOut:
    text = desk.management.erasures.receipt(desk.management.erasures.get(id).id)
    if text is None:
        raise Missing(f"erasure {id} has not ended", "Ask again when its state is done")
    return ReceiptOut(receipt=json.loads(text))


@router.get("/export", summary="Get all that is held about a person", response_class=Response, responses={
    200: {"content": {"application/zip": {}}, "description": "A ZIP archive of JSON files and an index."}
})  # fmt: skip
def export_person(desk: Administering, id: Id) -> Response:
    """That it was looked at is in the audit log."""
    body = desk.management.export_person(id)
    return Response(body, media_type="application/zip", headers={"cache-control": "no-store"})


def _out(one: Erasure) -> ErasureOut:
    told = {name: getattr(one, name) for name in ErasureOut.model_fields if name != "removed"}
    return ErasureOut.model_validate(told | {"removed": dict(one.counts)})
