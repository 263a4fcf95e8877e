"""The stores people change things in, with every change noted in the audit log, in the transaction of the change.

Each adds to what its base does and takes nothing away, so it keeps the base's promises; what is not named here (slots
that come due, leases, runs that end, statuses) is the server's routine, which has records of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime
from typing import Any, Final

from footfall.model.attribute_definitions import AttributeDefinition, plain_of
from footfall.model.audit import Facts
from footfall.model.authorizations import Authorization
from footfall.model.days import Zone
from footfall.model.jobs import Job, Run, Verdict
from footfall.model.metadata import KINDS, Metadata, identity
from footfall.model.schedules import Slot, to_plain
from footfall.ports import Claim, DayState, Planned, Progress, Resealed, Source, Vault
from footfall.stores.api_keys import Note
from footfall.stores.attributes import SqlAttributes
from footfall.stores.authorizations import SqlAuthorizations
from footfall.stores.catalogue import SqlCatalogue
from footfall.stores.database import Database
from footfall.stores.envelope import Envelope
from footfall.stores.jobs import SqlJobs
from footfall.stores.key_ring import KeyRing
from footfall.stores.ledger import SqlLedger
from footfall.stores.sources import SqlSources
from footfall.stores.vault import SqlVault

NAMES_MAX: Final = 100  # of slots or definitions in one entry; the rest is counted

Finished = Callable[[Job, Run], None]


class WatchedJobs(SqlJobs):
    """``SqlJobs`` whose changes are noted. finished: told of every run that ended, for whoever counts."""

    def __init__(self, database: Database, zone_of: Callable[[str], Zone], note: Note) -> None:
        super().__init__(database, zone_of)
        self._store = database
        self._note = note
        self.finished: Finished = lambda job, run: None

    def add(self, job: Job, planned_until: datetime) -> None:
        with self._store.transaction():
            super().add(job, planned_until)
            self._note("job.add", f"job {job.name}", None, job_facts(job))

    def change(self, job: Job) -> Job:
        with self._store.transaction():
            before = self.get(job.name)
            after = super().change(job)
            self._note("job.change", f"job {job.name}", job_facts(before), job_facts(after))
            return after

    def move(self, name: str, state: str, at: datetime, cause: str = "") -> Job:
        with self._store.transaction():
            before = self.get(name)
            after = super().move(name, state, at, cause)
            if (before.state, before.cause) != (after.state, after.cause):
                self._note(f"job.{_MOVES.get(state, 'move')}", f"job {name}", job_facts(before), job_facts(after))
            return after

    def issue(self, name: str, slots: Sequence[Slot], at: datetime) -> Sequence[str]:
        with self._store.transaction():
            issued = super().issue(name, slots, at)
            if issued:
                self._note("job.run", f"job {name}", None, {"slots": issued[:NAMES_MAX], "count": len(issued)})
            return issued

    def cancel(self, run_id: str, at: datetime) -> Run:
        with self._store.transaction():
            before = self.run(run_id)
            after = super().cancel(run_id, at)
            self._note("run.cancel", f"run {run_id}", {"state": before.state}, {"state": after.state})
            return after

    def retry(self, run_id: str, at: datetime) -> Planned:
        with self._store.transaction():
            planned = super().retry(run_id, at)
            self._note("run.retry", f"run {run_id}", None, {"slot": planned.slot.name, "state": planned.state})
            return planned

    def finish(self, claim: Claim, run: Run, verdict: Verdict) -> None:
        super().finish(claim, run, verdict)
        self.finished(claim.job, run)


class WatchedAuthorizations(SqlAuthorizations):
    """``SqlAuthorizations`` whose changes are noted, with the names of secrets."""

    def __init__(self, database: Database, vault: Vault, used_by: Callable[[str], Sequence[str]], note: Note) -> None:
        super().__init__(database, vault, used_by)
        self._store = database
        self._note = note

    def add(self, authorization: Authorization, secrets: Mapping[str, str]) -> Authorization:
        with self._store.transaction():
            added = super().add(authorization, secrets)
            self._note("authorization.add", f"authorization {added.name}", None, self._facts(added))
            return added

    def rotate(self, name: str, secrets: Mapping[str, str], at: datetime) -> Authorization:
        with self._store.transaction():
            before = self._facts(self.get(name))
            after = super().rotate(name, secrets, at)
            replaced = {"replaced": sorted(secrets)}
            self._note("authorization.rotate", f"authorization {name}", before, self._facts(after) | replaced)
            return after

    def change(
        self, authorization: Authorization, secrets: Mapping[str, str], at: datetime, *, whole: bool = False
    ) -> Authorization:
        with self._store.transaction():
            before = self._facts(self.get(authorization.name))
            after = super().change(authorization, secrets, at, whole=whole)
            told = self._facts(after) | ({"replaced": sorted(secrets)} if secrets else {})
            self._note("authorization.change", f"authorization {after.name}", before, told)
            return after

    def delete(self, name: str, *, force: bool = False) -> None:
        with self._store.transaction():
            before = self._facts(self.get(name))
            super().delete(name, force=force)
            self._note("authorization.delete", f"authorization {name}", before, None)

    def _facts(self, authorization: Authorization) -> dict[str, Any]:
        held = sorted(self.secret_names(authorization.name))
        return _plain(asdict(authorization)) | {"secrets": held}


class WatchedVault(SqlVault):
    """``SqlVault`` whose changes of the master key are noted: after the change, which has many transactions."""

    def __init__(self, database: Database, envelope: Envelope, ring: KeyRing, note: Note) -> None:
        super().__init__(database, envelope, ring)
        self._note = note

    def rotate_key(self, *, forget: bool = False) -> Resealed:
        done = super().rotate_key(forget=forget)
        self._note("master_key.rotate", "master key", None, asdict(done))
        return done


class WatchedSources(SqlSources):
    """``SqlSources`` whose changes are noted."""

    def __init__(self, database: Database, note: Note) -> None:
        super().__init__(database)
        self._store = database
        self._note = note

    def add(self, source: Source) -> None:
        with self._store.transaction():
            super().add(source)
            self._note("source.add", f"source {source.name}", None, _source_facts(source))

    def change(
        self, name: str, *, product_key: str, environment: str, channel: str, tag: Mapping[str, Any] | None = None
    ) -> Source:
        with self._store.transaction():
            before = next((each for each in self.all() if each.name == name and each.revoked_at is None), None)
            after = super().change(name, product_key=product_key, environment=environment, channel=channel, tag=tag)
            facts = [None if each is None else _source_facts(each) for each in (before, after)]
            self._note("source.change", f"source {name}", *facts)
            return after

    def revoke(self, name: str, at: datetime) -> None:
        with self._store.transaction():
            in_force = [source for source in self.all() if source.name == name and source.revoked_at is None]
            super().revoke(name, at)
            if in_force:
                self._note("source.revoke", f"source {name}", None, {"revoked_at": at.astimezone(UTC).isoformat()})


class WatchedCatalogue(SqlCatalogue):
    """``SqlCatalogue`` whose changes are noted, by kind and id."""

    def __init__(self, database: Database, note: Note) -> None:
        super().__init__(database)
        self._store = database
        self._note = note

    def write(self, metadata: Metadata, at: datetime) -> None:
        with self._store.transaction():
            before = self.read()
            super().write(metadata, at)
            after = self.read()
            told = {
                kind: [identity(item) for item in new[:NAMES_MAX]]
                for kind in KINDS
                if (new := [item for item in getattr(after, kind) if item not in getattr(before, kind)])
            }
            if told:
                self._note("definitions.write", "definitions", None, told)


class WatchedAttributes(SqlAttributes):
    """``SqlAttributes`` whose changes are noted."""

    def __init__(self, database: Database, zone: Zone, note: Note) -> None:
        super().__init__(database, zone)
        self._store = database
        self._note = note

    def define(self, definition: AttributeDefinition, at: datetime, progress: Progress | None = None) -> bool:
        with self._store.transaction():
            before = self._plain(definition.entity, definition.name)
            changed = super().define(definition, at, progress)
            if changed:
                after = self._plain(definition.entity, definition.name)
                self._note("attribute.define", f"attribute {definition.entity} {definition.api_name}", before, after)
            return changed

    def remove(self, entity: str, api_name: str, at: datetime, progress: Progress | None = None) -> None:
        with self._store.transaction():
            known = self.get(entity, api_name)
            super().remove(entity, api_name, at, progress)
            self._note("attribute.remove", f"attribute {entity} {known.api_name}", plain_of(known), None)

    def _plain(self, entity: str, name: str) -> Facts | None:
        return next((plain_of(each) for each in self.defined() if (each.entity, each.name) == (entity, name)), None)


class WatchedLedger(SqlLedger):
    """``SqlLedger`` whose sealing and opening of days is noted."""

    def __init__(self, database: Database, note: Note, hides: Callable[[str], bool] = lambda source: False) -> None:
        super().__init__(database, hides)
        self._store = database
        self._note = note

    def seal(self, day: date, position: int, at: datetime) -> DayState:
        with self._store.transaction():
            before = self.day(day)
            after = super().seal(day, position, at)
            if after.revision != before.revision:
                self._note("day.close", f"day {day}", _day(before), _day(after))
            return after

    def reopen(self, day: date) -> DayState:
        with self._store.transaction():
            before = self.day(day)
            after = super().reopen(day)
            if after != before:
                self._note("day.reopen", f"day {day}", _day(before), _day(after))
            return after


def _source_facts(source: Source) -> dict[str, Any]:
    return _plain({name: value for name, value in asdict(source).items() if name != "key_sha256"})


_MOVES: Final = {"paused": "pause", "deleted": "delete", "completed": "complete", "killed": "kill"} | dict.fromkeys(
    ("sleeping", "runnable"), "resume"
)


def job_facts(job: Job) -> dict[str, Any]:
    """What the audit log says of a job."""
    told = {name: getattr(job, name) for name in ("kind", "url", "label", "description", "authorization")}
    told |= {"state": job.state, "cause": job.cause, "catch_up": job.catch_up}
    return told | {"schedule": to_plain(job.schedule), "options": dict(job.options)}


def _day(state: DayState) -> Facts:
    return {"revision": state.revision, "touched": state.touched}


def _plain(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value
        for name, value in facts.items()
    }
