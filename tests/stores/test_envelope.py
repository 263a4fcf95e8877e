"""Secrets at rest: what is sealed opens in its own place only, and the plain text is nowhere."""

from __future__ import annotations

import io
import json
import logging
import os
import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from footfall import observe
from footfall.errors import Damaged, Refused
from footfall.model.authorizations import Authorization
from footfall.model.master_keys import MasterKeys
from footfall.stores.authorizations import SqlAuthorizations
from footfall.stores.database import Database
from footfall.stores.envelope import Envelope, Place, key_id_of
from footfall.stores.key_ring import KeyRing
from footfall.stores.vault import SqlVault

KEYS = MasterKeys({"new": b"n" * 32, "old": b"o" * 32})
OLD = MasterKeys({"old": b"o" * 32})
HERE = Place("authorization", "bucket", "access_key_secret")
CANARY = "canary-4f1d7a0c9b-do-not-write-me-down"
AT = datetime(2026, 5, 1, 12, tzinfo=UTC)

words = st.text(max_size=20)
places = st.builds(Place, words, words, words)


# --- the envelope -----------------------------------------------------------------------------------------------------


@given(place=places, value=st.text(max_size=300))
def test_what_is_sealed_opens_to_the_same_text(place, value):
    sealed = Envelope("tenant").seal(place, value, KEYS)
    assert Envelope("tenant").open(place, sealed, KEYS) == value
    assert key_id_of(sealed) == "new"


@given(value=st.text(min_size=1, max_size=50), at=st.integers(0, 10**6), bit=st.integers(0, 7))
def test_any_flipped_bit_is_refused(value, at, bit):
    sealed = bytearray(Envelope("tenant").seal(HERE, value, KEYS))
    sealed[at % len(sealed)] ^= 1 << bit
    with pytest.raises(Damaged, match="access_key_secret of authorization 'bucket' cannot be opened"):
        Envelope("tenant").open(HERE, bytes(sealed), KEYS)


def test_every_single_bit_counts_and_so_does_every_byte_that_is_cut():
    whole = Envelope("tenant").seal(HERE, "secret", KEYS)
    for bit in range(len(whole) * 8):
        bent = bytearray(whole)
        bent[bit // 8] ^= 1 << bit % 8
        with pytest.raises(Damaged):
            Envelope("tenant").open(HERE, bytes(bent), KEYS)
    for cut in range(len(whole)):
        with pytest.raises(Damaged):
            Envelope("tenant").open(HERE, whole[:cut], KEYS)


@given(mine=places, other=places)
def test_another_table_name_or_field_is_refused(mine, other):
    sealed = Envelope("tenant").seal(mine, CANARY, KEYS)
    if mine == other:
        assert Envelope("tenant").open(other, sealed, KEYS) == CANARY
        return
    with pytest.raises(Damaged):
        Envelope("tenant").open(other, sealed, KEYS)


def test_words_that_run_together_are_told_apart():
    sealed = Envelope("tenant").seal(Place("a", "bc", "d"), CANARY, KEYS)
    for other in (Place("ab", "c", "d"), Place("a", "b", "cd"), Place("", "abc", "d")):
        with pytest.raises(Damaged):
            Envelope("tenant").open(other, sealed, KEYS)


def test_another_tenant_another_key_and_another_key_id_are_refused():
    sealed = Envelope("tenant").seal(HERE, CANARY, OLD)
    with pytest.raises(Damaged):
        Envelope("tenan").open(HERE, sealed, OLD)
    with pytest.raises(Damaged, match="not those of then"):
        Envelope("tenant").open(HERE, sealed, MasterKeys({"old": b"x" * 32}))
    with pytest.raises(Damaged, match=r"its master key is missing.*Restore master key old"):
        Envelope("tenant").open(HERE, sealed, MasterKeys({"new": b"o" * 32}))
    # The id is authenticated: even the same key under another name does not open what names the first.
    renamed = sealed.replace(b"old", b"new", 1)
    with pytest.raises(Damaged):
        Envelope("tenant").open(HERE, renamed, MasterKeys({"new": b"o" * 32}))


def test_the_same_text_is_never_sealed_to_the_same_bytes():
    assert len({Envelope("tenant").seal(HERE, CANARY, KEYS) for _ in range(100)}) == 100


# --- master keys ------------------------------------------------------------------------------------------------------


@given(
    st.dictionaries(st.text("abcXYZ019._-", min_size=1, max_size=32), st.binary(min_size=32, max_size=32), min_size=1)
)
def test_master_keys_are_read_as_they_were_written(keys):
    written = MasterKeys(keys)
    for text in (written.write(), written.write().replace("\n", ","), "# remark\n" + written.write()):
        read = MasterKeys.read(text)
        assert list(read.items()) == list(keys.items())
        assert read.newest == next(iter(keys))


@pytest.mark.parametrize(
    "text",
    ["", "# only a remark", "canary", "k:canary", "k:" + "A" * 40, ":" + "A" * 43 + "=", "k k:" + "A" * 43 + "="],
)
def test_what_is_no_master_key_is_refused_without_being_repeated(text):
    with pytest.raises(ValueError, match=r".") as refused:
        MasterKeys.read(text)
    assert "canary" not in str(refused.value)


def test_two_keys_of_one_id_are_refused():
    one = MasterKeys({"k": b"1" * 32}).write()
    with pytest.raises(ValueError, match="same id"):
        MasterKeys.read(one + MasterKeys({"k": b"2" * 32}).write())


# --- the store --------------------------------------------------------------------------------------------------------


class Kept:
    def __init__(self, place: Path, master_keys: MasterKeys | None = None) -> None:
        place.mkdir(exist_ok=True)
        self.database = Database.open(place / "store.db")
        self.ring = KeyRing(place / "master.keys", master_keys)
        self.vault = SqlVault(self.database, Envelope("tenant"), self.ring)
        self.authorizations = SqlAuthorizations(self.database, self.vault)

    def sealed(self) -> list[bytes]:
        with self.database.reading() as connection:
            return [each for (each,) in connection.exec_driver_sql("SELECT sealed FROM secret ORDER BY 1")]


@contextmanager
def kept(place: Path, master_keys: MasterKeys | None = None) -> Iterator[Kept]:
    one = Kept(place, master_keys)
    try:
        yield one
    finally:
        one.database.close()


def bytes_of(place: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(place.rglob("*")) if path.is_file())


def test_the_first_key_is_drawn_with_the_first_secret_and_only_its_owner_may_read_it(tmp_path):
    with kept(tmp_path) as one:
        assert not (tmp_path / "master.keys").exists()
        one.vault.put("a", "b", {"c": CANARY})
        found = (tmp_path / "master.keys").stat()
        assert stat.S_IMODE(found.st_mode) == 0o600
        one.vault.put("a", "d", {"c": CANARY})
        assert len(one.ring.keys()) == 1


def test_a_key_file_that_others_may_read_is_refused(tmp_path):
    with kept(tmp_path) as one:
        one.vault.put("a", "b", {"c": CANARY})
        (tmp_path / "master.keys").chmod(0o640)
        with pytest.raises(Refused, match=r"may be read by others\. Run: chmod 600"):
            one.vault.get("a", "b")


@pytest.mark.parametrize("bytes_", [b"", b"\xff\xfe", b"k:short\n"])
def test_a_key_file_that_holds_no_keys_is_damaged(tmp_path, bytes_):
    with kept(tmp_path) as one:
        one.vault.put("a", "b", {"c": CANARY})
        (tmp_path / "master.keys").write_bytes(bytes_)
        with pytest.raises(Damaged, match="holds no master keys"):
            one.vault.get("a", "b")


def test_a_missing_master_key_is_noticed_without_opening_anything(tmp_path):
    with kept(tmp_path) as one:
        one.vault.require_keys()
        one.vault.put("a", "b", {"c": CANARY, "d": CANARY})
        one.vault.require_keys()
        (tmp_path / "master.keys").rename(tmp_path / "away")
        with pytest.raises(Damaged, match="2 of 2 secrets cannot be opened, c of a 'b' among them"):
            one.vault.require_keys()


def test_two_rows_that_were_swapped_do_not_open(tmp_path):
    with kept(tmp_path) as one:
        one.vault.put("authorization", "mine", {"access_key_secret": "one"})
        one.vault.put("authorization", "other", {"access_key_secret": "two"})
        with one.database.writing() as connection:
            connection.exec_driver_sql(
                "UPDATE secret SET sealed = (SELECT sealed FROM secret AS s WHERE s.name <> secret.name)"
            )
        with pytest.raises(Damaged, match="access_key_secret of authorization 'mine'"):
            one.vault.get("authorization", "mine")


@settings(max_examples=15, deadline=None)
@given(
    secrets=st.dictionaries(st.tuples(words, words), st.dictionaries(words, words, max_size=3), max_size=5),
    forget=st.booleans(),
    times=st.integers(1, 3),
)
def test_a_change_of_keys_leaves_everything_readable_and_nothing_under_the_old_one(
    tmp_path_factory, secrets, forget, times
):
    with kept(tmp_path_factory.mktemp("kept")) as one:
        for (owner, name), values in secrets.items():
            one.vault.put(owner, name, values)
        for _ in range(times):
            done = one.vault.rotate_key(forget=forget)
        assert done.secrets == sum(map(len, secrets.values()))
        assert {key_id_of(sealed) for sealed in one.sealed()} <= {done.key}
        assert one.ring.keys().newest == done.key
        if forget:
            assert list(one.ring.keys()) == [done.key]
        for (owner, name), values in secrets.items():
            assert dict(one.vault.get(owner, name)) == values


def test_what_was_sealed_with_an_older_key_is_overwritten_in_the_file_and_its_log(tmp_path):
    with kept(tmp_path) as one:
        one.vault.put("a", "b", {str(n): CANARY for n in range(50)})
        one.vault.drop("a", "b", ["0"])
        before = one.sealed()
        one.vault.rotate_key()
        left = bytes_of(tmp_path)
        # The nonce and the ciphertext: what is in front of them is the same for every secret of a key.
        assert [each for each in before if each[-40:] in left] == []


def test_keys_that_are_given_are_changed_where_they_are_given(tmp_path):
    with kept(tmp_path, OLD) as one:
        one.vault.put("a", "b", {"c": CANARY})
        again = one.vault.rotate_key(forget=True)
        assert (again.key, again.secrets, again.kept) == ("old", 0, ())
    with kept(tmp_path, KEYS) as one:
        assert dict(one.vault.get("a", "b")) == {"c": CANARY}
        done = one.vault.rotate_key()
        assert (done.key, done.secrets, done.kept, done.forgotten) == ("new", 1, ("old",), ())
    with kept(tmp_path, MasterKeys({"new": KEYS["new"]})) as one:
        assert dict(one.vault.get("a", "b")) == {"c": CANARY}
    assert not (tmp_path / "master.keys").exists()


def test_the_keys_may_move_from_the_file_into_the_settings(tmp_path):
    with kept(tmp_path) as one:
        one.vault.put("a", "b", {"c": CANARY})
        drawn = one.ring.keys().newest
    with kept(tmp_path, OLD) as one:
        assert dict(one.vault.get("a", "b")) == {"c": CANARY}
        done = one.vault.rotate_key(forget=True)
        assert (done.key, done.secrets, done.forgotten) == ("old", 1, (drawn,))
        assert not (tmp_path / "master.keys").exists()
        assert dict(one.vault.get("a", "b")) == {"c": CANARY}


def test_an_id_that_stands_for_two_keys_is_refused(tmp_path):
    with kept(tmp_path) as one:
        one.vault.put("a", "b", {"c": CANARY})
        drawn = one.ring.keys().newest
    with kept(tmp_path, MasterKeys({drawn: b"x" * 32})) as one, pytest.raises(Refused, match="different keys"):
        one.vault.get("a", "b")


def test_a_change_of_keys_stops_at_what_it_cannot_open_and_changes_nothing(tmp_path):
    with kept(tmp_path) as one:
        one.vault.put("a", "b", {"c": CANARY, "d": CANARY})
        with one.database.writing() as connection:
            connection.exec_driver_sql("UPDATE secret SET sealed = x'0102' WHERE field = 'd'")
        before, keys = one.sealed(), (tmp_path / "master.keys").read_bytes()
        with pytest.raises(Damaged, match="d of a 'b' cannot be opened"):
            one.vault.rotate_key(forget=True)
        assert (one.sealed(), (tmp_path / "master.keys").read_bytes()) == (before, keys)


CHILD = """
import sys
from pathlib import Path
from footfall.stores.database import Database
from footfall.stores.envelope import Envelope
from footfall.stores.key_ring import KeyRing
from footfall.stores.vault import SqlVault
place = Path(sys.argv[1])
vault = SqlVault(Database.open(place / "store.db"), Envelope("tenant"), KeyRing(place / "master.keys"))
print("ready", flush=True)
while True:
    vault.rotate_key(forget=True)
    print("rotated", flush=True)
"""


def test_a_kill_while_keys_change_loses_no_secret(tmp_path):
    secrets = {str(n): f"{CANARY}-{n}" for n in range(40)}
    with kept(tmp_path) as one:
        one.vault.put("a", "b", secrets)
    for after_ms in (0, 3, 9, 17, 26, 40):
        child = subprocess.Popen([sys.executable, "-c", CHILD, str(tmp_path)], stdout=subprocess.PIPE)
        assert child.stdout.readline() == b"ready\n"
        try:
            child.wait(after_ms / 1000)
        except subprocess.TimeoutExpired:
            os.kill(child.pid, signal.SIGKILL)
        child.communicate()
        with kept(tmp_path) as one:
            assert dict(one.vault.get("a", "b")) == secrets


# --- nowhere in the clear ---------------------------------------------------------------------------------------------


def test_the_canary_is_in_no_file_no_line_of_the_log_no_repr_and_no_error(tmp_path, capsys, monkeypatch):
    lines = io.StringIO()
    for name in ("handlers", "propagate", "level"):
        monkeypatch.setattr(observe.LOGGER, name, getattr(observe.LOGGER, name))
    observe.LOGGER.handlers = [logging.StreamHandler(lines)]
    observe.LOGGER.handlers[0].setFormatter(observe.JsonLines())
    observe.LOGGER.setLevel(logging.DEBUG)
    given = {"access_key_id": "CANARYKEYID0000", "access_key_secret": CANARY, "session_token": CANARY}
    with kept(tmp_path) as one:
        one.authorizations.add(Authorization(name="bucket", kind="aws_keys", created_at=AT), given)
        one.authorizations.rotate("bucket", given, AT)
        one.authorizations.mark("bucket", "authorized")
        one.vault.rotate_key()
        while_open = bytes_of(tmp_path)
        shown = [
            one.authorizations.get("bucket"),
            one.authorizations.secrets("bucket"),
            one.ring.keys(),
            vars(one.vault),
        ]
        with one.database.writing() as connection:
            connection.exec_driver_sql("UPDATE secret SET sealed = zeroblob(60)")
        with pytest.raises(Damaged) as damaged:
            one.authorizations.secrets("bucket")
        one.authorizations.delete("bucket")
    texts = [*map(repr, shown), str(damaged.value), lines.getvalue(), *capsys.readouterr()]
    assert "authorization rotated" in lines.getvalue()
    for secret in (CANARY, given["access_key_id"]):
        assert not [text for text in texts if secret in text]
        assert secret.encode() not in while_open
        assert secret.encode() not in bytes_of(tmp_path)
    master = base64_keys(tmp_path)
    assert not [text for text in texts if any(key in text for key in master)]


def base64_keys(place: Path) -> list[str]:
    lines = (place / "master.keys").read_text().splitlines()
    return [line.partition(":")[2] for line in lines if not line.startswith("#")]


def test_a_copy_of_the_database_alone_gives_no_secret(tmp_path):
    with kept(tmp_path / "here") as one:
        one.vault.put("a", "b", {"c": CANARY})
        (tmp_path / "there").mkdir()
        copy = sqlite3.connect(tmp_path / "there" / "store.db")
        source = sqlite3.connect(tmp_path / "here" / "store.db")
        source.backup(copy)
        copy.close()
        source.close()
    with kept(tmp_path / "there") as other, pytest.raises(Damaged, match="master key is missing"):
        other.vault.get("a", "b")
    assert json.dumps(CANARY).encode() not in bytes_of(tmp_path / "there")
