"""What a data engineer does before the first delivery: print what to grant, have it granted, check it."""

from __future__ import annotations

import io
import json
import sys
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import weed

from footfall.cli import main
from footfall.config import load_settings
from footfall.wiring import Footfall
from footfall.wiring.sweeping import sweep_places

WRITER_ARN = "arn:aws:iam::000000000000:user/writer"
SUBSCRIPTION = "9b2f6f0e-5d0c-4c5a-9d0a-0d2a2f0f5a11"
Types = Callable[..., tuple[int, str, str]]


@pytest.fixture
def types(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Types:
    monkeypatch.setenv("FOOTFALL_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("FOOTFALL_SUBSCRIPTION_ID", SUBSCRIPTION)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", weed.WRITER[0])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", weed.WRITER[1])

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["footfall", *arguments])
        monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps(dict(zip(("access_key_id", "access_key_secret"),
                                                                           weed.WRITER, strict=True)))))  # fmt: skip
        with pytest.raises(SystemExit) as ended:
            main()
        shown = capsys.readouterr()
        return int(ended.value.code or 0), shown.out, shown.err

    return run


@pytest.fixture
def name() -> str:
    return weed.server().bucket(f"b-{uuid.uuid4().hex}")


def test_what_is_printed_is_granted_and_then_it_works(types: Types, name: str) -> None:
    url, server = f"s3://{name}/px", ("--endpoint-url", weed.server().url)
    code, out, _ = types("access", "check", url, *server)
    assert (code, "Grant s3:PutObject" in out) == (1, True)

    code, policy, _ = types("access", "print", url, "--as", "bucket-policy", "--principal", WRITER_ARN)
    assert code == 0
    weed.server().client().put_bucket_policy(Bucket=name, Policy=policy)

    code, out, err = types("access", "check", url, *server)
    assert code == 0, out
    assert "can be used" in out
    assert "airkit-verify-test-" in out
    assert "Warning" not in err


def test_for_a_program_the_check_is_one_json_value(types: Types, name: str) -> None:
    code, out, _ = types("access", "check", f"s3://{name}/px", "--endpoint-url", weed.server().url, "--json")
    found = json.loads(out)
    assert (code, found["ok"], found["kind"]) == (1, False, "export"), out
    assert {step["step"] for step in found["steps"]} >= {"resolve", "authenticate", "write"}


def test_a_check_by_an_authorization_is_remembered(types: Types, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOOTFALL_ALLOW_PRIVATE_ENDPOINTS", "true")
    added = types("authorizations", "add", "there", "--secrets", "-", "--endpoint-url", weed.server().url)
    assert added[0] == 0, added
    assert types("access", "check", f"s3://{name}/px", "--authorization", "there")[0] == 1
    shown = json.loads(types("authorizations", "show", "there", "--json")[1])
    assert shown["status"] == "refused"
    assert "s3:PutObject" in shown["status_note"]


def test_an_authorization_reaches_no_server_inside(types: Types, name: str) -> None:
    types("authorizations", "add", "inside", "--secrets", "-", "--endpoint-url", "https://127.0.0.1:9000")
    code, out, _ = types("access", "check", f"s3://{name}/px", "--authorization", "inside")
    assert code == 1
    assert "not a public address" in out


def test_the_external_id_of_the_printed_trust_is_the_subscription(types: Types) -> None:
    code, out, _ = types("access", "print", "s3://my-bucket/px", "--as", "trust-policy", "--principal", WRITER_ARN)
    assert code == 0
    condition = json.loads(out)["Statement"][0]["Condition"]
    assert condition == {"StringEquals": {"sts:ExternalId": SUBSCRIPTION}}


def test_everything_is_printed_with_headings_or_as_one_json_value(types: Types) -> None:
    code, out, err = types("access", "print", "s3://my-bucket/px")
    assert code == 0
    assert [line[2:8] for line in out.splitlines() if line.startswith("# ")] == ["Bucket", "Trust ", "Policy", "Terraf"]
    assert "--principal" in err
    code, out, _ = types("access", "print", "gs://my-bucket/px", "--json")
    assert (code, set(json.loads(out))) == (0, {"gcloud", "terraform"})


def test_what_killed_writers_left_at_the_places_of_jobs_is_taken_away(
    types: Types, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FOOTFALL_ALLOW_PRIVATE_ENDPOINTS", "true")
    monkeypatch.setattr(weed, "WRITER", weed.ADMIN)
    added = types("authorizations", "add", "there", "--secrets", "-", "--endpoint-url", weed.server().url)
    assert added[0] == 0, added
    ours = "px/GainsightPX_Users_20260310T070000Z.csv.gz"
    keyed = "px/nightly/a%2Fb/Users-20260310T070000Z_r2.parquet"
    named = ("px/lytics-events-20260310T070000Z.csv", "px/mine_20260310-tags.csv.gz")
    table = "px/0000000000000001-0123456789abcdef.parquet"
    for key in (
        ours,
        keyed,
        *named,
        table,
        "px/theirs.csv",
        "px/mine_now.csv",
        "other/GainsightPX_Users_20260310T070000Z.csv.gz",
    ):
        weed.server().client().create_multipart_upload(Bucket=name, Key=key)
    url = ("--to", f"s3://{name}/px", "--authorization", "there")
    assert types("jobs", "add", "nightly", *url)[0] == 0
    template = ("--key", "{job}/{product}/{report}-{TIMESTAMP}")
    assert types("jobs", "add", "lake", *url, "--format", "parquet", *template)[0] == 0
    assert types("jobs", "add", "raw", *url, "--kind", "activity")[0] == 0
    called = ("--option", "name=mine_{TIMESTAMP}", "--option", "timestamp=YYYYMMDD")
    assert types("jobs", "add", "people", *url, "--kind", "audience", *called)[0] == 0
    assert types("jobs", "add", "to-a-folder", "--to", str(tmp_path / "out"))[0] == 0
    assert types("jobs", "add", "down", "--to", "s3://not-there/px", "--authorization", "there")[0] == 0
    with Footfall.open(load_settings(), clock=lambda: datetime.now(UTC)) as hub:
        assert sweep_places(hub) == 0, "an upload of today may still be running"
        assert sweep_places(hub, timedelta(0)) == 5
    left = weed.server().client().list_multipart_uploads(Bucket=name)["Uploads"]
    assert not {ours, keyed, *named, table} & {each["Key"] for each in left}
    assert len(left) == 3


def test_a_folder_needs_no_grant_and_an_unknown_form_is_a_usage_error(types: Types, tmp_path: Path) -> None:
    assert types("access", "print", str(tmp_path))[0] == 1
    assert types("access", "print", "s3://my-bucket", "--as", "gcloud")[0] == 2
    assert types("access", "check", str(tmp_path / "out"))[0] == 0
