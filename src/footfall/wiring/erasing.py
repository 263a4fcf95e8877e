"""Erasing people from a data directory and from everything that was delivered out of it.

An erasure is a record in the store that knows how far it has come. Every step may be done twice, so one that broke off
anywhere goes on where it was: at the next call, or by the server.
"""

from __future__ import annotations

import hashlib
import secrets
import traceback
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from footfall import observe
from footfall.errors import Damaged, FootfallError, Refused, Unavailable
from footfall.flows.erase_delivered import remove, rewrite
from footfall.model.erasures import (
    ASKED,
    CUT,
    DELIVERED,
    ERASE,
    FORGOTTEN,
    ID_COLUMNS,
    MODES,
    PLANNED,
    UID_COLUMNS,
    Erasure,
    Outcome,
    Subjects,
    Target,
    receipt_of,
    token_of,
)
from footfall.model.files import revision_of
from footfall.model.manifest import Manifest
from footfall.model.reports import by_name
from footfall.model.windows import Written
from footfall.ports import Delivered
from footfall.stores.erasures import SqlErasures
from footfall.stores.forgetting import Forgetting, Known
from footfall.stores.retention import SqlRetention
from footfall.stores.windows import SqlWindows
from footfall.wiring.erasing_files import strip_files
from footfall.wiring.erasing_places import Places, Reach
from footfall.wiring.hub import silent
from footfall.wiring.privacy import token_key_of
from footfall.wiring.receipts import signed, token_key

if TYPE_CHECKING:
    from footfall.ports import Progress
    from footfall.wiring.hub import Footfall


@dataclass(frozen=True, slots=True)
class Plan:
    """What an erasure would do. days: with events of these people. targets: deliveries that may hold them."""

    people: Sequence[Known]
    unknown: Sequence[str]
    subjects: Subjects
    events: int
    days: int
    targets: Sequence[Target]
    notes: Sequence[tuple[str, str]]


def erasures_of(hub: Footfall) -> SqlErasures:
    """The erasures of a data directory."""
    return SqlErasures(hub.database, hub.vault)


def forgetting_of(hub: Footfall) -> Forgetting:
    """Finds people in the store of a data directory."""
    namespace = hub.subscription.subscription_id.bytes
    return Forgetting(hub.database, lambda text: visitor_uid(namespace, text))


def visitor_uid(namespace: bytes, text: str) -> str:
    """What a visitor is called in the app-event stream (``engines.app_events``): a UUID of its own, else a UUIDv5."""
    from uuid import UUID, uuid5

    try:
        if len(text) == 36:
            return str(UUID(text))
    except ValueError:
        pass
    return str(uuid5(UUID(bytes=namespace), f"visitor:{text}"))


def ask_for(hub: Footfall, ids: Sequence[str], mode: str, by: str) -> Erasure:
    """Note that people are to be erased; ``advance`` does it. Raises ``Refused`` for an unknown mode or nobody."""
    if mode not in MODES:
        raise Refused(f"there is no mode '{mode}'", f"Choose one of {', '.join(MODES)}")
    if not ids:
        raise Refused("nobody is named", "Name people by identify id or aptrinsicId, or give a file of them")
    one = Erasure(f"er{secrets.token_hex(11)}", mode, ASKED, hub.clock(), by=by)
    with hub.database.transaction():
        erasures_of(hub).ask(one, ids)
        hub.note("people.erase", f"erasure {one.id}", None, {"mode": mode, "asked_for": len(ids)})
    return one


def listed_again(hub: Footfall, tokens: Mapping[str, int] | None = None) -> Sequence[str]:
    """Identify ids of people who are there although they were erased: as after a restored backup.

    Not of those who came after it: they are somebody new. tokens: of receipts, for erasures that the restored store
    does not know of, each with the instant at which it was asked for, in microseconds since 1970.
    """
    erasures = erasures_of(hub)
    until = dict(erasures.tokens())
    for token, at in (tokens or {}).items():
        until[token] = max(at, until.get(token, at))
    return erasures.names_of(token_key(hub), until)


def advance(hub: Footfall, id: str, reach: Reach, progress: Progress = silent) -> Erasure:
    """Do what is left of an erasure, and return it as it is then.

    Raises ``Conflict`` while another process holds the log, what a place raises that may answer later, and ``Damaged``
    for an error that nobody foresaw; then it is left where it was, and goes on when this is called again.
    """
    one = erasures_of(hub).get(id)
    steps = {ASKED: _begin, PLANNED: _forget, FORGOTTEN: _cut, CUT: _deliver, DELIVERED: _end}
    try:
        while not one.ended:
            one = steps[one.state](hub, one, reach, progress)
    except FootfallError as error:
        erasures_of(hub).note(replace(erasures_of(hub).get(id), error=str(error)))
        raise
    except Exception as error:
        told = _unforeseen(error)
        erasures_of(hub).note(replace(erasures_of(hub).get(id), error=str(told)))
        raise told from None
    return one


def _unforeseen(error: Exception) -> Damaged:
    """Only its kind and place are told: its text may name those who are to be erased."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{type(error).__name__} in {Path(frame.filename).name}:{frame.lineno}"
    return Damaged(f"the erasure met an error that nobody foresaw: {where}", "It is tried again; report it if it stays")


def work_off(hub: Footfall) -> bool:
    """The duty of a server: go on with every erasure that has not ended; True when there may be more.

    One that has to wait keeps no other from being done. What went wrong with the first of them is raised at the end.
    """
    failed: list[FootfallError] = []
    waiting = erasures_of(hub).unfinished()
    for one in waiting:
        try:
            advance(hub, one.id, Reach())
        except FootfallError as error:
            failed.append(error)
    if failed:
        raise failed[0]
    return bool(waiting)


# --- planning ----------------------------------------------------------------------------------------------------


def plan(hub: Footfall, ids: Sequence[str]) -> Plan:
    """What erasing these people would touch, as far as that is known without reading what was delivered."""
    forgetting = forgetting_of(hub)
    tokens = _tokens(hub, ids)
    people, missing = forgetting.find([*ids, *tokens.values()])
    unknown = [each for each in dict.fromkeys(ids) if each in missing and tokens.get(each, each) in missing]
    subjects, found = Subjects(), dict[date, pa.Array]()
    if people:
        subjects = forgetting.subjects(people)
        found = dict(hub.lake.rows_of(subjects))
    targets, notes = _targets(hub, subjects, found) if people else ([], [])
    key = token_key(hub)
    erased = tuple(token_of(key, text) for text in (*subjects.ids, *subjects.visitor_ids))
    subjects = replace(subjects, tokens=erased, unknown=tuple(token_of(key, text) for text in unknown))
    events = sum(map(len, found.values()))
    return Plan(people, unknown, subjects, events, len(found), targets, notes)


def _tokens(hub: Footfall, ids: Sequence[str]) -> dict[str, str]:
    """What raw ids are stored as where a policy, or a client's wish, makes tokens of them; nothing where none does."""
    if not token_key_of(hub).mark():
        return {}
    with suppress(FootfallError):  # a key that was lost made tokens that nobody can find again
        return {each: hub.privacy.tokens().token("user", each) for each in ids}
    return {}


def _targets(
    hub: Footfall, subjects: Subjects, found: Mapping[date, pa.Array]
) -> tuple[list[Target], list[tuple[str, str]]]:
    """The deliveries that may hold these people; whether they do is seen when they are read."""
    drafts: list[Target] = []
    notes: list[tuple[str, str]] = []
    drafts += _rollup_targets(hub, subjects, found)
    seqs = sorted(int(seq) for each in found.values() for seq in each.to_pylist())
    spans = hub.lake.spans(0, 1 << 62)
    lowest = min((span.first_seq for span in spans), default=1 << 62)
    if SqlRetention(hub.database).removed():
        lowest = 1 << 62  # there may be gaps anywhere
    for window in SqlWindows(hub.database).delivered():
        written = window.written
        assert written is not None
        place = bisect_left(seqs, window.from_seq)
        held = place < len(seqs) and seqs[place] < window.to_seq
        # Of events that left the lake since nobody knows any more whose they were.
        if not held and window.from_seq >= lowest:
            continue
        what = f"window {window.number} of {window.job}"
        if not window.closed:
            notes.append(
                (f"{written.place}/{written.manifest_key}", f"{what} is not finished; run it, then erase again")
            )
        elif window.manifest_key:
            revision = revision_of(window.manifest_key) + 1
            drafts.append(
                Target(0, written.manifest.kind, written.place, window.manifest_key, what, revision,
                       job=window.job, window=window.number)
            )  # fmt: skip
    for job, place_, manifest_key in erasures_of(hub).audiences_with(subjects.users):
        revision = revision_of(manifest_key) + 1
        drafts.append(Target(0, "audience", place_, manifest_key, f"audience of {job}", revision, job=job))
    return [replace(each, number=number) for number, each in enumerate(drafts, 1)], notes


def _rollup_targets(hub: Footfall, subjects: Subjects, found: Mapping[date, pa.Array]) -> Iterator[Target]:
    """Reports that name users: of days with events of these people, and of each day on which they were known."""
    stored, born = hub.lake.days(), hub.zone.day_of(_instant(subjects.first_at))
    series: dict[tuple[str, str, str, str, date], list[Delivered]] = {}
    for each in hub.ledger.deliveries():
        series.setdefault((each.destination, each.report, each.version, each.format, each.day), []).append(each)
    for (place, name, version, format_, day), delivered in series.items():
        report = by_name(name)
        named = {field.name for field in report.columns(version)} & {*ID_COLUMNS, *UID_COLUMNS}
        everybody = report.relation == "users"
        if named and (day >= born if everybody else day in found or day not in stored):
            last, older = delivered[-1], delivered[:-1]
            yield Target(
                0, "rollups", place, last.manifest_key, f"{name} of {day}", hub.ledger.day(day).revision + 1,
                tuple(each.manifest_key for each in reversed(older)),
                report=name, version=version, format=format_, day=day.isoformat(),
            )  # fmt: skip


def _instant(at_us: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at_us)


# --- steps -------------------------------------------------------------------------------------------------------


def _begin(hub: Footfall, one: Erasure, reach: Reach, progress: Progress) -> Erasure:
    """Settle, find out whom and what it is about, and take nothing about them any more that is told of before."""
    erasures = erasures_of(hub)
    hub.log.end()  # held by this process from now on, or it raises
    with hub.alone():
        hub.settle(progress)
        ids = erasures.asked(one.id)
        found = plan(hub, ids)
        begun = replace(
            one, state=PLANNED, people=len(found.people), unknown=len(found.unknown), notes=tuple(found.notes), error=""
        )
        with hub.database.transaction():
            tokens = [*found.subjects.tokens, *found.subjects.unknown]
            erasures.begin(begun, found.subjects, found.targets, tokens)
            hub.ledger.advance({date.fromisoformat(each.day) for each in found.targets if each.day})
        return _forget(hub, begun, reach, progress)


def _forget(hub: Footfall, one: Erasure, reach: Reach, progress: Progress) -> Erasure:
    """Take them out of the store. What they do from now on is somebody new's."""
    hub.log.end()
    with hub.alone():
        with hub.database.transaction():
            counts = forgetting_of(hub).forget(erasures_of(hub).subjects(one.id))
            # How many are gone is said once, by the try that took them away.
            done = replace(one.plus({**counts, **one.counts}), state=FORGOTTEN, error="")
            erasures_of(hub).note(done)
        hub.people.renew()
        if "shaper" in vars(hub):  # it remembers sessions that are open
            hub.shaper.renew()
    return done


def _cut(hub: Footfall, one: Erasure, reach: Reach, progress: Progress) -> Erasure:
    """Take them out of the lake, of the files beside it, and of the log, and leave no trace where something was.

    Not left to the end: that may have to wait for a place that does not answer.
    """
    subjects, erasures = erasures_of(hub).subjects(one.id), erasures_of(hub)
    if subjects.users:
        days = list(hub.lake.rows_of(subjects))
        for number, day in enumerate(days):
            progress("erase events", number, len(days), "days")
            with hub.alone():
                count = hub.lake.erase(day, subjects, anonymous=one.mode != ERASE)
            one = one.plus(
                {"events": one.counts.get("events", 0) + count, "event_days": one.counts.get("event_days", 0) + 1}
            )
            erasures.note(one)
        rows = strip_files(hub.settings.data, subjects.users)
        one = one.plus({"derived_rows": one.counts.get("derived_rows", 0) + rows})
    with hub.alone():
        hub.settle(progress)
        hub.log.turn()
        hub.log.trim(hub.lake.position())
        hub.lake.purge()
    hub.engine.close()
    hub.database.rewrite()
    done = replace(one, state=CUT, error="")
    erasures.note(done)
    return done


def _deliver(hub: Footfall, one: Erasure, reach: Reach, progress: Progress) -> Erasure:
    """Take them out of what was delivered. A place that does not answer now leaves the rest to the next try."""
    erasures = erasures_of(hub)
    subjects, targets = erasures.subjects(one.id), erasures.targets(one.id)
    waiting: Unavailable | None = None
    with closing(Places(hub, reach)) as places:
        for number, (target, known) in enumerate(targets):
            progress("look at deliveries", number, len(targets), "deliveries")
            if known is not None and not known.stale:
                continue
            try:
                _one_target(hub, one.id, target, known, subjects, places)
            except Unavailable as unavailable:
                waiting = unavailable
    if waiting is not None:
        raise waiting
    done = replace(one, state=DELIVERED, error="")
    erasures.note(done)
    return done


def _one_target(
    hub: Footfall, id: str, target: Target, known: Outcome | None, subjects: Subjects, places: Places
) -> None:
    erasures = erasures_of(hub)
    try:
        way = places.way(target)
    except Refused as refused:
        why = f"{refused.what}. {refused.hint}".strip(". ")
        erasures.noted(id, target.number, Outcome(untouched=((target.manifest_key, why),)))
        return
    if known is None:
        written = rewrite(target, subjects, way)
        known = written.outcome
        with hub.database.transaction():
            if written.manifest is not None:
                _record(hub, target, known, written.manifest, subjects)
            erasures.noted(id, target.number, known)
    if known.stale:
        erasures.noted(id, target.number, remove(known, way.bucket))


def _record(hub: Footfall, target: Target, outcome: Outcome, manifest: Any, subjects: Subjects) -> None:
    """What the store knows of a delivery lies under its new manifest from now on."""
    if isinstance(manifest, Manifest):
        hub.ledger.deliver(
            Delivered(
                destination=target.place,
                report=target.report,
                version=target.version,
                format=target.format,
                day=manifest.day,
                revision=target.revision,
                manifest_key=outcome.manifest_key,
                manifest_sha256=outcome.manifest_sha256,
            )
        )
    elif target.window:
        written = Written(target.place, outcome.manifest_key, manifest, stored=len(manifest.files))
        SqlWindows(hub.database).replace(target.job, target.window, written, outcome.manifest_sha256)
    else:
        erasures_of(hub).moved(target.place, target.manifest_key, outcome.manifest_key, subjects.users)


def _end(hub: Footfall, one: Erasure, reach: Reach, progress: Progress) -> Erasure:
    """Say what was done, and forget whom it was about."""
    erasures = erasures_of(hub)
    subjects = erasures.subjects(one.id)
    ended = replace(one, ended_at=hub.clock(), error="")
    results = [(target, outcome or Outcome()) for target, outcome in erasures.targets(one.id)]
    receipt = signed(hub, receipt_of(ended, subjects.tokens, subjects.unknown, results))
    with hub.database.transaction():
        erasures.end(ended, receipt)
        digest = hashlib.sha256(receipt.encode()).hexdigest()
        hub.note("people.erased", f"erasure {one.id}", None, {"people": one.people, "receipt_sha256": digest})
    hub.database.fold()
    observe.happened("people erased", erasure=one.id, people=one.people)
    return erasures.get(one.id)
