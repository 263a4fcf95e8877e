"""What browser libraries fetch before they send: with these answers they need no other host than this one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from footfall.errors import FootfallError
from footfall.flows.collect import Collect
from footfall.web.posthog_settings import posthog_routes
from footfall.web.replies import cors
from footfall.web.tag import tag_routes
from footfall.web.write_keys import key_of


def segment_settings(key: str, host: str, scheme: str) -> dict[str, Any]:
    """The settings of analytics.js: one integration, which sends here, and no measuring of the library itself."""
    return {
        "integrations": {
            "Segment.io": {
                "apiKey": key,
                "apiHost": f"{host}/v1",
                "protocol": scheme,
                "unbundledIntegrations": [],
                "addBundledMetadata": True,
                "maybeBundledConfigIds": {},
                "versionSettings": {"version": "4.4.7", "componentTypes": ["browser"]},
            }
        },
        "plan": {
            "track": {"__default": {"enabled": True, "integrations": {}}},
            "identify": {"__default": {"enabled": True}},
            "group": {"__default": {"enabled": True}},
        },
        "edgeFunction": {},
        "analyticsNextEnabled": True,
        "middlewareSettings": {},
        "enabledMiddleware": {},
        "metrics": {"sampleRate": 0},
        "legacyVideoPluginsEnabled": False,
        "remotePlugins": [],
    }


def rudder_source_config(key: str, name: str) -> dict[str, Any]:
    """The source configuration of RudderStack's library: no destinations in the browser, no statistics."""
    quiet = {"enabled": False}
    return {
        "source": {
            "id": name,
            "name": name,
            "writeKey": key,
            "enabled": True,
            "workspaceId": "footfall",
            "config": {"statsCollection": {"errors": quiet, "metrics": quiet}},
            "connections": [],
            "destinations": [],
        },
        "updatedAt": "2026-01-01T00:00:00.000Z",
    }


def rest_of_collector(collect: Collect, more: Sequence[BaseRoute] = ()) -> Starlette:
    """All of the collector but the posting of events: the tag, settings of libraries, whether it lives, ``more``."""

    def headers(request: Request) -> dict[str, str]:
        origin = request.headers.get("origin")
        named = cors(None if origin is None else origin.encode("latin-1"))
        return {"cache-control": "public, max-age=60"} | {n.decode(): v.decode("latin-1") for n, v in named}

    def name_of(key: str) -> str:
        try:
            source = collect.source(key)
        except FootfallError as error:
            raise HTTPException(503, "Write keys cannot be checked now", {"retry-after": "5"}) from error
        if source is None:
            raise HTTPException(404, "No source has this write key")
        return source.name

    async def settings(request: Request) -> Response:
        key = request.path_params["key"]
        name_of(key)
        body = segment_settings(key, request.headers.get("host", ""), request.url.scheme)
        return JSONResponse(body, headers=headers(request))

    async def source_config(request: Request) -> Response:
        key = key_of(dict(request.headers.raw), b"")
        if not key:
            key = parse_qs(request.url.query).get("writeKey", [""])[0]
        return JSONResponse(rudder_source_config(key, name_of(key)), headers=headers(request))

    async def healthz(_: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def refused(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        detail = error.detail if isinstance(error, HTTPException) else "Something went wrong here"
        extra = dict(error.headers or {}) if isinstance(error, HTTPException) else {}
        body = {"success": False, "status": 0, "code": f"http_{status}", "message": detail}
        return JSONResponse(body, status, {**headers(request), "cache-control": "no-store", **extra})

    return Starlette(
        routes=[
            Route("/healthz", healthz),
            Route("/v1/projects/{key}/settings", settings),
            Route("/sourceConfig", source_config),
            Route("/sourceConfig/", source_config),
            *posthog_routes(headers),
            *tag_routes(collect),
            *more,
        ],
        exception_handlers={HTTPException: refused},
    )
