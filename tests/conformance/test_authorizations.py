"""``ports.Authorizations`` and the ``ports.Vault`` beneath, over every implementation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from new_store import open_store

from footfall.errors import Conflict, Damaged, Refused
from footfall.model.authorizations import Authorization
from footfall.ports import Authorizations, Store, Vault
from footfall.stores.authorizations import SqlAuthorizations
from footfall.stores.envelope import Envelope
from footfall.stores.key_ring import KeyRing
from footfall.stores.vault import SqlVault

AT = datetime(2026, 5, 1, 12, 0, 0, 123456, tzinfo=UTC)
LATER = AT.replace(day=2)
KEY = {"access_key_id": "AKIACANARY0000WXYZ", "access_key_secret": "canary-secret-0123456789"}
NEW = {"access_key_id": "AKIACANARY1111QRST", "access_key_secret": "canary-second-0123456789"}
CUSTOMER_KEY = "Y2FuYXJ5Y2FuYXJ5Y2FuYXJ5Y2FuYXJ5Y2FuYXJ5ISE="
PRIVATE = "-----BEGIN PGP PRIVATE KEY BLOCK-----\n\ncanary\n-----END PGP PRIVATE KEY BLOCK-----\n"


@dataclass(frozen=True)
class Kept:
    """used: authorization to the jobs that use it, as the store of jobs would say."""

    store: Store
    vault: Vault
    authorizations: Authorizations
    used: dict[str, list[str]] = field(default_factory=dict)


@contextmanager
def sqlite(place: Path) -> Iterator[Kept]:
    database = open_store(place / "store.db")
    used: dict[str, list[str]] = {}
    vault = SqlVault(database, Envelope("tenant"), KeyRing(place / "master.keys"))
    try:
        yield Kept(database, vault, SqlAuthorizations(database, vault, lambda name: used.get(name, [])), used)
    finally:
        database.close()


@pytest.fixture(params=[pytest.param(sqlite, id="sqlite")])
def opened_kept(request) -> Callable[[Path], object]:
    return request.param


@pytest.fixture
def kept(opened_kept, tmp_path) -> Iterator[Kept]:
    with opened_kept(tmp_path) as kept:
        yield kept


def an(name: str = "bucket", kind: str = "aws_keys", **more: str) -> Authorization:
    return Authorization(name=name, kind=kind, created_at=AT, **more)


# --- what is given back -----------------------------------------------------------------------------------------------


def test_secrets_come_back_as_they_were_given_and_only_when_asked_for(kept):
    given = {**KEY, "session_token": "canary-token=="}
    added = kept.authorizations.add(an(label="Ours", region="eu-west-1"), given)
    assert added == an(label="Ours", region="eu-west-1", key_id_shown="WXYZ")
    assert kept.authorizations.get("bucket") == added
    assert kept.authorizations.all() == [added]
    assert dict(kept.authorizations.secrets("bucket")) == given
    assert kept.authorizations.secret_names("bucket") == set(given)
    for shown in (added, kept.authorizations.all(), kept.authorizations.secrets("bucket")):
        assert "canary" not in repr(shown).lower()
        assert KEY["access_key_id"] not in repr(shown)


def test_authorizations_are_listed_by_name_and_survive_a_restart(opened_kept, tmp_path):
    with opened_kept(tmp_path) as kept:
        kept.authorizations.add(an("web"), KEY)
        kept.authorizations.add(an("app", "ambient"), {})
    with opened_kept(tmp_path) as kept:
        assert [(each.name, each.kind) for each in kept.authorizations.all()] == [
            ("app", "ambient"),
            ("web", "aws_keys"),
        ]
        assert dict(kept.authorizations.secrets("web")) == KEY
        assert dict(kept.authorizations.secrets("app")) == {}


def test_a_name_is_taken_once(kept):
    kept.authorizations.add(an(), KEY)
    with pytest.raises(Conflict, match="'bucket' already"):
        kept.authorizations.add(an(), NEW)
    assert dict(kept.authorizations.secrets("bucket")) == KEY


def test_a_name_nobody_has_is_refused(kept):
    nobody = kept.authorizations
    for ask in (
        nobody.get, nobody.secrets, nobody.secret_names, nobody.delete, lambda name: nobody.rotate(name, KEY, AT),
        lambda name: nobody.mark(name, "refused"),
    ):  # fmt: skip
        with pytest.raises(Refused, match="no authorization 'nobody'"):
            ask("nobody")


# --- what is taken ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("authorization", "secrets", "said"),
    [
        pytest.param(an(), {}, "lacks access_key_id, access_key_secret", id="no key"),
        pytest.param(an(), {"access_key_id": "AKIACANARY00"}, "lacks access_key_secret", id="half a key"),
        pytest.param(an(kind="ambient"), KEY, "no use for access_key_id", id="a key for the machine's identity"),
        pytest.param(an(kind="gcs_hmac"), {**KEY, "session_token": "t"}, "for session_token", id="a token at Google"),
        pytest.param(an(), {**KEY, "password": "canary"}, "no secret 'password'", id="an unknown secret"),
        pytest.param(an(), {**KEY, "access_key_secret": "two words"}, "access_key_secret holds spaces", id="spaces"),
        pytest.param(an(), {**KEY, "access_key_secret": ""}, "access_key_secret is empty", id="empty"),
        pytest.param(an("Bucket"), KEY, "cannot name", id="an unfit name"),
        pytest.param(an(kind="aws"), KEY, "kind 'aws' is not known", id="an unknown kind"),
        pytest.param(an(kind="aws_role"), {}, "role_arn", id="a role without its name"),
        pytest.param(an(role_arn="arn:aws:iam::123456789012:role/x"), KEY, "role_arn", id="a role for keys"),
        pytest.param(an(kind="aws_role", role_arn="role/x"), {}, "'role/x' is no role", id="no role"),
        pytest.param(an(encryption="sse_c"), KEY, "lacks sse_c_key", id="no customer key"),
        pytest.param(an(encryption="sse_c"), {**KEY, "sse_c_key": "c2hvcnQ="}, "not 32 bytes", id="a short key"),
        pytest.param(an(kms_key_id="k"), KEY, "kms_key_id is for", id="a KMS key without KMS"),
        pytest.param(an(kind="gcs_hmac", encryption="sse_s3"), KEY, "Google", id="Amazon's encryption at Google"),
        pytest.param(an(pgp="decrypt"), KEY, "lacks pgp_private_key", id="nothing to decrypt with"),
        pytest.param(an(pgp="encrypt"), {**KEY, "pgp_public_key": PRIVATE}, "no armored public", id="the wrong half"),
        pytest.param(an(endpoint_url="minio:9000"), KEY, "not the address of a server", id="no address"),
        pytest.param(an(endpoint_url="https://host?"), KEY, "not the address of a server", id="an empty query"),
        pytest.param(an(endpoint_url="HTTPS://host"), KEY, "not the address of a server", id="a loud scheme"),
        pytest.param(an(endpoint_url="https://canary:pw@host"), KEY, "holds a user", id="a password in an address"),
    ],
)  # fmt: skip
def test_what_could_never_work_is_refused_and_leaves_nothing(kept, authorization, secrets, said):
    with pytest.raises(Refused, match=said) as refused:
        kept.authorizations.add(authorization, secrets)
    assert "canary" not in str(refused.value).lower()
    assert kept.authorizations.all() == []


def test_every_kind_is_taken_with_what_it_needs(kept):
    role = {"role_arn": "arn:aws:iam::123456789012:role/ff/export"}
    for authorization, secrets in (
        (an("keys"), KEY),
        (an("role", "aws_role", **role), {}),
        (an("role-by-keys", "aws_role", **role), KEY),
        (an("machine", "ambient", encryption="sse_kms", kms_key_id="alias/x"), {}),
        (an("google", "gcs_hmac"), KEY),
        (an("sealed", encryption="sse_c"), {**KEY, "sse_c_key": CUSTOMER_KEY}),
        (an("import", pgp="decrypt"), {**KEY, "pgp_private_key": PRIVATE, "pgp_passphrase": "canary, with spaces"}),
    ):
        kept.authorizations.add(authorization, secrets)
        assert dict(kept.authorizations.secrets(authorization.name)) == secrets


def test_a_block_that_fails_takes_settings_and_secrets_with_it(kept):
    def breaks():
        with kept.store.transaction():
            kept.authorizations.add(an(), KEY)
            raise EOFError

    with pytest.raises(EOFError):
        breaks()
    assert kept.authorizations.all() == []
    assert kept.vault.fields("authorization", "bucket") == set()


# --- rotation ---------------------------------------------------------------------------------------------------------


def test_rotation_replaces_the_secrets_and_keeps_name_and_settings(kept):
    added = kept.authorizations.add(an(label="Ours"), KEY)
    kept.authorizations.mark("bucket", "refused", "AccessDenied")
    rotated = kept.authorizations.rotate("bucket", NEW, LATER)
    assert rotated == replace(added, key_id_shown="QRST", rotated_at=LATER)
    assert kept.authorizations.get("bucket") == rotated
    assert dict(kept.authorizations.secrets("bucket")) == NEW


def test_settings_change_and_the_secrets_stay(kept):
    added = kept.authorizations.add(an(), KEY)
    kept.authorizations.mark("bucket", "authorized")
    told = kept.authorizations.change(replace(added, label="Theirs"), {}, LATER)
    assert (told.label, told.status, told.rotated_at) == ("Theirs", "authorized", None)
    moved = kept.authorizations.change(replace(told, region="eu-west-1", created_at=LATER), {}, LATER)
    assert moved == replace(added, label="Theirs", region="eu-west-1")
    assert kept.authorizations.get("bucket") == moved
    assert dict(kept.authorizations.secrets("bucket")) == KEY


def test_secrets_that_new_settings_have_no_use_for_go_and_those_they_need_come_with_them(kept):
    added = kept.authorizations.add(an(encryption="sse_c"), {**KEY, "sse_c_key": CUSTOMER_KEY})
    with pytest.raises(Refused, match="lacks pgp_private_key"):
        kept.authorizations.change(replace(added, pgp="decrypt"), {}, LATER)
    assert kept.authorizations.get("bucket") == added
    pgp = {"pgp_private_key": PRIVATE}
    changed = kept.authorizations.change(replace(added, encryption="", pgp="decrypt"), pgp, LATER)
    assert dict(kept.authorizations.secrets("bucket")) == {**KEY, **pgp}
    assert changed.rotated_at == LATER
    machine = kept.authorizations.change(an(kind="ambient"), {}, LATER)
    assert dict(kept.authorizations.secrets("bucket")) == {}
    assert machine.key_id_shown == ""


def test_secrets_that_are_given_whole_replace_all(kept):
    added = kept.authorizations.add(an(encryption="sse_c"), {**KEY, "session_token": "t", "sse_c_key": CUSTOMER_KEY})
    with pytest.raises(Refused, match="lacks sse_c_key"):
        kept.authorizations.change(added, NEW, LATER, whole=True)
    kept.authorizations.change(added, {**NEW, "sse_c_key": CUSTOMER_KEY}, LATER, whole=True)
    assert dict(kept.authorizations.secrets("bucket")) == {**NEW, "sse_c_key": CUSTOMER_KEY}


def test_a_new_key_does_not_go_on_with_the_token_of_the_old_one(kept):
    kept.authorizations.add(an(encryption="sse_c"), {**KEY, "session_token": "old-token", "sse_c_key": CUSTOMER_KEY})
    kept.authorizations.rotate("bucket", NEW, LATER)
    assert dict(kept.authorizations.secrets("bucket")) == {**NEW, "sse_c_key": CUSTOMER_KEY}


def test_a_new_private_key_does_not_go_on_with_the_passphrase_of_the_old_one(kept):
    pgp = {"pgp_private_key": PRIVATE, "pgp_passphrase": "old"}
    kept.authorizations.add(an(pgp="decrypt"), {**KEY, **pgp})
    kept.authorizations.rotate("bucket", {"pgp_private_key": PRIVATE}, LATER)
    assert dict(kept.authorizations.secrets("bucket")) == {**KEY, "pgp_private_key": PRIVATE}


@pytest.mark.parametrize("new", [{}, {"access_key_secret": "only-a-secret"}, {**NEW, "sse_c_key": CUSTOMER_KEY}])
def test_a_rotation_that_would_not_work_changes_nothing(kept, new):
    added = kept.authorizations.add(an(), KEY)
    with pytest.raises(Refused):
        kept.authorizations.rotate("bucket", new, LATER)
    assert kept.authorizations.get("bucket") == added
    assert dict(kept.authorizations.secrets("bucket")) == KEY


# --- status and deletion ----------------------------------------------------------------------------------------------


def test_a_status_is_remembered_until_the_next(opened_kept, tmp_path):
    with opened_kept(tmp_path) as kept:
        kept.authorizations.add(an(status="authorized", status_note="says who"), KEY)
        assert kept.authorizations.get("bucket").status == "untested"
        kept.authorizations.mark("bucket", "refused", "AccessDenied at put")
    with opened_kept(tmp_path) as kept:
        found = kept.authorizations.get("bucket")
        assert (found.status, found.status_note) == ("refused", "AccessDenied at put")
        kept.authorizations.mark("bucket", "authorized")
        found = kept.authorizations.get("bucket")
        assert (found.status, found.status_note) == ("authorized", "")
        with pytest.raises(Refused, match="'fine' is not known"):
            kept.authorizations.mark("bucket", "fine")


def test_an_authorization_that_jobs_use_is_not_deleted_unless_forced(kept):
    kept.authorizations.add(an(), KEY)
    kept.used["bucket"] = ["nightly", "weekly"]
    with pytest.raises(Conflict, match="used by nightly, weekly"):
        kept.authorizations.delete("bucket")
    assert dict(kept.authorizations.secrets("bucket")) == KEY
    kept.authorizations.delete("bucket", force=True)
    assert kept.authorizations.all() == []


def test_a_deleted_authorization_leaves_no_secret_for_the_next_of_its_name(kept):
    kept.authorizations.add(an(), {**KEY, "session_token": "old-token"})
    kept.authorizations.delete("bucket")
    assert kept.vault.fields("authorization", "bucket") == set()
    kept.authorizations.add(an(), NEW)
    assert dict(kept.authorizations.secrets("bucket")) == NEW


# --- the vault --------------------------------------------------------------------------------------------------------


def test_any_text_comes_back_under_its_owner_name_and_field(kept):
    awkward = {"a": "", "b": "\0", "c": "日本\n'\";--", "d": "x" * 100_000}
    kept.vault.put("webhook", "it's", awkward)
    kept.vault.put("webhook", "its", {"a": "another"})
    kept.vault.put("mail", "it's", {"a": "third"})
    assert dict(kept.vault.get("webhook", "it's")) == awkward
    kept.vault.put("webhook", "it's", {"a": "new"})
    kept.vault.drop("webhook", "it's", ["b", "c"])
    assert dict(kept.vault.get("webhook", "it's")) == {"a": "new", "d": awkward["d"]}
    kept.vault.drop("webhook", "it's")
    assert dict(kept.vault.get("webhook", "it's")) == {}
    assert dict(kept.vault.get("webhook", "its")) == {"a": "another"}
    assert dict(kept.vault.get("mail", "it's")) == {"a": "third"}


def test_after_a_change_of_master_keys_everything_is_readable_here_and_elsewhere(opened_kept, tmp_path):
    with opened_kept(tmp_path) as here, opened_kept(tmp_path) as elsewhere:
        here.authorizations.add(an(), KEY)
        elsewhere.vault.put("mail", "smtp", {"password": "canary"})
        first = here.vault.rotate_key()
        assert first.secrets == 3
        assert len(first.kept) == 1
        assert dict(elsewhere.authorizations.secrets("bucket")) == KEY
        second = elsewhere.vault.rotate_key(forget=True)
        assert second.kept == ()
        assert set(second.forgotten) == {first.key, *first.kept}
        assert dict(here.authorizations.secrets("bucket")) == KEY
        here.authorizations.rotate("bucket", NEW, LATER)
        assert dict(elsewhere.authorizations.secrets("bucket")) == NEW
        assert dict(here.vault.get("mail", "smtp")) == {"password": "canary"}


def test_a_secret_that_cannot_be_opened_is_named_and_can_be_given_anew(kept, tmp_path):
    kept.authorizations.add(an(), KEY)
    keys = (tmp_path / "master.keys").read_bytes()
    (tmp_path / "master.keys").unlink()
    with pytest.raises(Refused, match="no authorization"):
        kept.authorizations.secrets("other")
    with pytest.raises(Damaged, match="access_key_id of authorization 'bucket' cannot be opened"):
        kept.authorizations.secrets("bucket")
    with pytest.raises(Damaged, match="secrets but no master key"):
        kept.authorizations.add(an("another"), KEY)
    assert [each.name for each in kept.authorizations.all()] == ["bucket"]

    (tmp_path / "other").mkdir()
    with sqlite(tmp_path / "other") as other:
        other.vault.put("x", "y", {"z": "draws a key"})
    (tmp_path / "other" / "master.keys").rename(tmp_path / "master.keys")
    kept.authorizations.rotate("bucket", NEW, LATER)
    assert dict(kept.authorizations.secrets("bucket")) == NEW
    assert keys != (tmp_path / "master.keys").read_bytes()
