"""Files that a signed link leads to, given to who shows a key as well.

``GET /downloads/{token}`` with ``Authorization: Bearer`` answers with the file, without it with a page that asks for
the key; its form posts the key back to the same address. Nothing is kept in the browser: no cookie, no cache, and no
address of ours in the Referer of another page. Whoever opens the link by accident (a mail scanner) changes nothing.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html import escape
from typing import Final
from urllib.parse import parse_qs, quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from footfall import observe
from footfall.errors import FootfallError, Refused, Unavailable
from footfall.model.links import Expired, Link

PATH: Final = "/downloads"
FORM_BYTES_MAX: Final = 4096
WRONG_KEYS_MAX: Final = 20
WRONG_KEYS_WITHIN_S: Final = 60.0
_GUARDS: Final = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "x-robots-tag": "noindex",
}


@dataclass(frozen=True, slots=True)
class Download:
    """A file on its way. name: without folders. size_bytes, chunks: as stored."""

    name: str
    size_bytes: int
    chunks: Iterator[bytes]


Look = Callable[[str], Link]
Fetch = Callable[[Link], Download]
MayRead = Callable[[str], bool]


class Downloads:
    """The two requests. look: raises ``Expired`` or ``Refused`` for a token that is not, or not any more, a link.

    fetch: raises ``KeyError`` for a file that is gone. may_read: whether this key of ours may have files.
    monotonic: seconds; too many wrong keys close the door for everybody for a minute.
    """

    def __init__(
        self, look: Look, fetch: Fetch, may_read: MayRead, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._look = look
        self._fetch = fetch
        self._may_read = may_read
        self._monotonic = monotonic
        self._wrong: deque[float] = deque(maxlen=WRONG_KEYS_MAX)

    def routes(self) -> list[Route]:
        path = PATH + "/{token}"
        return [Route(path, self.get, methods=["GET"]), Route(path, self.post, methods=["POST"])]

    async def get(self, request: Request) -> Response:
        """The page, or with a bearer the file."""
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return await self._answer(request, given.strip(), bare=True)
        link = await self._looked(request)
        return link if isinstance(link, Response) else _page(link)

    async def post(self, request: Request) -> Response:
        """The file, for the key in the form."""
        body = b""
        async for part in request.stream():
            body += part
            if len(body) > FORM_BYTES_MAX:
                return _said(413, "The form is too large.")
        given = parse_qs(body.decode("latin-1")).get("key", [""])[-1]
        return await self._answer(request, given.strip(), bare=False)

    async def _looked(self, request: Request) -> Link | Response:
        try:
            return await run_in_threadpool(self._look, request.path_params["token"])
        except Expired as error:
            return _said(410, str(error))
        except Refused as error:
            return _said(404, str(error))
        except FootfallError as error:  # no key was asked for yet: where something is wrong is for the server's log
            observe.went_wrong("download failed", error)
            return _said(503 if isinstance(error, Unavailable) else 500, "The link cannot be checked.")

    async def _answer(self, request: Request, given: str, *, bare: bool) -> Response:
        link = await self._looked(request)
        if isinstance(link, Response):
            return link
        now = self._monotonic()
        if len(self._wrong) == WRONG_KEYS_MAX and now - self._wrong[0] < WRONG_KEYS_WITHIN_S:
            return _said(429, "Too many wrong keys. Try again in a minute.")
        if not given or not await run_in_threadpool(self._may_read, given):
            self._wrong.append(now)
            observe.happened("download refused", run=link.run)
            challenge = {"www-authenticate": 'Bearer realm="footfall downloads"'}
            if bare:
                return _said(401, "That key may not read files.", challenge)
            return _page(link, "That key may not read files.", 401)
        return await run_in_threadpool(self._file, link)

    def _file(self, link: Link) -> Response:
        try:
            download = self._fetch(link)
            first = next(download.chunks, b"")  # what cannot be read is known before the answer begins
        except KeyError:
            return _said(404, "The file is not there any more.")
        except Unavailable as error:
            return _said(503, str(error))
        except Refused as error:
            return _said(409, f"The file cannot be read from where it lies: {error}")
        except FootfallError as error:
            observe.went_wrong("download failed", error, run=link.run)
            return _said(500, "The file cannot be read.")
        observe.happened("file downloaded", run=link.run, file=download.name, bytes=download.size_bytes)
        headers = {"content-length": str(download.size_bytes), "content-disposition": _disposition(download.name)}
        return StreamingResponse(
            _joined(first, download.chunks), 200, _GUARDS | headers, media_type="application/octet-stream"
        )


def _joined(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


def _disposition(name: str) -> str:
    plain = "".join(c if c.isascii() and c.isprintable() and c not in '"\\' else "_" for c in name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def _said(status: int, text: str, headers: dict[str, str] | None = None) -> Response:
    return PlainTextResponse(f"{text}\n", status, _GUARDS | (headers or {}))


def _page(link: Link, remark: str = "", status: int = 200) -> Response:
    name = escape(link.key.rpartition("/")[2])
    said = f"<p><strong>{escape(remark)}</strong></p>" if remark else ""
    return HTMLResponse(
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width"><title>Download from Footfall</title></head><body><main>'
        f"<h1>Download from Footfall</h1><p>{name}</p><p>From run {escape(link.run)}; this link works until "
        f"{link.until:%Y-%m-%d %H:%M} UTC.</p>{said}"
        '<form method="post"><p><label for="key">API key or admin token</label><br>'
        '<input id="key" name="key" type="password" autocomplete="off" required autofocus></p>'
        '<p><button type="submit">Download</button></p></form></main></body></html>\n',
        status,
        _GUARDS,
    )
