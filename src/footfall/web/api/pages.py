"""The page of the API: Swagger UI out of fastapi-swagger, whose code is not imported, served from here."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response

from footfall.errors import Refused

# Swagger UI draws its icons from data: URLs in its own style sheet.
_CSP: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_FILES: Final = {"swagger-ui.css": "text/css", "swagger-ui-bundle.js": "text/javascript"}
_PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Footfall management API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="docs/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</body>
</html>
"""
_START: Final = """SwaggerUIBundle({
  url: "openapi.json", dom_id: "#swagger-ui", deepLinking: true, validatorUrl: null, persistAuthorization: false
});
"""


@cache
def _assets() -> Path:
    spec = find_spec("fastapi_swagger")
    if spec is None or not spec.submodule_search_locations:
        raise Refused("fastapi-swagger is not installed", "Install Footfall with its dependencies")
    return Path(next(iter(spec.submodule_search_locations))) / "resources"


def add_to(app: FastAPI) -> None:
    """Serve the page at ``/api/docs``. It holds no data, so it asks for no key; its requests do."""

    async def page(_: Request) -> Response:
        return HTMLResponse(_PAGE, headers={"content-security-policy": _CSP})

    async def start(_: Request) -> Response:
        return Response(_START, media_type="text/javascript")

    async def asset(request: Request) -> Response:
        name = request.url.path.rpartition("/")[2]
        return FileResponse(_assets() / name, media_type=_FILES[name], headers={"cache-control": "max-age=86400"})

    app.add_route("/api/docs", page, include_in_schema=False)
    app.add_route("/api/docs/start.js", start, include_in_schema=False)
    for name in _FILES:
        app.add_route(f"/api/docs/{name}", asset, include_in_schema=False)
