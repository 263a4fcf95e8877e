"""Authorizations and the secrets behind them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from footfall.model.authorizations import Authorization


@dataclass(frozen=True, slots=True)
class Resealed:
    """The end of a change of master keys. key: id of the one that seals now. secrets: how many were sealed anew.

    kept: ids of older keys that nothing is sealed with, still there for backups of the store. forgotten: of those
    that are gone.
    """

    key: str
    secrets: int
    kept: tuple[str, ...]
    forgotten: tuple[str, ...]


class Vault(Protocol):
    """Secrets at rest, whatever they are for: text under (owner, name, field).

    1. ``get`` gives what ``put`` took, in every process that has the master keys.
    2. No secret lies on the disk as it was given, in no file and at no time.
    3. A secret opens only as what it was put as. If its key is missing, or its bytes changed or moved, it is
       ``Damaged``: owner, name and field are named, its value never is. Its neighbours are not affected.
    4. After ``rotate_key`` nothing is sealed with an older key. Every process can read everything all the while, and
       after a kill at any moment.
    """

    def fields(self, owner: str, name: str) -> frozenset[str]:
        """Which secrets there are; opens none."""

    def get(self, owner: str, name: str) -> Mapping[str, str]: ...

    def put(self, owner: str, name: str, secrets: Mapping[str, str]) -> None:
        """Add or replace these fields, all or none; others stay."""

    def drop(self, owner: str, name: str, fields: Iterable[str] | None = None) -> None:
        """Remove these fields, or all."""

    def require_keys(self) -> None:
        """Raise ``Damaged`` if a secret is sealed with a master key that is not there; opens none."""

    def rotate_key(self, *, forget: bool = False) -> Resealed:
        """Draw a new master key, where the keys are Footfall's own, and seal everything with the newest.

        forget: remove the older keys too. Backups made before cannot be opened then.
        """


class Authorizations(Protocol):
    """Ways into places, and the secrets that open them.

    1. What ``get`` and ``all`` return holds no secret but the last four characters of an access key id; ``secrets``
       alone gives them, as they were given.
    2. ``add``, ``change`` and ``rotate`` take everything at once or change nothing, and take nothing that
       ``model.authorizations`` refuses.
    3. ``rotate`` keeps name and settings. Of each group of secrets that belong together (an access key with its
       token, a private key with its passphrase) the new ones replace all old ones; groups not given stay.
    4. An authorization that jobs use is not deleted, unless forced: ``Conflict`` names the jobs.
    5. A status is remembered until the next one; new secrets are ``untested``.
    6. A secret that is ``Damaged`` can be replaced, and disturbs nothing but ``secrets``.

    A name nobody has is ``Refused``.
    """

    def all(self) -> Sequence[Authorization]:
        """By name."""

    def get(self, name: str) -> Authorization: ...

    def secret_names(self, name: str) -> frozenset[str]:
        """Which secrets it has; opens none."""

    def secrets(self, name: str) -> Mapping[str, str]: ...

    def add(self, authorization: Authorization, secrets: Mapping[str, str]) -> Authorization:
        """Raises ``Conflict`` if the name is taken."""

    def rotate(self, name: str, secrets: Mapping[str, str], at: datetime) -> Authorization: ...

    def change(
        self, authorization: Authorization, secrets: Mapping[str, str], at: datetime, *, whole: bool = False
    ) -> Authorization:
        """Give the authorization of that name other settings, and new secrets where they need some.

        Secrets that the new settings have no use for go. It is untested again, unless only words for people changed.
        whole: ``secrets`` are all there are to be, and every other one goes.
        """

    def mark(self, name: str, status: str, note: str = "") -> None:
        """Remember how the last test or use ended: ``authorized``, or ``refused`` and why."""

    def delete(self, name: str, *, force: bool = False) -> None: ...
