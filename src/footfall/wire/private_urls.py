"""URLs in events: what of their parameters is kept, which are masked, and where nothing is stored.

Any text of an event that is a URL is one, wherever it stands; fields that hold a part of one (a path, a query) are
known by their names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import unquote_plus

import re2

from footfall.model.privacy import MASKED_URL, Policy

_re2: Any = re2

Event = dict[str, Any]
# What could be a scheme is taken whole, so that no text is looked at from each of its places.
_URL: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*+(://\S+)?")
_QUERIES: Final = frozenset({"search", "query", "query_string", "querystring"})
_FRAGMENTS: Final = frozenset({"hash", "fragment"})
_PATHS: Final = frozenset({"path", "url", "href", "link_url", "referrer", "action"})


_NAMED: Final = _QUERIES | _FRAGMENTS | _PATHS
# One pass over a body whatever it holds, which thirteen searches are not.
_MAY_BE: Final = _re2.compile(rb'(?i)\\|://|"(?:' + "|".join(sorted(_NAMED)).encode() + rb')"')
_NONE: Final = re.compile(r"(?!)")


class Urls:
    """Applies what a policy says about URLs."""

    def __init__(self, policy: Policy) -> None:
        self._kept = None if policy.query is None else _pattern(policy.query) or _NONE
        self._masked = _pattern(policy.mask_query)
        self._masks = _pattern(policy.mask_urls)
        self._excludes = _pattern(policy.exclude_urls)
        self.some = self._kept is not None or any((policy.mask_query, policy.mask_urls, policy.exclude_urls))
        self._changes = self._kept is not None or bool(policy.mask_query or policy.mask_urls)

    def may_be_in(self, body: bytes) -> bool:
        """Whether anything of a body could be a URL or a part of one: one look at the whole spares many."""
        return _MAY_BE.search(body) is not None

    def apply(self, event: Event, context: str) -> bool:
        """Change the URLs of an event where they stand. False for an event that is not stored."""
        if self._excludes is not None and any(map(self._excluded, _wheres(event, context))):
            return False
        if self._changes:
            self._object(event)
        return True

    def _excluded(self, where: str) -> bool:
        return self._excludes is not None and self._excludes.fullmatch(where) is not None

    def _object(self, within: Event) -> None:
        if self._masks is not None and self._is_masked_place(within):
            for name in _PLACE:
                if isinstance(within.get(name), str):
                    within[name] = MASKED_URL
        for name, value in within.items():
            kind = type(value)
            if kind is str:
                if "://" in value or name.lower() in _NAMED:
                    within[name] = self._text(value, name.lower())
            elif kind is dict:
                self._object(value)
            elif kind is list:
                self._list(value, name)

    def _list(self, values: list[Any], name: str) -> None:
        for place, value in enumerate(values):
            if isinstance(value, str):
                values[place] = self._text(value, name.lower())
            elif isinstance(value, dict):
                self._object(value)
            elif isinstance(value, list):
                self._list(value, name)

    def _is_masked_place(self, value: Mapping[str, Any]) -> bool:
        """Is it a page in parts, whose whole is masked?"""
        return self._masks is not None and any(self._masks.fullmatch(each) for each in _parts(value))

    def _text(self, text: str, name: str) -> str:
        if name in _QUERIES:
            return self._query(text)
        if name in _FRAGMENTS:
            return self._fragment(text)
        if "://" in text:
            return _URL.sub(lambda found: found[0] if found[1] is None else self._url(found[0]), text)
        return self._url(text) if name in _PATHS else text

    def _url(self, url: str) -> str:
        if self._masks is not None and any(map(self._masks.fullmatch, _ways(url))):
            return MASKED_URL
        rest, hash_sign, fragment = url.partition("#")
        rest, mark, query = rest.partition("?")
        if mark:
            left = self._query(query)
            rest += f"?{left}" if left else ""
        fragment = self._fragment(fragment)
        return rest + (hash_sign + fragment if fragment else "")

    def _fragment(self, text: str) -> str:
        """A fragment with or without its ``#``: of an app that routes by it, ``#/path?a=1`` or ``#/path/a=1``."""
        if "=" not in text:
            return text
        first, *more = text.split("?")
        if "=" in first:
            begin = first.rfind("/", 0, first.index("=")) + 1
            first = first[:begin] + self._query(first[begin:])
        return first + "".join(f"?{left}" for each in more if (left := self._query(each)))

    def _query(self, query: str) -> str:
        begin = query[:1] if query[:1] in ("?", "#") else ""
        parts = []
        for part in query[len(begin) :].split("&"):
            name, sign, _ = part.partition("=")
            plain = unquote_plus(name)
            if self._masked is not None and self._masked.fullmatch(plain):
                parts.append(f"{name}=*")
            elif self._kept is None or self._kept.fullmatch(plain):
                parts.append(part if sign else name)
        left = "&".join(part for part in parts if part)
        return begin + left if left else ""


_PLACE: Final = ("url", "path", "href", "host", "scheme", "query_string", "search", "hash", "title")


def _wheres(event: Event, context: str) -> Iterable[str]:
    """Where an event happened, in every way it says so."""
    within = event.get(context)
    for page in (event.get("page"), within.get("page") if isinstance(within, dict) else None, event.get("properties")):
        if isinstance(page, dict):
            yield from _parts(page)


def _parts(page: Mapping[str, Any]) -> Iterable[str]:
    """The URL of a page and its path, each with and without its parameters and its fragment."""
    texts = {name: each for name in _PLACE if isinstance(each := page.get(name), str)}
    if url := texts.get("url"):
        yield from _ways(url)
    path, host = texts.get("path", ""), texts.get("host", "")
    if not path and not host:
        return
    query = _after("?", texts.get("query_string") or texts.get("search", ""))
    fragment = _after("#", texts.get("hash", ""))
    for begin in ("", f"{texts.get('scheme', 'https').rstrip(':/')}://{host}" if host else ""):
        yield from _ways(begin + path + query + fragment)


def _after(sign: str, text: str) -> str:
    """A part of a URL with the sign that it begins with."""
    return text if not text or text.startswith(sign) else sign + text


def _ways(url: str) -> Iterable[str]:
    """A URL as rules may mean it: with and without its parameters and its fragment."""
    rest, hash_sign, fragment = url.partition("#")
    plain = rest.partition("?")[0]
    return dict.fromkeys((url, plain, rest, plain + hash_sign + fragment))


def _pattern(names: Iterable[str]) -> re.Pattern[str] | None:
    """Names and URLs with ``*`` for any characters; None for none. Without case."""
    found = [".*".join(map(re.escape, name.split("*"))) for name in names]
    return re.compile("|".join(found), re.IGNORECASE | re.DOTALL) if found else None
