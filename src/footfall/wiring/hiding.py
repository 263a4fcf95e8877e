"""The policy of an export, with the keys its hashes need."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from footfall.errors import Refused
from footfall.model.columns import CUSTOM_PREFIX
from footfall.model.hiding import HIDINGS, Hiding, read_hiding

if TYPE_CHECKING:
    from footfall.wiring.hub import Footfall


def hiding_of(hub: Footfall, given: Any, export: str) -> Hiding | None:
    """What an export hides. given: column -> action, nothing for none. export: its name, for hashes of its own.

    Raises ``Refused`` for an action there is not, and as ``Privacy.tokens``.
    """
    check_hiding(given)
    return read_hiding(given, lambda purpose: hub.privacy.tokens().key(purpose), export)


def check_hiding(given: Any) -> None:
    """Refuse what no policy of an export can be."""
    if given and not isinstance(given, Mapping):
        raise Refused(f"what is hidden cannot be {given!r}", "Write column: action, such as email: drop")
    for name, action in (given or {}).items():
        if action not in HIDINGS:
            raise Refused(f"the column {name} cannot become {action!r}", f"Choose one of {', '.join(HIDINGS)}")


def check_fitting(given: Mapping[str, str], columns: Collection[str]) -> None:
    """Refuse a name that fits none of the columns there can be: it is mistyped, and what it means would be told."""
    prefix = CUSTOM_PREFIX.casefold()
    for name in given:
        head, wild, _ = name.casefold().partition("*")
        may_be_custom = head.startswith(prefix) or (wild and prefix.startswith(head))
        if not may_be_custom and not any(fnmatchcase(each.casefold(), name.casefold()) for each in columns):
            raise Refused(f"no report has a column {name}", f"Custom attributes are {CUSTOM_PREFIX}NAME")


def hide_of(given: Any) -> Mapping[str, str]:
    """What an option of a job hides. Raises as ``check_hiding``."""
    check_hiding(given)
    return dict(given or {})


def read_hide(hide: list[str] | None) -> dict[str, str]:
    """The same of texts ``COLUMN=ACTION``."""
    found = {}
    for each in hide or []:
        name, sign, action = each.rpartition("=")
        if not sign:
            raise Refused(f"{each!r} hides nothing", "Write COLUMN=ACTION as in email=drop")
        found[name] = action
    check_hiding(found)
    return found
