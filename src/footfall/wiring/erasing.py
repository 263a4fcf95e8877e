"""Erasing people from a data directory and from everything that was delivered out of it.

An erasure is a record in the store that knows how far it has come. Every step may be done twice, so one that broke off
anywhere goes on where it was: at the next call, or by the server.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from footfall import observe
from footfall.errors import Damaged, Denied, FootfallError, Refused, Unavailable
from footfall.flows.erase_delivered import remove, rewrite
from footfall.model.erasures import (
    ASKED,
    CUT,
    DELIVERED,
    ERASE,
    FORGOTTEN,
    MODES,
    PLANNED,
    Erasure,
    Outcome,
    Subjects,
    Target,
    receipt_of,
    token_of,
)
from footfall.model.manifest import Manifest
from footfall.model.windows import Written
from footfall.ports import Delivered
from footfall.stores.erasures import SqlErasures
from footfall.stores.forgetting import Forgetting, Known
from footfall.stores.windows import SqlWindows
from footfall.wiring.erasing_files import strip_files
from footfall.wiring.erasing_places import Places, Reach
from footfall.wiring.erasing_targets import newest_of, targets_of
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
    what = f"{type(error).__name__} in {observe.where(error)}"
    return Damaged(f"the erasure met an error that nobody foresaw: {what}", "It is tried again; report it if it stays")


def ask_again(hub: Footfall, id: str) -> Erasure:
    """Have tried again what an erasure could not touch; ``advance`` does it. Raises as ``SqlErasures.retry``."""
    with hub.database.transaction():
        one = erasures_of(hub).retry(id)
        hub.note("people.erase", f"erasure {id}", None, {"mode": one.mode, "tried_again": True})
    return one


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
    targets, notes = targets_of(hub, subjects, found) if people else ([], [])
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
    hub.log.end()
    erasures = erasures_of(hub)
    subjects, targets = erasures.subjects(one.id), erasures.targets(one.id)
    waiting: FootfallError | None = None
    with closing(Places(hub, reach)) as places:
        for number, (target, known) in enumerate(targets):
            progress("look at deliveries", number, len(targets), "deliveries")
            if known is not None and not known.stale:
                continue
            try:
                _one_target(hub, one.id, target, known, subjects, places)
            except (Unavailable, Denied) as error:
                waiting = error
    if waiting is not None:
        raise waiting
    done = replace(one, state=DELIVERED, error="")
    erasures.note(done)
    return done


def _one_target(
    hub: Footfall, id: str, target: Target, known: Outcome | None, subjects: Subjects, places: Places
) -> None:
    erasures = erasures_of(hub)
    if target.window and known is None and not SqlWindows(hub.database).manifest_of(target.job, target.window):
        why = "it is not finished; run its job, then `footfall people erase --retry`"
        erasures.noted(id, target.number, Outcome(untouched=((target.manifest_key, why),)))
        return
    try:
        way = places.way(target)
    except Refused as refused:
        if isinstance(refused, Denied) and refused.passes:
            raise
        why = f"{refused.what}. {refused.hint}".strip(". ")
        erasures.noted(id, target.number, Outcome(untouched=((target.manifest_key, why),)))
        return
    if known is None:
        target = _aimed(hub, id, target)
        written = rewrite(target, subjects, way)
        known = written.outcome
        with hub.database.transaction():
            if written.manifest is not None:
                _record(hub, target, known, written.manifest, subjects)
            erasures.noted(id, target.number, known)
    if known.stale:
        erasures.noted(id, target.number, remove(known, way.bucket))


def _aimed(hub: Footfall, id: str, target: Target) -> Target:
    """The target as it is delivered now; noted, so that a try that breaks off aims at the same."""
    newest = newest_of(hub, target)
    if newest != target:
        with hub.database.transaction():
            erasures_of(hub).aim(id, newest)
            if newest.day and newest.revision > hub.ledger.day(date.fromisoformat(newest.day)).revision:
                hub.ledger.advance([date.fromisoformat(newest.day)])
    return newest


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
    """Say what was done, and forget whom it was about, once nothing is left to be tried again."""
    hub.log.end()
    erasures = erasures_of(hub)
    subjects = erasures.subjects(one.id)
    ended = replace(one, ended_at=hub.clock(), error="")
    results = [(target, outcome or Outcome()) for target, outcome in erasures.targets(one.id)]
    receipt = signed(hub, receipt_of(ended, subjects.tokens, subjects.unknown, results))
    with hub.database.transaction():
        erasures.end(ended, receipt, whole=not any(outcome.untouched for _, outcome in results))
        digest = hashlib.sha256(receipt.encode()).hexdigest()
        hub.note("people.erased", f"erasure {one.id}", None, {"people": one.people, "receipt_sha256": digest})
    hub.database.fold()
    observe.happened("people erased", erasure=one.id, people=one.people)
    return erasures.get(one.id)
