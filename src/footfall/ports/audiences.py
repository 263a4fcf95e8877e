"""Audiences: people as rows of one export."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager
    from datetime import date, datetime
    from pathlib import Path

    import pyarrow as pa

    from footfall.model.audience_export import AudienceExport
    from footfall.model.hiding import Hiding
    from footfall.ports.reports import Column, Format


@dataclass(frozen=True, slots=True)
class AudienceInput:
    """What an audience export is made of: users as of an instant and what belongs to them, read when it is needed.

    end: links said at or after it do not count. users, links, merges, texts: as ``People`` gives them.
    custom_attributes: of users. activity: the activity file of each day, see ``Engine.activity``.
    memberships: user keys in, for each a list of the audiences the user is in; None while there are no audiences.
    members: name of an audience in, the keys of its members; asked only for the one that is exported. hiding: what is
        hidden of the fields, see ``AudienceExport.privacy``.
    """

    end: datetime
    users: Callable[[], pa.RecordBatchReader]
    custom_attributes: Sequence[tuple[str, str]]
    links: Callable[[], pa.Table]
    merges: Callable[[], pa.Table]
    texts: Callable[[str], pa.Table]
    activity: Callable[[], Mapping[date, str]]
    memberships: Callable[[pa.Array], pa.Array] | None = None
    members: Callable[[str], pa.Array] | None = None
    hiding: Hiding | None = None


@dataclass(frozen=True, slots=True)
class AudiencePart:
    """One file of an audience export. name: of the list or map it holds; empty for the file with a row per user."""

    name: str
    columns: tuple[Column, ...]


class OpenAudience(Protocol):
    """A draft opened for rendering. matched: users who answered the filter, before a limit."""

    matched: int

    def counts(self) -> Mapping[str, int]:
        """Users ``added``, ``changed``, ``removed`` and ``unchanged`` since the last run."""

    def parts(self) -> Sequence[AudiencePart]: ...

    def render(self, part: AudiencePart, format: Format) -> Iterator[tuple[int, memoryview | bytes]]:
        """Yield (rows, text) of a part's body, sorted by identify id."""

    def parquet(self) -> Iterator[tuple[int, bytes]]:
        """Yield (rows, bytes) of the whole as one Parquet file."""


class AudienceEngine(Protocol):
    """Chooses users and says what they are.

    1. The same users give the same files, in whatever order and batches they come.
    2. A draft, and a state, is written whole or not at all.
    3. Memory stays within the configured limit however many users there are.
    """

    def draft(self, export: AudienceExport, given: AudienceInput, before: Path | None, path: Path) -> None:
        """Write the draft of a run to ``path``. before: the state that it is compared with."""

    def state(self, draft: Path, path: Path) -> None:
        """Write what the next run is compared with: user_key, uid and digest of everybody in the draft."""

    def open(self, export: AudienceExport, draft: Path) -> AbstractContextManager[OpenAudience]: ...


class AudienceStates(Protocol):
    """Where each job keeps the draft of the run under way and what its last runs delivered.

    1. The place of a draft depends on job, instant and definition: a run that is repeated finds its own draft.
    2. ``before`` is the newest delivered run that is earlier than the instant.
    3. After ``settled`` the draft, which holds people's attributes, is gone.
    """

    def draft(self, export: AudienceExport, at: datetime) -> Path: ...

    def before(self, job: str, at: datetime) -> Path | None: ...

    def later(self, job: str, at: datetime) -> bool:
        """Was a run delivered that is later than ``at``?"""

    def settled(self, export: AudienceExport, at: datetime, write: Callable[[Path], None]) -> None:
        """The run is delivered: let ``write`` write its state, then forget the draft and all but the newest states."""
