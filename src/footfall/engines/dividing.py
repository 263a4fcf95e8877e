"""Events told apart into files: by the texts of their product, environment and event name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from footfall.errors import Refused
from footfall.model.event import NAME_FIELD
from footfall.model.manifest import FilePart

# Of one window; what is kept of each is small, and so is the manifest that names them.
FILES_MAX: Final = 1_000

# Types whose name is the name of an event.
_NAMED: Final = ", ".join(str(int(kind)) for kind, field in NAME_FIELD.items() if field == "event_name")
_COLUMNS: Final = {"product": "product", "environment": "environment", "event": "name"}
Keys = tuple[int | None, ...]


class Division:
    """Which file an event is in. by: of ``key_templates.DIVIDERS``, none for one file. terms: key of each text.

    Keys are those of the texts by which an event is told apart; None for no text, and for an empty one.
    """

    def __init__(self, by: Sequence[str], terms: Mapping[str, int]) -> None:
        self._by = tuple(by)
        self._empty = terms.get("")
        self._texts = {key: text for text, key in terms.items()} if by else {}

    @property
    def columns(self) -> Sequence[str]:
        """SQL of the keys of an event of the lake."""
        return [self._column(each) for each in self._by]

    def condition(self, keys: Keys) -> str:
        """SQL that is true for the events of these keys; the row groups of a file tell whether they may have any."""
        return "".join(f" AND {self._is(each, key)}" for each, key in zip(self._by, keys, strict=True))

    def part(self, keys: Keys) -> FilePart:
        """What a manifest says of them."""
        return tuple(
            (each, None if key is None else self._texts[key]) for each, key in zip(self._by, keys, strict=True)
        )

    def check(self, found: Sequence[Keys]) -> None:
        """Raises ``Refused`` for more than ``FILES_MAX`` files, and says which field makes them so many."""
        if len(found) <= FILES_MAX:
            return
        texts = {each: len({keys[place] for keys in found}) for place, each in enumerate(self._by)}
        most = max(texts, key=lambda each: texts[each])
        told = ", ".join(f"{{{each}}} has {count:,} texts" for each, count in texts.items())
        raise Refused(
            f"the events of this window would be more than {FILES_MAX:,} files: of those looked at, {told}",
            f"Leave {{{most}}} out of the key, or choose fewer streams or dates",
        )

    def _column(self, divider: str) -> str:
        column = _COLUMNS[divider]
        text = column if self._empty is None else f"nullif({column}, {self._empty})"
        return f"CASE WHEN type IN ({_NAMED}) THEN {text} END" if divider == "event" else text

    def _is(self, divider: str, key: int | None) -> str:
        column = _COLUMNS[divider]
        if key is None:
            found = [f"{column} IS NULL"]
            found += [] if self._empty is None else [f"{column} = {self._empty}"]
            found += [f"type NOT IN ({_NAMED})"] if divider == "event" else []
            return f"({' OR '.join(found)})"
        return f"{column} = {key}" + (f" AND type IN ({_NAMED})" if divider == "event" else "")


def in_order(part: FilePart) -> list[tuple[bool, bytes]]:
    """What files are sorted by: none first, then by the bytes of their texts."""
    return [(text is not None, (text or "").encode()) for _, text in part]
