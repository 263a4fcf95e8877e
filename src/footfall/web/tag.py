"""``/footfall.js``: the browser tag with the settings of its source in front; PX's names for it too.

The tag itself is built from ``footfall/tag/source`` by ``make tag``; nothing is made here but the line of settings.
"""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from functools import cache, lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from footfall.errors import FootfallError
from footfall.flows.collect import Collect

PATHS: Final = ("/footfall.js", "/aptrinsic.js", "/api/aptrinsic.js")
BUILT: Final = Path(__file__).parent.parent / "tag" / "footfall.min.js"
_FRESH_S: Final = 300  # how long a browser may go on with settings that were changed
_DIFFERENT_MAX: Final = 256


@dataclass(frozen=True, slots=True)
class Served:
    """The text of one source's tag, as it is and gzipped, and the mark of this version."""

    text: bytes
    gzipped: bytes
    etag: str


def tag_routes(collect: Collect) -> list[Route]:
    """The tag on all of its paths."""

    async def tag(request: Request) -> Response:
        key = request.query_params.get("a") or request.query_params.get("key") or ""
        try:
            source = collect.source(key)
        except FootfallError as error:
            raise HTTPException(503, "Write keys cannot be checked now", {"retry-after": "5"}) from error
        if source is None:
            raise HTTPException(404, "No source has this write key: the address of the tag ends with ?a=WRITE_KEY")
        served = _served(json.dumps(collect.tag_settings(source), separators=(",", ":"), sort_keys=True))
        headers = {
            "etag": served.etag,
            "cache-control": f"public, max-age={_FRESH_S}",
            "vary": "accept-encoding",
            "access-control-allow-origin": "*",
            "cross-origin-resource-policy": "cross-origin",
            "x-content-type-options": "nosniff",
        }
        known = (each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(","))
        if served.etag in known:
            return Response(status_code=304, headers=headers)
        body = served.text
        if "gzip" in request.headers.get("accept-encoding", ""):
            body = served.gzipped
            headers["content-encoding"] = "gzip"
        return Response(body, headers=headers, media_type="text/javascript")

    return [Route(path, tag) for path in PATHS]


@lru_cache(maxsize=_DIFFERENT_MAX)
def _served(settings: str) -> Served:
    """settings: JSON."""
    text = _built() if settings == "{}" else f"var footfallSettings={settings};\n".encode() + _built()
    return Served(text, gzip.compress(text, 9, mtime=0), json.dumps(sha256(text).hexdigest()[:32]))


@cache
def _built() -> bytes:
    return BUILT.read_bytes()
