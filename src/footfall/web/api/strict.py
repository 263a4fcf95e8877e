"""Routes that read JSON as its standard has it and that say who may ask; others cannot be made."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec
from fastapi import APIRouter, Request
from fastapi.routing import APIRoute
from starlette.responses import Response

from footfall.web.api.callers import identify
from footfall.web.api.names_in_paths import names


class _StrictRequest(Request):
    """No NaN, no halves of characters, no depth that ends a process."""

    async def json(self) -> Any:
        text = await self.body()
        try:
            return msgspec.json.decode(text)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise json.JSONDecodeError(str(error), "", 0) from None


class _StrictRoute(APIRoute):
    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        if not any(each.call is identify for each in self.dependant.dependencies):
            raise ValueError(f"{self.path} does not say who may ask: take a Reading, Writing or Administering desk")

    def get_route_handler(self) -> Callable[[Request], Any]:
        handle = super().get_route_handler()

        async def strictly(request: Request) -> Response:
            scope = {**request.scope, "path_params": names(request.path_params)}
            return await handle(_StrictRequest(scope, request.receive))

        return strictly


def section(prefix: str, tag: str) -> APIRouter:
    """A part of the API. Making a route in it that declares no scope raises ``ValueError``."""
    return APIRouter(prefix=prefix, tags=[tag], route_class=_StrictRoute)
