"""New rules over old days: matches that are missing are added, and days that were closed get another revision."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.compute as pc

from footfall import disk, observe
from footfall.engines.database import Limits
from footfall.engines.feature_finding import FeatureFinder
from footfall.engines.feature_history import history_of
from footfall.engines.feature_matches import say_faulty
from footfall.engines.shaped import LAKE_SCHEMA
from footfall.errors import Conflict, Refused
from footfall.model.event import EventType
from footfall.model.feature_trees import feature_of
from footfall.model.metadata import Feature, Metadata
from footfall.ports import Progress
from footfall.stores.term_keys import term_keys

if TYPE_CHECKING:
    from footfall.wiring.hub import Footfall

FOLDER: Final = "backfill"  # of the data directory: a file named after each day that is being changed
_TRIES: Final = 20
_WAIT_S: Final = 0.2


@dataclass(frozen=True, slots=True)
class Backfilled:
    """What a backfill did. days: those that were changed."""

    looked_at: int
    added: int
    removed: int
    days: tuple[date, ...]


def backfill_features(
    hub: Footfall,
    feature: str = "",
    *,
    since: date | None = None,
    until: date | None = None,
    remove: bool = False,
    progress: Progress | None = None,
) -> Backfilled:
    """Let the rules of now see the events of these days, both ends included; every day by default.

    feature: only its rules, or those of what is below it; all by default. remove: also take away matches of these
    features, found by rules and not sent by clients, whose events answer no rule any more. Days that change are
    opened again. Matches have ids made from their causes, so this may be repeated, also after it broke off.

    Raises ``Missing`` for a feature that there is not, ``Refused`` for one without rules and for days upside down, and
    ``Conflict`` while another process holds the log: beside it, a person that it erases could come back.
    """
    if since is not None and until is not None and since > until:
        raise Refused(f"{since} is after {until}", "Give the earlier day first")
    metadata = chosen_rules(hub.catalogue.read(), feature, removing=remove)
    _hold_log(hub)
    finish_pending(hub)
    hub.settle()
    days = [day for day in hub.lake.days() if (since is None or day >= since) and (until is None or day <= until)]
    added, removed, changed = 0, 0, []
    with closing(FeatureFinder(metadata, say_faulty, temp_directory=hub.settings.data / "spill")) as finder:
        for number, day in enumerate(days):
            more, less = _day(hub, day, finder, [each.id for each in metadata.features], remove)
            added, removed = added + more, removed + less
            changed += [day] if more or less else []
            if progress is not None:
                progress("backfill", number + 1, len(days), "days")
    done = Backfilled(len(days), added, removed, tuple(changed))
    hub.note(
        "features.backfill", f"feature {feature}" if feature else "features", None,
        {"since": str(since or ""), "until": str(until or ""), "days": len(changed), "added": added,
         "removed": removed},
    )  # fmt: skip
    return done


def _hold_log(hub: Footfall) -> None:
    try:
        _ = hub.log
    except Conflict as held:
        raise Conflict(
            f"another process holds the log of {hub.settings.data}, so it has to do the backfill",
            "Ask the server: POST /api/feature-backfills; or stop it meanwhile",
        ) from held


def chosen_rules(metadata: Metadata, feature: str, *, removing: bool) -> Metadata:
    """The features to match: one and what is below it, or all. Raises as ``backfill_features``."""
    chosen: Iterable[Feature] = metadata.features
    if feature:
        wanted = [feature_of(metadata, feature).id]
        for each in wanted:
            below = [child.id for child in metadata.features if child.parent_feature_id == each]
            wanted += [child for child in below if child not in wanted]
        chosen = [each for each in metadata.features if each.id in wanted]
        if not removing and not any(each.rules for each in chosen):
            raise Refused(f"neither feature {feature!r} nor what is below it has rules", "Define some in footfall.yaml")
    return replace(Metadata(products=metadata.products), features=tuple(chosen))


def finish_pending(hub: Footfall) -> Sequence[date]:
    """Open the days again that a backfill was changing when it was killed; returns them.

    Only for who holds the log, while no backfill of this process runs.
    """
    folder = hub.settings.data / FOLDER
    found = sorted(folder.glob("????-??-??")) if folder.is_dir() else []
    days = [date.fromisoformat(path.name) for path in found]
    for day, path in zip(days, found, strict=True):
        hub.ledger.reopen(day)
        path.unlink(missing_ok=True)
    return days


def _day(hub: Footfall, day: date, finder: FeatureFinder, features: Sequence[str], remove: bool) -> tuple[int, int]:
    """(added, removed) of one day."""
    terms = hub.people.texts("terms")
    asked = pc.is_in(terms.column("text"), value_set=pa.array(features if remove else [], pa.string()))
    keys = terms.column("key").filter(asked).combine_chunks()
    limits = Limits(hub.settings.memory_mb, hub.settings.threads)
    added, removed = 0, 0
    with ExitStack() as changing:
        history = changing.enter_context(
            history_of(hub.lake.files(day), finder, terms, keys, limits, hub.settings.data / "spill")
        )
        for batch in history.missing:
            if not added:
                changing.enter_context(_changing(hub, day))
            _add(hub, day, pa.Table.from_batches([batch]))
            added += batch.num_rows
        if len(history.superfluous):
            if not added:
                changing.enter_context(_changing(hub, day))
            removed = len(history.superfluous)
            _again(hub, lambda: hub.lake.drop(day, history.superfluous))
    return added, removed


@contextmanager
def _changing(hub: Footfall, day: date) -> Iterator[None]:
    """Open the day before it changes, and afterwards, for it may have been closed meanwhile; also after an error.

    If this process is killed in between, the next server or backfill opens it: see ``finish_pending``.
    """
    folder = hub.settings.data / FOLDER
    disk.make_folder(folder)
    mark = folder / day.isoformat()
    disk.replace(mark, "")
    hub.ledger.reopen(day)
    try:
        yield
    finally:
        hub.ledger.reopen(day)
        mark.unlink(missing_ok=True)
    observe.happened("features matched again", day=day.isoformat())


def _add(hub: Footfall, day: date, rows: pa.Table) -> None:
    features = rows.column("feature_id").combine_chunks()
    known = term_keys(hub.database, features.unique().to_pylist())
    place = pc.index_in(features, value_set=known.column("text").combine_chunks().cast(pa.string()))
    made = {
        "day": pa.repeat(pa.scalar(day, pa.date32()), rows.num_rows),
        "type": pa.repeat(pa.scalar(int(EventType.FEATURE_MATCH), pa.int16()), rows.num_rows),
        "name": known.column("key").combine_chunks().take(place),
    }

    def add() -> None:
        first = hub.lake.next_seq()
        numbered = made | {"ingest_seq": pa.arange(first, first + rows.num_rows)}
        columns = {n: numbered[n] if n in numbered else _column(rows, n) for n in LAKE_SCHEMA.names}
        hub.lake.add(pa.table(columns).cast(LAKE_SCHEMA))

    _again(hub, add)


def _again(hub: Footfall, change: Callable[[], None]) -> None:
    """Change the lake. A command may undo an import meanwhile: whoever commits second has to try again."""
    for tries_left in reversed(range(_TRIES)):
        try:
            with hub.alone():
                change()
            break
        except Conflict:
            if not tries_left:
                raise
            time.sleep(_WAIT_S)


def _column(rows: pa.Table, name: str) -> pa.ChunkedArray | pa.Array:
    return rows.column(name) if name in rows.column_names else pa.nulls(rows.num_rows)
