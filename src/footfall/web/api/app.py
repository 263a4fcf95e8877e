"""The API as an app: its routes, its errors, and the OpenAPI document that describes them."""

from __future__ import annotations

from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from footfall import __version__
from footfall.model.api_keys import SCOPES
from footfall.web.api import (
    attributes,
    audiences,
    audit,
    authorizations,
    channels,
    days,
    denied,
    deployment,
    erasures,
    features,
    imports,
    jobs,
    keys,
    notices,
    pages,
    people,
    places,
    privacy,
    rules,
    runs,
    sources,
    tasks,
)
from footfall.web.api.guards import ASGIApp, Guarded
from footfall.web.api.management import Management
from footfall.web.api.names_in_paths import EscapedSlashes
from footfall.web.api.problems import describe_in, install, responses

ROUTERS: Final = (
    deployment.router, authorizations.router, places.router, jobs.router, runs.router, tasks.router, days.router,
    channels.router, rules.router, notices.router, sources.router, privacy.router, denied.router, keys.router,
    audit.router, attributes.router, people.router, erasures.router, audiences.router, audiences.counts,
    features.router, features.trials, features.backfills, imports.router, imports.previews,
)  # fmt: skip
_DESCRIPTION: Final = """
Everything the command line does about deliveries. Every request carries a key, `Authorization: Bearer ff_…`; each route
names the scope it needs, and a key of a higher scope will do: {scopes}.

Bodies are JSON. Errors are `application/problem+json`, with a hint. What takes longer than a request is answered with
202: a slot that the server runs, or a task to look at under `/api/tasks`. No answer holds a secret. Whatever
makes or starts something takes the header `Idempotency-Key`.
"""


def create_api(management: Management) -> ASGIApp:
    """The ASGI app of ``/api/*``."""
    app = describe()
    app.state.management = management
    pages.add_to(app)
    return Guarded(app)


def describe() -> FastAPI:
    """The routes without anything behind them: what the OpenAPI document is written from."""
    app = FastAPI(
        title="Footfall management API",
        version=__version__,
        description=_DESCRIPTION.format(scopes="; ".join(f"`{name}`: {what}" for name, what in SCOPES.items())),
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
        swagger_ui_oauth2_redirect_url=None,
        redirect_slashes=False,
        responses=responses(),
        generate_unique_id_function=lambda route: route.name,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
    )
    for router in ROUTERS:
        app.include_router(router)
    app.add_middleware(EscapedSlashes)
    install(app)

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]
    return app


def scope_of(operation: dict[str, Any]) -> str | None:
    """The scope that an operation of the OpenAPI document needs; None if it names none."""
    match operation.get("security"):
        case [{"key": [str(scope)]}] if scope in SCOPES:
            return scope
    return None


def _document(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(
        title=app.title,
        version=app.version,
        description=app.description,
        routes=app.routes,
        license_info=app.license_info,
    )
    describe_in(document)
    for unused in ("HTTPValidationError", "ValidationError"):
        document["components"]["schemas"].pop(unused, None)
    return document
