"""E-mail addresses in texts of events, as people write them and as URLs have them.

Events come from anybody, so a text is read in one pass: what can be the part before ``@`` is taken whole, whether an
address follows or not, and never looked at again.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final
from urllib.parse import quote, quote_plus, unquote

# In a URL, and in a URL within a URL, and in one within that: %40, %2540, %252540.
_CODED: Final = "%(?:25){0,2}"
_TIMES: Final = 3
# Codes of what no address has before its @, so that `u%3Dana%40example.com` is a name and an address.
_APART: Final = _CODED + "(?:[01][0-9A-Fa-f]|2[0-46-9ACFacf]|3[A-Fa-f]|40|5[B-Eb-e]|60|7[B-Fb-f])"
_LOCAL: Final = rf"(?:[A-Za-z0-9._+'\u0080-\uffff-]++|(?!{_APART})%)++"
_BEYOND: Final = "%[89A-Fa-f][0-9A-Fa-f]"  # a byte of a letter that is not ASCII
_DOMAIN: Final = rf"(?:[A-Za-z0-9\u0080-\uffff.-]|{_BEYOND})+\.(?:[A-Za-z\u0080-\uffff]|{_BEYOND}){{2,}}"
_ADDRESS: Final = re.compile(rf"{_APART}|{_LOCAL}((?:@|{_CODED}40){_DOMAIN})?")

# By programs of several kinds, of a path, and by encodeURIComponent and encodeURI of browsers.
_LEFT_AS_THEY_ARE: Final = ("", "/", "!'()*~", ";/?:@&=+$,#!'()*~")


def without_addresses(value: Any, token: Callable[[str], str]) -> Any:
    """A value in which each address, also in names of fields, is what ``token`` makes of it."""
    if isinstance(value, str):
        return _text(value, token)
    if isinstance(value, dict):
        return {_text(name, token): without_addresses(each, token) for name, each in value.items()}
    return [without_addresses(each, token) for each in value] if isinstance(value, list) else value


def _text(text: str, token: Callable[[str], str]) -> str:
    if "@" not in text and ("%" not in text or "40" not in text):
        return text
    return _ADDRESS.sub(lambda found: found[0] if found[1] is None else token(_plain(found[0])), text)


def _plain(address: str) -> str:
    for _ in range(_TIMES):
        if "%" not in address:
            break
        address = unquote(address)
    return address


@lru_cache(maxsize=10_000)
def forms_of(text: str) -> tuple[str, ...]:
    """A text as it is, and as programs write it into URLs where that is different."""
    return tuple(dict.fromkeys((text, quote_plus(text), *(quote(text, safe=safe) for safe in _LEFT_AS_THEY_ARE))))
