"""A hub that serves: collector, admin API and worker in one process."""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from footfall import observe
from footfall.config import Settings
from footfall.model.audit import Actor
from footfall.ports import Clock
from footfall.wiring.hub import Footfall
from footfall.wiring.keys import first_key
from footfall.wiring.workers import Workers

if TYPE_CHECKING:
    from footfall.model.links import Link
    from footfall.web.downloads import Download


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
    from footfall.web.app import Admission, create_collector, listen
    from footfall.web.app import serve as serve_apps
    from footfall.web.downloads import Downloads
    from footfall.web.identify import Doubts, Keys
    from footfall.web.signals import signal_routes
    from footfall.wire import sendgrid
    from footfall.wire.dialects import DIALECTS
    from footfall.wire.user_hash import unproven
    from footfall.wiring.api import admin_of
    from footfall.wiring.deriving import places_of
    from footfall.wiring.privacy import honours_gpc
    from footfall.wiring.px import PxDoor
    from footfall.wiring.user_keys import UserKeys

    with Footfall.open(settings, clock=clock) as hub:
        settings = hub.settings
        hub.note.actor = Actor("server")
        hub.vault.require_keys()  # now, when somebody looks, rather than with the first delivery of the night
        log = hub.log
        key = first_key(hub)
        token = settings.admin_token or secrets.token_urlsafe(24)
        proxies = frozenset(settings.trusted_proxies)
        keys = Keys(token, hub.api_keys, clock, Doubts(time.monotonic), proxies)
        collector_socket = listen(settings.host, settings.port)
        admin_socket = listen(settings.host, settings.admin_port, "--admin-port")
        addresses = {
            "collector": f"http://{settings.host}:{collector_socket.getsockname()[1]}",
            "admin": f"http://{settings.host}:{admin_socket.getsockname()[1]}",
        }

        def may_read(given: str) -> bool:
            return keys.actor(given, "read") is not None

        downloads = Downloads(partial(_read_link, hub), partial(_fetch, hub), may_read)
        collect = Collect(log, Doorkeeper(hub.sources, clock, time.monotonic), DIALECTS, clock,
                          privacy=hub.privacy, place=places_of(settings),
                          user_key=UserKeys(hub, time.monotonic).key, unproven=unproven)  # fmt: skip
        webhook_keys = dict(settings.sendgrid_keys)
        for public_key in webhook_keys.values():
            sendgrid.check_key(public_key)
        px = PxDoor(hub, keys, lambda: workers.tasks())  # noqa: PLW0108 - there is none yet
        stop = stop or threading.Event()
        workers = Workers(hub, stop)

        def on_ready() -> None:
            (settings.data / "server.json").write_text(json.dumps(addresses))
            say(f"Collector  {addresses['collector']}")
            say(f"Admin API  {addresses['admin']}")
            if key is not None and not settings.write_key:
                say(f"Write key  {key}   (shown this once)")
            if not settings.admin_token:
                say(f"Admin token  {token}   (for this run)")
            observe.happened("ready", **addresses)
            workers.begin(work=work)

        try:
            serve_apps(
                create_collector(
                    collect,
                    Admission(trusted_proxies=proxies),
                    [*px.routes(), *signal_routes(partial(honours_gpc, hub))],
                    webhook_keys,
                ),
                admin_of(hub, keys, workers.tasks, downloads.routes()),
                collector_socket=collector_socket,
                admin_socket=admin_socket,
                on_ready=on_ready,
                stop=stop,
            )
        finally:
            px.close()
            try:
                workers.close()
            finally:
                (settings.data / "server.json").unlink(missing_ok=True)


def _read_link(hub: Footfall, token: str) -> Link:
    from footfall.wiring.telling import read_link

    return read_link(hub, token)


def _fetch(hub: Footfall, link: Link) -> Download:
    from footfall.wiring.telling import fetch

    return fetch(hub, link)
