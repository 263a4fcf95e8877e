"""What users did that answers the WHEREs of rules: read from the events of a day once, kept until the day changes.

It lies in ``usage/where/{digest of the condition}/{day}_{digest of the day's files}.parquet`` of the data directory.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Final

from footfall.errors import Unavailable
from footfall.flows.close_day import Books, parts_of_days
from footfall.model.audience_rules import Happened
from footfall.model.audience_text import write_subject
from footfall.ports import DayInput

if TYPE_CHECKING:
    from footfall.ports import MembershipEngine

# Of conditions that nobody asks for any more, rules that were only tried among them, the newest are kept.
KEPT: Final = 1000
# Goes up when the same text comes to mean something else.
_VERSION: Final = 1


def filtered_usage(
    books: Books, engine: MembershipEngine, folder: Path, after: date, wanted: Mapping[Happened, date]
) -> Mapping[Happened, Mapping[date, str]]:
    """See ``ports.Population.filtered``. after: the day behind the last one that is asked for."""
    named = {_name(what): what for what in wanted}

    def write(day: DayInput, paths: Mapping[str, str]) -> None:
        engine.filtered(day, {path: named[name] for name, path in paths.items()})

    found = parts_of_days(books, after, folder, {_name(what): since for what, since in wanted.items()}, write)
    try:
        _keep(folder, named)
    except OSError as error:
        raise Unavailable(f"{folder}: {error}", "Check the disk of the data directory") from error
    return {named[name]: files for name, files in found.items()}


def _name(what: Happened) -> str:
    return hashlib.sha256(f"{_VERSION}\n{write_subject(what)}".encode()).hexdigest()[:32]


def _keep(folder: Path, asked: Mapping[str, Happened], kept: int = KEPT) -> None:
    """Forget the conditions that were not asked for the longest, beyond as many as are kept."""
    for name in asked:
        if (folder / name).exists():
            os.utime(folder / name)
    others = [path for path in folder.iterdir() if path.name not in asked] if folder.exists() else []
    if len(others) > kept:
        by_age = sorted(others, key=lambda path: path.stat().st_mtime, reverse=True)
        for path in by_age[kept:]:
            shutil.rmtree(path, ignore_errors=True)
