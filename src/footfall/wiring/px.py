"""The PX dialect: its app when it is first asked for, and what it looks into."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from threading import Condition
from typing import TYPE_CHECKING, Any, Final

from footfall.errors import BadRecord, Missing
from footfall.model.api_keys import well_formed
from footfall.model.audit import Actor
from footfall.model.instants import to_us
from footfall.ports import Batch
from footfall.stores.audiences import SqlAudiences
from footfall.stores.removals import SqlRemovals
from footfall.web.identify import Keys
from footfall.web.late import Late
from footfall.wire import native
from footfall.wiring.acting import act_as
from footfall.wiring.profiles import attributes_of

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

    from footfall.engines.database import Limits
    from footfall.engines.event_pages import DuckEventPages
    from footfall.model.reading import Reading
    from footfall.web.late import App
    from footfall.web.px.desk import Px
    from footfall.wiring.hub import Footfall
    from footfall.wiring.tasks import Tasks

SOURCE: Final = "px"  # of what is written here


class PxDoor:
    """``/px`` of a hub. keys, tasks: as for the management API. Close it before the hub."""

    def __init__(self, hub: Footfall, keys: Keys, tasks: Callable[[], Tasks]) -> None:
        self._hub = hub
        self._keys = keys
        self._tasks = tasks
        self._pages: DuckEventPages | None = None

    def routes(self) -> list[BaseRoute]:
        return [Late("/px", self._make)]

    def close(self) -> None:
        if self._pages is not None:
            self._pages.close()

    def _make(self) -> App:
        from footfall.engines.database import Limits
        from footfall.engines.event_pages import DuckEventPages
        from footfall.web.px.app import create_px

        hub = self._hub
        limits = Limits(hub.settings.memory_mb, hub.settings.threads)
        self._pages = DuckEventPages(hub.settings.data / "spill", limits, hub.people.texts)
        return create_px(px_of(hub, self._keys, self._pages, limits, self._tasks))


def px_of(hub: Footfall, keys: Keys, pages: DuckEventPages, limits: Limits, tasks: Callable[[], Tasks]) -> Px:
    """The deployment as the dialect sees it."""
    from footfall.engines.people_order import DuckPeopleOrder
    from footfall.flows.explore import Explore
    from footfall.stores.directory import SqlDirectory
    from footfall.web.px.desk import Px

    def products() -> Sequence[tuple[str, str, str]]:
        found = {
            each.product_key: (each.product_key, each.name, each.channel) for each in hub.catalogue.read().products
        }
        for source in hub.sources.all():
            if source.revoked_at is None:
                found.setdefault(source.product_key, (source.product_key, source.product_key, source.channel))
        return [found[key] for key in sorted(found)]

    removals, together = SqlRemovals(hub.database), _Together(hub)
    directory = SqlDirectory(hub.database, hub.zone, hub.clock)

    def remove(entity: str, key: int, hard: bool) -> None:
        with hub.database.transaction():
            uids = removals.remove(entity, key, hub.clock(), hard=hard)
            subject = f"user {uids[0]}" if entity == "user" else f"account {key}"
            hub.note(f"{entity}.delete", subject, None, {"hard": hard, "users": len(uids)})

    def deny(key: int, identify_id: str, denied: bool) -> None:
        with hub.database.transaction():
            uids = hub.people.users(hub.zone.day_of(hub.clock()), [key]).read_all()["uid"].to_pylist()
            if not uids:  # all that is known of them is of a later day
                raise Missing("User not found")
            removals.deny(identify_id, hub.clock(), denied=denied)
            hub.note("user.deny", f"user {uids[0]}", None, {"denied": denied})

    def write(events: Sequence[Mapping[str, Any]], *, settled: bool) -> None:
        body = json.dumps(list(events), ensure_ascii=False).encode()
        reading = native.read(body, "batch")
        if reading.rejected:
            _, code, message = reading.rejected[0]
            raise BadRecord(code, message)
        position = _append(hub, reading)
        if settled:
            together.wait(position)

    def subscription() -> Mapping[str, str]:
        return {
            "id": str(hub.subscription.subscription_id),
            "name": hub.settings.subscription_name,
            "timeZone": hub.subscription.time_zone,
        }

    def identify(key: str) -> tuple[Actor, str] | None:
        # This port is for everybody, and a token that somebody chose could be guessed; keys of ours cannot.
        return keys(key) if well_formed(key) else None

    return Px(
        identify=identify,
        clock=hub.clock,
        explore=Explore(hub.lake, pages, hub.zone),
        directory=directory,
        order=DuckPeopleOrder(hub.settings.data / "spill", limits),
        people=hub.people,
        attributes=attributes_of(hub),
        catalogue=hub.catalogue,
        products=products,
        audiences=SqlAudiences(hub.database, hub.note),
        subscription=subscription,
        removals=removals,
        write=write,
        remove=remove,
        deny=deny,
        backfill=partial(_backfill, tasks),
        new_id=lambda: secrets.token_hex(16),
        transaction=hub.database.transaction,
        act_as=act_as,
    )


def _backfill(tasks: Callable[[], Tasks], feature: str, by: Actor) -> None:
    tasks().backfill_features(feature, None, None, by.name or by.kind, remove=False)


def _append(hub: Footfall, reading: Reading) -> int:
    """Put a body into the log, after the policy of ``SOURCE``; where it is, or the last there is if nothing is kept."""
    received_at = to_us(hub.clock())
    batch = hub.privacy.kept(Batch(received_at, SOURCE, native.NAME, "batch", reading.count, (), "", "", reading.body))
    return hub.log.end() - 1 if batch is None else hub.log.append(batch)


class _Together:
    """Settles for many who wait: one of them does it for all whose events are in the log by then."""

    def __init__(self, hub: Footfall) -> None:
        self._hub = hub
        self._changed = Condition()
        self._busy = False
        self._position = 0

    def wait(self, position: int) -> None:
        """Return when the batch at ``position`` of the log is settled. Raises as ``Footfall.settle``."""
        with self._changed:
            while True:
                if self._position > position:
                    return
                if not self._busy:
                    self._busy = True
                    break
                self._changed.wait()
        try:
            self._hub.settle()
            reached = self._hub.lake.position()
        except BaseException:
            reached = 0
            raise
        finally:
            with self._changed:
                self._busy = False
                self._position = max(self._position, reached)
                self._changed.notify_all()
