"""Encrypted events and audiences: no file can be written twice the same, and still each is delivered once."""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from breaking import Breaks, Meets, WriteOnly
from sealing import sealing
from small_activity import export_activity, export_app_events
from small_audience import SmallAudience, identified, small_audience
from small_hub import CODECS, SmallHub, day_of_events, small_hub

from footfall.buckets.local import LocalBucket
from footfall.codecs.openpgp import OpenPgp
from footfall.errors import Conflict, Unavailable
from footfall.flows.export_activity import WindowDelivery
from footfall.flows.verify import Finding, examine
from footfall.model.audience_export import AudienceExport
from footfall.stores.audience_states import AudienceStateFiles
from footfall.stores.windows import SqlWindows

DAY = date(2026, 11, 20)
ACTIVITY = "lytics-events-20261201T120000000Z"
SEALED = ".csv.gz.pgp"
USERS = AudienceExport(layout="multi-csv", fields=("identifyId", "tags", "plan"))

Export = Callable[..., list[WindowDelivery]]


@pytest.fixture(scope="module")
def codec() -> OpenPgp:
    return sealing()


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Hubs that know events and people, closed; each test has a copy of its own."""
    folder = tmp_path_factory.mktemp("learned")
    with small_hub(folder / "events" / "hub") as hub:
        hub.accept(day_of_events(DAY))
        hub.settle()
    with small_audience(folder / "people") as small:
        small.learn(identified(DAY))
    return folder


@pytest.fixture
def hub(learned: Path, tmp_path: Path) -> Iterator[SmallHub]:
    shutil.copytree(learned / "events", tmp_path, dirs_exist_ok=True)
    with small_hub(tmp_path / "hub") as hub:
        yield hub


@pytest.fixture
def small(learned: Path, tmp_path: Path) -> Iterator[SmallAudience]:
    shutil.copytree(learned / "people", tmp_path, dirs_exist_ok=True)
    with small_audience(tmp_path) as small:
        yield small


@pytest.fixture
def out(tmp_path: Path) -> LocalBucket:
    return LocalBucket(tmp_path / "out")


@pytest.fixture(params=[export_activity, export_app_events], ids=["activity", "app-events"])
def export(request: pytest.FixtureRequest) -> Export:
    chosen: Export = request.param
    return chosen


def data(bucket: LocalBucket) -> list[str]:
    return [stored.key for stored in bucket.list() if not stored.key.endswith(".manifest.json")]


def told(bucket: LocalBucket) -> dict[str, object]:
    [manifest] = [stored.key for stored in bucket.list() if stored.key.endswith(".manifest.json")]
    value: dict[str, object] = json.loads(b"".join(bucket.open(manifest)))
    return value


def found(bucket: LocalBucket, codec: OpenPgp) -> list[Finding]:
    return examine(bucket, {**CODECS, codec.name: codec}).findings


def second(key: str) -> str:
    """The name of the second attempt at a file."""
    folder, slash, name = key.rpartition("/")
    stem, dot, rest = name.partition(".")
    return f"{folder}{slash}{stem}_a2{dot}{rest}"


# --- events --------------------------------------------------------------------------------------


def test_events_are_read_with_the_private_key_and_checked_without_it(
    hub: SmallHub, out: LocalBucket, codec: OpenPgp, export: Export
) -> None:
    [delivery] = export(hub, out, codec=codec)
    text = b"".join(codec.decode(out.open(delivery.key))).decode()
    ids = {event["messageId"] for event in day_of_events(DAY)}
    if export is export_activity:
        assert {row["event_id"] for row in csv.DictReader(io.StringIO(text, newline=""))} == ids
    assert len(text.splitlines()) >= delivery.rows > 0
    manifest = told(out)
    assert (manifest["codec"], delivery.key.endswith(".gz.pgp")) == ("gzip+openpgp", True)
    assert [file["plain_sha256"] for file in manifest["files"]] == [None]  # type: ignore[attr-defined]
    assert found(out, codec) == []
    outcome = examine(out, CODECS)
    assert (outcome.findings, outcome.sealed) == ([], 1)


def test_a_file_whose_answer_was_lost_counts_and_is_not_written_again(
    hub: SmallHub, out: LocalBucket, codec: OpenPgp, export: Export
) -> None:
    with pytest.raises(Unavailable):
        export(hub, Breaks(Path(out.url), ".pgp", before=False), codec=codec)
    [stored] = data(out)
    before = b"".join(out.open(stored))
    [delivery] = export(hub, out, codec=codec)
    assert (delivery.key, data(out), b"".join(out.open(stored))) == (stored, [stored], before)
    assert found(out, codec) == []


def test_where_one_may_only_write_it_is_written_again_under_another_name_and_one_manifest_names_one(
    hub: SmallHub, out: LocalBucket, codec: OpenPgp, export: Export
) -> None:
    class Lost(WriteOnly, Breaks):
        pass

    with pytest.raises(Unavailable):
        export(hub, Lost(Path(out.url), ".pgp", before=False), codec=codec)
    [first] = data(out)
    [delivery] = export(hub, WriteOnly(Path(out.url)), codec=codec)
    assert delivery.key == second(first)
    assert set(data(out)) == {first, delivery.key}
    assert [file["name"] for file in told(out)["files"]] == [delivery.key.rpartition("/")[2]]  # type: ignore[attr-defined]
    assert [(each.severity, each.key) for each in found(out, codec)] == [("warning", first)]


def test_a_file_the_place_said_it_has_is_not_written_again_where_one_may_only_write(
    hub: SmallHub, out: LocalBucket, codec: OpenPgp, export: Export
) -> None:
    class Lost(WriteOnly, Breaks):
        pass

    with pytest.raises(Unavailable):
        export(hub, Lost(Path(out.url)), codec=codec)
    [delivery] = export(hub, WriteOnly(Path(out.url)), codec=codec)
    assert data(out) == [delivery.key]
    assert found(out, codec) == []


def test_what_was_said_of_one_place_is_not_believed_of_another(
    hub: SmallHub, out: LocalBucket, codec: OpenPgp, export: Export, tmp_path: Path
) -> None:
    with pytest.raises(Unavailable):
        export(hub, Breaks(tmp_path / "elsewhere"), codec=codec)
    export(hub, WriteOnly(Path(out.url)), codec=codec)
    assert len(data(out)) == 1
    assert found(out, codec) == []


def test_a_window_that_is_open_is_finished_as_what_it_was_though_its_job_is_another_now(
    hub: SmallHub, out: LocalBucket, codec: OpenPgp
) -> None:
    with pytest.raises(Unavailable):
        export_activity(hub, Breaks(Path(out.url)), codec="none", header=False)
    [delivery] = export_activity(hub, out, codec=codec)
    assert (delivery.key, told(out)["codec"], told(out)["header"]) == (f"{ACTIVITY}.csv", "none", False)
    assert found(out, codec) == []


def test_a_ledger_that_forgot_finds_the_delivery_by_its_manifest(
    hub: SmallHub, out: LocalBucket, codec: OpenPgp, export: Export
) -> None:
    with pytest.raises(Unavailable):
        export(hub, Breaks(Path(out.url), before=False), codec=codec)
    forget(hub)
    [delivery] = export(hub, out, codec=codec)
    assert data(out) == [delivery.key]
    assert found(out, codec) == []


def forget(hub: SmallHub) -> None:
    windows = SqlWindows(hub.database)
    for job in ("activity", "app-events"):
        if (window := windows.last(job)) is not None:
            windows.note(window, None)


def test_a_file_that_is_gone_while_its_manifest_is_there_is_a_conflict(
    hub: SmallHub, out: LocalBucket, codec: OpenPgp, export: Export
) -> None:
    with pytest.raises(Unavailable):
        export(hub, Breaks(Path(out.url), before=False), codec=codec)
    out.delete(data(out)[0])
    with pytest.raises(Conflict, match=r"is gone, though its manifest is there"):
        export(hub, out, codec=codec)


def test_a_manifest_of_other_events_is_a_conflict_and_another_name_heals_it(
    hub: SmallHub, out: LocalBucket, codec: OpenPgp
) -> None:
    export_activity(hub, out, job="another", sources=["nobody"])
    for _ in range(2):
        with pytest.raises(Conflict, match=r"describes something else.*finer timestamp"):
            export_activity(hub, out, codec=codec)
    assert f"{ACTIVITY}{SEALED}" not in data(out)


def test_of_two_writers_at_once_one_manifest_wins_and_both_name_its_file(
    hub: SmallHub, out: LocalBucket, codec: OpenPgp, export: Export
) -> None:
    others: list[WindowDelivery] = []

    # The other one does not know of our file: it works on a ledger of the same events that forgot it.
    def other() -> None:
        forget(hub)
        others.extend(export(hub, out, codec=codec))

    ours = export(hub, Meets(Path(out.url), other), codec=codec)
    assert ours == others
    first, again = data(out)
    assert ours[0].key == again == second(first)
    assert [file["name"] for file in told(out)["files"]] == [ours[0].key.rpartition("/")[2]]  # type: ignore[attr-defined]
    [window] = SqlWindows(hub.database).all(ours[0].job)
    assert window.written is not None
    assert ([window.written.key(file) for file in window.written.files], window.closed) == ([ours[0].key], True)
    assert [each.severity for each in found(out, codec)] == ["warning"]


# --- audiences -----------------------------------------------------------------------------------


def test_every_file_of_an_audience_is_encrypted_and_joins_as_before(small: SmallAudience, codec: OpenPgp) -> None:
    files = small.export(USERS, codec=codec)
    assert [file.key for file in files] == [
        f"users-20261121T080000Z{of}{SEALED}" for of in ("", "-customAttribute_5Ftags")
    ]
    users, tags = (
        list(csv.DictReader(io.StringIO(b"".join(codec.decode(small.out.open(file.key))).decode(), newline="")))
        for file in files
    )
    keys = {row["join_key"] for row in users}
    assert len(keys) == 4
    assert {row["join_key"] for row in tags} <= keys
    assert found(small.out, codec) == []


@pytest.mark.parametrize("before", [True, False])
def test_an_audience_that_broke_off_is_finished_with_new_names_for_what_is_there(
    small: SmallAudience, codec: OpenPgp, before: bool
) -> None:
    broken = Breaks(Path(small.out.url), f"tags{SEALED}", before=before)
    with pytest.raises(Unavailable):
        small.export(USERS, out=broken, codec=codec)
    left = data(small.out)
    small.learn(identified(DAY, [("zed", {}, "")], "2"))
    files = small.export(USERS, codec=codec)
    again = {second(key) for key in left}
    assert {file.key for file in files if "_a2" in file.key} == again
    assert [file.rows for file in files] == [4, 11]
    assert [(each.severity, each.key) for each in found(small.out, codec)] == [("warning", key) for key in left]


def test_an_audience_that_is_there_is_found_and_not_written_again(small: SmallAudience, codec: OpenPgp) -> None:
    for at, bucket in ((8, small.out), (9, WriteOnly(Path(small.out.url)))):
        instant = datetime(2026, 11, 21, at, tzinfo=UTC)
        with pytest.raises(Unavailable):
            small.export(USERS, at=instant, out=Breaks(Path(small.out.url), before=False), codec=codec)
        before = data(small.out)
        if bucket is small.out:
            files = small.export(USERS, at=instant, codec=codec)
            assert small.export(USERS, at=instant, codec=codec) == files
            assert data(small.out) == before
        else:
            with pytest.raises(Conflict):  # nobody may say what the manifest that is there names
                small.export(USERS, at=instant, out=bucket, codec=codec)


def test_other_users_under_the_same_name_are_a_conflict(small: SmallAudience, codec: OpenPgp) -> None:
    small.export(USERS, codec=codec)
    small.learn(identified(DAY, [("zed", {}, "")], "2"))
    with pytest.raises(Conflict, match="describes something else"):
        small.export(USERS, codec=codec)
    assert found(small.out, codec) == []


def test_a_file_of_an_audience_that_is_gone_is_a_conflict(small: SmallAudience, codec: OpenPgp) -> None:
    small.export(USERS, codec=codec)
    small.out.delete(data(small.out)[1])
    with pytest.raises(Conflict, match="is gone, though its manifest is there"):
        small.export(USERS, codec=codec)


def test_of_two_runs_of_an_audience_at_once_one_manifest_wins(
    small: SmallAudience, codec: OpenPgp, tmp_path: Path
) -> None:
    others: list[object] = []
    states = small.states

    def other() -> None:
        """On another machine, restored from the same backup."""
        small.states = AudienceStateFiles(tmp_path / "other")
        others.extend(small.export(USERS, codec=codec))

    ours = small.export(USERS, out=Meets(Path(small.out.url), other), codec=codec)
    assert small.states is not states
    assert ours == others
    assert all("_a2" in file.key for file in ours)
    assert {each.severity for each in found(small.out, codec)} == {"warning"}
