"""What users did on a day that answers the WHERE of a rule: all conditions of a day in one reading of its events."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final

from footfall import disk
from footfall.engines.database import Database, literal, query
from footfall.engines.where_sql import WhereSql
from footfall.model.audience_rules import Happened
from footfall.model.event import WORDS

if TYPE_CHECKING:
    from footfall.ports import DayInput

_READ: Final = "look for events that answer a WHERE"


def write_filtered(database: Database, day: DayInput, wanted: Mapping[str, Happened]) -> None:
    """Write the files of ``MembershipEngine.filtered``. Needs ``events`` and the term texts as ``term_texts``."""
    conditions = list(wanted.values())
    asked = WhereSql([each.where for each in conditions if each.where is not None])
    terms = dict(zip(*(day.texts["terms"][name].to_pylist() for name in ("text", "key")), strict=True))
    about = [meant(each, terms) for each in conditions]
    # Of most events only what they are about is read: the properties are by far the widest column.
    some = f"type IN ({', '.join(sorted({str(int(WORDS[each.type])) for each in conditions}))})"
    if all(each.name is not None for each in conditions):
        some += f" AND name IN ({', '.join(sorted({str(terms.get(each.name or '', -1)) for each in conditions}))})"
    pointers = ", ".join(map(literal, asked.pointers))
    said = f"json_extract_string(properties, [{pointers}])" if pointers else "NULL"
    rows = f"SELECT *, {said} AS said FROM ({query('done_of_day')}) WHERE {some}"
    columns = ", ".join(["e.*", *asked.columns])
    tests = [
        f"({test} IS TRUE AND {asked.sql(each.where)}) AS c{number}"
        for number, (each, test) in enumerate(zip(conditions, about, strict=True))
        if each.where is not None
    ]
    database.run(
        f"CREATE TABLE found AS SELECT user_key, at_us, score, answer, {', '.join(tests)} "
        f"FROM (SELECT {columns} FROM ({rows}) e {asked.joins}) d",
        _READ,
    )
    with ExitStack() as drafts:
        for number, path in enumerate(wanted):
            draft = drafts.enter_context(disk.drafted(Path(path)))
            one = query("usage_filtered").format(day=day.day.isoformat(), condition=f"c{number}")
            database.run(f"COPY ({one}) TO {literal(str(draft))} (FORMAT parquet, COMPRESSION zstd)", _READ)


def meant(condition: Happened, terms: Mapping[str, int]) -> str:
    """SQL of whether an event, or a row of a usage file, is about it. A name that never occurred is the term -1."""
    tests = [f"type = {int(WORDS[condition.type])}"]
    for column, text in (("name", condition.name), ("detail", condition.detail)):
        if text is not None:
            tests.append(f"{column} = {terms.get(text, -1)}")
    if condition.question is not None:
        tests.append(f"question = {literal(condition.question)}")
    return f"({' AND '.join(tests)})"
