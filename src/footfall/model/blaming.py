"""Whose fault it is that a file is not imported: its own, or something that the files after it would meet as well."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, ParamSpec, TypeVar

from footfall.errors import Damaged, Denied, Refused

_Given = ParamSpec("_Given")
_Told = TypeVar("_Told")


class OfEveryFile(Refused):
    """What becomes of rows cannot be told of any file."""


# These end the run whatever may be left out: each file would be, one after the other, and none is bad.
NO_FILES_FAULT: Final = (Denied, OfEveryFile)


def of_every_file(call: Callable[_Given, _Told], *args: _Given.args, **kwargs: _Given.kwargs) -> _Told:
    """What ``call`` returns. Raises ``OfEveryFile`` where it raises ``Refused`` or ``Damaged``: it is about no file."""
    try:
        return call(*args, **kwargs)
    except Denied:
        raise
    except (Refused, Damaged) as error:
        raise OfEveryFile(error.what, error.hint) from error
