"""``/metrics``: figures for Prometheus, in a registry of our own. Labels are words of ours, or names of sources."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from footfall.errors import FootfallError, Unavailable
from footfall.model.audit import Actor
from footfall.model.jobs import Job, Run
from footfall.ports import Counts
from footfall.web.identify import TooManyGuesses

SOURCES_MAX: Final = 200  # each is a label; what is beyond is added up as "other"


@dataclass(frozen=True, slots=True)
class Figures:
    """The state at one moment. counts: per source. log_end, settled: positions in the log, in bytes.

    log_bytes: of the log on the disk. days, jobs: by state.
    """

    counts: Mapping[str, Counts]
    log_end: int
    settled: int
    log_bytes: int
    days: Mapping[str, int]
    jobs: Mapping[str, int]


@dataclass(slots=True)
class Delivered:
    """Counts the runs that end in this process. May be told from any thread."""

    runs: dict[tuple[str, str], int] = field(default_factory=dict)
    amounts: dict[tuple[str, str], int] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def __call__(self, job: Job, run: Run) -> None:
        with self._lock:
            self.runs[job.kind, run.state] = self.runs.get((job.kind, run.state), 0) + 1
            for what in ("files", "rows", "bytes"):
                self.amounts[job.kind, what] = self.amounts.get((job.kind, what), 0) + getattr(run, what)


class _Collector:
    """Asks for the figures when it is scraped."""

    def __init__(self, figures: Callable[[], Figures], delivered: Delivered) -> None:
        self._figures = figures
        self._delivered = delivered

    def collect(self) -> Iterator[Any]:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        figures = self._figures()
        events = CounterMetricFamily(
            "footfall_events", "Events by what became of them: received is the sum of the others.",
            labels=["source", "outcome"],
        )  # fmt: skip
        for source, counts in _bounded(figures.counts).items():
            for outcome in ("received", "stored", "duplicate", "quarantined"):
                events.add_metric([source, outcome], getattr(counts, outcome))
        yield events
        for name, what, value in (
            ("footfall_log_end_bytes", "Position up to which requests were accepted.", figures.log_end),
            ("footfall_log_settled_bytes", "Position up to which they were settled.", figures.settled),
            ("footfall_settle_lag_bytes", "Accepted but not settled yet.", max(0, figures.log_end - figures.settled)),
            ("footfall_log_size_bytes", "The log on the disk.", figures.log_bytes),
        ):
            yield GaugeMetricFamily(name, what, value=value)
        for name, what, states in (
            ("footfall_days", "Local days by state.", figures.days),
            ("footfall_jobs", "Jobs by state.", figures.jobs),
        ):
            family = GaugeMetricFamily(name, what, labels=["state"])
            for state, number in states.items():
                family.add_metric([state], number)
            yield family
        yield from self._deliveries()

    def _deliveries(self) -> Iterator[Any]:
        from prometheus_client.core import CounterMetricFamily

        runs = CounterMetricFamily("footfall_runs", "Runs that ended, since the start.", labels=["kind", "state"])
        for labels, number in list(self._delivered.runs.items()):
            runs.add_metric(labels, number)
        yield runs
        for what in ("files", "rows", "bytes"):
            family = CounterMetricFamily(f"footfall_delivered_{what}", "Delivered since the start.", labels=["kind"])
            for (kind, each), number in list(self._delivered.amounts.items()):
                if each == what:
                    family.add_metric([kind], number)
            yield family


def metrics(figures: Callable[[], Figures], delivered: Delivered, who: Callable[[Request, str], Actor | None]) -> Route:
    """The route. who: as ``Keys.bearer``."""
    made: list[Any] = []

    def written() -> bytes:
        from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest

        if not made:
            registry = CollectorRegistry(auto_describe=False)
            ProcessCollector(registry=registry)
            registry.register(_Collector(figures, delivered))
            made.append(registry)
        return generate_latest(made[0])

    async def answer(request: Request) -> Response:
        try:
            if await run_in_threadpool(who, request, "metrics") is None:
                challenge = {"www-authenticate": 'Bearer realm="footfall"'}
                return PlainTextResponse("Send an API key with the scope metrics as a bearer token\n", 401, challenge)
            text = await run_in_threadpool(written)
        except FootfallError as error:
            wait = {"retry-after": str(error.retry_after_s)} if isinstance(error, Unavailable) else {}
            return PlainTextResponse(f"{error}\n", 429 if isinstance(error, TooManyGuesses) else 503, wait)
        headers = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
        return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8", headers=headers)

    return Route("/metrics", answer, methods=["GET"])


def _bounded(counts: Mapping[str, Counts]) -> Mapping[str, Counts]:
    """At most ``SOURCES_MAX`` sources, the largest; the others together."""
    if len(counts) <= SOURCES_MAX:
        return counts
    largest = sorted(counts, key=lambda source: counts[source].received, reverse=True)
    kept = {source: counts[source] for source in largest[:SOURCES_MAX]}
    rest = [counts[source] for source in largest[SOURCES_MAX:]]
    names = ("received", "stored", "duplicate", "quarantined")
    return {**kept, "other": Counts(**{name: sum(getattr(each, name) for each in rest) for name in names})}
