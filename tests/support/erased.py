"""Two people of a crowd erased from what was delivered, and what is left of it."""

from __future__ import annotations

import json
from pathlib import Path

from crowd import files_in, is_about, name_of, rows_of

from footfall.buckets.local import LocalBucket
from footfall.flows.verify import examine
from footfall.wiring.codecs import decoders
from footfall.wiring.erasing import advance, ask_for, erasures_of
from footfall.wiring.erasing_places import Reach
from footfall.wiring.rollups import export_rollups

GONE = (3, 7)
REPORTS = ("Users", "User_Event_Rollups", "User_Custom_Event_Rollups", "Account_Event_Rollups")
FORMATS = ("csv", "json", "xml", "parquet")


def deliver_reports(hub, crowd, out: Path, forms=("csv",), reports=REPORTS, compression="") -> None:
    first, last = crowd.dates[0], crowd.dates[-1]
    for form in forms:
        export_rollups(hub, first, last, to=str(out / form), reports=reports, version="2.0", format=form,
                       compression=compression)  # fmt: skip


def erase(hub, *people: int, mode: str = "erase", **reach):
    one = ask_for(hub, [name_of(person) for person in people], mode, "test")
    return advance(hub, one.id, Reach(own_shell=True, **reach))


def receipt_of(hub, erasure) -> dict:
    return json.loads(erasures_of(hub).receipt(erasure.id))


def faults(folder: Path) -> list[str]:
    return [f"{each.key}: {each.fault}" for each in examine(LocalBucket(folder), decoders()).findings]


def data_of(folder: Path) -> dict[str, bytes]:
    return {name: body for name, body in files_in(folder).items() if not name.endswith(".manifest.json")}


def assert_only_rows_of_these_went(before: dict[str, bytes], after: dict[str, bytes]) -> None:
    renamed = {name.replace("_r2", ""): body for name, body in after.items()}
    assert renamed.keys() == before.keys()
    for name, body in before.items():
        kept = [row for row in rows_of(name, body) if not is_about(row, GONE)]
        assert rows_of(name, renamed[name]) == kept, name
