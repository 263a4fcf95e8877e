"""The JSON text of a manifest, taken apart field by field and checked on the way."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any, Final

from footfall.errors import Damaged

BYTES_MAX: Final = 4 << 20

_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_NAME: Final = re.compile(r"[^/\\\x00-\x1f]{1,512}")
KEY_CHARS_MAX: Final = 1024


def instant_text(instant: datetime) -> str:
    """ISO 8601, UTC, as instants stand in a manifest."""
    return instant.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"


class Fields:
    """An object of a manifest's JSON text, taken apart field by field; ``path`` is where it is, for messages.

    Every method raises ``Damaged`` that names a field which is missing or cannot be.
    """

    def __init__(self, value: object, path: str = "") -> None:
        if not isinstance(value, dict):
            raise Damaged(f"the manifest's {path.rstrip('.') or 'text'} is not an object")
        self._value = value
        self._path = path

    @classmethod
    def of(cls, text: bytes) -> Fields:
        """The outermost object of a manifest."""
        if len(text) > BYTES_MAX:
            raise Damaged(f"the manifest is larger than {BYTES_MAX} bytes")
        try:
            value = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise Damaged(f"the manifest is not JSON: {error}") from error
        return cls(value)

    def has(self, name: str) -> bool:
        return name in self._value

    def is_null(self, name: str) -> bool:
        return self.has(name) and self._value[name] is None

    def take(self, name: str, type_: type, check: Callable[[Any], bool] = lambda _: True) -> Any:
        """The field ``name``, which must be there, be of the type and pass ``check``."""
        if name not in self._value:
            raise Damaged(f"the manifest has no field {self._path}{name}")
        value = self._value[name]
        # bool is an int to Python, but true is no number of rows.
        if not isinstance(value, type_) or isinstance(value, bool) or not check(value):
            raise Damaged(f"the manifest's field {self._path}{name} cannot be {json.dumps(value)[:80]}")
        return value

    def text(self, name: str) -> str:
        return str(self.take(name, str, lambda text: text != ""))

    def count(self, name: str) -> int:
        return int(self.take(name, int, lambda number: number >= 0))

    def sha256(self, name: str) -> str:
        return str(self.take(name, str, lambda text: _SHA256.fullmatch(text) is not None))

    def name(self, name: str) -> str:
        return str(self.take(name, str, lambda text: _NAME.fullmatch(text) is not None and text not in (".", "..")))

    def path(self, name: str) -> str:
        """A name, or several parted by ``/``: what lies below a folder, and never beside or above it."""

        def is_below(text: str) -> bool:
            parts = text.split("/")
            named = all(_NAME.fullmatch(part) is not None and part not in (".", "..") for part in parts)
            return named and len(text) <= KEY_CHARS_MAX

        return str(self.take(name, str, is_below))

    def texts_or_none(self, name: str) -> dict[str, str | None]:
        """An object whose values are texts or null."""
        inner = Fields(self.take(name, dict), f"{self._path}{name}.")
        return {each: None if inner.is_null(each) else str(inner.take(each, str)) for each in inner._value}

    def instant(self, name: str) -> datetime:
        text = self.take(name, str, lambda text: text.endswith("Z"))
        try:
            return datetime.fromisoformat(text[:-1]).replace(tzinfo=UTC)
        except ValueError as error:
            raise Damaged(f"the manifest's field {self._path}{name} is no instant: {text[:80]}") from error

    def day(self, name: str) -> date:
        text = self.text(name)
        try:
            return date.fromisoformat(text)
        except ValueError as error:
            raise Damaged(f"the manifest's field {self._path}{name} is no date: {text[:80]}") from error

    def objects(self, name: str) -> list[Fields]:
        values = self.take(name, list)
        return [Fields(value, f"{self._path}{name}[{n}].") for n, value in enumerate(values)]

    def counts(self, name: str) -> dict[str, int]:
        inner = Fields(self.take(name, dict), f"{self._path}{name}.")
        return {reason: inner.count(reason) for reason in inner._value}

    def flag(self, name: str) -> bool:
        if not isinstance(self._value.get(name), bool):
            raise Damaged(f"the manifest's field {self._path}{name} is not there, or neither true nor false")
        return bool(self._value[name])

    def texts(self, name: str) -> dict[str, str]:
        inner = Fields(self.take(name, dict), f"{self._path}{name}.")
        return {each: str(inner.take(each, str)) for each in inner._value}

    def object_or_none(self, name: str) -> Fields | None:
        if self._value.get(name, "") is None:
            return None
        return Fields(self.take(name, dict), f"{self._path}{name}.")
