"""Audiences over a data directory: who is in, why, and who came and went."""

from __future__ import annotations

import csv
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Final

from footfall.errors import Missing, Refused, Unavailable
from footfall.model.audience_fields import Fields, typed
from footfall.model.audience_reasons import Explanation
from footfall.model.audience_rules import Compare, Field, Rule, walk
from footfall.model.audience_text import write_subject
from footfall.model.audiences import SOURCE, Audience
from footfall.ports import AudienceInput, OpenMemberships, Population
from footfall.stores.audiences import SqlAudiences
from footfall.wiring.filtered_usage import filtered_usage

if TYPE_CHECKING:
    import pyarrow as pa

    from footfall.engines.membership import DuckMembership
    from footfall.flows.watch_audiences import Moved, Watching
    from footfall.wiring.hub import Footfall

# A rule that is only tried has this name.
TRIED: Final = "0"


def audiences_of(hub: Footfall) -> SqlAudiences:
    """The audiences of a deployment."""
    return SqlAudiences(hub.database, hub.note)


def doubts(hub: Footfall, rule: Rule) -> list[str]:
    """What may be wrong with a rule: fields that nobody has yet, and values that do not fit the fields there are."""
    fields = Fields.of(hub.people.custom_attributes("user"), hub.people.custom_attributes("account"))
    found = []
    for each in walk(rule):
        if isinstance(each, Compare):
            if isinstance(each.subject, Field) and fields.find(each.subject) is None:
                found.append(f"nobody has {write_subject(each.subject)} yet")
            try:
                typed(each, fields.type_of(each.subject), hub.clock())
            except Refused as error:
                found.append(f"{error.what}: {error.hint}")
    return list(dict.fromkeys(found))


def population(hub: Footfall, now: datetime, keys: Sequence[int] | None = None, day: date | None = None) -> Population:
    """Everybody as of the end of ``day``, by default of the local day of ``now``; or the users of these keys."""
    from footfall.flows.close_day import activity_before, files_before

    day, people = day or hub.zone.day_of(now), hub.people
    after = day + timedelta(days=1)
    return Population(
        now=now,
        day=day,
        people=AudienceInput(
            end=hub.zone.bounds(day).end,
            users=partial(people.users, day) if keys is None else partial(people.users, day, keys),
            custom_attributes=people.custom_attributes("user"),
            links=people.links,
            merges=people.merges,
            texts=people.texts,
            activity=lambda: activity_before(hub.books, after),
        ),
        accounts=partial(people.accounts, day),
        account_attributes=people.custom_attributes("account"),
        usage=lambda: files_before(
            hub.books, after, hub.settings.data / "usage", membership_engine(hub).usage, sealed_stands=False
        ),
        listed=audiences_of(hub).values,
        filtered=partial(
            filtered_usage, hub.books, membership_engine(hub), hub.settings.data / "usage" / "where", after
        ),
    )


def membership_engine(hub: Footfall) -> DuckMembership:
    from footfall.engines.database import Limits
    from footfall.engines.membership import DuckMembership

    return DuckMembership(hub.settings.data / "spill", Limits(hub.settings.memory_mb, hub.settings.threads))


class Looking:
    """Memberships for an export, as of the end of ``day`` or, while it lasts, of ``at``: looked at when first asked."""

    def __init__(self, hub: Footfall, at: datetime, day: date) -> None:
        self._hub, self._day = hub, day
        self._now = min(at, hub.zone.bounds(day).end)
        self._opened: OpenMemberships | None = None
        self._closing = ExitStack()

    def __enter__(self) -> Looking:
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.close()

    def names_of(self, keys: pa.Array) -> pa.Array:
        """For each user key the audiences the user is in."""
        return self._look().names_of(keys)

    def members(self, name: str) -> pa.Array:
        """The user keys in an audience. Raises ``Missing`` if there is none of that name."""
        audiences_of(self._hub).get(name)
        return self._look().keys(name)

    def _look(self) -> OpenMemberships:
        if self._opened is None:
            people = population(self._hub, self._now, day=self._day)
            opening = membership_engine(self._hub).open(audiences_of(self._hub).all(), people)
            self._opened = self._closing.enter_context(opening)
        return self._opened


def look_at_audiences(hub: Footfall) -> list[Moved]:
    """Tell who entered and who left since the last look. Raises ``Conflict`` while another process holds the log."""
    from footfall.flows.watch_audiences import Watch, watch_audiences
    from footfall.stores.membership_files import MembershipFiles
    from footfall.wiring.imports import make_stream

    audiences, now = audiences_of(hub).all(), hub.clock()
    states = MembershipFiles(hub.settings.data / "memberships")
    if not audiences and not states.waiting():
        return []
    make_stream(hub, SOURCE)

    def opened(asked: Sequence[Audience]) -> AbstractContextManager[OpenMemberships]:
        return membership_engine(hub).open(asked, population(hub, now))

    watch = Watch(hub.log, states, partial(hub.people.texts, "users"), hub.people.merges, opened)
    return watch_audiences(watch, audiences, now)


def watching_of(hub: Footfall) -> Watching:
    """Looks of a running server, when it is time for one."""
    from footfall.flows.watch_audiences import Watching

    def mark() -> tuple[int, Sequence[Audience]]:
        return hub.lake.position(), audiences_of(hub).all()

    return Watching(lambda: look_at_audiences(hub), mark, time.monotonic, hub.settings.audiences_every_s)


def chosen(hub: Footfall, names: Sequence[str], rule: Rule | None = None) -> tuple[list[Audience], list[str]]:
    """(audiences to evaluate, names of those asked for): of these names, all if none, or of a rule that is tried.

    Raises ``Missing`` for a name that is not there.
    """
    store = audiences_of(hub)
    known = list(store.all())
    if rule is not None:
        if names:
            raise Refused("an audience and a rule were named", "Give one of them")
        return _with_needed([*known, Audience(TRIED, rule)], [TRIED]), [TRIED]
    for name in names:
        store.get(name)
    wanted = list(names) or [audience.name for audience in known]
    return _with_needed(known, wanted), wanted


class Looks:
    """What can be asked of audiences; each look is at everybody, as of an instant, by default of now.

    One look at a time: each has an engine of its own, with all the memory that the settings allow. Who waits longer
    than ``wait_s`` is told to come again, by ``Unavailable``.
    """

    def __init__(self, hub: Footfall, wait_s: float = 5.0) -> None:
        self._hub, self._wait_s = hub, wait_s
        self._one_at_a_time = Lock()

    def count(
        self, names: Sequence[str], at: datetime | None = None
    ) -> tuple[Mapping[str, int], Mapping[str, str], int]:
        """(members of each, faults of those that cannot be evaluated, users) of these audiences, all if none."""
        asked, wanted = chosen(self._hub, names)
        with self._opened(asked, at) as opened:
            counts = opened.counts()
            return {name: counts[name] for name in wanted if name in counts}, opened.faults, opened.users

    def try_rule(self, rule: Rule, at: datetime | None = None) -> tuple[int, int]:
        """(whom it would choose, of how many). Raises ``Refused`` for one that cannot be evaluated."""
        asked, _ = chosen(self._hub, (), rule)
        with self._opened(asked, at) as opened:
            _check_found(opened, TRIED)
            return opened.counts()[TRIED], opened.users

    def members(
        self,
        name: str,
        limit: int,
        rule: Rule | None = None,
        at: datetime | None = None,
        *,
        after: tuple[str, str] | None = None,
    ) -> tuple[list[tuple[str, str, str]], int]:
        """((identify id, account id, profile id) of the first ``limit`` members, all if 0; how many there are).

        By identify id, then profile id. after: those two of a member; those that come behind it only.
        """
        asked, (wanted,) = self._one(name, rule)
        rows: list[tuple[str, str, str]] = []
        with self._opened(asked, at) as opened:
            _check_found(opened, wanted)
            for found in opened.members(wanted):
                batch = found if after is None else _behind(found, *after)
                columns = (batch[column].to_pylist() for column in ("identify_id", "account_id", "uid"))
                rows += ((user, account or "", uid) for user, account, uid in zip(*columns, strict=True))
                if limit and len(rows) >= limit:
                    break
            return rows[: limit or None], opened.counts()[wanted]

    def explain(self, identify_id: str, name: str, rule: Rule | None = None, at: datetime | None = None) -> Explanation:
        """Why the user is in that audience, or would be chosen by that rule, or why not. Raises ``Missing``.

        One who turned out to be another user by then is explained as that one.
        """
        asked, (wanted,) = self._one(name, rule)
        people = self._hub.people
        key = people.key_of(identify_id)
        if key is None:
            raise Missing(f"there is no user '{identify_id}'", "Users are known by the id they identify with")
        merges = dict(zip(*(column.to_pylist() for column in people.merges().columns), strict=True))
        final = merges.get(key, key)
        with self._opened(asked, at, sorted({key, final})) as opened:
            _check_found(opened, wanted)
            # Who is merged may be shown by themselves: before that, or when the other was deleted since.
            found = opened.explain(wanted, key)
            if not found.known and final != key:
                found = opened.explain(wanted, final)
        return replace(found, audience=name, identify_id=found.identify_id or identify_id)

    def doubts(self, rule: Rule) -> list[str]:
        """See ``doubts``."""
        return doubts(self._hub, rule)

    def _one(self, name: str, rule: Rule | None) -> tuple[list[Audience], list[str]]:
        if not name and rule is None:
            raise Refused("nothing to look at", "Give the name of an audience, or a rule")
        return chosen(self._hub, [name] if name else [], rule)

    @contextmanager
    def _opened(
        self, audiences: Sequence[Audience], at: datetime | None, keys: Sequence[int] | None = None
    ) -> Iterator[OpenMemberships]:
        if not self._one_at_a_time.acquire(timeout=self._wait_s):
            raise Unavailable("somebody looks at audiences already", "Ask again when that is done", retry_after_s=5)
        try:
            people = population(self._hub, at or self._hub.clock(), keys)
            with membership_engine(self._hub).open(audiences, people) as opened:
                yield opened
        finally:
            self._one_at_a_time.release()


def _check_found(opened: OpenMemberships, name: str) -> None:
    if name in opened.faults:
        raise Refused(opened.faults[name], "Correct the rule")


def _with_needed(known: Sequence[Audience], wanted: Sequence[str]) -> list[Audience]:
    """Those wanted and those they are made of."""
    by_name = {audience.name: audience for audience in known}
    found: dict[str, Audience] = {}
    todo = list(wanted)
    while todo:
        name = todo.pop()
        if name in by_name and name not in found:
            found[name] = by_name[name]
            todo += by_name[name].needs
    return list(found.values())


def listed_in(file: Path, column: str = "") -> Iterator[str]:
    """Yield the values of a list: one a line, or those of a column of a CSV file whose first row has the names.

    Blank lines and empty values are left out. Raises ``Refused`` for what is no UTF-8 text or has no such column.
    """
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            if not column:
                yield from (line.strip() for line in lines if line.strip())
                return
            rows = csv.DictReader(lines)
            if column not in (rows.fieldnames or ()):
                raise Refused(f"{file} has no column '{column}'", f"It has {', '.join(rows.fieldnames or ())}")
            yield from (row[column] for row in rows if row[column])
    except (UnicodeDecodeError, csv.Error) as error:
        raise Refused(
            f"{file} cannot be read as a list: {error}", "Give a UTF-8 text, one value a line, or CSV"
        ) from error


def _behind(members: pa.RecordBatch, identify_id: str, uid: str) -> pa.RecordBatch:
    """Those that come behind this one."""
    import pyarrow.compute as pc

    same = pc.and_(pc.equal(members["identify_id"], identify_id), pc.greater(members["uid"], uid))
    return members.filter(pc.or_(pc.greater(members["identify_id"], identify_id), same))
