"""The promises of ``Bucket``, kept by a folder and by an S3 server."""

from __future__ import annotations

import hashlib
import threading
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import weed
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from plain_user import open_folder, plain_user

from footfall.buckets.keys import check_key
from footfall.buckets.local import LocalBucket
from footfall.buckets.places import Access, open_place
from footfall.buckets.s3 import AWS, S3Bucket
from footfall.buckets.s3_parts import PART_BYTES
from footfall.errors import Conflict, Denied, FootfallError, Refused, Unavailable
from footfall.ports import Bucket, Stored

TYPE = "application/octet-stream"
LARGE = PART_BYTES + PART_BYTES // 2


def _local(tmp_path: Path) -> Bucket:
    return LocalBucket(tmp_path / "bucket")


def _hidden_drafts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    monkeypatch.delattr("os.O_TMPFILE", raising=False)
    return _local(tmp_path)


def _s3() -> Bucket:
    server = weed.server()
    name = server.bucket(f"b-{uuid.uuid4().hex}")
    return open_place(f"s3://{name}/some/folder", Access(*weed.ADMIN), endpoint_url=server.url)


@pytest.fixture(params=["folder", "folder without unnamed files", "S3"])
def bucket(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    if request.param == "S3":
        return _s3()
    return _local(tmp_path) if request.param == "folder" else _hidden_drafts(tmp_path, monkeypatch)


def read(bucket: Bucket, key: str) -> bytes:
    return b"".join(bucket.open(key))


def content(size: int) -> bytes:
    return (hashlib.sha256(b"seed").digest() * (size // 32 + 1))[:size]


def pieces(body: bytes, size: int = 1 << 20) -> Iterator[bytes]:
    for at in range(0, len(body), size):
        yield body[at : at + size]


class SourceWentAwayError(Exception):
    pass


def breaking(body: bytes) -> Iterator[bytes]:
    yield from pieces(body)
    raise SourceWentAwayError


# --- 1. all or nothing ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, PART_BYTES, PART_BYTES + 1, LARGE])
def test_what_was_put_is_what_is_read(bucket: Bucket, size: int) -> None:
    body = content(size)
    stored = bucket.put("a/b.bin", pieces(body, 300_000), content_type=TYPE)
    assert (stored.key, stored.size_bytes, stored.sha256) == ("a/b.bin", size, hashlib.sha256(body).hexdigest())
    assert read(bucket, "a/b.bin") == body


@pytest.mark.parametrize("size", [10, LARGE])
def test_a_put_whose_source_breaks_leaves_nothing_behind(bucket: Bucket, size: int, tmp_path: Path) -> None:
    with pytest.raises(SourceWentAwayError):
        bucket.put("a.bin", breaking(content(size)), content_type=TYPE)
    assert list(bucket.list()) == []
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    bucket.put("a.bin", [b"whole"], content_type=TYPE)
    assert read(bucket, "a.bin") == b"whole"


def test_a_failed_put_keeps_the_object_that_was_there(bucket: Bucket) -> None:
    bucket.put("a.bin", [b"old"], content_type=TYPE)
    with pytest.raises(SourceWentAwayError):
        bucket.put("a.bin", breaking(b"new"), content_type=TYPE)
    assert read(bucket, "a.bin") == b"old"


def test_a_folder_that_goes_away_while_a_file_is_written_is_no_missing_key(tmp_path: Path) -> None:
    bucket = LocalBucket(tmp_path / "out")

    def chunks() -> Iterator[bytes]:
        yield b"half"
        (tmp_path / "out").rmdir()
        yield b"whole"

    with pytest.raises(Unavailable, match="nobody removes"):
        bucket.put("a", chunks(), content_type="text/plain")
    assert bucket.put("a", [b"halfwhole"], content_type="text/plain").size_bytes == 9


@pytest.mark.parametrize("mode", [0o000, 0o444, 0o555])
def test_a_folder_that_is_closed_denies(mode: int) -> None:
    with open_folder() as root:
        place = root / "out"
        place.mkdir()
        (place / "a").write_bytes(b"x")
        (place / "a").chmod(0)
        place.chmod(mode)
        bucket = LocalBucket(place)
        with plain_user():
            calls = [
                lambda: bucket.put("b", [b"x"], content_type=TYPE),
                lambda: bucket.delete("a"),
                lambda: bucket.stat("a"),
                lambda: list(bucket.open("a")),
                *([lambda: list(bucket.list())] if mode == 0 else []),
            ]
            raised = [_raised(call) for call in calls]
    assert [(type(error), "Permission denied" in str(error)) for error in raised] == [(Denied, True)] * len(calls)


def _raised(call: Callable[[], object]) -> Exception | None:
    try:
        call()
    except Exception as error:
        return error
    return None


# --- 2. never replaces ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 10, LARGE])
def test_putting_the_same_bytes_again_succeeds_however_they_are_cut(bucket: Bucket, size: int) -> None:
    body = content(size)
    first = bucket.put("a.bin", pieces(body), content_type=TYPE)
    assert bucket.put("a.bin", pieces(body, 777_777), content_type=TYPE) == first


@pytest.mark.parametrize("size", [10, LARGE])
def test_putting_other_bytes_is_a_conflict_and_changes_nothing(bucket: Bucket, size: int) -> None:
    old = content(size)
    bucket.put("a.bin", pieces(old), content_type=TYPE)
    for other in (old[:-1] + b"!", old + b"!", old[:-1], b""):
        with pytest.raises(Conflict, match="other bytes"):
            bucket.put("a.bin", pieces(other), content_type=TYPE)
    assert read(bucket, "a.bin") == old


@pytest.mark.parametrize("size", [10, LARGE])
def test_of_two_writers_at_once_one_wins_and_the_other_is_told(bucket: Bucket, size: int) -> None:
    bodies = [bytes([n]) + content(size) for n in range(2)]
    outcomes: list[str] = []
    together = threading.Barrier(2)

    def write(body: bytes) -> None:
        def chunks() -> Iterator[bytes]:
            *first, last = pieces(body)
            yield from first
            together.wait(30)
            yield last

        try:
            bucket.put("a.bin", chunks(), content_type=TYPE)
            outcomes.append("won")
        except Conflict:
            outcomes.append("told")

    threads = [threading.Thread(target=write, args=(body,)) for body in bodies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["told", "won"]
    assert read(bucket, "a.bin") in bodies


# --- 4. after put returned -------------------------------------------------------------------------------------------


def test_after_put_everyone_sees_the_object(bucket: Bucket) -> None:
    bucket.put("x/y/z.csv.gz", [b"12345"], content_type=TYPE)
    assert bucket.stat("x/y/z.csv.gz").size_bytes == 5
    assert [(each.key, each.size_bytes) for each in bucket.list()] == [("x/y/z.csv.gz", 5)]


def test_what_was_deleted_is_gone_and_deleting_it_again_is_no_error(bucket: Bucket) -> None:
    bucket.put("a/b.txt", [b"1"], content_type=TYPE)
    bucket.delete("a/b.txt")
    bucket.delete("a/b.txt")
    bucket.delete("never/was.txt")
    assert list(bucket.list()) == []


# --- 5. list ---------------------------------------------------------------------------------------------------------

KEYS = ["a.b", "a/b", "a/b.c", "a/b/c", "a0", "aé", "a😀", "b", "ab/c", "a-b", "A"]


def test_list_is_in_the_order_of_the_bytes(bucket: Bucket) -> None:
    keys = [key for key in KEYS if key != "a/b"]  # a name cannot be both a file and a folder on disk
    for key in keys:
        bucket.put(key, [b""], content_type=TYPE)
    assert [each.key for each in bucket.list()] == sorted(keys, key=str.encode)


def test_escaped_names_are_kept_as_they_are(bucket: Bucket) -> None:
    keys = ["p=%2E.%2F../e=a%3Db/x.csv", "p=ünï ☂/e=__HIVE_DEFAULT_PARTITION__/x.csv", "p=a+b&c;d@e,f~0/%25/x.csv"]
    for key in keys:
        bucket.put(key, [key.encode()], content_type=TYPE)
    assert [each.key for each in bucket.list("p=")] == sorted(keys, key=str.encode)
    assert [b"".join(bucket.open(key)).decode() for key in keys] == keys
    assert [bucket.stat(key).key for key in keys] == keys


@pytest.mark.parametrize("prefix", ["", "a", "a/", "a/b", "a/b/", "ab/c", "zzz", "a/b/c"])
def test_list_gives_the_keys_that_begin_with_the_prefix(bucket: Bucket, prefix: str) -> None:
    keys = ["a.b", "a/b.c", "a/b/c", "a/x", "ab/c", "b"]
    for key in keys:
        bucket.put(key, [b""], content_type=TYPE)
    assert [each.key for each in bucket.list(prefix)] == sorted(key for key in keys if key.startswith(prefix))


def test_list_goes_on_after_the_first_thousand_keys(bucket: Bucket) -> None:
    if isinstance(bucket, LocalBucket):
        count = 1100
        for n in range(count):
            bucket.put(f"{n:05d}", [b""], content_type=TYPE)
    else:
        count = 1005
        client = weed.server().client()
        name = bucket.url.split("/")[2]
        for n in range(count):
            client.put_object(Bucket=name, Key=f"some/folder/{n:05d}", Body=b"")
    assert [each.key for each in bucket.list()] == [f"{n:05d}" for n in range(count)]


def test_an_empty_place_lists_nothing(bucket: Bucket) -> None:
    assert list(bucket.list()) == []


# --- 6. what is not there --------------------------------------------------------------------------------------------


def test_a_key_that_is_not_there_is_a_key_error_at_once(bucket: Bucket) -> None:
    bucket.put("here", [b""], content_type=TYPE)
    for key in ("gone", "folder/gone"):
        with pytest.raises(KeyError):
            bucket.open(key)
        with pytest.raises(KeyError):
            bucket.stat(key)


# --- names -----------------------------------------------------------------------------------------------------------

BAD_KEYS = [
    "",
    "/a",
    "a/",
    "a//b",
    "..",
    "a/../b",
    "./a",
    ".hidden",
    "a/.b",
    "a\\b",
    "a\0b",
    "a\nb",
    "x" * 1025,
    "\ud800",
]


@pytest.mark.parametrize("key", BAD_KEYS)
def test_a_name_that_could_lead_elsewhere_is_refused(bucket: Bucket, key: str) -> None:
    with pytest.raises(Refused, match="cannot name an object"):
        bucket.put(key, [b""], content_type=TYPE)
    with pytest.raises(Refused):
        bucket.open(key)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(key=st.text(st.characters(), max_size=40) | st.from_regex(r"[a./\\~-]{1,12}", fullmatch=True))
def test_no_name_leads_out_of_the_folder(tmp_path: Path, key: str) -> None:
    root = tmp_path / "root"
    try:
        LocalBucket(root).put(key, [b"x"], content_type=TYPE)
    except FootfallError:
        return
    assert (root / key).resolve().is_relative_to(root.resolve())
    assert "/".join(check_key(key)) == key
    assert set(tmp_path.iterdir()) == {root}


# --- 7. versions -----------------------------------------------------------------------------------------------------


def replaced(bucket: Bucket, key: str, body: bytes) -> None:
    """As others do who write there: a bucket of ours never replaces."""
    bucket.delete(key)
    bucket.put(key, pieces(body), content_type=TYPE)


@pytest.mark.parametrize("size", [10, LARGE])
def test_list_and_stat_tell_the_same_version_and_it_can_be_opened(bucket: Bucket, size: int) -> None:
    bucket.put("a.bin", pieces(content(size)), content_type=TYPE)
    (listed,) = bucket.list()
    assert listed.version == bucket.stat("a.bin").version != ""
    assert b"".join(bucket.open("a.bin", version=listed.version)) == content(size)
    assert listed.modified_at is not None
    assert abs(listed.modified_at - datetime.now(UTC)) < timedelta(hours=1)


@pytest.mark.parametrize("size", [10, LARGE])
def test_another_version_than_the_one_asked_for_is_a_conflict(bucket: Bucket, size: int) -> None:
    bucket.put("a.bin", pieces(content(size)), content_type=TYPE)
    version = bucket.stat("a.bin").version
    replaced(bucket, "a.bin", b"!" + content(size)[1:])
    assert bucket.stat("a.bin").version != version
    with pytest.raises(Conflict, match=r"(replaced|changed) while it was read"):
        b"".join(bucket.open("a.bin", version=version))


def test_a_version_that_is_gone_is_not_there(bucket: Bucket) -> None:
    bucket.put("a.bin", [b"a"], content_type=TYPE)
    version = bucket.stat("a.bin").version
    bucket.delete("a.bin")
    with pytest.raises(KeyError):
        b"".join(bucket.open("a.bin", version=version))


def test_a_file_that_is_written_to_while_it_is_read_is_a_conflict(tmp_path: Path) -> None:
    bucket, path = LocalBucket(tmp_path), tmp_path / "a.bin"
    path.write_bytes(content(3 << 20))
    chunks = bucket.open("a.bin", version=bucket.stat("a.bin").version)
    next(chunks)
    with path.open("r+b") as file:
        file.write(b"!")
    with pytest.raises(Conflict, match="changed while it was read"):
        list(chunks)


# --- 8. deleting -----------------------------------------------------------------------------------------------------


def test_only_the_version_that_is_meant_is_deleted(bucket: Bucket) -> None:
    bucket.put("a/b.csv", [b"first"], content_type=TYPE)
    first = bucket.stat("a/b.csv").version
    replaced(bucket, "a/b.csv", b"other")
    with pytest.raises(Conflict):
        bucket.delete("a/b.csv", version=first)
    assert read(bucket, "a/b.csv") == b"other"
    bucket.delete("a/b.csv", version=bucket.stat("a/b.csv").version)
    assert list(bucket.list()) == []


def test_deleting_a_version_that_is_gone_is_no_error(bucket: Bucket) -> None:
    bucket.put("a.csv", [b"1"], content_type=TYPE)
    version = bucket.stat("a.csv").version
    bucket.delete("a.csv")
    bucket.delete("a.csv", version=version)
    bucket.delete("never/was.csv", version=version)


def test_where_a_server_knows_a_condition_on_deleting_it_decides_and_not_what_was_seen_before() -> None:
    server = weed.server()

    class Stale(S3Bucket):
        """Sees what was there a moment ago."""

        def stat(self, key: str) -> Stored:
            return first

    here = S3Bucket(server.client(), server.bucket(f"b-{uuid.uuid4().hex}"), "f", AWS)
    here.put("a.csv", [b"first"], content_type=TYPE)
    first = here.stat("a.csv")
    replaced(here, "a.csv", b"other")
    with pytest.raises(Conflict):
        Stale(here.client, here.url.split("/")[2], "f", AWS).delete("a.csv", version=first.version)
    assert read(here, "a.csv") == b"other"
