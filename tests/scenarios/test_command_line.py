"""The commands as a newcomer types them, against a real server and a real S3 server."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path

import pytest
import weed

from footfall.model.reports import catalogue

DAY = "2026-03-09"
GOLDEN = Path(__file__).parent.parent / "golden" / "expected"
EVENTS = [
    {"type": "track", "event": "Report opened", "userId": "ada", "messageId": "t-1", "timestamp": f"{DAY}T15:00:00Z"},
    {"type": "page", "userId": "ada", "messageId": "p-1", "timestamp": f"{DAY}T15:00:01Z"},
    {"type": "group", "userId": "ada", "groupId": "acme", "messageId": "g-1", "timestamp": f"{DAY}T14:59:00Z"},
]
NEWCOMER = "User_Custom_Event_Rollups,Account_Event_Rollups"


@pytest.fixture
def hub(install):
    hub = install(zone="America/New_York")
    hub.start()
    assert hub.post("/v1/batch", {"batch": EVENTS})["success"]
    return hub


def files(folder: Path, ending: str = ".gz") -> list[str]:
    return sorted(p.name for p in folder.iterdir() if p.name.endswith(ending))


def test_a_day_is_exported_beside_the_running_server_and_verified_without_it(hub, tmp_path):
    out = tmp_path / "out"
    hub.run("export", "rollups", "--day", DAY, "--to", str(out), "--reports", NEWCOMER)
    [name] = [n for n in files(out) if "Custom" in n]
    assert gzip.decompress((out / name).read_bytes()).decode().splitlines()[1:] == [
        f"{DAY},ada,default,acme,Production,Report opened,1"
    ]

    # A late event reopens the day; the next export is its second revision, which names the first.
    late = {**EVENTS[0], "messageId": "t-2"}
    hub.post("/v1/batch", {"batch": [late, EVENTS[0]]})
    hub.run("export", "rollups", "--day", DAY, "--to", str(out), "--reports", NEWCOMER)
    second = json.loads((out / name.replace(".csv.gz", "_r2.csv.manifest.json")).read_bytes())
    assert (second["revision"], second["rows"]) == (2, 1)
    assert second["supersedes"]["manifest"] == name.replace(".csv.gz", ".csv.manifest.json")
    hub.stop()

    assert "everything is as delivered" in hub.run("verify", str(out)).stdout
    damaged = out / name
    damaged.write_bytes(bytes([*damaged.read_bytes()[:40], damaged.read_bytes()[40] ^ 1, *damaged.read_bytes()[41:]]))
    found = hub.run("verify", str(out), ok=False)
    assert found.returncode == 1
    assert name in found.stderr


@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_all_formats_of_a_version_have_the_documented_columns(hub, tmp_path, version):
    hub.stop()
    out = tmp_path / "out"
    for kind in ("csv", "json", "xml"):
        hub.run("export", "rollups", "--day", DAY, "--to", str(out), "--format", kind, "--version", version)
    assert len(files(out)) == 3 * len(catalogue(version))
    for report in catalogue(version):
        [file] = out.glob(f"GainsightPX_{report.name}_*.csv.gz")
        header = next(csv.reader(gzip.decompress(file.read_bytes()).decode().splitlines()))
        [golden] = (GOLDEN / version).rglob(f"{report.name}.csv")
        known = next(csv.reader(golden.read_text("utf-8").splitlines()))
        # The golden day has custom attributes, this one has none.
        assert header == [name for name in known if not name.startswith("customAttribute_")]


def test_a_day_goes_to_s3_and_is_verified_there(hub, tmp_path):
    server = weed.server()
    place = f"s3://{server.bucket('exports')}/daily"
    hub.env |= {"AWS_ACCESS_KEY_ID": weed.ADMIN[0], "AWS_SECRET_ACCESS_KEY": weed.ADMIN[1]}
    hub.env |= {"AWS_DEFAULT_REGION": "us-east-1"}
    for _ in range(2):  # the second time everything is there already
        hub.run("export", "rollups", "--day", DAY, "--to", place, "--endpoint-url", server.url)

    found = json.loads(hub.run("verify", place, "--endpoint-url", server.url, "--json").stdout)
    assert (found["manifests"], found["files"], found["findings"]) == (22, 22, [])


def test_a_file_of_events_is_sent_and_the_bad_ones_are_named(hub, tmp_path):
    file = tmp_path / "events.ndjson"
    good = {"type": "page_view", "identify_id": "bob", "occurred_at": f"{DAY}T16:00:00Z", "event_id": "n-1"}
    lines = [good, {"type": "page_view"}, {**good, "event_id": "n-2"}]
    file.write_text("\n".join(map(json.dumps, lines)))
    sent = hub.run("events", "send", str(file), "--to", hub.url, ok=False)
    assert sent.returncode == 3
    assert "2 events accepted, 1 rejected" in sent.stdout
    assert "missing_user" in sent.stderr

    hub.stop()
    hub.run("days", "close", DAY)
    listed = json.loads(hub.run("days", "ls", "--json").stdout)
    # Two of them are sessions that began with a page view.
    assert [(d["day"], d["events"], d["revision"], d["state"]) for d in listed] == [(DAY, 7, 1, "sealed")]
    assert hub.run("days", "close", DAY, ok=False).returncode == 4
    tail = [json.loads(line) for line in hub.run("events", "tail", "--json").stdout.splitlines()]
    assert [e["event_id"] for e in tail if e["type"] == "page_view"] == ["p-1", "n-1", "n-2"]


def test_the_newest_events_are_shown_however_many_are_asked_for(hub):
    said = {"type": "identify", "userId": "ada", "timestamp": f"{DAY}T16:00:00Z"}
    hub.post("/v1/batch", {"batch": [{**said, "messageId": f"i-{n}"} for n in range(2100)]})
    hub.run("days", "close", DAY)  # settles first
    for lines in (10, 1001, 2100):
        tail = hub.run("events", "tail", "--lines", str(lines), "--json").stdout.splitlines()
        assert len(tail) == lines
        assert "i-2099" in {json.loads(line)["event_id"] for line in tail[-3:]}  # a session ended behind it


def test_a_key_is_shown_once_works_and_can_be_revoked(hub):
    key = hub.run("keys", "create", "shop", "--product", "web-shop", "--channel", "web").stdout.strip()
    assert key not in hub.run("keys", "ls", "--json").stdout
    hub.run("keys", "revoke", "shop")
    states = {k["source"]: k["state"] for k in json.loads(hub.run("keys", "ls", "--json").stdout)}
    assert states == {"default": "active", "shop": "revoked"}


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        pytest.param(("export", "rollups", "--day", "tomorrow", "--to", "x"), 2, "tomorrow", id="no date"),
        pytest.param(("export", "rollups", "--day", DAY, "--to", "x", "--format", "avro"), 1, "avro", id="no format"),
        pytest.param(("export", "rollups", "--day", DAY, "--to", "x", "--reports", "Nope"), 1, "Nope", id="no report"),
        pytest.param(("export", "rollups", "--day", "2100-01-01", "--to", "x"), 1, "not over", id="a day to come"),
        pytest.param(("export", "rollups", "--day", DAY, "--to", "x", "--reports", " "), 1, "no report", id="none"),
        pytest.param(("export", "rollups", "--day", DAY, "--to", "/proc/x"), 1, "can be made there", id="nowhere"),
        pytest.param(("init", "x" * 300), 1, "File name too long", id="a name that no file has"),
        pytest.param(("keys", "create", " "), 1, "cannot be empty", id="a source without name"),
        pytest.param(("keys", "create", "*"), 1, "policy of them all", id="a source with the name of all"),
        pytest.param(("keys", "create", "fax", "--channel", "fax"), 1, "Choose one of web", id="no channel"),
        pytest.param(("days", "close", "0001-01-01"), 2, "too far away", id="the first day of all"),
        pytest.param(("export", "rollups", "--day", "9999-12-31", "--to", "x"), 2, "too far away", id="the last day"),
        pytest.param(
            ("export", "activity", "--start", "0001-01-01", "--to", "x"), 1, "neither a date", id="first start"
        ),
        pytest.param(("runs", "ls", "--limit", "9" * 20), 2, "too large a number", id="a number beyond all"),
        pytest.param(("verify", "nowhere-at-all"), 1, "nothing was delivered", id="nothing to verify"),
        pytest.param(("days", "ls"), 4, "No days yet", id="nothing stored"),
        pytest.param(("events", "send", "gone.ndjson"), 1, "gone.ndjson", id="no such file"),
    ],
)
def test_a_mistake_is_named_without_a_traceback(install, arguments, code, said):
    done = install().run(*arguments, ok=False)
    assert done.returncode == code, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_an_encrypted_export_is_verified_with_and_without_the_private_key(hub, tmp_path):
    from pysequoia import Tsk

    key = Tsk.generate("Warehouse")
    (tmp_path / "public.asc").write_text(str(key.extract_certificate()))
    (tmp_path / "private.asc").write_text(str(key))
    out = tmp_path / "out"
    words = ("export", "rollups", "--day", DAY, "--to", str(out), "--reports", NEWCOMER)
    hub.run(*words, "--compression", "zstd", "--pgp-key", str(tmp_path / "public.asc"))
    assert [name.endswith(".csv.zst.pgp") for name in files(out, ".pgp")] == [True, True]
    assert "not the text" in hub.run("verify", str(out)).stdout
    opened = hub.run("verify", str(out), "--pgp-private-key", str(tmp_path / "private.asc")).stdout
    assert "everything is as delivered" in opened
    assert "not the text" not in opened
    refused = hub.run(*words, "--pgp-key", str(tmp_path / "private.asc"), ok=False)
    assert "is a private key" in refused.stderr
    assert hub.run(*words, "--compression", "rar", ok=False).stderr.count("gzip, zstd, zip, none") == 1


def test_a_data_directory_that_was_not_there_is_said_to_be_new_once(install):
    hub = install()
    assert "is a new data directory" in hub.run("days", "ls", ok=False).stderr
    assert "is a new data directory" not in hub.run("days", "ls", ok=False).stderr


def test_what_goes_wrong_beside_a_command_is_a_line_and_no_traceback(install, tmp_path):
    hub = install()
    hook = ("--kind", "webhook", "--url", "https://hook.invalid/footfall")
    hub.run("notifications", "channels", "add", "pager", *hook)
    hub.run("notifications", "rules", "add", "everything", "--channel", "pager", "--on", "done")
    hub.run("jobs", "add", "daily", "--kind", "rollups", "--to", str(tmp_path / "out"))
    done = hub.run("jobs", "run", "daily")
    assert "notice put off" in done.stderr
    assert "Traceback" not in done.stderr
