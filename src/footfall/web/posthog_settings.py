"""What PostHog's libraries ask before and beside sending: there are no flags, surveys or recordings here, so go on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

Headers = Callable[[Request], dict[str, str]]


def remote_config(token: str) -> dict[str, Any]:
    """The configuration of posthog-js: it sends events here, as plain JSON or gzip, and does nothing else."""
    return {
        "token": token,
        "supportedCompression": ["gzip", "gzip-js"],
        "hasFeatureFlags": False,
        "captureDeadClicks": False,
        "capturePerformance": False,
        "autocapture_opt_out": False,
        "autocaptureExceptions": False,
        "analytics": {"endpoint": "/i/v0/e/"},
        "elementsChainAsString": False,
        "sessionRecording": False,
        "heatmaps": False,
        "surveys": False,
        "defaultIdentifiedOnly": True,
        "siteApps": [],
    }


def no_flags() -> dict[str, Any]:
    """The answer to ``/flags`` and the earlier ``/decide``, in the fields of both."""
    return {
        "flags": {},
        "featureFlags": {},
        "featureFlagPayloads": {},
        "errorsWhileComputingFlags": False,
        "isAuthenticated": False,
        "toolbarParams": {},
        **{name: value for name, value in remote_config("").items() if name != "token"},
    }


def posthog_routes(headers: Headers) -> list[Route]:
    """The routes. headers: what an answer needs so that a page of any origin may read it.

    None of them asks for a key: what they say is the same for all and says nothing of anyone.
    """

    async def config(request: Request) -> Response:
        return JSONResponse(remote_config(request.path_params["token"]), headers=headers(request))

    async def config_script(request: Request) -> Response:
        return Response("", media_type="application/javascript", headers=headers(request))

    async def flags(request: Request) -> Response:
        # Each person's own: nothing between us and the browser may keep it.
        return JSONResponse(no_flags(), headers={**headers(request), "cache-control": "no-store"})

    async def surveys(request: Request) -> Response:
        return JSONResponse({"surveys": []}, headers=headers(request))

    asked = (("/flags", flags), ("/decide", flags), ("/api/surveys", surveys))
    return [
        Route("/array/{token}/config", config),
        Route("/array/{token}/config.js", config_script),
        *(Route(path + slash, answer, methods=["GET", "POST"]) for path, answer in asked for slash in ("", "/")),
    ]
