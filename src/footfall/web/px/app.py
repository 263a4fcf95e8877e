"""The PX dialect as an app of the collector's port."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from footfall.web.px import catalogue, changes, definitions, events, people, segments
from footfall.web.px.desk import Px
from footfall.web.px.replies import refusal


def create_px(px: Px) -> Starlette:
    """The ASGI app of ``/px/v1/*``."""

    async def by_status(_: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return refusal(error.status_code, str(error.detail), headers=error.headers)

    return Starlette(
        routes=[
            *events.routes(px),
            *definitions.routes(px),
            *segments.routes(px),
            *catalogue.routes(px),
            *changes.routes(px),
            *people.routes(px),
        ],
        exception_handlers={HTTPException: by_status},
    )
