"""A hub that serves: collector, admin API and worker in one process."""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Callable
from functools import partial

from footfall import observe
from footfall.config import Settings
from footfall.model.audit import Actor
from footfall.ports import Clock
from footfall.wiring.hub import Footfall
from footfall.wiring.keys import first_key
from footfall.wiring.sweeping import EVERY_S, sweep_places


def serve(
    settings: Settings,
    clock: Clock,
    say: Callable[[str], None],
    *,
    stop: threading.Event | None = None,
    work: bool = True,
) -> None:
    """Run collector, admin API and worker until SIGTERM or SIGINT, or until ``stop`` is set; see ``footfall up``.

    work: without it nothing is settled, no day closed and no job run; what was accepted waits in the log.
    """
    from footfall.flows.collect import Collect, Doorkeeper
    from footfall.flows.work import Closing, Duty, Worker
    from footfall.model.reading import Dialect
    from footfall.stores.repeats import SqlRepeats
    from footfall.web.app import Admission, create_collector, listen
    from footfall.web.app import serve as serve_apps
    from footfall.web.downloads import Downloads
    from footfall.web.identify import Keys
    from footfall.wire import native, segment
    from footfall.wiring.api import admin_of
    from footfall.wiring.jobs import forget_old_runs, runner_of
    from footfall.wiring.membership import watching_of
    from footfall.wiring.px import PxDoor
    from footfall.wiring.tasks import Tasks
    from footfall.wiring.telling import fetch, postman_of, read_link

    with Footfall.open(settings, clock=clock) as hub:
        settings = hub.settings
        hub.note.actor = Actor("server")
        hub.vault.require_keys()  # now, when somebody looks, rather than with the first delivery of the night
        log = hub.log
        key = first_key(hub)
        token = settings.admin_token or secrets.token_urlsafe(24)
        keys = Keys(token, hub.api_keys, clock)
        collector_socket = listen(settings.host, settings.port)
        admin_socket = listen(settings.host, settings.admin_port, "--admin-port")
        addresses = {
            "collector": f"http://{settings.host}:{collector_socket.getsockname()[1]}",
            "admin": f"http://{settings.host}:{admin_socket.getsockname()[1]}",
        }

        def may_read(given: str) -> bool:
            return keys.actor(given, "read") is not None

        downloads = Downloads(partial(read_link, hub), partial(fetch, hub), may_read)
        dialects: dict[str, Dialect] = {"segment": segment.read, "native": native.read}
        collect = Collect(log, Doorkeeper(hub.sources, clock, time.monotonic), dialects, clock,
                          addresses=settings.store_ip)  # fmt: skip
        px = PxDoor(hub, keys)
        books = hub.books  # made before there are threads: two that ask at once would make two
        closing = Closing(books.lake, books.ledger, hub.zone, clock, hub.close_day)
        duties = (
            Duty("settle", hub.settle, settings.settle_every_s),
            Duty("close days", closing, 30.0),
            Duty("compact", hub.compact, 60.0),
        )
        # Jobs have a thread of their own: what takes minutes to deliver must not keep events from being settled.
        runner = runner_of(hub)
        tasks = Tasks(hub, runner, lambda: secrets.token_hex(12))
        sweep = Duty("sweep", lambda: sweep_places(hub) > 0, EVERY_S)
        forget = Duty("forget old runs", lambda: forget_old_runs(hub), EVERY_S)
        answers = SqlRepeats(hub.database, hub.vault)
        forget_answers = Duty("forget answers", lambda: answers.forget(clock()) > 0, EVERY_S)
        # So have notices: neither waits for a mail server that does not answer.
        post = Duty("send notices", postman_of(hub).once, 2.0)
        workers = (
            Worker(duties, clock),
            Worker((Duty("run jobs", runner.once, 5.0), tasks.heavy, sweep, forget, forget_answers), clock),
            Worker((post,), clock),
            Worker((tasks.light,), clock),
            # And looks at audiences, which may take a minute.
            Worker((Duty("look at audiences", watching_of(hub), 5.0),), clock),
        )
        threads = [
            threading.Thread(target=worker.run, name=f"footfall-{name}", daemon=True)
            for name, worker in zip(("worker", "jobs", "notices", "tasks", "audiences"), workers, strict=True)
        ]

        def on_ready() -> None:
            (settings.data / "server.json").write_text(json.dumps(addresses))
            if work:
                for thread in threads:
                    thread.start()
            say(f"Collector  {addresses['collector']}")
            say(f"Admin API  {addresses['admin']}")
            if key is not None and not settings.write_key:
                say(f"Write key  {key}   (shown this once)")
            if not settings.admin_token:
                say(f"Admin token  {token}   (for this run)")
            observe.happened("ready", **addresses)

        try:
            serve_apps(
                create_collector(collect, Admission(trusted_proxies=frozenset(settings.trusted_proxies)), px.routes()),
                admin_of(hub, keys, tasks, downloads.routes()),
                collector_socket=collector_socket,
                admin_socket=admin_socket,
                on_ready=on_ready,
                stop=stop,
            )
        finally:
            px.close()
            runner.stop()
            for worker in workers:
                worker.stop()
            for thread in threads:
                if thread.is_alive():
                    thread.join(10)
            (settings.data / "server.json").unlink(missing_ok=True)
