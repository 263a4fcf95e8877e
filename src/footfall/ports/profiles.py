"""What attributes are defined to be, and what is known about one person and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date, datetime

    from footfall.model.attribute_definitions import AttributeDefinition
    from footfall.ports.world import Progress


class Attributes(Protocol):
    """The attributes of users and accounts: those of the source documents, those in use, and those that are defined.

    1. A definition and what follows from it, every register made anew from what was said, are there together or not at
       all.
    2. What follows does not depend on when the definition was made, except that of what was said before any attribute
       of the entity had a merge rule only the last value of each day is known.
    """

    def all(self, entity: str) -> Sequence[AttributeDefinition]:
        """Every attribute of ``user`` or ``account``: default ones in the order of their columns, then custom ones by
        name. One that is not defined is as it is in use."""

    def defined(self) -> Sequence[AttributeDefinition]:
        """Those that are defined, by entity and name."""

    def get(self, entity: str, api_name: str) -> AttributeDefinition:
        """In any spelling. Raises ``Missing`` for one that is neither defined nor in use."""

    def define(self, definition: AttributeDefinition, at: datetime, progress: Progress | None = None) -> bool:
        """Add or change a definition and make the registers that it changes anew; False if it was so already.

        Raises ``Refused`` for one that could not work.
        """

    def remove(self, entity: str, api_name: str, at: datetime, progress: Progress | None = None) -> None:
        """Take a definition away; the attribute is as it is in use. Raises ``Missing``."""


@dataclass(frozen=True, slots=True)
class Held:
    """One attribute of one person. value: as it is shown, None when it is not. said_at: of the value; None for a
    default. sayings: (instant, source, event id, value as said) that are kept, newest first."""

    api_name: str
    type: str
    merge: str
    value: object
    said_at: datetime | None
    sayings: Sequence[tuple[datetime, str, str, object]] = ()


@dataclass(frozen=True, slots=True)
class Tie:
    """A value of an identifying attribute that several users said, or an alias.

    outcome: ``joined``, or why not: ``too many`` users share it, or the person would be ``too large``.
    users: (identify id, instant), oldest first; at most a hundred of ``count``.
    """

    field: str
    value: str
    outcome: str
    users: Sequence[tuple[str, datetime]]
    count: int


@dataclass(frozen=True, slots=True)
class Profile:
    """A person. asked: the user that was asked for. identify_id: the user the person lives on in.

    users: the identify ids that are this person. visitors: anonymous ids that were last found to be one of them.
    account_id: None if there is none. deleted: on purpose, and nothing was told since. held: attributes by name.
    ties: why the users are one person, or are not.
    """

    asked: str
    identify_id: str
    uid: str
    created_at: datetime
    sign_up_at: datetime | None
    modified_at: datetime
    account_id: str | None
    deleted: bool
    users: Sequence[str]
    visitors: Sequence[str]
    held: Sequence[Held]
    ties: Sequence[Tie]

    @property
    def attributes(self) -> Mapping[str, object]:
        """Values by api name."""
        return {each.api_name: each.value for each in self.held if each.value is not None}


@dataclass(frozen=True, slots=True)
class Joining:
    """One entry of the log of merges. users: how many shared the value from then on. at: the event's own time."""

    number: int
    at: datetime
    identify_id: str
    field: str
    value: str
    users: int
    outcome: str


class Profiles(Protocol):
    """What is known about single people. Reads only."""

    def get(self, id: str, day: date, *, why: bool = False) -> Profile:
        """The person as of the end of ``day``. id: an identify id, or an opaque user id.

        why: with sayings and ties. Raises ``Missing``.
        """

    def joinings(self, limit: int = 100, before: int | None = None) -> Sequence[Joining]:
        """The log of merges, newest first."""

    def crowds(self, limit: int = 100) -> Sequence[Mapping[str, Any]]:
        """(field, value, users, limit) of the values that too many users share to identify anybody, largest first."""
