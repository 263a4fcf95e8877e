"""Names in paths: a slash that is escaped belongs to a name, a bare one ends it.

Servers unescape a path before it is matched; then ``/features/a%2Fclone`` cannot be told from ``/features/a/clone``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import unquote

from footfall.web.api.guards import ASGIApp

# The percent sign too, so that what is kept can be told from what was there.
_KEPT: Final = re.compile(rb"%(?=25|2[Ff])")
_KEPT_TEXT: Final = re.compile(r"%(?:25|2[Ff])")


class EscapedSlashes:
    """An app whose routes are matched with escaped slashes and percent signs as they came. See ``names``."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            path = _KEPT.sub(b"%25", scope["raw_path"]).decode("latin-1")
            scope = {**scope, "path": unquote(path)}
        await self._app(scope, receive, send)


def names(found: Mapping[str, Any]) -> dict[str, Any]:
    """What stands in the places of a path, without escapes."""
    return {place: _KEPT_TEXT.sub(lambda kept: unquote(kept.group()), value) for place, value in found.items()}
