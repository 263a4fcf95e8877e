"""Authorizations as an operator uses them: added, used against a real S3 server, rotated, sealed anew, deleted."""

from __future__ import annotations

import base64
import gzip
import io
import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pysequoia
import pytest
import weed

from footfall.cli import main

DAY = "2026-03-09"
CANARY = "canary-7b1f-never-to-be-seen"
KEY = ("AKIACANARY0000WXYZ", CANARY)
SOURCES = ("--secret", "access_key_id=env:THE_ID", "--secret", "access_key_secret=env:THE_SECRET")


@dataclass(frozen=True)
class Answer:
    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Operator:
    """A person with a data directory. Commands run in this process: starting one takes two seconds of the processor."""

    data: Path
    machine: pytest.MonkeyPatch
    read: Callable[[], tuple[str, str]]

    def has(self, **variables: str) -> None:
        for name, value in variables.items():
            self.machine.setenv(name, value)

    def has_key(self, key: tuple[str, str]) -> None:
        self.has(THE_ID=key[0], THE_SECRET=key[1])

    def types(self, *arguments: str, ok: bool = True, stdin: str = "") -> Answer:
        self.machine.setattr(sys, "argv", ["footfall", *arguments])
        self.machine.setattr(sys, "stdin", io.StringIO(stdin))
        with pytest.raises(SystemExit) as ended:
            main()
        answer = Answer(int(ended.value.code or 0), *self.read())
        assert not ok or answer.code == 0, answer
        return answer

    def adds(self, name: str, key: tuple[str, str], *options: str, ok: bool = True) -> Answer:
        self.has_key(key)
        return self.types("authorizations", "add", name, *SOURCES, *options, ok=ok)

    def sees(self, *arguments: str):
        return json.loads(self.types("authorizations", *arguments, "--json").out)


@pytest.fixture
def operator(tmp_path, monkeypatch, capsys):
    """Without any AWS configuration: whatever gets into a bucket here does so by an authorization."""
    for name in [name for name in os.environ if name.startswith(("AWS_", "FOOTFALL_"))]:
        monkeypatch.delenv(name)
    one = Operator(tmp_path / "data", monkeypatch, capsys.readouterr)
    one.has(FOOTFALL_DATA=str(one.data), FOOTFALL_ALLOW_PRIVATE_ENDPOINTS="true")
    one.has(AWS_CONFIG_FILE="/dev/null", AWS_SHARED_CREDENTIALS_FILE="/dev/null", AWS_EC2_METADATA_DISABLED="true")
    return one


def bytes_of(place: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(place.rglob("*")) if path.is_file())


def test_days_are_delivered_by_an_authorization_and_still_are_after_its_keys_changed(operator):
    server = weed.server()
    bucket = server.bucket("by-authorization")
    owner = server.client()
    allowed = {
        "Effect": "Allow",
        "Principal": "*",
        "Action": ["s3:PutObject"],
        "Resource": [f"arn:aws:s3:::{bucket}/*"],
    }
    owner.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [allowed]}))

    operator.adds("warehouse", weed.WRITER, "--endpoint-url", server.url, "--region", "us-east-1")
    export = ("export", "rollups", "--to", f"s3://{bucket}/px", "--authorization", "warehouse", "--reports", "Users")
    operator.types(*export, "--day", DAY)

    owner.delete_bucket_policy(Bucket=bucket)
    refused = operator.types(*export, "--day", "2026-03-10", ok=False)
    assert refused.code == 1
    assert "AccessDenied" in refused.err
    operator.has_key(weed.ADMIN)
    operator.types("authorizations", "rotate", "warehouse", *SOURCES)
    operator.types("authorizations", "rotate-key", "--forget")
    operator.types(*export, "--day", "2026-03-10")

    names = [each["Key"] for each in owner.list_objects_v2(Bucket=bucket)["Contents"]]
    assert len([name for name in names if name.endswith(".manifest.json")]) == 2
    for key in (weed.WRITER, weed.ADMIN):
        assert key[1] not in refused.out + refused.err
        assert key[0].encode() not in bytes_of(operator.data)
        assert key[1].encode() not in bytes_of(operator.data)


def test_settings_are_changed_tried_and_remembered(operator):
    server = weed.server()
    bucket = server.bucket("changed")
    operator.adds("warehouse", weed.ADMIN, "--endpoint-url", server.url, "--region", "us-east-1", "--label", "Ours")
    assert "no job uses" in operator.types("authorizations", "test", "warehouse", ok=False).err
    assert operator.sees("test", "warehouse", f"s3://{bucket}/px")["ok"]
    assert operator.sees("show", "warehouse")["status"] == "authorized"

    told = operator.sees("change", "warehouse", "--label", "", "--description", "For reports")
    assert (told["label"], told["description"], told["status"]) == ("", "For reports", "authorized")
    operator.types("jobs", "add", "daily", "--to", f"s3://{bucket}/px", "--authorization", "warehouse")
    changed = operator.sees("change", "warehouse", "--region", "eu-west-1")
    assert (changed["status"], changed["secrets"]) == ("untested", ["access_key_id", "access_key_secret"])
    assert operator.sees("test", "warehouse")["url"].startswith(f"s3://{bucket}/px")
    assert operator.sees("show", "warehouse")["status"] == "authorized"

    for wrong, said in (
        (("--encryption", "sse_c"), "lacks sse_c_key"), (("--kind", "gcs_hmac"), "does not open"),
        (("--region", "no region"), "is no region"), ((), "nothing is to be changed"),
    ):  # fmt: skip
        assert said in operator.types("authorizations", "change", "warehouse", *wrong, ok=False).err
    assert operator.sees("show", "warehouse")["region"] == "eu-west-1"


def test_no_answer_of_any_command_shows_a_secret(operator):
    answers = [operator.adds("warehouse", KEY, "--label", "Ours", "--json")]
    for arguments in (
        ("ls",), ("ls", "--json"), ("show", "warehouse"), ("show", "warehouse", "--json"), ("rotate-key",),
        ("rotate", "warehouse", *SOURCES), ("rotate-key", "--forget", "--json"),
    ):  # fmt: skip
        answers.append(operator.types("authorizations", *arguments))
    facts = operator.sees("show", "warehouse")
    assert facts["key_id_shown"] == "WXYZ"
    assert facts["secrets"] == ["access_key_id", "access_key_secret"]
    [listed] = operator.sees("ls")
    assert (listed["name"], listed["status"], listed["key"], listed["label"]) == (
        "warehouse",
        "untested",
        "…WXYZ",
        "Ours",
    )
    answers += [operator.adds("warehouse", KEY, ok=False), operator.types("authorizations", "delete", "warehouse")]
    assert operator.sees("ls") == []
    said = "".join(answer.out + answer.err for answer in answers)
    assert "already" in said
    for secret in KEY:
        assert secret not in said
        assert secret.encode() not in bytes_of(operator.data)


def test_what_an_authorization_with_a_public_key_delivers_only_its_owner_can_read(operator, tmp_path):
    out, key = tmp_path / "out", pysequoia.Tsk.generate("Reader <reader@example.org>")
    (tmp_path / "private").write_text(str(key))
    (tmp_path / "public").write_text(str(key.extract_certificate()))
    add = ("authorizations", "add", "sealed", "--kind", "ambient", "--pgp", "encrypt", "--secret")
    mistaken = operator.types(*add, f"pgp_public_key=file:{tmp_path / 'private'}", ok=False)
    assert "is a private key" in mistaken.err
    operator.types(*add, f"pgp_public_key=file:{tmp_path / 'public'}")
    export = ("export", "rollups", "--day", DAY, "--to", str(out), "--authorization", "sealed", "--reports", "Users")
    operator.types(*export)
    [file] = out.glob("*.csv.gz.pgp")
    [manifest] = out.glob("*.manifest.json")
    stored, described = file.read_bytes(), json.loads(manifest.read_bytes())
    text = pysequoia.decrypt(decryptor=key.decryptor(None), bytes=stored).bytes
    assert described["codec"] == "gzip+openpgp"
    assert len(gzip.decompress(text)) == described["files"][0]["plain_bytes"] > 0
    # The same text encrypted again is other bytes; what was delivered stays, and is known to be the same.
    operator.types(*export)
    assert [path.read_bytes() for path in out.glob("*.pgp")] == [stored]


def test_what_only_an_authorization_opens_is_verified_by_it_and_its_texts_by_one_that_decrypts(operator, tmp_path):
    server = weed.secure_server()
    place = f"s3://{server.bucket('sealed-twice')}/px"
    key = pysequoia.Tsk.generate("Reader <reader@example.org>")
    (tmp_path / "private").write_text(str(key))
    (tmp_path / "public").write_text(str(key.extract_certificate()))
    operator.has(THEIR_KEY=base64.b64encode(bytes(range(32))).decode())
    there = ("--endpoint-url", server.tls_url, "--ca-bundle", server.authority, "--region", "us-east-1",
             "--encryption", "sse_c", "--secret", "sse_c_key=env:THEIR_KEY", "--pgp")  # fmt: skip
    operator.adds("writer", weed.ADMIN, *there, "encrypt", "--secret", f"pgp_public_key=file:{tmp_path / 'public'}")
    operator.adds("reader", weed.ADMIN, *there, "decrypt", "--secret", f"pgp_private_key=file:{tmp_path / 'private'}")
    operator.types("export", "rollups", "--to", place, "--authorization", "writer", "--reports", "Users", "--day", DAY)

    for name, sealed in (("writer", 1), ("reader", 0)):
        found = json.loads(operator.types("verify", place, "--authorization", name, "--json").out)
        assert (found["manifests"], found["files"], found["sealed"], found["findings"]) == (1, 1, sealed, [])
    with_file = ("verify", place, "--authorization", "writer", "--pgp-private-key", str(tmp_path / "private"), "--json")
    assert json.loads(operator.types(*with_file).out)["sealed"] == 0
    elsewhere = operator.types("verify", place, "--authorization", "writer", "--endpoint-url", server.url, ok=False)
    assert "not for" in elsewhere.err
    operator.has(AWS_ACCESS_KEY_ID=weed.ADMIN[0], AWS_SECRET_ACCESS_KEY=weed.ADMIN[1], AWS_CA_BUNDLE=server.authority)
    closed = operator.types("verify", place, "--endpoint-url", server.tls_url, ok=False)
    assert closed.code == 1


def test_openpgp_keys_that_cannot_be_used_are_refused_before_they_are_kept(operator, tmp_path):
    (tmp_path / "forged").write_text(
        "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nY2FuYXJ5\n-----END PGP PUBLIC KEY BLOCK-----\n"
    )
    key = pysequoia.Tsk.generate("Reader <reader@example.org>")
    (tmp_path / "private").write_text(str(key))
    for pgp, secret in (("encrypt", "pgp_public_key=file:forged"), ("decrypt", "pgp_private_key=file:forged")):
        add = ("authorizations", "add", "sealed", "--kind", "ambient", "--pgp", pgp, "--secret")
        assert operator.types(*add, secret.replace("file:", f"file:{tmp_path}/"), ok=False).code == 1
    assert operator.sees("ls") == []
    add = ("authorizations", "add", "imports", "--kind", "ambient", "--pgp", "decrypt", "--secret")
    operator.types(*add, f"pgp_private_key=file:{tmp_path / 'private'}")


def test_secrets_come_from_files_and_standard_input(operator, tmp_path):
    (tmp_path / "secret").write_text(f"{CANARY}\n")
    by_parts = ("--secret", "access_key_id=-", "--secret", f"access_key_secret=file:{tmp_path / 'secret'}")
    operator.types("authorizations", "add", "one", *by_parts, stdin=f"{KEY[0]}\n")
    whole = json.dumps({"access_key_id": KEY[0], "access_key_secret": CANARY})
    operator.types("authorizations", "add", "two", "--secrets", "-", stdin=whole)
    assert [each["key"] for each in operator.sees("ls")] == ["…WXYZ", "…WXYZ"]
    twice = operator.types("authorizations", "rotate", "two", *by_parts, "--secrets", "-", stdin=whole, ok=False)
    assert "standard input can be read for one option only" in twice.err
    unset = operator.types("authorizations", "rotate", "two", *SOURCES, ok=False)
    assert "access_key_id: the variable THE_ID is not set" in unset.err


def test_a_person_at_a_terminal_is_asked_and_what_is_typed_is_not_shown(operator):
    terminal, inside = pty.openpty()
    command = [sys.executable, "-m", "footfall", "authorizations", "add", "warehouse"]
    done = subprocess.Popen(command, stdin=inside, stdout=inside, stderr=inside, env=os.environ, start_new_session=True)
    os.close(inside)
    said, answers = b"", {b"access_key_id: ": b"AKIACANARY0000WXYZ\n", b"access_key_secret: ": CANARY.encode() + b"\n"}
    while True:
        try:
            said += os.read(terminal, 4096)
        except OSError:  # the other end was closed
            break
        for prompt in [prompt for prompt in answers if said.endswith(prompt)]:
            os.write(terminal, answers.pop(prompt))
    os.close(terminal)
    assert done.wait(60) == 0, said
    assert answers == {}
    assert CANARY.encode() not in said
    assert operator.sees("show", "warehouse")["key_id_shown"] == "WXYZ"


def test_a_secret_on_the_command_line_is_refused_and_not_repeated(operator):
    for argument in (f"access_key_secret={CANARY}", CANARY, f"{CANARY}=env:X", f"access_key_id=literally:{CANARY}"):
        done = operator.types("authorizations", "add", "warehouse", "--secret", argument, ok=False)
        assert done.code == 1
        assert CANARY not in done.out + done.err
        assert "NAME=env:VARIABLE" in done.err


@pytest.mark.parametrize(
    ("options", "arguments", "said"),
    [
        pytest.param((), ("s3://b-1/x", "nobody"), "no authorization 'nobody'", id="unknown"),
        pytest.param((), ("gs://b-1/x", "keys"), "kind aws_keys", id="Google by AWS keys"),
        pytest.param(("--kind", "gcs_hmac"), ("s3://b-1/x", "keys"), "kind gcs_hmac", id="Amazon by Google's key"),
        pytest.param((), ("out", "keys"), "needs no authorization", id="a folder"),
        pytest.param(
            ("--endpoint-url", "https://ours.example"),
            ("s3://b-1/x", "keys", "--endpoint-url", "https://theirs.example"),
            "is for https://ours.example, not for https://theirs.example",
            id="another server",
        ),
    ],
)
def test_an_authorization_is_not_used_where_it_does_not_belong(operator, options, arguments, said):
    operator.adds("keys", KEY, *options)
    to, name, *more = arguments
    export = ("export", "rollups", "--day", DAY, "--to", to, "--authorization", name, *more)
    done = operator.types(*export, ok=False)
    assert done.code == 1
    assert said in done.err


def test_a_private_server_is_refused_until_the_operator_allows_it(operator):
    operator.machine.delenv("FOOTFALL_ALLOW_PRIVATE_ENDPOINTS")
    operator.adds("inside", KEY, "--endpoint-url", "http://127.0.0.1:9")
    done = operator.types(
        "export", "rollups", "--day", DAY, "--to", "s3://bucket/x", "--authorization", "inside", ok=False
    )
    assert done.code == 1
    assert "allow_private_endpoints" in done.err


def test_master_keys_may_come_from_the_environment_and_are_changed_there(operator):
    first, second = "2026a:" + "A" * 43 + "=", "2027a:" + "B" * 43 + "="
    operator.has(FOOTFALL_MASTER_KEYS=first)
    operator.adds("warehouse", KEY)
    assert operator.types("authorizations", "rotate-key", ok=False).code == 4
    operator.has(FOOTFALL_MASTER_KEYS=f"{second},{first}")
    done = operator.sees("rotate-key")
    assert (done["key"], done["secrets"], done["kept"]) == ("2027a", 2, ["2026a"])
    assert not (operator.data / "master.keys").exists()

    operator.has(FOOTFALL_MASTER_KEYS=first)
    lost = operator.types(
        "export", "rollups", "--day", DAY, "--to", "s3://bucket/x", "--authorization", "warehouse", ok=False
    )
    assert "access_key_id of authorization 'warehouse' cannot be opened" in lost.err
    assert "Restore master key 2027a" in lost.err
    operator.has(FOOTFALL_MASTER_KEYS=f"2026a:{CANARY}")
    unfit = operator.types("authorizations", "ls", ok=False)
    assert "FOOTFALL_MASTER_KEYS: master_keys must be written id:base64" in unfit.err
    assert CANARY not in unfit.err


def test_the_server_does_not_start_without_the_key_of_its_secrets_and_the_doctor_says_which_it_is(operator, install):
    operator.adds("warehouse", KEY)
    [said] = [each["what"] for each in json.loads(operator.types("doctor", "--json").out) if "key" in each["check"]]
    assert said.endswith("of master.keys seals secrets; 0 older. Keep a copy apart from the backups")
    (operator.data / "master.keys").unlink()
    started = install(zone="UTC").run("up", "--port", "0", "--admin-port", "0", "--quiet", ok=False, timeout_s=60)
    assert started.returncode == 1
    assert "2 of 2 secrets cannot be opened, access_key_id of authorization 'warehouse' among them" in started.stderr


def test_an_authorization_that_a_job_uses_is_not_deleted_unless_forced(operator):
    operator.adds("warehouse", KEY, "--region", "us-east-1")
    operator.types("jobs", "add", "nightly", "--to", "s3://b-1/px", "--authorization", "warehouse")
    refused = operator.types("authorizations", "delete", "warehouse", ok=False)
    assert refused.code == 1
    assert "authorization 'warehouse' is used by nightly" in refused.err
    operator.types("authorizations", "delete", "warehouse", "--force")
    assert operator.sees("ls") == []


def test_when_the_master_key_is_lost_new_secrets_go_under_a_new_one(operator):
    operator.adds("warehouse", KEY)
    operator.adds("other", KEY)
    (operator.data / "master.keys").unlink()
    lost = operator.types("authorizations", "rotate", "warehouse", *SOURCES, ok=False)
    assert "If the key is lost for good, set a new one and give the secrets anew" in lost.err
    operator.has(FOOTFALL_MASTER_KEYS="fresh:" + "C" * 43 + "=")
    for name in ("warehouse", "other"):
        operator.types("authorizations", "rotate", name, *SOURCES)
    again = operator.types("authorizations", "rotate-key", ok=False)  # opens every secret first
    assert (again.code, again.out) == (4, "0 secrets are sealed anew with master key fresh\n")
