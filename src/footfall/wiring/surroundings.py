"""Where the secrets of ``footfall.yaml`` are, and whether they are those that are there; no trace of either is left."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from footfall.config.definition_file import DefinitionFile
from footfall.config.folders import whole
from footfall.config.references import resolve, variable_for
from footfall.errors import Damaged, FootfallError

OTHER: Final = "(another value)"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where the secrets of a file are. folder: what its relative paths begin at."""

    environment: Mapping[str, str]
    folder: Path

    def resolved(self, references: Mapping[str, str]) -> dict[str, str]:
        """The secrets that are referred to, by name. Raises ``Refused`` that names the variable or the file."""
        return {name: resolve(each, self.environment, self.folder) for name, each in references.items()}

    def placed(self, plain: Mapping[str, Any], *names: str) -> dict[str, Any]:
        """A resource whose relative folders and files, the fields ``names``, begin at the folder of the file."""
        return {**plain, **{name: whole(plain[name], self.folder) for name in names if name in plain}}

    def shown(
        self, name: str, held: Sequence[str], wanted: Mapping[str, str] | None, opened: Callable[[], Mapping[str, str]]
    ) -> dict[str, dict[str, str]]:
        """The secrets that ``name`` holds, as references: the wanted one where it leads to the secret that is there.

        Under the field ``secrets``; without it when there are none and none are wanted.
        wanted: None when the file says nothing of them; then each is the variable that it would be read from.
        """
        if wanted is None:
            return {"secrets": {each: variable_for(name, each) for each in held}} if held else {}
        try:
            known: Mapping[str, str] = opened()
        except Damaged:
            known = {}  # to be replaced

        def same(each: str) -> bool:
            if each not in known or each not in wanted:
                return False
            return hmac.compare_digest(known[each].encode(), self.resolved({each: wanted[each]})[each].encode())

        return {"secrets": {each: wanted[each] if same(each) else OTHER for each in held}}

    def found(self, file: DefinitionFile, kind: str, name: str, references: Mapping[str, str]) -> dict[str, str] | None:
        """Like ``resolved``, but None when one is not there, which is then among the faults of the file."""
        sound = True
        for each, reference in references.items():
            try:
                self.resolved({each: reference})
            except FootfallError as error:
                file.blame(kind, name, error, ("secrets", each))
                sound = False
        return self.resolved(references) if sound else None
