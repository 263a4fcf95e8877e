"""Tasks of the management API: what a caller asked for and the server does in its own time. See ``model.tasks``.

They are kept in memory: whoever asked asks again after a restart. Those that read and write days take turns with the
jobs, on their thread; those that only talk to somebody outside have one of their own.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from footfall import observe
from footfall.errors import FootfallError, Missing, Refused, Unavailable
from footfall.flows.work import Duty
from footfall.model.audit import Actor
from footfall.model.jobs import Job
from footfall.model.policies import use_of
from footfall.model.schedules import Slot
from footfall.model.tasks import Task
from footfall.wiring.acting import act_as

if TYPE_CHECKING:
    from footfall.flows.run_jobs import Runner
    from footfall.wiring.hub import Footfall

EVERY_S: Final = 0.5
WAITING_MAX: Final = 20
KEPT_MAX: Final = 100
FINDINGS_MAX: Final = 1_000
HEAVY: Final = frozenset({"rehearsal", "day_close", "import_undo", "feature_backfill"})

Work = Callable[[], Mapping[str, Any]]


class Tasks:
    """See ``web.api.management.Tasks``. draw: a new id that nobody can guess. runner: makes rehearsals."""

    def __init__(self, hub: Footfall, runner: Runner, draw: Callable[[], str]) -> None:
        self._hub = hub
        self._runner = runner
        self._draw = draw
        self._lock = threading.Lock()
        self._tasks: dict[str, Task] = {}
        self._waiting: dict[bool, deque[tuple[str, Work]]] = {True: deque(), False: deque()}

    # --- asking ----------------------------------------------------------------------------------

    def rehearse(self, job: Job, slot: Slot, by: str) -> Task:
        """See ``flows.run_jobs.Runner.rehearse``."""
        return self._ask("rehearsal", f"job {job.name} slot {slot.name}", by, partial(self._rehearse, job, slot))

    def check_access(self, url: str, authorization: str, kind: str, by: str) -> Task:
        """Without an authorization with the machine's own access."""
        return self._ask("access_check", url, by, partial(self._check_access, url, authorization, kind))

    def verify(self, url: str, authorization: str, by: str) -> Task:
        """See ``flows.verify``."""
        return self._ask("verification", url, by, partial(self._verify, url, authorization))

    def close_day(self, day: date, by: str, *, unfinished: bool) -> Task:
        """Settle, then seal the day. Raises ``Refused`` for one that is not over, unless it is to be taken so."""
        if not unfinished and self._hub.zone.bounds(day).end > self._hub.clock():
            raise Refused(f"{day} is not over", "Say that it may be unfinished, or wait")
        return self._ask("day_close", f"day {day}", by, partial(self._close_day, day, unfinished))

    def try_channel(self, name: str, to: Sequence[str], by: str) -> Task:
        """See ``wiring.telling.try_channel``."""
        return self._ask("channel_test", f"channel {name}", by, partial(self._try_channel, name, tuple(to)))

    def undo_import(self, id: str, by: str, *, force: bool) -> Task:
        """See ``wiring.import_undo``."""
        return self._ask("import_undo", f"import {id}", by, partial(self._undo_import, id, force))

    def preview_file(
        self, url: str, authorization: str, file: str, format: str, options: Mapping[str, Any], by: str
    ) -> Task:
        """See ``wiring.imports.preview_of``. Raises ``Refused`` for options that there are not."""
        from footfall.wiring.imports import preview_told

        look = preview_told(self._hub, url, authorization, file, format, options)
        return self._ask("import_preview", f"{url}/{file}", by, look)

    def backfill_features(self, feature: str, since: date | None, until: date | None, by: str, *, remove: bool) -> Task:
        """See ``wiring.feature_backfill``. Raises ``Missing`` and ``Refused`` for what could never be done."""
        from footfall.wiring.feature_backfill import chosen_rules

        chosen_rules(self._hub.catalogue.read(), feature, removing=remove)
        subject = f"feature {feature}" if feature else "features"
        work = partial(self._backfill_features, feature, since, until, remove)
        return self._ask("feature_backfill", subject, by, work)

    def get(self, id: str) -> Task:
        """Raises ``Missing`` for one that never was, or that was forgotten."""
        found = self._tasks.get(id)
        if found is None:
            raise Missing(f"there is no task {id!r}", "The last hundred are kept, until the server stops")
        return found

    def all(self) -> Sequence[Task]:
        """Newest first."""
        with self._lock:
            return list(reversed(self._tasks.values()))

    def _ask(self, kind: str, subject: str, by: str, work: Work) -> Task:
        lane = self._waiting[kind in HEAVY]
        task = Task(id=self._draw(), kind=kind, subject=subject, by=by, asked_at=self._hub.clock())
        with self._lock:
            if len(lane) >= WAITING_MAX:
                raise Unavailable(f"{WAITING_MAX} tasks wait already", "Wait for some of them", retry_after_s=30)
            over = [each.id for each in self._tasks.values() if each.ended_at is not None]
            for each in over[: max(0, len(self._tasks) + 1 - KEPT_MAX)]:
                del self._tasks[each]
            self._tasks[task.id] = task
            lane.append((task.id, work))
        return task

    # --- doing -----------------------------------------------------------------------------------

    @property
    def heavy(self) -> Duty:
        """Those that read and write days."""
        return Duty("do tasks", partial(self._once, heavy=True), EVERY_S)

    @property
    def light(self) -> Duty:
        """Those that only talk to a bucket or a channel."""
        return Duty("do light tasks", partial(self._once, heavy=False), EVERY_S)

    def _once(self, *, heavy: bool) -> bool:
        """Do the oldest task of one of the two lanes; True when there was one."""
        with self._lock:
            if not self._waiting[heavy]:
                return False
            chosen, work = self._waiting[heavy].popleft()
            task = self._tasks[chosen] = replace(self._tasks[chosen], state="running")
        act_as(Actor("token") if task.by == "token" else Actor("key", task.by))
        try:
            done = replace(task, state="succeeded", result=work())
        except FootfallError as error:
            done = replace(task, state="failed", error=error.what, hint=error.hint)
        except Exception as error:  # whatever it is, the task must end
            observe.went_wrong("task failed", error, kind=task.kind)
            done = replace(task, state="failed", error="something went wrong here", hint="See the log of the server")
        finally:
            act_as(self._hub.note.actor)
        with self._lock:
            self._tasks[chosen] = replace(done, ended_at=self._hub.clock())
        return True

    def _rehearse(self, job: Job, slot: Slot) -> Mapping[str, Any]:
        files = list(self._runner.rehearse(job, slot))
        told = [{"file": f.key, "rows": f.rows, "bytes": f.size_bytes, "difference": f.note} for f in files]
        sums = {"rows": sum(f.rows for f in files), "bytes": sum(f.size_bytes for f in files)}
        return {"job": job.name, "slot": slot.name, "files": told, **sums}

    def _check_access(self, url: str, authorization: str, kind: str) -> Mapping[str, Any]:
        from footfall.wiring.access import check_authorized_access, check_place_access

        use, hub = use_of(kind), self._hub
        if authorization:
            found = check_authorized_access(hub, authorization, url, use, say=lambda step: None)
        else:
            found = check_place_access(
                url, use, endpoint_url=None, settings=hub.settings, clock=hub.clock, say=lambda step: None
            )
        steps = [
            {"step": each.name, "outcome": str(each.outcome), "needed": each.needed, "found": each.found,
             "advice": each.advice}
            for each in found.steps
        ]  # fmt: skip
        return {"url": found.url, "kind": str(found.use), "ok": found.ok, "cause": found.cause, "file": found.file,
                "steps": steps, "warnings": list(found.warnings)}  # fmt: skip

    def _verify(self, url: str, authorization: str) -> Mapping[str, Any]:
        from footfall.flows.verify import examine
        from footfall.wiring.authorizations import bucket_at
        from footfall.wiring.codecs import decoders

        found = examine(bucket_at(self._hub, url, authorization or None), decoders())
        findings = [{"severity": f.severity, "file": f.key, "fault": f.fault} for f in found.findings[:FINDINGS_MAX]]
        return {"url": url, "ok": not found.failed and found.manifests > 0, "manifests": found.manifests,
                "files": found.files, "sealed": found.sealed, "rows": found.rows, "bytes": found.size_bytes,
                "findings": findings, "findings_in_all": len(found.findings)}  # fmt: skip

    def _try_channel(self, name: str, to: Sequence[str]) -> Mapping[str, Any]:
        from footfall.wiring.telling import try_channel

        return {"channel": name, "sent": try_channel(self._hub, name, to)}

    def _undo_import(self, id: str, force: bool) -> Mapping[str, Any]:
        from footfall.wiring.import_undo import undo_import

        one, dropped = undo_import(self._hub, id, force=force)
        return {"id": one.id, "state": one.state, "dropped": dropped}

    def _backfill_features(
        self, feature: str, since: date | None, until: date | None, remove: bool
    ) -> Mapping[str, Any]:
        from footfall.wiring.feature_backfill import backfill_features

        done = backfill_features(self._hub, feature, since=since, until=until, remove=remove)
        changed = [str(day) for day in done.days]
        return {"days": done.looked_at, "added": done.added, "removed": done.removed, "changed": changed}

    def _close_day(self, day: date, unfinished: bool) -> Mapping[str, Any]:
        before = self._hub.ledger.day(day).revision
        self._hub.settle()
        state = self._hub.close_day(day, unfinished=unfinished)
        return {"day": str(state.day), "revision": state.revision, "changed": state.revision != before}
