"""What URLs a rule means: wildcards, or a text at a place of the URL, as a regular expression and conditions beside it.

``/orders/*/items`` is a path on any host, ``shop.example/orders/**`` one on that host, ``https://…`` says the scheme
too. ``*`` stands for anything within one step of the path, ``**`` for any steps, also none. Query and hash of a page
count only where the rule has a ``?`` or ``#``: each parameter named must be there, in any order and among others.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote_plus

from footfall.errors import Refused

WILDCARD, EXACT, CONTAINS, STARTS, ENDS, PATTERN = "wildcard", "exact", "contains", "starts", "ends", "pattern"
MATCHES: Final = (WILDCARD, EXACT, CONTAINS, STARTS, ENDS, PATTERN)
URL_CHARS_MAX: Final = 2048

# RE2 has no look-around, so "a slash or the end" is written out where it is needed.
_SCHEME: Final = r"(?:[A-Za-z][A-Za-z0-9+.-]*:)?"
_ANY_HOST: Final = rf"(?:{_SCHEME}//[^/]*)?"
_REST: Final = r"(?s:.*)"


@dataclass(frozen=True, slots=True)
class UrlRule:
    """regex: of the whole subject, in RE2 and Python alike. whole: the subject is the URL as it is, else the URL
    without query and hash. query: (name, regex of its value) of each parameter that must be there; only: no others.
    hash: regex of what follows ``#``, None for not asked; deep: with what follows a ``?`` in it, else without.
    """

    regex: str
    whole: bool = False
    query: tuple[tuple[str, str], ...] = ()
    hash: str | None = None
    only: bool = False
    deep: bool = False

    @property
    def alone(self) -> bool:
        """Does the regex say all?"""
        return not self.query and not self.only and self.hash is None


def subject_of(url: str) -> str:
    """A URL without query and hash."""
    return url.partition("#")[0].partition("?")[0]


def read_url_rule(text: str, match: str = WILDCARD) -> UrlRule:
    """Raises ``Refused`` for a text that no URL could have. A ``pattern`` is not checked here."""
    if not text.strip():
        raise Refused("a rule about a URL needs one", "Such as /orders/*, or shop.example/**")
    if len(text) > URL_CHARS_MAX:
        raise Refused(f"a URL of more than {URL_CHARS_MAX} characters", "Use wildcards")
    whole = re.search("[?#=&]", text) is not None  # "=" and "&" are of a query
    match match:
        case "wildcard" | "exact":
            return _read_parts(text, wild=match == WILDCARD)
        case "starts":
            return UrlRule(_begin(text, wild=False) + _REST, whole)
        case "contains":
            return UrlRule(_REST + _quoted(text) + _REST, whole)
        case "ends":
            return UrlRule(_REST + _quoted(text) + ("" if whole or text.endswith("/") else "/?"), whole)
        case "pattern":
            return UrlRule(f"{_REST}(?:{text}){_REST}", whole=True)
    raise Refused(f"{match!r} is no way to compare a URL", f"Use one of {', '.join(MATCHES)}")


def read_host(text: str) -> str:
    """The regex of a URL's begin on a host: ``shop.example``, ``*.shop.example``, ``localhost:3000``."""
    if not text or not re.fullmatch(r"[^\s/?#@]+", text):
        raise Refused(f"{text!r} is no host", "Such as shop.example, *.shop.example or localhost:3000")
    return rf"{_SCHEME}//{_host(text, wild=True)}(?:[/?#]{_REST})?"


def _read_parts(text: str, *, wild: bool) -> UrlRule:
    before, marked, fragment = text.partition("#")
    main, asked, query = before.partition("?")
    regex = _begin(_trimmed(main), wild=wild) + "/?" if main else _REST
    asked_for = [each for each in query.split("&") if each]
    parameters = tuple(_parameter(each, wild=wild) for each in asked_for)
    hashed = _steps(_trimmed(fragment), wild=wild) + "/?" if marked else None
    return UrlRule(regex, False, parameters, hashed, only=bool(asked) and not wild, deep="?" in fragment)


def _parameter(text: str, *, wild: bool) -> tuple[str, str]:
    name, valued, value = text.partition("=")
    if not valued:
        return unquote_plus(name), _REST
    parts = map(unquote_plus, value.split("*")) if wild else [unquote_plus(value)]
    return unquote_plus(name), _REST.join(map(_quoted, parts))


def _trimmed(path: str) -> str:
    # What is only slashes is a root, or the begin of a host that is missing.
    return path.rstrip("/") or path[:1]


def _begin(text: str, *, wild: bool) -> str:
    """Scheme, host and path, as far as the text says them."""
    scheme, parted, rest = text.partition("://")
    if parted and "/" not in scheme:
        begin = f"(?i:{_glob(scheme, '[^:/]*') if wild else _quoted(scheme)})://"
    elif text.startswith("//"):
        begin, rest = f"{_SCHEME}//", text[2:]
    elif text.startswith("/"):
        return _ANY_HOST + _steps(text.rstrip("/") if wild else text, wild=wild)
    elif wild and text.startswith("**"):
        return _REST + _steps(text[2:], wild=wild)
    else:
        begin, rest = f"{_SCHEME}//", text
    host, slash, path = rest.partition("/")
    return begin + _host(host, wild=wild) + _steps(slash + path, wild=wild)


def _host(text: str, *, wild: bool) -> str:
    if wild and text == "**":
        return "[^/]*"
    named = _glob(text, "[^/]*") if wild else _quoted(text)
    port = "" if re.search(r":\d+$", text) else r"(?::\d+)?"
    return f"(?i:{named}){port}"


def _steps(path: str, *, wild: bool) -> str:
    if not wild:
        return _quoted(path)
    regex, at = "", 0
    while at < len(path):
        if path.startswith("/**", at) and path[at + 3 : at + 4] in ("", "/"):
            regex, at = regex + f"(?:/{_REST})?", at + 3
        elif path.startswith("**", at):
            regex, at = regex + _REST, at + 2
        elif path[at] == "*":
            regex, at = regex + "[^/]*", at + 1
        else:
            regex, at = regex + _quoted(path[at]), at + 1
    return regex


def _glob(text: str, any_of: str) -> str:
    return any_of.join(map(_quoted, re.split(r"\*+", text)))


def _quoted(text: str) -> str:
    """As RE2 and Python both take it for itself."""
    return "".join(each if each.isalnum() or each in "_/:%@ -" or ord(each) > 127 else f"\\{each}" for each in text)
