"""What we write is read by the programs people have, and what gpg writes is read by us."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from gpg import PASSPHRASE, Gpg, needs_gpg

from footfall.codecs.gzip_member import GzipMember
from footfall.codecs.openpgp import OpenPgp
from footfall.codecs.openpgp_keys import check_certificate, check_private_key
from footfall.codecs.plain import Plain
from footfall.codecs.zip_archive import ZipArchive
from footfall.codecs.zstd_frame import ZstdFrame
from footfall.errors import Damaged, Refused
from footfall.ports import Codec

TEXT = b"".join(b"2026-11-20,user-%d,AP-1,%d\n" % (n % 977, n) for n in range(20_000))
NAME = "GainsightPX_Users_20261121T080000Z.csv"
KINDS = {
    "rsa@pgp": ("rsa3072", "rsa3072"),
    "nist@pgp": ("nistp256", "nistp256"),
    "large@pgp": ("nistp521", "nistp521"),
    "curve@pgp": ("ed25519", "cv25519"),
}


def installed(program: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(program) is None, reason=f"{program} is not installed")


@pytest.mark.parametrize(
    ("codec", "words"),
    [
        pytest.param(GzipMember(), ["zcat"], marks=installed("zcat"), id="zcat"),
        pytest.param(ZstdFrame(), ["zstd", "-dc"], marks=installed("zstd"), id="zstd"),
        pytest.param(ZipArchive(), ["unzip", "-p"], marks=installed("unzip"), id="unzip"),
    ],
)
def test_a_program_everybody_has_reads_it(codec: Codec, words: list[str], tmp_path: Path) -> None:
    path = tmp_path / (NAME + codec.extension)
    path.write_bytes(b"".join(codec.encode([TEXT], name=NAME)))
    assert subprocess.run([*words, str(path)], capture_output=True, check=True).stdout == TEXT


@installed("zstd")
def test_zstd_finds_a_checksum_in_our_frames(tmp_path: Path) -> None:
    path = tmp_path / f"{NAME}.zst"
    path.write_bytes(b"".join(ZstdFrame().encode([TEXT])))
    subprocess.run(["zstd", "-q", "-t", str(path)], check=True)
    assert b"XXH64" in subprocess.run(["zstd", "-lv", str(path)], capture_output=True, check=True).stdout


@installed("zstd")
def test_we_read_what_zstd_writes_at_its_highest_level_but_not_windows_of_gigabytes() -> None:
    def packed(*options: str) -> bytes:
        return subprocess.run(["zstd", "-qc", *options], input=TEXT, capture_output=True, check=True).stdout

    assert b"".join(ZstdFrame().decode([packed("-19"), packed("-1")])) == TEXT * 2
    with pytest.raises(Damaged):
        list(ZstdFrame().decode([packed("--long=30", "--no-check")]))


@installed("unzip")
def test_unzip_finds_one_member_named_as_the_file_without_zip(tmp_path: Path) -> None:
    path = tmp_path / f"{NAME}.zip"
    path.write_bytes(b"".join(ZipArchive().encode([TEXT], name=NAME)))
    subprocess.run(["unzip", "-qt", str(path)], check=True)
    listed = subprocess.run(["unzip", "-Z1", str(path)], capture_output=True, check=True).stdout
    assert listed.decode().split() == [NAME]


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(["zip", "-qr", "drop.zip", "drop"], marks=installed("zip"), id="zip"),
        pytest.param(["jar", "cMf", "drop.zip", "drop"], marks=installed("jar"), id="jar"),
    ],
)
def test_we_read_the_one_file_of_a_folder_that_a_program_packed(words: list[str], tmp_path: Path) -> None:
    (tmp_path / "drop" / "empty").mkdir(parents=True)
    (tmp_path / "drop" / NAME).write_bytes(TEXT)
    subprocess.run(words, cwd=tmp_path, check=True)
    assert b"".join(ZipArchive().decode([(tmp_path / "drop.zip").read_bytes()])) == TEXT


@pytest.fixture(scope="module")
def gpg() -> Iterator[Gpg]:
    gpg = Gpg()
    try:
        for name, (kind, subkey) in KINDS.items():
            gpg.make(name, kind, subkey)
        yield gpg
    finally:
        gpg.close()


def codec_for(gpg: Gpg, *names: str) -> OpenPgp:
    at = datetime.now(UTC) + timedelta(hours=1)
    recipients = [check_certificate(gpg.public(name), at) for name in names]
    return OpenPgp(GzipMember(), recipients, check_private_key(gpg.private(names[0]), PASSPHRASE))


@needs_gpg
@pytest.mark.parametrize("name", KINDS)
def test_gpg_decrypts_what_we_encrypt(gpg: Gpg, name: str) -> None:
    stored = b"".join(codec_for(gpg, name).encode([TEXT]))
    assert b"".join(GzipMember().decode([gpg.decrypt(stored)])) == TEXT


@needs_gpg
@pytest.mark.parametrize(
    "options", [(), ("--armor",), ("--compress-algo", "zlib"), ("-z", "0"), ("--throw-keyids",)], ids=str
)
@pytest.mark.parametrize("name", KINDS)
def test_we_decrypt_what_gpg_encrypts(gpg: Gpg, name: str, options: tuple[str, ...]) -> None:
    packed = b"".join(GzipMember().encode([TEXT]))
    stored = gpg.encrypt(packed, name, options=options)
    assert b"".join(codec_for(gpg, name).decode([stored])) == TEXT


@needs_gpg
def test_a_message_that_gpg_packed_with_bzip2_says_what_to_do(gpg: Gpg) -> None:
    stored = gpg.encrypt(TEXT, "curve@pgp", options=("--compress-algo", "bzip2"))
    with pytest.raises(Damaged, match="compress-algo zip"):
        list(codec_for(gpg, "curve@pgp").decode([stored]))


@needs_gpg
def test_each_of_several_readers_can_decrypt(gpg: Gpg) -> None:
    stored = b"".join(codec_for(gpg, *KINDS).encode([TEXT]))
    for name in KINDS:
        assert b"".join(codec_for(gpg, name).decode([stored])) == TEXT


@needs_gpg
def test_a_message_to_somebody_else_says_to_whom_it_is(gpg: Gpg) -> None:
    stored = gpg.encrypt(TEXT, "nist@pgp")
    with pytest.raises(Refused, match=gpg.subkeys("nist@pgp")[0]):
        list(codec_for(gpg, "curve@pgp").decode([stored]))


@needs_gpg
def test_what_is_signed_but_not_encrypted_or_not_protected_is_not_read(gpg: Gpg) -> None:
    codec = codec_for(gpg, "rsa@pgp")
    signed = gpg("--local-user", "rsa@pgp", "--sign", stdin=TEXT)
    with pytest.raises(Damaged, match="no encrypted OpenPGP message"):
        list(codec.decode([signed]))
    armored = gpg("--local-user", "rsa@pgp", "--armor", "--sign", stdin=TEXT)
    with pytest.raises(Damaged, match="no encrypted OpenPGP message"):
        list(codec.decode([armored]))
    bare = gpg.encrypt(TEXT, "rsa@pgp", options=("--rfc2440", "--disable-mdc"))
    with pytest.raises(Refused, match="no protection of its integrity"):
        list(codec.decode([bare]))
    by_password = gpg("--symmetric", stdin=TEXT)
    with pytest.raises(Refused, match="encrypted to a password"):
        list(codec.decode([by_password]))


@needs_gpg
def test_the_worker_is_told_its_secrets_by_neither_arguments_nor_environment(gpg: Gpg) -> None:
    codec = OpenPgp(Plain(), codec_for(gpg, "curve@pgp")._recipients, codec_for(gpg, "curve@pgp")._private)
    stored = b"".join(codec.encode([os.urandom(9_000_000)]))
    others = _children()  # servers that other tests started
    decoding = codec.decode([stored])
    next(decoding)
    children = _children() - others
    seen = b"".join(Path("/proc", child, part).read_bytes() for child in children for part in ("cmdline", "environ"))
    assert b"openpgp_worker" in seen
    assert PASSPHRASE.encode() not in seen
    decoding.close()  # type: ignore[attr-defined]
    assert _children() <= others


def _children() -> set[str]:
    return set(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())
