"""``ports.Policies`` on the control store, and the key of tokens, which is not in it."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from sqlalchemy import delete, select

from footfall import disk
from footfall.errors import Damaged, Refused, Unavailable
from footfall.model.privacy import Tokens
from footfall.stores import schema
from footfall.stores.api_keys import Note
from footfall.stores.database import Database

KEY_BYTES: Final = 32
_POLICY: Final = schema.privacy_policy
_MARK: Final = schema.privacy_key
_REMARK: Final = (
    "# The key of Footfall's tokens. Without it nobody can tell whose a token is, and everybody becomes somebody new.\n"
    "# Keep a copy, apart from the data and from its backups.\n"
)


class SqlPolicies:
    """See ``ports.Policies``. note: told of every change."""

    def __init__(self, database: Database, note: Note) -> None:
        self._database = database
        self._note = note

    def all(self) -> Mapping[str, Mapping[str, Any]]:
        with self._database.reading() as connection:
            return {row.source: json.loads(row.settings) for row in connection.execute(select(_POLICY))}

    def put(self, source: str, plain: Mapping[str, Any] | None) -> None:
        with self._database.writing() as connection:
            before = self.all().get(source)
            if plain == before:
                return
            connection.execute(delete(_POLICY).where(_POLICY.c.source == source))
            if plain is not None:
                settings = json.dumps(plain, ensure_ascii=False, sort_keys=True)
                connection.execute(_POLICY.insert().values(source=source, settings=settings))
            self._note("privacy.change", f"privacy {source}", before, None if plain is None else dict(plain))


class TokenKey:
    """The key of tokens, in a file of its own that only its owner may read, beside the data and not in it.

    The store knows its mark, so that a key that was lost or exchanged shows at once. tenant: the subscription. needed:
    whether a lost key would be missed: whether somebody asked for tokens that last.
    """

    def __init__(
        self,
        database: Database,
        path: Path,
        tenant: str,
        note: Note,
        needed: Callable[[], bool] = lambda: True,
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._database = database
        self._path = path
        self._tenant = tenant
        self._note = note
        self._needed = needed
        self._random = random

    def tokens(self) -> Tokens:
        """What makes tokens. The key is drawn the first time of all, and again when it is lost and not ``needed``.

        Raises ``Refused`` when there is another key than before, or none any more, or when others may read it;
        ``Damaged`` for a file that holds no key; ``Unavailable`` when it cannot be read or made.
        """
        found, mark = self._read(), self.mark()
        if found is None or mark is None:
            with self._database.writing():  # of two that draw at once, the second finds the key of the first
                found, mark = self._read(), self.mark()
                if found is None and (mark is None or not self._needed()):
                    if mark is not None:
                        self._note("privacy.redraw_key", "privacy key", {"mark": mark}, None)
                    found, mark = self._draw(), None
                if found is not None and mark is None:
                    mark = Tokens(found, self._tenant).mark
                    self._remember(mark)
        tokens = None if found is None else Tokens(found, self._tenant)
        if tokens is None or tokens.mark != mark:
            raise Refused(
                "the key of tokens is missing" if tokens is None else "the key of tokens is not the one of before",
                f"Restore {self._path} from its copy. If it is lost for good, `footfall privacy rotate-key` draws a "
                "new one, and everybody who is anonymous becomes somebody new",
            )
        return tokens

    def rotate(self) -> str:
        """Draw a new key in the place of what there is, and return its mark: from now on tokens are others."""
        with self._database.writing():
            before = self.mark()
            mark = Tokens(self._draw(), self._tenant).mark
            self._remember(mark)
            self._note("privacy.rotate_key", "privacy key", {"mark": before}, {"mark": mark})
        return mark

    def mark(self) -> str | None:
        """Of the key that is in use; None before the first token."""
        with self._database.reading() as connection:
            return connection.execute(select(_MARK.c.mark)).scalar_one_or_none()

    def _remember(self, mark: str) -> None:
        with self._database.writing() as connection:
            connection.execute(delete(_MARK))
            connection.execute(_MARK.insert().values(mark=mark))

    def _draw(self) -> bytes:
        key = self._random(KEY_BYTES)
        try:
            disk.replace(self._path, f"{_REMARK}{key.hex()}\n")
        except OSError as error:
            raise Unavailable(
                f"the key of tokens cannot be written: {error.strerror}",
                f"It would be {self._path}: let this user write there, or say where with `privacy_key`",
            ) from error
        return key

    def _read(self) -> bytes | None:
        try:
            with self._path.open("rb") as file:
                if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
                    raise Refused("the key of tokens may be read by others", f"Run: chmod 600 {self._path}")
                lines = file.read().decode("ascii", "replace").splitlines()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Unavailable(f"the key of tokens: {error.strerror}", f"Let this user read {self._path}") from error
        try:
            (text,) = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
            key = bytes.fromhex(text)
        except ValueError:
            key = b""
        if len(key) < KEY_BYTES:
            raise Damaged("the file of the key of tokens holds no key", f"Restore {self._path} from its copy")
        return key
