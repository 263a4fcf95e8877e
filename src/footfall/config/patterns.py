"""Patterns of file names in RE2, which needs time in proportion to the text, whatever a pattern says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import re2

from footfall.errors import Refused

_re2: Any = re2  # it has no types
_MEMORY_MAX: Final = 1 << 20  # of a compiled pattern


def whole_match(pattern: str) -> Callable[[str], bool]:
    """Whether a text is matched from its first to its last character. Raises ``Refused`` for what is no RE2."""
    options = _re2.Options()
    options.log_errors = False
    options.max_mem = _MEMORY_MAX
    try:
        compiled = _re2.compile(pattern, options)
    except _re2.error as error:
        why = error.args[0].decode() if error.args and isinstance(error.args[0], bytes) else str(error)
        raise Refused(
            f"{pattern!r} is no pattern: {why}", "Write it in RE2, which has no look-around and no back-references"
        ) from error
    return lambda text: compiled.fullmatch(text) is not None
