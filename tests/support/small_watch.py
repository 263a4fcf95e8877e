"""A small hub whose audiences are watched: rules on real people, changes told through the real log."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path

import pyarrow as pa
from small_hub import SmallHub, small_hub

from footfall.engines.database import Limits
from footfall.engines.membership import DuckMembership
from footfall.flows.close_day import activity_before, files_before
from footfall.flows.watch_audiences import Moved, Watch, watch_audiences
from footfall.model.audience_text import read
from footfall.model.audiences import SOURCE, Audience
from footfall.model.event import EventType
from footfall.ports import AudienceInput, Log, MembershipStates, OpenMemberships, Population
from footfall.stores.membership_files import MembershipFiles
from footfall.wiring.filtered_usage import filtered_usage


class SmallWatch:
    """lists: what was imported for audiences."""

    def __init__(self, hub: SmallHub, folder: Path) -> None:
        self.hub = hub
        self.folder = folder
        self.engine = DuckMembership(folder / "spill", Limits(memory_mb=256, threads=2))
        self.states: MembershipStates = MembershipFiles(folder / "memberships")
        self.lists: dict[str, Sequence[str]] = {}
        self.log: Log = hub.log

    def population(self) -> Population:
        hub, people = self.hub, self.hub.people
        day = hub.zone.day_of(hub.now)
        after = day + timedelta(days=1)
        return Population(
            now=hub.now,
            day=day,
            people=AudienceInput(
                end=hub.zone.bounds(day).end,
                users=partial(people.users, day),
                custom_attributes=people.custom_attributes("user"),
                links=people.links,
                merges=people.merges,
                texts=people.texts,
                activity=lambda: activity_before(hub.books, after),
            ),
            accounts=partial(people.accounts, day),
            account_attributes=people.custom_attributes("account"),
            usage=lambda: files_before(hub.books, after, self.folder / "usage", self.engine.usage, sealed_stands=False),
            listed=lambda name: pa.array(self.lists[name], pa.string()),
            filtered=partial(filtered_usage, hub.books, self.engine, self.folder / "usage" / "where", after),
        )

    def members(self, rule: str) -> list[str]:
        with self.engine.open([Audience("a", read(rule))], self.population()) as opened:
            assert opened.faults == {}
            return [name for batch in opened.members("a") for name in batch["identify_id"].to_pylist()]

    def look(self, *audiences: Audience) -> list[Moved]:
        def opened(asked: Sequence[Audience]) -> AbstractContextManager[OpenMemberships]:
            return self.engine.open(asked, self.population())

        people = self.hub.people
        watch = Watch(self.log, self.states, partial(people.texts, "users"), people.merges, opened)
        return watch_audiences(watch, audiences, self.hub.now)

    def told(self) -> list[tuple[str, str, str]]:
        """(user, audience, change) of the settled events that tell of changes, in their order."""
        self.hub.settle()
        rows = self.hub.lake.after(0, 100_000).to_pylist()
        texts = {
            of: dict(zip(*(c.to_pylist() for c in self.hub.people.texts(of).columns), strict=True))
            for of in ("users", "terms")
        }
        return [
            (
                texts["users"][row["user_key"]],
                texts["terms"][row["name"]],
                json.loads(row["properties"])["attributes"]["change"],
            )
            for row in rows
            if row["type"] == EventType.SEGMENT_MATCH and texts["terms"][row["source"]] == SOURCE
        ]


@contextmanager
def small_watch(folder: Path) -> Iterator[SmallWatch]:
    with small_hub(folder / "hub") as hub:
        yield SmallWatch(hub, folder)
