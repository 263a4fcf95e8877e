"""Segments: the audiences there are, and those that other systems fill."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from hashlib import blake2b
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from footfall.errors import BadRecord, Missing
from footfall.model.audiences import IDENTIFY, Audience
from footfall.model.reading import ID_CHARS_MAX
from footfall.web.px.catalogue import numbered
from footfall.web.px.desk import Px, body_of, handled, truth
from footfall.web.px.events import PREFIX
from footfall.web.px.replies import Answered, answer

_NAME_CHARACTERS_MAX: Final = 63
_DIGEST_BYTES: Final = 4


def routes(px: Px) -> Sequence[Route]:
    outside = f"{PREFIX}/external_segment"
    return [
        Route(f"{PREFIX}/segment", handled(px, segments), methods=["GET"]),
        Route(f"{PREFIX}/segment/{{id}}", handled(px, segment), methods=["GET"]),
        Route(f"{outside}/metadata", handled(px, create), methods=["POST"]),
        Route(f"{outside}/metadata", handled(px, change), methods=["PUT"]),
        Route(f"{outside}/update_membership", handled(px, update_membership), methods=["POST"]),
    ]


async def segments(request: Request, px: Px) -> Response:
    await px.let_in(request, "read")
    return answer(numbered(request, "segments", await px.work(px.audiences.all), _shown, 25, 200))


async def segment(request: Request, px: Px) -> Response:
    await px.let_in(request, "read")
    wanted = request.path_params["id"]
    return answer(_shown(await px.work(lambda: _get(px, wanted))))


def _shown(audience: Audience) -> dict[str, Any]:
    return {"id": audience.name, "name": audience.label or audience.name}


async def create(request: Request, px: Px) -> Response:
    """A list that another system fills. Its id is made of the ``externalId``, or of the name."""
    actor = await px.let_in(request, "write")
    body, fail = await body_of(request), truth(request, "failIfExists")
    label = _text(body, "name")
    made = Audience(
        _id_of(body.get("externalId") or label),
        listed=IDENTIFY,
        label=label,
        description=_text(body, "description", ""),
    )

    def work() -> Audience:
        with px.transaction():
            known = {each.name: each for each in px.audiences.all()}.get(made.name)
            if known is not None and (fail or known.listed != IDENTIFY):
                raise Answered(400, f"Segment {made.name} already exists")
            return known or px.audiences.add(made, px.clock())

    return answer(_external(await px.work(work, actor), body))


async def change(request: Request, px: Px) -> Response:
    actor = await px.let_in(request, "write")
    body = await body_of(request)
    wanted = _id_of(body.get("id") or body.get("externalId") or "")

    def work() -> Audience:
        with px.transaction():
            known = _get(px, wanted)
            label, description = _text(body, "name", known.label), _text(body, "description", known.description)
            return px.audiences.change(replace(known, label=label, description=description), px.clock())

    return answer(_external(await px.work(work, actor), body))


async def update_membership(request: Request, px: Px) -> Response:
    """Add and remove identify ids, all of the body or nothing."""
    actor = await px.let_in(request, "write")
    body = await body_of(request)
    if body.get("identityType", "IDENTIFY_ID") != "IDENTIFY_ID":
        raise Answered(400, "identityType must be IDENTIFY_ID")
    added, removed = _actions(body, "add"), _actions(body, "remove")

    def work() -> None:
        with px.transaction():
            for name in dict.fromkeys([*added, *removed]):
                known = _get(px, name)
                if known.listed != IDENTIFY:
                    raise Answered(400, f"Segment {name} is no list of identify ids")
                gone = removed.get(name, frozenset())
                if gone:
                    kept = (each for each in px.audiences.values(known.name).to_pylist() if each not in gone)
                    px.audiences.put_values(known.name, kept, px.clock())
                px.audiences.put_values(known.name, sorted(added.get(name, ())), px.clock(), keep=True)

    await px.work(work, actor)
    return answer({"statusCode": "200", "statusCodeValue": 200})


def _get(px: Px, name: str) -> Audience:
    try:
        return px.audiences.get(name)
    except Missing as error:
        raise Answered(404, "Segment not found") from error


def _external(audience: Audience, body: Mapping[str, Any]) -> dict[str, Any]:
    found = _shown(audience) | {"description": audience.description}
    return found | ({"externalId": body["externalId"]} if body.get("externalId") else {})


def _id_of(given: object) -> str:
    """Lower-case letters, digits, ``.``, ``_`` and ``-`` of a name. Raises 400 if none are left.

    When that is not all of the name, a digest follows: different names are different segments.
    """
    text = str(given)
    name = re.sub(r"[^a-z0-9._-]+", "-", text.lower()).lstrip("._-")[:_NAME_CHARACTERS_MAX].rstrip("-")
    if not name:
        raise Answered(400, "name must hold letters or digits of ASCII")
    if name == text:
        return name
    digest = blake2b(text.encode(errors="surrogatepass"), digest_size=_DIGEST_BYTES).hexdigest()
    return f"{name[: _NAME_CHARACTERS_MAX - len(digest) - 1].rstrip('-')}-{digest}"


def _text(body: Mapping[str, Any], name: str, otherwise: str | None = None) -> str:
    value = otherwise if body.get(name) is None else body[name]
    if not isinstance(value, str) or (otherwise is None and not value.strip()) or "\0" in value:
        raise BadRecord("bad_body", f"{name} must be a text")
    return value


def _actions(body: Mapping[str, Any], name: str) -> dict[str, frozenset[str]]:
    """Identities by segment."""
    given = body.get(name, [])
    found: dict[str, frozenset[str]] = {}
    for action in given if isinstance(given, list) else [given]:
        match action:
            case {"segmentId": str(segment), "identities": list(ids)} if all(map(_is_id, ids)):
                found[segment] = found.get(segment, frozenset()) | frozenset(ids)
            case _:
                raise BadRecord("bad_body", f"{name} must be a list of objects with segmentId and identities")
    return found


def _is_id(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= ID_CHARS_MAX and "\0" not in value
