"""Erased people are in no byte of the data directory and of what was delivered, and everything else is as it was."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pysequoia
import pytest
from crowd import Crowd, is_about, name_of, rows_of, traces
from erased import (
    FORMATS,
    GONE,
    REPORTS,
    assert_only_rows_of_these_went,
    data_of,
    deliver_reports,
    erase,
    faults,
    receipt_of,
)

from footfall.codecs.gzip_member import GzipMember
from footfall.codecs.openpgp import OpenPgp
from footfall.codecs.openpgp_keys import check_private_key
from footfall.errors import Damaged, Refused
from footfall.model.audience_export import AudienceExport
from footfall.ports import Batch
from footfall.wiring.activity import Where, export_activity, export_app_events
from footfall.wiring.activity_options import ActivityExport, AppEventStream
from footfall.wiring.audience import export_by_hand
from footfall.wiring.erasing import advance, ask_again, ask_for, erasures_of, forgetting_of, listed_again
from footfall.wiring.erasing_places import Reach
from footfall.wiring.receipts import asked_at, public_key, read_receipt
from footfall.wiring.rollups import export_rollups


@pytest.fixture
def crowd(tmp_path: Path) -> Crowd:
    return Crowd(tmp_path, people=15, days=2)


@pytest.mark.parametrize(
    ("mode", "forms"),
    [("erase", ("csv",)), *(pytest.param(mode, FORMATS, marks=pytest.mark.slow) for mode in ("erase", "anonymize"))],
)
def test_nobody_finds_an_erased_person_and_every_other_row_is_as_it_was(crowd, tmp_path, mode, forms):
    out = tmp_path / "out"
    with crowd.opened() as hub:
        crowd.live(hub)
        deliver_reports(hub, crowd, out, forms)
        before, events = data_of(out), sum(hub.lake.days().values())
        assert traces(out, GONE)
        assert traces(crowd.data, GONE)
        erased = erase(hub, *GONE, mode=mode)
        receipt = receipt_of(hub, erased)
        left = sum(hub.lake.days().values())
    assert (erased.ended, erased.people, receipt["untouched"]) == (True, 2, [])
    assert traces(out, GONE) == []
    assert traces(crowd.data, GONE) == []
    assert [fault for form in forms for fault in faults(out / form)] == []
    assert_only_rows_of_these_went(before, data_of(out))
    assert events - left == (receipt["removed"]["events"] if mode == "erase" else 0)
    untouched = [name for name in before if "Account" in name]
    assert untouched
    assert {name: data_of(out)[name] for name in untouched} == {name: before[name] for name in untouched}


def test_the_lake_keeps_what_happened_but_not_who_did_it_when_people_are_anonymized(crowd):
    with crowd.opened() as hub:
        crowd.live(hub)
        erased = erase(hub, *GONE, mode="anonymize")
        rows = [
            row for day in hub.lake.days() for file in hub.lake.files(day) for row in pq.read_table(file).to_pylist()
        ]
    nameless = [row for row in rows if row["event_id"].startswith("erased-")]
    assert len(nameless) == erased.counts["events"] > 0
    assert {(row["user_key"], row["anonymous_key"], row["account_key"], row["properties"]) for row in nameless} == {
        (None, None, None, None)
    }


def test_windows_and_audiences_are_written_anew_too(crowd, tmp_path):
    out, at = tmp_path / "out", datetime(2026, 12, 1, 11, tzinfo=UTC)
    with crowd.opened() as hub:
        crowd.live(hub)
        for form in ("csv", "parquet"):
            export_activity(hub, ActivityExport(format=form), Where(str(out / f"activity-{form}")), job=f"a-{form}")
        for form in ("json", "parquet"):
            for hide in ({}, {"actorId": "hash", "email": "drop"}):
                name = f"stream-{form}-{len(hide)}"
                export_app_events(hub, AppEventStream(format=form, hide=hide), Where(str(out / name)), job=name)
        for nth, layout in enumerate(("csv", "multi-csv", "json", "parquet")):
            export = AudienceExport(job=layout, layout=layout, fields=("identifyId", "anonymousIds", "email"))
            export_by_hand(hub, export, to=str(out / f"audience-{layout}"), at=at + timedelta(seconds=nth))
        before = data_of(out)
        assert traces(out, GONE)
        receipt = receipt_of(hub, erase(hub, *GONE))
    assert receipt["untouched"] == []
    assert traces(out, GONE) == []
    assert [fault for folder in out.iterdir() for fault in faults(folder)] == []
    after = {name: body for name, body in data_of(out).items() if "stream" not in name}
    # Who did what is told by opaque ids in the stream.
    assert_only_rows_of_these_went({name: body for name, body in before.items() if "stream" not in name}, after)
    for name, body in before.items():
        if "stream" in name:
            anew = data_of(out)[name.replace(".ndjson", "_r2.ndjson").replace(".parquet", "_r2.parquet")]
            assert 0 < len(rows_of(name, anew)) < len(rows_of(name, body)), name


@pytest.mark.slow
def test_the_next_run_of_a_job_goes_on_after_an_erasure(crowd, tmp_path):
    out = tmp_path / "out"
    with crowd.opened() as hub:
        crowd.live(hub)
        export_activity(hub, ActivityExport(), Where(str(out)))
        deliver_reports(hub, crowd, tmp_path / "reports")
        erase(hub, *GONE)
        deliver_reports(hub, crowd, tmp_path / "reports")  # the same days again: the same bytes are there
        later = crowd.dates[-1] + timedelta(days=1)
        crowd.accept(hub, [{"type": "track", "event": "more", "userId": "somebody", "messageId": "m",
                            "timestamp": f"{later}T12:00:00Z"}], later)  # fmt: skip
        crowd.now += timedelta(seconds=5)
        assert len(export_activity(hub, ActivityExport(), Where(str(out)))) == 1
        hub.ledger.reopen(crowd.dates[0])
        deliver_reports(hub, crowd, tmp_path / "reports")
    assert faults(out) == []
    assert faults(tmp_path / "reports" / "csv") == []


def test_what_is_told_of_an_erased_person_of_before_is_not_taken_and_who_comes_back_is_somebody_new(crowd):
    def told(day, message):
        return {"type": "identify", "userId": name_of(3), "messageId": message, "timestamp": f"{day}T16:00:00Z",
                "traits": {"plan": "free"}}  # fmt: skip

    with crowd.opened() as hub:
        crowd.live(hub)
        key = hub.people.key_of(name_of(3))
        crowd.accept(hub, [told(crowd.dates[0], "before")], crowd.dates[0])  # not settled yet
        erase(hub, 3)
        crowd.accept(hub, [told(crowd.dates[1], "late")], crowd.dates[1])
        hub.settle()
        assert hub.people.key_of(name_of(3)) is None
        assert hub.ledger.quarantined(1).to_pylist()[0]["code"] == "erased_person"
        crowd.now += timedelta(days=2)
        crowd.accept(hub, [told(crowd.now.date(), "anew")], crowd.now.date())
        hub.settle()
        assert hub.people.key_of(name_of(3)) not in (None, key)


def test_a_session_of_an_erased_person_does_not_go_on_when_the_browser_is_heard_again(crowd):
    def done(hub, who):
        event = {**who, "anonymousId": f"visitor-{name_of(3)}", "messageId": f"s{crowd.now}", "type": "track",
                 "event": "Opened", "timestamp": crowd.now.isoformat()}  # fmt: skip
        body = json.dumps({"batch": [event]}).encode()
        at = int(crowd.now.timestamp() * 1_000_000)
        hub.log.append(Batch(at, "web", "segment", "batch", 1, (), "", "", body))
        hub.settle()

    with crowd.opened() as hub:
        crowd.live(hub)
        done(hub, {"userId": name_of(3)})
        erase(hub, 3)
        crowd.now += timedelta(minutes=10)
        done(hub, {})
        with hub.database.reading() as connection:
            open_ = connection.exec_driver_sql("SELECT identify_id, events FROM open_session").all()
    assert [tuple(row) for row in open_] == [(None, 1)]


def test_somebody_else_with_the_same_address_stays(crowd, tmp_path):
    with crowd.opened() as hub:
        crowd.live(hub)
        shared = {"type": "identify", "userId": "twin", "messageId": "twin", "timestamp": f"{crowd.dates[0]}T16:00:00Z",
                  "traits": {"email": f"{name_of(3)}@example.org"}}  # fmt: skip
        crowd.accept(hub, [shared], crowd.dates[0])
        hub.settle()
        deliver_reports(hub, crowd, tmp_path, reports=("Users",))
        erase(hub, 3)
        [day, _] = [rows_of(name, body) for name, body in data_of(tmp_path / "csv").items()]
        assert sum("twin" in row for row in day) == 1
        assert hub.people.key_of("twin") is not None


def test_whoever_is_back_with_a_restored_backup_is_erased_again(crowd, tmp_path):
    import shutil

    with crowd.opened() as hub:
        crowd.live(hub)
        public_key(hub)
    shutil.copytree(crowd.data, tmp_path / "backup")
    with crowd.opened() as hub:
        receipt = receipt_of(hub, erase(hub, *GONE))
        tokens = dict.fromkeys(receipt["tokens"], asked_at(receipt))
    shutil.rmtree(crowd.data)
    shutil.copytree(tmp_path / "backup", crowd.data)
    with crowd.opened() as hub:
        back = listed_again(hub, tokens)
        assert sorted(back) == [name_of(person) for person in GONE]
        one = ask_for(hub, back, "erase", "test")
        assert advance(hub, one.id, Reach()).people == len(GONE)
        assert listed_again(hub, tokens) == []


def test_a_receipt_names_nobody_and_shows_when_it_was_changed(crowd, tmp_path):
    with crowd.opened() as hub:
        crowd.live(hub)
        text = erasures_of(hub).receipt(erase(hub, *GONE).id)
        key = public_key(hub)
        changes = hub.audit.changes(actions=("people.erase", "people.erased"))
    assert "person-" not in text
    assert len(changes) == 2
    path = tmp_path / "receipt.json"
    path.write_text(text)
    assert read_receipt(path, key)["people"] == 2
    path.write_text(text.replace('"people": 2', '"people": 3'))
    with pytest.raises(Damaged, match="changed"):
        read_receipt(path)
    path.write_text(text)
    with pytest.raises(Damaged, match="another key"):
        read_receipt(path, "AAAA")


@pytest.mark.slow
def test_people_are_found_in_files_that_show_a_hash_of_their_id_and_behind_their_token(crowd, tmp_path):
    out, dates = tmp_path / "out", crowd.dates
    with crowd.opened() as hub:
        crowd.live(hub)
        for hide in ({"identifyId": "hash"}, {"identifyId": "drop", "aptrinsicId": "drop", "email": "drop"}):
            folder = out / str(len(hide))
            export_rollups(hub, dates[0], dates[-1], to=str(folder), reports=("Users", "User_Event_Rollups"),
                           version="2.0", format="csv", hide=hide)  # fmt: skip
        before = data_of(out)
        token = hub.privacy.tokens().token("user", "raw-id")
        crowd.accept(hub, [{"type": "identify", "userId": token, "messageId": "t", "traits": {},
                            "timestamp": f"{dates[0]}T16:00:00Z"}], dates[0])  # fmt: skip
        hub.settle()
        assert receipt_of(hub, erase(hub, *GONE))["untouched"] == []
        one = ask_for(hub, ["raw-id"], "erase", "test")
        assert advance(hub, one.id, Reach()).people == 1
        assert hub.people.key_of(token) is None
    after = {name.replace("_r2", "").replace("_r3", ""): body for name, body in data_of(out).items()}
    assert traces(out, GONE) == []
    assert faults(out / "1") + faults(out / "3") == []
    kept = {name: len(rows_of(name, after[name])) for name in before}
    had = {name: len(rows_of(name, body)) for name, body in before.items()}
    assert all(kept[name] == had[name] - len(GONE) for name in before if "_Users_" in name)
    assert sum(kept.values()) < sum(had.values()) - 8, "and some of their events"


@pytest.fixture(scope="module")
def keys(tmp_path_factory) -> tuple[Path, Path]:
    """Files of a public and of its private OpenPGP key."""
    folder, key = tmp_path_factory.mktemp("keys"), pysequoia.Tsk.generate("Warehouse")
    (folder / "public").write_bytes(bytes(key.extract_certificate()))
    (folder / "private").write_bytes(bytes(key))
    return folder / "public", folder / "private"


def opener(keys) -> OpenPgp:
    return OpenPgp(GzipMember(), private=check_private_key(keys[1].read_bytes(), None))


@pytest.mark.slow
def test_encrypted_reports_are_made_again_without_their_private_key(crowd, tmp_path, keys):
    crowd.now = datetime.now(UTC) + timedelta(hours=1)
    out = tmp_path / "out"
    with crowd.opened() as hub:
        crowd.live(hub)
        for form in ("csv", "xml"):
            export_rollups(hub, crowd.dates[0], crowd.dates[-1], to=str(out / form), reports=REPORTS, version="2.0",
                           format=form, pgp_keys=[keys[0]])  # fmt: skip
        before = data_of(out)
        assert traces(out, GONE, opener=opener(keys))
        receipt = receipt_of(hub, erase(hub, *GONE, pgp_keys=(keys[0],)))
    assert receipt["untouched"] == []
    assert traces(out, GONE, opener=opener(keys)) == []
    assert [fault for form in ("csv", "xml") for fault in faults(out / form)] == []
    renamed = {name.replace("_r2", ""): body for name, body in data_of(out).items()}
    for name, body in before.items():
        kept = [row for row in rows_of(name, body, opener(keys)) if not is_about(row, GONE)]
        assert rows_of(name, renamed[name], opener(keys)) == kept, name


def test_what_cannot_be_made_again_is_named_until_its_private_key_is_given(crowd, tmp_path, keys):
    crowd.now = datetime.now(UTC) + timedelta(hours=1)
    out = tmp_path / "out"
    with crowd.opened() as hub:
        crowd.live(hub)
        export_activity(hub, ActivityExport(), Where(str(out), pgp_keys=(keys[0],)))
        first = erase(hub, 3, pgp_keys=(keys[0],))
        [named] = receipt_of(hub, first)["untouched"]
        assert "cannot be made again" in named["why"]
        assert traces(out, [3], opener=opener(keys))
        ask_again(hub, first.id)
        advance(hub, first.id, Reach(own_shell=True, pgp_private_key=keys[1], pgp_keys=(keys[0],)))
        assert receipt_of(hub, first)["untouched"] == []
        assert traces(out, [3], opener=opener(keys)) == []
        with pytest.raises(Refused, match="nothing of erasure"):
            ask_again(hub, first.id)
        receipt = receipt_of(hub, erase(hub, 7, pgp_keys=(keys[0],), pgp_private_key=keys[1]))
        assert receipt["untouched"] == []
    assert traces(out, [7], opener=opener(keys)) == []


def test_who_came_back_after_an_erasure_is_not_erased_with_the_list(crowd):
    with crowd.opened() as hub:
        crowd.live(hub)
        one = ask_for(hub, [name_of(3), "newcomer"], "erase", "test")
        receipt = receipt_of(hub, advance(hub, one.id, Reach()))
        crowd.now += timedelta(days=2)
        for who in (name_of(3), "newcomer"):
            told = {"type": "identify", "userId": who, "messageId": who, "timestamp": crowd.now.isoformat()}
            crowd.accept(hub, [told], crowd.now.date())
        hub.settle()
        assert hub.people.key_of(name_of(3)) is not None
        assert listed_again(hub) == []
        told = [*receipt["tokens"], *receipt["unknown"]]
        assert listed_again(hub, dict.fromkeys(told, asked_at(receipt))) == []


def test_deliveries_of_events_that_were_taken_back_since_are_looked_at_too(crowd, tmp_path):
    out = tmp_path / "out"
    with crowd.opened() as hub:
        crowd.live(hub)
        deliver_reports(hub, crowd, out, ("csv",), ("User_Event_Rollups",))
        export_activity(hub, ActivityExport(), Where(str(out / "activity")))
        # As `imports undo` and `features backfill --remove` do it: all that this person did is gone.
        known = forgetting_of(hub).find([name_of(3)])[0]
        for day, seqs in hub.lake.rows_of(forgetting_of(hub).subjects(known)).items():
            hub.lake.drop(day, seqs)
        hub.note("import.undo", "import im1", {"state": "done"}, {"state": "undone", "events": 3})
        assert traces(out, [3])
        erase(hub, 3)
    assert traces(out, [3]) == []
