"""Imports as an operator meets them: looked at, imported, mended, taken back; with and without a running server."""

from __future__ import annotations

import json
import uuid
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import weed

DAY = "2026-11-20"
CSV = f"id,at,who,kind\n1,{DAY}T10:00:00Z,ana,Order\n2,{DAY}T11:00:00Z,ben,Order\n3,soon,cem,Order\n"


@pytest.fixture
def file(tmp_path) -> Path:
    (tmp_path / "drop").mkdir()
    path = tmp_path / "drop" / "orders_20261120.csv"
    path.write_text(CSV)
    return path


def days(asked, hub) -> dict[str, int]:
    return {each["day"]: each["events"] for each in asked(hub, "days", "ls")}


COLUMNS = ("--timestamp", "at", "--identify-id", "who", "--event-name", "kind")


def test_a_file_is_looked_at_imported_once_and_taken_back(install, type_in, asked, file):
    hub = install(zone="UTC")
    shown = asked(hub, "import", "csv", str(file), "--preview")
    assert [column["name"] for column in shown["columns"]] == ["id", "at", "who", "kind"]
    assert shown["rows"][0]["who"] == "ana"
    assert asked(hub, "imports", "ls") == []

    (done,) = asked(hub, "import", "csv", str(file), *COLUMNS, code=3)
    assert (done["stream"], done["rows"], done["bad"], done["state"]) == ("orders", 2, 1, "done")
    assert days(asked, hub) == {DAY: 2}
    assert asked(hub, "import", "csv", str(file), *COLUMNS, code=4) == []
    (bad,) = asked(hub, "imports", "bad", done["id"])
    assert (bad["line"], bad["field"], bad["code"]) == (4, "at", "bad_timestamp")

    assert asked(hub, "imports", "undo", done["id"])["dropped"] == 2
    assert days(asked, hub) == {DAY: 0}
    (again,) = asked(hub, "import", "csv", str(file), "--stream", "orders", *COLUMNS, code=3)
    assert days(asked, hub) == {DAY: 2}
    assert [each["state"] for each in asked(hub, "imports", "ls")] == ["done", "undone"]
    ended, out, _ = type_in(hub, "imports", "show", again["id"])
    assert (ended, "orders_20261120.csv" in out) == (0, True)


def test_a_preview_says_which_value_of_parquet_cannot_be_read(install, type_in, file):
    far = pa.array([0, 2**62], pa.int64()).cast(pa.timestamp("us", "UTC"))
    pq.write_table(pa.table({"id": ["ana", "ben"], "signed up": far}), file.with_name("people.parquet"))
    ended, _, told = type_in(
        install(zone="UTC"), "import", "parquet", str(file.with_name("people.parquet")), "--preview"
    )
    assert (ended, "row 1, signed up: unreadable_value" in told) == (0, True)


def test_a_folder_is_listed_and_the_row_of_a_prefix_imported(install, type_in, asked, file):
    hub = install(zone="UTC")
    file.with_name("orders_20261119.csv").write_text(CSV.replace("soon", f"{DAY}T12:00:00Z"))
    listed = asked(hub, "import", "csv", str(file.parent), "--list")
    assert [(each["file"], each["prefix"]) for each in listed] == [
        ("orders_20261119.csv", "orders_"), ("orders_20261120.csv", "orders_"),
    ]  # fmt: skip
    ended, out, errors = type_in(hub, "import", "csv", str(file.parent))
    assert (ended, "orders_" in out, "Name one of its files" in errors) == (1, True, True)
    done = asked(hub, "import", "csv", str(file.parent), "--prefix", "orders_", "--timestamp", "at", code=3)
    assert [(each["file"], each["stream"], each["rows"]) for each in done] == [
        ("orders_20261119.csv", "orders", 3), ("orders_20261120.csv", "orders", 2),
    ]  # fmt: skip


def test_json_is_imported_from_a_bucket_by_its_address(install, asked, monkeypatch):
    hub, server = install(zone="UTC"), weed.server()
    bucket = server.bucket(f"b-{uuid.uuid4().hex}")
    lines = "".join(json.dumps({"at": f"{DAY}T10:00:00Z", "n": n}) + "\n" for n in range(5))
    server.client().put_object(Bucket=bucket, Key="in/lytics-events-20261120.json", Body=lines.encode())
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", weed.ADMIN[0])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", weed.ADMIN[1])
    url = f"s3://{bucket}/in/lytics-events-20261120.json"
    (done,) = asked(hub, "import", "json", url, "--endpoint-url", server.url, "--timestamp", "at")
    assert (done["rows"], done["stream"], days(asked, hub)) == (5, "lytics-events", {DAY: 5})


def test_beside_a_running_server_the_server_imports(install, type_in, asked, file, tmp_path):
    hub = install(zone="UTC")
    hub.start()
    (done,) = asked(hub, "import", "csv", str(file), *COLUMNS, code=3)
    assert (done["rows"], done["by"]) == (2, "@orders")
    assert days(asked, hub) == {DAY: 2}
    assert asked(hub, "jobs", "ls") == []
    assert asked(hub, "import", "csv", str(file), *COLUMNS, code=4) == []

    ended, _, errors = type_in(hub, "import", "csv", str(file), "--stream", "other", "--timestamp", "id-that-is-not")
    assert (ended, "id-that-is-not" in errors) == (1, True)
    (tmp_path / "key.asc").write_text("no key")
    ended, _, errors = type_in(
        hub, "import", "csv", str(file), "--stream", "x", "--pgp-private-key", str(tmp_path / "key.asc")
    )
    assert (ended, "has not the private key" in errors) == (1, True)
    hub.stop()
    assert days(asked, hub) == {DAY: 2}
