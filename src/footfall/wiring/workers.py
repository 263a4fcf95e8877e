"""What works behind the collector, each kind in a thread of its own: nothing of it is needed to accept events.

It is loaded and made after the server answers, which is a second sooner; what it cannot do without ends the server.
"""

from __future__ import annotations

import gc
import secrets
import threading
import time
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from footfall.flows.run_jobs import Runner
    from footfall.flows.work import Worker
    from footfall.wiring.hub import Footfall
    from footfall.wiring.tasks import Tasks


class Workers:
    """The workers of a running server. stop: ends it; set when they cannot be made, and ``close`` raises why."""

    def __init__(self, hub: Footfall, stop: threading.Event) -> None:
        self._hub = hub
        self._stop = stop
        self._beginning: threading.Thread | None = None
        self._made = threading.Event()
        self._error: BaseException | None = None
        self._tasks: Tasks | None = None
        self._runner: Runner | None = None
        self._workers: Mapping[str, Worker] = {}
        self._threads: list[threading.Thread] = []  # those that run

    def begin(self, *, work: bool) -> None:
        """Make them, in a thread, and let them work. Without ``work`` there are only tasks to be asked for."""
        self._beginning = threading.Thread(target=self._begin, args=(work,), name="footfall-begin", daemon=True)
        self._beginning.start()

    def tasks(self) -> Tasks:
        """Wait until they are made. Raises what went wrong with it."""
        self._made.wait()
        if self._tasks is None:
            raise self._error or RuntimeError("the workers were not made")
        return self._tasks

    def close(self) -> None:
        """Stop them, and wait until they have; whoever works on something big is left behind after ten seconds."""
        if self._beginning is not None:
            self._beginning.join()
        if self._runner is not None:
            self._runner.stop()
        for worker in self._workers.values():
            worker.stop()
        for thread in self._threads:
            thread.join(10)
        if self._error is not None:
            raise self._error

    def _begin(self, work: bool) -> None:
        try:
            self._make()
        except BaseException as error:
            self._error = error
            self._stop.set()
            return
        finally:
            self._made.set()
        gc.freeze()  # what was loaded since the server answered lives as long as it, too
        if work:
            for name, worker in self._workers.items():
                thread = threading.Thread(target=worker.run, name=f"footfall-{name}", daemon=True)
                thread.start()
                self._threads.append(thread)

    def _make(self) -> None:
        from footfall.flows.work import Closing, Duty, Worker
        from footfall.stores.repeats import SqlRepeats
        from footfall.stores.retention import SqlRetention
        from footfall.wiring.erasing import work_off
        from footfall.wiring.feature_backfill import finish_pending
        from footfall.wiring.jobs import forget_old_runs, runner_of
        from footfall.wiring.membership import watching_of
        from footfall.wiring.retention import EVERY_S as RETENTION_EVERY_S
        from footfall.wiring.retention import keep_retention
        from footfall.wiring.sweeping import EVERY_S, sweep_places
        from footfall.wiring.tasks import Tasks
        from footfall.wiring.telling import postman_of

        hub, settings, clock = self._hub, self._hub.settings, self._hub.clock
        finish_pending(hub)
        books = hub.books  # made before the threads run: two that ask at once would make two
        removed = SqlRetention(hub.database).removed
        closing = Closing(books.lake, books.ledger, hub.zone, clock, lambda day: day in removed() or hub.close_day(day))
        duties = (
            Duty("settle", hub.settle, settings.settle_every_s),
            Duty("close days", closing, 30.0),
            Duty("compact", hub.compact, 60.0),
        )
        # Jobs have a thread of their own: what takes minutes to deliver must not keep events from being settled.
        self._runner = runner = runner_of(hub)
        self._tasks = tasks = Tasks(hub, runner, lambda: secrets.token_hex(12))
        jobs = Duty("run jobs", runner.once, 5.0)
        # In the thread of jobs: nothing is delivered while people are taken out of what was.
        erase = Duty("erase people", partial(work_off, hub), 5.0)
        sweep = Duty("sweep", lambda: sweep_places(hub) > 0, EVERY_S)
        retention = Duty("retention", lambda: keep_retention(hub), RETENTION_EVERY_S)
        forget = Duty("forget old runs", lambda: forget_old_runs(hub), EVERY_S)
        answers = SqlRepeats(hub.database, hub.vault)
        forget_answers = Duty("forget answers", lambda: answers.forget(clock()) > 0, EVERY_S)
        # So have notices: neither waits for a mail server that does not answer.
        post = Duty("send notices", postman_of(hub).once, 2.0)
        self._workers = {
            "worker": Worker((*duties, retention), time.monotonic),
            "jobs": Worker((jobs, tasks.heavy, erase, sweep, forget, forget_answers), time.monotonic),
            "notices": Worker((post,), time.monotonic),
            "tasks": Worker((tasks.light,), time.monotonic),
            # And looks at audiences, which may take a minute.
            "audiences": Worker((Duty("look at audiences", watching_of(hub), 5.0),), time.monotonic),
        }
