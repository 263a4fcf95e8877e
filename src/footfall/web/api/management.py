"""What the API may ask of the rest: ports, and the few things that need several of them; wiring puts it together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Protocol

from starlette.requests import Request

from footfall.model.api_keys import ApiKey
from footfall.model.audience_reasons import Explanation
from footfall.model.audience_rules import Rule
from footfall.model.audit import Actor
from footfall.model.authorizations import Authorization
from footfall.model.channels import Channel
from footfall.model.days import Zone
from footfall.model.erasures import Erasure
from footfall.model.feature_rules import FeatureMatch
from footfall.model.jobs import Job
from footfall.model.metadata import Feature
from footfall.model.schedules import Slot
from footfall.model.tasks import Task
from footfall.ports import (
    ApiKeys,
    Attributes,
    Audiences,
    Audit,
    Authorizations,
    BadRow,
    Catalogue,
    Channels,
    Clock,
    Erasures,
    Imports,
    Jobs,
    Ledger,
    Outbox,
    Policies,
    Profiles,
    Repeats,
    Sources,
)


class Tasks(Protocol):
    """Work that takes longer than a request: asked for, done by the server in its own time, looked at later.

    Whatever asks for work raises ``Refused`` for what could never be done and ``Unavailable`` when too much waits.
    """

    def rehearse(self, job: Job, slot: Slot, by: str) -> Task: ...

    def check_access(self, url: str, authorization: str, kind: str, by: str) -> Task: ...

    def verify(self, url: str, authorization: str, by: str) -> Task: ...

    def close_day(self, day: date, by: str, *, unfinished: bool) -> Task: ...

    def try_channel(self, name: str, to: Sequence[str], by: str) -> Task: ...

    def undo_import(self, id: str, by: str, *, force: bool) -> Task: ...

    def preview_file(
        self, url: str, authorization: str, file: str, format: str, options: Mapping[str, Any], by: str
    ) -> Task: ...

    def backfill_features(
        self, feature: str, since: date | None, until: date | None, by: str, *, remove: bool
    ) -> Task: ...

    def get(self, id: str) -> Task:
        """Raises ``Missing``."""

    def all(self) -> Sequence[Task]:
        """Newest first."""


class Looks(Protocol):
    """A look at everybody, as of now, for the sake of audiences: seconds for a million users."""

    def count(self, names: Sequence[str]) -> tuple[Mapping[str, int], Mapping[str, str], int]:
        """(members of each, faults of those that cannot be evaluated, users) of these audiences, all if none."""

    def try_rule(self, rule: Rule) -> tuple[int, int]:
        """(whom it would choose, of how many). Raises ``Refused`` for one that cannot be evaluated."""

    def members(
        self, name: str, limit: int, *, after: tuple[str, str] | None = None
    ) -> tuple[Sequence[tuple[str, str, str]], int]:
        """((identify id, account id or empty, profile id) of the first members, how many there are).

        By identify id, then profile id. after: those two of a member; those that come behind it only.
        """

    def explain(self, identify_id: str, name: str) -> Explanation:
        """Raises ``Missing`` for a user or an audience that is not there."""

    def doubts(self, rule: Rule) -> Sequence[str]:
        """What may be wrong with a rule, such as a field that nobody has yet."""


@dataclass(frozen=True, kw_only=True)
class Management:
    """One deployment, as the API sees it.

    identify: (who, scope) of the key that a request carries, as ``Keys.caller``. kept_of: what may be kept of the
    address it came from. act_as: in whose name the changes of a request are from now on.
    erase: notes that people are to be erased: (ids, mode, who asks). export_person: a ZIP archive of all that is held.
    managed_by: the file of definitions that gave a job its settings, or empty.
    days: as (day, events, revision, state, sealed at or empty), oldest first. describe: facts about the deployment.
    """

    identify: Callable[[Request, str], tuple[Actor, str] | None]
    clock: Clock
    zone: Zone
    external_id: str
    jobs: Jobs
    authorizations: Authorizations
    channels: Channels
    outbox: Outbox
    sources: Sources
    policies: Policies
    ledger: Ledger
    catalogue: Catalogue
    api_keys: ApiKeys
    attributes: Attributes
    audiences: Audiences
    looks: Looks
    profiles: Profiles
    erasures: Erasures
    audit: Audit
    repeats: Repeats
    tasks: Tasks
    imports: Imports
    bad_rows: Callable[[str], Iterator[BadRow]]
    kept_of: Callable[[Request], str]
    act_as: Callable[[Actor], None]
    days: Callable[[], Sequence[tuple[str, int, int, str, str]]]
    add_job: Callable[[Job], Job]
    change_job: Callable[[Job], Job]
    resume_job: Callable[[str], Job]
    slot_of: Callable[[Job, str | None], Slot]
    next_run: Callable[[Job], datetime | None]
    managed_by: Callable[[str], str]
    backfill: Callable[[Job, date, date], Sequence[str]]
    add_authorization: Callable[[Authorization, Mapping[str, str]], Authorization]
    change_authorization: Callable[[Authorization, Mapping[str, str]], Authorization]
    rotate_authorization: Callable[[str, Mapping[str, str]], Authorization]
    add_channel: Callable[[Channel, Mapping[str, str]], str]
    change_channel: Callable[[Channel], None]
    rotate_channel: Callable[[str, Mapping[str, str]], str]
    denied: Callable[[], Sequence[tuple[str, datetime]]]
    deny_user: Callable[[str], str]
    allow_user: Callable[[str], str]
    put_policy: Callable[[str, Mapping[str, Any] | None], None]
    create_source: Callable[[str, str, str, str, Mapping[str, Any]], str]
    needs_user_hash: Callable[[str], bool]
    require_user_hash: Callable[[str], str]
    release_user_hash: Callable[[str], None]
    create_api_key: Callable[[str, str, datetime | None], tuple[ApiKey, str]]
    erase: Callable[[Sequence[str], str, str], Erasure]
    export_person: Callable[[str], bytes]
    define: Callable[[object], None]
    try_event: Callable[[Mapping[str, Any]], Sequence[FeatureMatch]]
    clone_feature: Callable[[str, str, str, str], Sequence[Feature]]
    describe: Callable[[], Mapping[str, Any]]
