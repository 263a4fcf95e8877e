"""``ports.AudienceEngine``: the same users give the same files, and every text comes back from them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from footfall.engines.audience import DuckAudience
from footfall.engines.database import Limits
from footfall.formats.csv_rows import CsvRows
from footfall.formats.json_lines import JsonLines
from footfall.model.audience_export import LAYOUTS, AudienceExport, joined, joined_map, split_list, split_map
from footfall.model.people import canonical_json
from footfall.ports import AudienceEngine, AudienceInput
from footfall.stores.snapshots import USERS

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
CUSTOM = (("tags", "STRING"), ("limits", "STRING"), ("note", "STRING"))
TEXTS = st.text(st.characters(codec="utf-8"), max_size=6) | st.text(alphabet='ab&%=25D6,"\n\r', max_size=6)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> AudienceEngine:
    return DuckAudience(tmp_path_factory.mktemp("spill"), Limits(memory_mb=256, threads=2))


def user(number: int, **attributes: object) -> dict[str, object]:
    texts = {n: v if isinstance(v, str) else canonical_json(v) for n, v in attributes.items()}
    return {
        "user_key": number, "uid": f"uid-{number:04d}", "identify_id": f"user-{number * 7919 % 5000:04d}",
        "created_at": AT, "modified_at": AT, "deleted": False, "account_key": None,
        "attributes": json.dumps(texts, ensure_ascii=False),
    }  # fmt: skip


def people(rows: Sequence[dict[str, object]], batch: int = 1000) -> AudienceInput:
    table = pa.Table.from_pylist(list(rows), schema=USERS)
    pairs = pa.table({"key": pa.array([], pa.int32()), "text": pa.array([], pa.string())})
    keys = [("user_key", pa.int32()), ("into_key", pa.int32()), ("anonymous_key", pa.int32())]
    empty = pa.schema([*keys, ("at", pa.timestamp("us", "UTC"))]).empty_table()
    return AudienceInput(
        end=AT.replace(day=25), users=lambda: table.to_reader(max_chunksize=batch), custom_attributes=CUSTOM,
        links=lambda: empty, merges=lambda: empty, texts=lambda _: pairs, activity=dict,
    )  # fmt: skip


def files(engine: AudienceEngine, export: AudienceExport, given_: AudienceInput, folder: Path) -> list[bytes]:
    draft = folder / "draft.parquet"
    engine.draft(export, given_, None, draft)
    kind = JsonLines() if export.layout == "json" else CsvRows()
    with engine.open(export, draft) as opened:
        if export.layout == "parquet":
            return [b"".join(piece for _, piece in opened.parquet())]
        return [b"".join(bytes(text) for _, text in opened.render(part, kind)) for part in opened.parts()]


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.lists(TEXTS, max_size=4), st.dictionaries(TEXTS, TEXTS, max_size=3), TEXTS), min_size=1))
def test_any_text_in_a_list_or_a_map_comes_back(
    engine: AudienceEngine, tmp_path: Path, said: list[tuple[list[str], dict[str, str], str]]
) -> None:
    rows = [user(n, tags=tags, limits=limits, note=f"x{note}") for n, (tags, limits, note) in enumerate(said)]
    export = AudienceExport(fields=("aptrinsicId", "tags", "limits", "note"), kinds={"note": "String"})
    (text,) = files(engine, export, people(rows), tmp_path)
    found = {row[0]: row[1:] for row in csv.reader(io.StringIO(text.decode(), newline=""))}
    for number, (tags, limits, note) in enumerate(said):
        in_order = dict(sorted(limits.items()))
        assert found[f"uid-{number:04d}"] == [joined(tags), joined_map(in_order), f"x{note}"]
        assert split_list(found[f"uid-{number:04d}"][0]) == tags
        assert split_map(found[f"uid-{number:04d}"][1]) == limits


@pytest.mark.parametrize("layout", LAYOUTS)
def test_order_and_batches_of_users_do_not_show(engine: AudienceEngine, tmp_path: Path, layout: str) -> None:
    rows = [user(n, tags=[f"t{n}"], note=str(n), email=f"{n}@example.com") for n in range(3000)]
    for limit in (None, 100):
        export = AudienceExport(layout=layout, limit=limit)
        straight = files(engine, export, people(rows), tmp_path)
        assert files(engine, export, people(rows[::-1], batch=37 * 9), tmp_path) == straight


def test_keys_that_repeat_in_an_object_and_line_ends_in_json_do_no_harm(engine: AudienceEngine, tmp_path: Path) -> None:
    rows = [user(1, limits='{"a":1,"a":2}', tags="[1,\n2]"), user(2, limits="{}", tags="[\r]")]
    export = AudienceExport(layout="json", fields=("tags", "limits"))
    (text,) = files(engine, export, people(rows), tmp_path)
    found = sorted((json.loads(line) for line in text.decode().splitlines()), key=str)
    assert found == [
        {"customAttribute_tags": [1, 2], "customAttribute_limits": '{"a":1,"a":2}'},
        {"customAttribute_tags": [], "customAttribute_limits": "{}"},
    ]
