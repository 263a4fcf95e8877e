"""Texts that are remembered from one reading to the next: of nobody who was taken out meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from uuid import UUID

import pytest
from sqlalchemy import Connection

from footfall.config import load_zone
from footfall.stores.database import Database, raw
from footfall.stores.people import SqlPeople

ADD = "INSERT INTO users (key, text, uid, first_at) VALUES (?, ?, ?, 0)"


class Slow(Database):
    """Whoever has read is held up until something else has happened."""

    meanwhile: Callable[[], None] | None = None

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        with super().reading() as connection:
            yield connection
        if self.meanwhile is not None:
            todo, self.meanwhile = self.meanwhile, None
            todo()


@pytest.fixture
def database(tmp_path):
    made = Slow.open(tmp_path / "store.db")
    yield made
    made.close()


def change(database: Database, statement: str, *values: object) -> None:
    with database.writing() as connection:
        raw(connection).execute(statement, values)


@pytest.mark.parametrize("remembered", [False, True])
def test_who_read_before_an_erasure_remembers_nobody_erased(database, remembered):
    people = SqlPeople(database, UUID(int=0), load_zone("UTC"))
    change(database, ADD, 1, "ada", "a")
    if remembered:
        people.texts("users")
    change(database, ADD, 2, "ben", "b")

    def erase():
        change(database, "DELETE FROM users WHERE text = 'ada'")
        people.renew()

    database.meanwhile = erase
    assert people.texts("users")["text"].to_pylist() == ["ada", "ben"]  # as it was when it was read
    assert people.texts("users")["text"].to_pylist() == ["ben"]
