"""``ports.Repeats`` on the control store: answers in the vault, in the transactions of what they are about."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from sqlalchemy import select

from footfall.errors import Refused
from footfall.model.instants import to_us
from footfall.ports import Vault
from footfall.stores import schema
from footfall.stores.database import Database

OWNER: Final = "answer"
KEPT_FOR: Final = timedelta(days=1)
_FIELD: Final = "body"
_ANSWERED: Final = schema.answered_request


class SqlRepeats:
    """See ``ports.Repeats``. Of caller and key only a digest is kept."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault

    def once(self, caller: str, key: str, request: str, at: datetime, do: Callable[[], str]) -> tuple[str, bool]:
        # A name of its own for each pair: neither can hold the character between them.
        name = sha256(f"{caller}\0{key}".encode()).hexdigest()
        with self._database.writing() as connection:  # others wait here until the first of them is answered
            self.forget(at)
            known = connection.execute(select(_ANSWERED).where(_ANSWERED.c.id == name)).one_or_none()
            if known is None:
                answer = do()
                connection.execute(_ANSWERED.insert().values(id=name, request=request, at=to_us(at)))
                self._vault.put(OWNER, name, {_FIELD: answer})
                return answer, False
            if known.request != request:
                raise Refused(
                    "this Idempotency-Key was used for another request", "Draw a new key for each thing you ask for"
                )
            return self._vault.get(OWNER, name)[_FIELD], True

    def forget(self, at: datetime) -> int:
        old = _ANSWERED.c.at < to_us(at - KEPT_FOR)
        with self._database.reading() as connection:  # before taking the lock: mostly there is nothing
            names = connection.execute(select(_ANSWERED.c.id).where(old)).scalars().all()
        if not names:
            return 0
        with self._database.writing() as connection:
            for name in names:
                self._vault.drop(OWNER, name)
            return connection.execute(_ANSWERED.delete().where(old)).rowcount
