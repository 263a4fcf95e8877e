"""GnuPG in a home directory of its own: keys of every kind that matters, and the program as the other side."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

PASSPHRASE = "correct horse"
LONG_AGO = "20260101T000000"
needs_gpg = pytest.mark.skipif(shutil.which("gpg") is None, reason="gpg is not installed")


class Gpg:
    """A home directory; ``close`` it. Names of keys are mail addresses, chosen by the caller."""

    def __init__(self) -> None:
        # Not under tmp_path: the agent's socket must have a short name.
        self.home = Path(tempfile.mkdtemp(prefix="gpg-"))
        # Keys for tests need no good randomness, and waiting for it takes seconds for each.
        agent = ["gpg-agent", "--debug-quick-random", "--s2k-count", "65536", "--daemon"]
        quiet = subprocess.DEVNULL  # not a pipe: the agent would keep it open
        subprocess.run(agent, env=self._environment, check=True, stdout=quiet, stderr=quiet)

    def close(self) -> None:
        subprocess.run(["gpgconf", "--kill", "gpg-agent"], env=self._environment, check=False, capture_output=True)
        shutil.rmtree(self.home, ignore_errors=True)

    @property
    def _environment(self) -> dict[str, str]:
        return {**os.environ, "GNUPGHOME": str(self.home), "LC_ALL": "C"}

    def __call__(self, *words: str, stdin: bytes = b"", at: str | None = None, check: bool = True) -> bytes:
        """Run gpg and return what it prints. at: the time it believes in."""
        faked = () if at is None else ("--faked-system-time", at)
        line = ["gpg", "--batch", "--no-options", "--quiet", "--no-tty", "--trust-model", "always",
                "--pinentry-mode", "loopback", "--passphrase", PASSPHRASE, *faked, *words]  # fmt: skip
        done = subprocess.run(line, input=stdin, env=self._environment, capture_output=True, timeout=60, check=False)
        if check and done.returncode != 0:
            raise AssertionError(f"gpg {' '.join(words)}: {done.stderr.decode()}")
        return done.stdout

    def make(
        self,
        name: str,
        kind: str,
        *subkeys: str,
        usage: str = "sign",
        expires: str = "never",
        subkeys_expire: str = "never",
        at: str | None = None,
    ) -> str:
        """A key and its encryption subkeys; returns the fingerprint."""
        self("--quick-gen-key", name, kind, usage, expires, at=at)
        shown = self.fingerprint(name)
        for subkey in subkeys:
            self("--quick-add-key", shown, subkey, "encr", subkeys_expire, at=at)
        return shown

    def fingerprint(self, name: str) -> str:
        lines = self("--list-keys", "--with-colons", name).decode().splitlines()
        return next(line.split(":")[9] for line in lines if line.startswith("fpr"))

    def subkeys(self, name: str) -> list[str]:
        lines = self("--list-keys", "--with-colons", name).decode().splitlines()
        return [line.split(":")[4] for line in lines if line.startswith("sub")]

    def revoke(self, name: str) -> None:
        """Import the revocation that gpg made together with the key; a colon keeps it from being used by mistake."""
        text = (self.home / "openpgp-revocs.d" / f"{self.fingerprint(name)}.rev").read_text()
        self("--import", stdin=text.replace(":-----BEGIN", "-----BEGIN").encode())

    def revoke_subkey(self, name: str, number: int) -> None:
        answers = f"key {number}\nrevkey\ny\n0\n\ny\nsave\n".encode()
        line = ["gpg", "--no-options", "--quiet", "--no-tty", "--pinentry-mode", "loopback", "--passphrase", PASSPHRASE,
                "--command-fd", "0", "--edit-key", name]  # fmt: skip
        subprocess.run(line, input=answers, env=self._environment, capture_output=True, timeout=60, check=True)

    def public(self, name: str) -> bytes:
        return self("--armor", "--export", name)

    def private(self, name: str) -> bytes:
        return self("--armor", "--export-secret-keys", name)

    def encrypt(self, data: bytes, *names: str, at: str | None = None, options: tuple[str, ...] = ()) -> bytes:
        recipients = [word for name in names for word in ("--recipient", name)]
        return self(*options, *recipients, "--encrypt", stdin=data, at=at)

    def decrypt(self, data: bytes) -> bytes:
        return self("--decrypt", stdin=data)
