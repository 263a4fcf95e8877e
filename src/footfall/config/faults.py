"""What is wrong with a file that a person wrote, and exactly where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from footfall.errors import Refused

FAULTS_MAX: Final = 200  # of one file: whoever has more of them has one that repeats


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """One mistake. line, column: from 1; 0 when it is about the file as a whole. field: ``jobs[0].schedule.at``.

    what never holds a value that may be a secret. hint: what to write instead; may be empty.
    """

    file: str
    line: int
    column: int
    field: str
    what: str
    hint: str = ""

    @property
    def where(self) -> str:
        """``footfall.yaml:4:12``, as editors and compilers write it."""
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file

    @property
    def said(self) -> str:
        """What is wrong, with the field in front."""
        return f"{self.field}: {self.what}" if self.field else self.what

    def __str__(self) -> str:
        return f"{self.where}: {self.said}" + (f". {self.hint}" if self.hint else "")

    def plain(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self)


class Faulty(Refused):
    """A file that cannot be used. faults: all of them, in the order of the file."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(sorted(faults))
        first = self.faults[0]
        more = f" (and {len(self.faults) - 1} more)" if len(self.faults) > 1 else ""
        super().__init__(f"{first.where}: {first.said}{more}", first.hint)
