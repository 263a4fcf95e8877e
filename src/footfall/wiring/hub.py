"""Settings in, a working ``Footfall`` out.

One data directory:

    log/          segment files, held by one process at a time
    lake/events/  the Delta table
    activity/     who was active, one Parquet file per closed day
    store.db      people, ledger, sources, catalogue, authorizations, jobs
    master.keys   what the secrets in store.db are sealed with (the key of tokens is beside the directory, not in it)
    spill/        what does not fit into memory; emptied by whoever comes when nobody is there
    imports/      files while they are imported, and digests of rows that the next ones are compared with
    runners/      who runs jobs, one locked file each
    in-use.lock   held by every process that works here
    server.json   where the running server answers
"""

from __future__ import annotations

import json
import os
import re
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from footfall import disk, observe
from footfall.config import Settings, Subscription, load_zone, open_subscription
from footfall.errors import Conflict, Refused, Unavailable
from footfall.model.days import Zone
from footfall.model.event import ENVIRONMENT_DEFAULT, PRODUCT_DEFAULT, EventType
from footfall.ports import Clock, DayState, Ledger, Log, Progress
from footfall.stores.api_keys import SqlApiKeys
from footfall.stores.audit import SqlAudit
from footfall.stores.authorizations import SqlAuthorizations
from footfall.stores.catalogue import SqlCatalogue
from footfall.stores.database import FILE_NAME, Database
from footfall.stores.ledger import SqlLedger
from footfall.stores.occupancy import Occupancy
from footfall.stores.people import SqlPeople
from footfall.stores.presence import Presence
from footfall.stores.retention import SqlRetention
from footfall.stores.sources import SqlSources
from footfall.stores.vault import SqlVault
from footfall.stores.watched import WatchedCatalogue, WatchedJobs, WatchedLedger, WatchedSources
from footfall.wiring.acting import Notes
from footfall.wiring.authorizations import authorizations_of, vault_of
from footfall.wiring.leftovers import sweep_leftovers
from footfall.wiring.privacy import HubPrivacy, privacy_of

if TYPE_CHECKING:
    from footfall.engines.day import DuckDBEngine
    from footfall.engines.shaping import DuckShaper
    from footfall.flows.close_day import Books
    from footfall.lakes.delta import DeltaLake

WAIT_FOR_SERVER_S = 60.0
CROWDED_FILES = 64  # an open day gets a file every few seconds; beyond this, listing them costs more than rewriting


def silent(step: str, done: int, total: int | None, unit: str) -> None:
    """Progress nobody watches."""


@dataclass
class Footfall:
    """One data directory, opened. Close it, or use it as a context manager.

    The log and the shaper are opened when they are first needed: reading commands work beside a running server.
    """

    settings: Settings
    subscription: Subscription
    clock: Clock
    database: Database
    stay: Occupancy
    _log: Log | None = field(default=None, init=False)
    _working: Any = field(default_factory=threading.RLock, init=False)

    @classmethod
    def open(cls, settings: Settings, *, clock: Clock) -> Footfall:
        """Open the data directory, made if missing, and define what its definitions file says."""
        disk.make_folder(settings.data, 0o700)
        with ExitStack() as undo:
            stay = Occupancy(settings.data, partial(sweep_leftovers, settings.data))
            undo.callback(stay.close)
            hub = cls(settings, open_subscription(settings), clock, Database.open(settings.data / FILE_NAME), stay)
            undo.callback(hub.close)
            if settings.definitions is not None:
                from footfall.config.definitions import load_definitions

                hub.catalogue.write(load_definitions(settings.definitions), clock())
            undo.pop_all()
        return hub

    def __enter__(self) -> Footfall:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        if self._log is not None:
            self._log.close()
            self._log = None
        for part in ("shaper", "engine", "presence"):
            if part in vars(self):
                vars(self).pop(part).close()
        self.database.close()
        self.stay.close()

    # --- parts -----------------------------------------------------------------------------------

    @cached_property
    def zone(self) -> Zone:
        return load_zone(self.subscription.time_zone)

    @cached_property
    def audit(self) -> SqlAudit:
        return SqlAudit(self.database)

    @cached_property
    def note(self) -> Notes:
        return Notes(self.audit, self.clock)

    @cached_property
    def api_keys(self) -> SqlApiKeys:
        return SqlApiKeys(self.database, self.note)

    @cached_property
    def people(self) -> SqlPeople:
        return SqlPeople(self.database, self.subscription.subscription_id, self.zone)

    @cached_property
    def ledger(self) -> SqlLedger:
        return WatchedLedger(self.database, self.note, self.privacy.hides)

    @cached_property
    def sources(self) -> SqlSources:
        return WatchedSources(self.database, self.note)

    @cached_property
    def catalogue(self) -> SqlCatalogue:
        return WatchedCatalogue(self.database, self.note)

    @cached_property
    def privacy(self) -> HubPrivacy:
        return privacy_of(self)

    @cached_property
    def vault(self) -> SqlVault:
        return vault_of(self)

    @cached_property
    def authorizations(self) -> SqlAuthorizations:
        return authorizations_of(self)

    @cached_property
    def jobs(self) -> WatchedJobs:
        return WatchedJobs(self.database, load_zone, self.note)

    @cached_property
    def presence(self) -> Presence:
        """That this process runs jobs, for other processes to see."""
        name = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        return Presence(self.settings.data / "runners", re.sub(r"[^A-Za-z0-9.:-]", "_", name))

    @cached_property
    def lake(self) -> DeltaLake:
        from footfall.lakes.delta import DeltaLake

        return DeltaLake(self.settings.data / "lake" / "events", clock=self.clock)

    @cached_property
    def engine(self) -> DuckDBEngine:
        from footfall.engines.database import Limits
        from footfall.engines.day import DuckDBEngine

        return DuckDBEngine(self.settings.data / "spill", Limits(self.settings.memory_mb, self.settings.threads))

    @property
    def log(self) -> Log:
        """The log, held by this process from now on. Raises ``Conflict`` while another one holds it."""
        if self._log is None:
            from footfall.logs.segments import SegmentLog

            self._log = SegmentLog(
                self.settings.data / "log",
                segment_bytes=self.settings.segment_bytes,
                backlog_bytes=self.settings.backlog_bytes,
                reserve_bytes=self.settings.reserve_bytes,
                floor=self.lake.position(),
            )
        return self._log

    @cached_property
    def shaper(self) -> DuckShaper:
        from footfall.engines.shaping import DuckShaper
        from footfall.flows.settle import remember
        from footfall.stores.erasures import SqlErasures
        from footfall.wiring.denying import denied_at
        from footfall.wiring.deriving import derivations_of
        from footfall.wiring.receipts import token_key

        shaper = DuckShaper(
            self.zone,
            self._defaults,
            temp_directory=self.settings.data / "spill" / "settle",
            threads=self.settings.threads,
            recent=self.settings.recent_events,
            denied=partial(denied_at, self),
            derivations=derivations_of(self),
            erased=SqlErasures(self.database, self.vault).asker(partial(token_key, self)),
        )
        remember(shaper, self.lake, self.people, rows=self.settings.recent_events)
        return shaper

    @cached_property
    def books(self) -> Books:
        from footfall.flows.close_day import Books

        return Books(
            lake=self.lake,
            engine=self.engine,
            people=self.people,
            catalogue=self.catalogue,
            ledger=self.ledger,
            zone=self.zone,
            activity_dir=self.settings.data / "activity",
        )

    def _defaults(self, source: str) -> tuple[str, str, str]:
        found = next((s for s in self.sources.all() if s.name == source), None)
        if found is None:  # a stream: what is imported or written by the PX dialect has no write key
            return PRODUCT_DEFAULT, ENVIRONMENT_DEFAULT, "server"
        return found.product_key, found.environment, found.channel

    # --- what can be done ------------------------------------------------------------------------

    def settle(self, progress: Progress = silent) -> bool:
        """Take what the log holds into the lake; True when there was something.

        While a server holds the log, wait until it has settled what it had accepted at the time of the call.
        """
        from footfall.flows.settle import Route, settle_all

        try:
            log = self.log
        except Conflict:
            self._wait_for_server()
            return False
        with self._working:
            route = Route(log, self.shaper, self.lake, self.people, self.ledger, self.database, self.zone, self.clock)
            settled = settle_all(route, progress=progress)
        if settled.received:
            observe.happened("settled", received=settled.received, stored=settled.stored,
                             duplicate=settled.duplicate, quarantined=settled.quarantined)  # fmt: skip
        return settled.end > settled.start

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Nothing else of this process settles, closes days or rewrites the lake meanwhile."""
        with self._working:
            yield

    def _wait_for_server(self) -> None:
        from urllib.request import urlopen

        try:
            address = json.loads((self.settings.data / "server.json").read_text())["admin"]
            with urlopen(f"{address}/readyz", timeout=5) as answer:  # noqa: S310 - our own file
                goal = json.load(answer)["log_end"]
        except (OSError, ValueError, KeyError) as error:
            raise Unavailable(
                f"another process holds the log of {self.settings.data} and does not answer ({error})",
                "Wait for it to end, or stop it",
            ) from error
        deadline = time.monotonic() + WAIT_FOR_SERVER_S
        while self.lake.position() < goal:
            if time.monotonic() > deadline:
                raise Unavailable(f"the server has not settled up to {goal} within {WAIT_FOR_SERVER_S:.0f} s")
            time.sleep(0.1)

    def compact(self) -> bool:
        """Rewrite the oldest day of too many small files as few; True when there may be another."""
        for day in self.lake.crowded(CROWDED_FILES):
            with self._working, observe.span("day compacted", day=day.isoformat()):
                self.lake.compact(day)
            return True
        return False

    def close_day(self, day: date, *, unfinished: bool = False, ledger: Ledger | None = None) -> DayState:
        """Seal a day that is settled, in ``ledger`` if it is another.

        Raises as ``flows.close_day``, and ``Refused`` for a day whose events were removed.
        """
        from footfall.flows.close_day import close_day

        if found := SqlRetention(self.database).removed().get(day):
            raise Refused(
                f"{found[0]:,} events of {day} were removed on {found[1]:%Y-%m-%d}: their time was over",
                "What was delivered of it stays as it is",
            )
        log_end = self._log.end() if self._log is not None else self.lake.position()
        books = self.books if ledger is None else replace(self.books, ledger=ledger)
        with self._working:
            return close_day(books, day, log_end=log_end, now=self.clock(), unfinished=unfinished)

    def days(self) -> list[tuple[str, int, int, str, str]]:
        """(day, events, revision, state, sealed at) of every day with events or a seal, oldest first."""
        stored = self.lake.days()
        states = {state.day: state for state in self.ledger.days()}
        removed = SqlRetention(self.database).removed()
        rows = []
        for day in sorted(stored.keys() | states.keys()):
            state = states.get(day) or self.ledger.day(day)
            word = "open" if state.revision == 0 else "touched" if state.touched else "sealed"
            word = "removed" if day in removed else word
            sealed = "" if state.sealed_at is None else f"{state.sealed_at:%Y-%m-%d %H:%M:%S}Z"
            rows.append((day.isoformat(), stored.get(day, 0), state.revision, word, sealed))
        return rows

    def tail(self, lines: int, *, follow: bool) -> Iterator[str]:
        """The newest settled events as JSON objects, oldest first; with ``follow`` those that come, without end."""
        newest = self.lake.next_seq() - 1
        after = max(newest - lines, 0)
        while True:
            read = after
            for event in self._after(after):
                after = event["ingest_seq"]
                yield json.dumps(event, ensure_ascii=False)
            if not follow and (after >= newest or after == read):
                return
            if after == read:
                time.sleep(0.5)

    def _after(self, seq: int) -> Iterator[dict[str, Any]]:
        table = self.lake.after(seq, 1000)
        terms = dict(zip(*(c.to_pylist() for c in self.people.texts("terms").columns), strict=True))
        for row in table.to_pylist():
            event = {"ingest_seq": row["ingest_seq"], "occurred_at": row["occurred_at"].isoformat(),
                     "type": EventType(row["type"]).word, "event_id": row["event_id"]}  # fmt: skip
            event |= {k: terms.get(row[k]) for k in ("source", "product", "environment", "channel", "name", "detail")}
            yield event | {"user_key": row["user_key"], "session_id": row["session_id"]}
