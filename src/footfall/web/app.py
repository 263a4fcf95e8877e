"""The two apps on their two ports, in one process: events come in at one, a person's hand at the other."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import uvicorn
import uvloop
from starlette.routing import BaseRoute

from footfall.errors import Refused
from footfall.flows.collect import Collect
from footfall.web.admin import create_admin
from footfall.web.collect import Admission, ASGIApp, Collector
from footfall.web.connection import Connection, cut_dawdlers
from footfall.web.manners import CloudEvents, Manner, Otlp, SendGrid
from footfall.web.settings import rest_of_collector
from footfall.wire import cloudevents, otlp, sendgrid

__all__ = ["Admission", "create_admin", "create_collector", "listen", "serve"]

_DRAIN_S: Final = 10
_BACKLOG: Final = 2048


def create_collector(
    collect: Collect,
    admission: Admission | None = None,
    more: Sequence[BaseRoute] = (),
    webhook_keys: Mapping[str, str] | None = None,
) -> ASGIApp:
    """ASGI app of the collector port. more: routes of other modules on the same port.

    webhook_keys: name of a source -> the public key that its webhooks must be signed with.
    """
    manners: dict[str, Manner] = {
        sendgrid.NAME: SendGrid(webhook_keys or {}, lambda: collect.now().timestamp()),
        cloudevents.NAME: CloudEvents(),
        otlp.NAME: Otlp(),
    }
    rest = rest_of_collector(collect, more)
    return Collector(collect, admission if admission is not None else Admission(), rest, manners)


def listen(host: str, port: int, flag: str = "--port") -> socket.socket:
    """A listening socket; port 0 lets the system choose. Raises ``Refused`` when the port is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
        sock.listen(_BACKLOG)
    except OSError as error:
        sock.close()
        raise Refused(f"Cannot listen on {host}:{port}: {error.strerror}", f"Choose another port ({flag})") from error
    sock.setblocking(False)
    return sock


def serve(
    collector: ASGIApp,
    admin: ASGIApp,
    *,
    collector_socket: socket.socket,
    admin_socket: socket.socket,
    on_ready: Callable[[], None] = lambda: None,
    stop: threading.Event | None = None,
) -> None:
    """Serve both apps until SIGTERM or SIGINT (in the main thread) or until ``stop`` is set.

    Then no new connection is taken, requests under way are answered, and after 10 s at most the rest is dropped:
    what was acknowledged is in the log, what was not will be sent again. on_ready: called when both ports answer.
    """
    servers = (_Server(collector), _Server(admin))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(servers, (collector_socket, admin_socket), on_ready, stop))


class _Server(uvicorn.Server):
    """A uvicorn server that leaves signals to whoever runs the two of them."""

    def __init__(self, app: ASGIApp) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=Connection,
                ws="none",
                lifespan="off",
                interface="asgi3",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                timeout_graceful_shutdown=_DRAIN_S,
            )
        )

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def _serve(
    servers: tuple[_Server, _Server],
    sockets: tuple[socket.socket, socket.socket],
    on_ready: Callable[[], None],
    stop: threading.Event | None,
) -> None:
    loop = asyncio.get_running_loop()

    def end() -> None:
        for server in servers:
            server.force_exit = server.should_exit  # a second signal waits for nobody
            server.should_exit = True

    in_main = threading.current_thread() is threading.main_thread()
    if in_main:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, end)
    running = [asyncio.create_task(s.serve(sockets=[k])) for s, k in zip(servers, sockets, strict=True)]
    watching: list[asyncio.Task[Any]] = [asyncio.create_task(cut_dawdlers(s.server_state.connections)) for s in servers]
    watching.append(asyncio.create_task(_announce(servers, on_ready)))
    if stop is not None:
        watching.append(asyncio.create_task(_watch(stop, end)))
    try:
        await asyncio.gather(*running)
    finally:
        for task in watching:
            task.cancel()
        await asyncio.gather(*watching, return_exceptions=True)
        gc.unfreeze()
        if in_main:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)


async def _announce(servers: tuple[_Server, _Server], on_ready: Callable[[], None]) -> None:
    while not all(server.started for server in servers):
        await asyncio.sleep(0.005)
    # What is loaded by now lives as long as we do: 130,000 objects, and a full collection of them would hold up every
    # answer for 90 ms.
    gc.collect()
    gc.freeze()
    on_ready()


async def _watch(stop: threading.Event, end: Callable[[], None]) -> None:
    while not stop.is_set():
        await asyncio.sleep(0.05)
    end()
