"""Which OpenPGP keys are accepted, which are refused, and what the refusal says; all of them made by gpg."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pysequoia
import pytest
from gpg import LONG_AGO, PASSPHRASE, Gpg, needs_gpg
from pysequoia import CipherSuite, Profile

from footfall.codecs.openpgp import OpenPgp
from footfall.codecs.openpgp_keys import check_certificate, check_private_key
from footfall.codecs.plain import Plain
from footfall.errors import Refused

pytestmark = needs_gpg
NOW = datetime.now(UTC) + timedelta(hours=1)


@pytest.fixture(scope="module")
def gpg() -> Iterator[Gpg]:
    gpg = Gpg()
    try:
        yield gpg
    finally:
        gpg.close()


@pytest.mark.parametrize(
    ("kind", "subkey"),
    [("ed25519", "cv25519"), ("nistp256", "nistp256"), ("nistp384", "nistp384"), ("nistp521", "nistp521")],
)
def test_a_key_of_an_accepted_curve_passes_without_warning(gpg: Gpg, kind: str, subkey: str) -> None:
    shown = gpg.make(f"{kind}@ok", kind, subkey)
    found = check_certificate(gpg.public(f"{kind}@ok"), NOW)
    assert (found.fingerprint, found.user_ids, found.warnings) == (shown, (f"{kind}@ok",), ())
    assert list(found.subkeys) == gpg.subkeys(f"{kind}@ok")
    assert found.expires_at is None


def test_rsa_is_refused_below_2048_bits_and_warned_about_below_3072(gpg: Gpg) -> None:
    for bits in (1024, 2048, 3072):
        gpg.make(f"rsa{bits}@ok", f"rsa{bits}", usage="sign,cert,encrypt")
    with pytest.raises(Refused, match="RSA of 1024 bits; at least 2048"):
        check_certificate(gpg.public("rsa1024@ok"), NOW)
    [warning] = check_certificate(gpg.public("rsa2048@ok"), NOW).warnings
    assert "RSA of 2048 bits" in warning
    assert check_certificate(gpg.public("rsa3072@ok"), NOW).warnings == ()


def test_a_weak_subkey_of_a_strong_key_is_not_encrypted_to(gpg: Gpg) -> None:
    gpg.make("mixed@ok", "ed25519", "rsa1024", "cv25519")
    weak, strong = gpg.subkeys("mixed@ok")
    found = check_certificate(gpg.public("mixed@ok"), NOW)
    assert found.subkeys == (strong,)
    stored = b"".join(OpenPgp(Plain(), [found]).encode([b"text"]))
    listed = gpg("--list-packets", stdin=stored).decode()
    assert strong in listed
    assert weak not in listed


@pytest.mark.parametrize("suite", [CipherSuite.Cv25519, CipherSuite.P256, CipherSuite.MLDSA65_Ed25519], ids=repr)
def test_keys_of_version_6_pass(suite: CipherSuite) -> None:
    key = pysequoia.Tsk.generate("six", profile=Profile.RFC9580, cipher_suite=suite)
    found = check_certificate(bytes(key.extract_certificate()), NOW)
    assert len(found.subkeys) == 1
    codec = OpenPgp(Plain(), [found], check_private_key(bytes(key), None))
    assert b"".join(codec.decode(codec.encode([b"text"]))) == b"text"


def test_an_expired_key_is_refused_from_the_instant_it_expires(gpg: Gpg) -> None:
    shown = gpg.make("old@ok", "ed25519", "cv25519", expires="30d", subkeys_expire="30d", at=LONG_AGO)
    text = gpg.public("old@ok")
    end = datetime(2026, 1, 31, tzinfo=UTC)
    with pytest.raises(Refused, match="expired on 2026-01-31") as refused:
        check_certificate(text, end)
    assert f"gpg --quick-set-expire {shown}" in refused.value.hint


def test_an_expired_subkey_is_passed_over_and_refused_when_it_is_the_only_one(gpg: Gpg) -> None:
    shown = gpg.make("subs@ok", "ed25519", "cv25519", subkeys_expire="20d", at=LONG_AGO)
    with pytest.raises(Refused, match="expired on 2026-01-21") as refused:
        check_certificate(gpg.public("subs@ok"), NOW)
    assert f"gpg --quick-add-key {shown} cv25519 encr" in refused.value.hint
    gpg("--quick-add-key", shown, "cv25519", "encr", "1y")
    found = check_certificate(gpg.public("subs@ok"), NOW)
    assert list(found.subkeys) == gpg.subkeys("subs@ok")[1:]
    assert found.expires_at is not None
    assert timedelta(days=364) < found.expires_at - NOW < timedelta(days=366)


def test_a_key_is_refused_before_it_is_valid(gpg: Gpg) -> None:
    gpg.make("young@ok", "ed25519", "cv25519")
    with pytest.raises(Refused, match="not valid before"):
        check_certificate(gpg.public("young@ok"), NOW - timedelta(days=1))


def test_a_revoked_key_is_refused(gpg: Gpg) -> None:
    gpg.make("gone@ok", "ed25519", "cv25519")
    gpg.revoke("gone@ok")
    with pytest.raises(Refused, match="was revoked"):
        check_certificate(gpg.public("gone@ok"), NOW)


def test_a_revoked_subkey_is_passed_over_and_refused_when_it_is_the_only_one(gpg: Gpg) -> None:
    shown = gpg.make("half@ok", "ed25519", "cv25519")
    gpg.revoke_subkey("half@ok", 1)
    [first] = gpg.subkeys("half@ok")
    with pytest.raises(Refused, match=f"{first} was revoked"):
        check_certificate(gpg.public("half@ok"), NOW)
    gpg("--quick-add-key", shown, "cv25519", "encr", "never")
    found = check_certificate(gpg.public("half@ok"), NOW)
    assert set(found.subkeys) == set(gpg.subkeys("half@ok")) - {first}


def test_a_key_that_can_only_sign_says_how_to_add_a_subkey(gpg: Gpg) -> None:
    shown = gpg.make("signs@ok", "ed25519")
    with pytest.raises(Refused, match="can only sign") as refused:
        check_certificate(gpg.public("signs@ok"), NOW)
    assert f"gpg --quick-add-key {shown} cv25519 encr" in refused.value.hint


def test_a_curve_that_is_not_supported_is_named_as_the_reason(gpg: Gpg) -> None:
    gpg.make("pool@ok", "brainpoolP256r1", "brainpoolP256r1")
    with pytest.raises(Refused, match="of a curve that is not supported"):
        check_certificate(gpg.public("pool@ok"), NOW)


def test_a_private_key_is_not_taken_for_a_public_one_nor_the_other_way(gpg: Gpg) -> None:
    gpg.make("both@ok", "ed25519", "cv25519")
    with pytest.raises(Refused, match="is a private key"):
        check_certificate(gpg.private("both@ok"), NOW)
    with pytest.raises(Refused, match="is a public key"):
        check_private_key(gpg.public("both@ok"), PASSPHRASE)


def test_the_passphrase_is_tried_and_never_shown(gpg: Gpg) -> None:
    gpg.make("locked@ok", "ed25519", "cv25519")
    text = gpg.private("locked@ok")
    assert PASSPHRASE not in repr(check_private_key(text, PASSPHRASE))
    with pytest.raises(Refused, match="passphrase does not open") as refused:
        check_private_key(text, "battery staple")
    assert "battery" not in str(refused.value)
    with pytest.raises(Refused, match="is locked"):
        check_private_key(text, None)


@pytest.mark.parametrize("text", [b"", b"hello", b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nAAAA\n", bytes(100)])
def test_what_is_no_key_is_refused(text: bytes) -> None:
    for check in (lambda: check_certificate(text, NOW), lambda: check_private_key(text, None)):
        with pytest.raises(Refused, match="OpenPGP key"):
            check()


def test_two_keys_in_one_file_are_refused(gpg: Gpg) -> None:
    for name in ("one@two", "other@two"):
        gpg.make(name, "ed25519", "cv25519")
    with pytest.raises(Refused, match="there are 2"):
        check_certificate(gpg("--armor", "--export", "one@two", "other@two"), NOW)


def test_text_for_any_encryption_subkey_of_a_private_key_is_decrypted(gpg: Gpg) -> None:
    gpg.make("many@ok", "ed25519", "cv25519", "nistp256", "rsa2048")
    private = check_private_key(gpg.private("many@ok"), PASSPHRASE)
    for subkey in gpg.subkeys("many@ok"):
        stored = gpg.encrypt(b"text", f"{subkey}!")
        assert b"".join(OpenPgp(Plain(), private=private).decode([stored])) == b"text"
    hidden = gpg.encrypt(b"text", f"{gpg.subkeys('many@ok')[1]}!", options=("--throw-keyids",))
    assert b"".join(OpenPgp(Plain(), private=private).decode([hidden])) == b"text"
