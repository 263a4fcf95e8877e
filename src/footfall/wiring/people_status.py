"""What became of each file of a job of kind ``people_import``, put into the outbox for its status channel."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from footfall import observe
from footfall.errors import Refused
from footfall.model.channels import IMPORTED
from footfall.model.notices import Message, Notice, masked
from footfall.model.people_inbox import REASONS_MAX, Reason, Taken, sentence, status_id, status_of
from footfall.wiring.imports import ledger_of
from footfall.wiring.telling import channels_of, outbox_of

if TYPE_CHECKING:
    from footfall.model.jobs import Attempt, Job
    from footfall.model.schedules import Slot
    from footfall.ports import Imports
    from footfall.wiring.hub import Footfall
    from footfall.wiring.people_inbox import PeopleInbox


def teller_of_files(
    hub: Footfall, job: Job, slot: Slot, attempt: Attempt, chosen: PeopleInbox
) -> Callable[[Taken], None]:
    """What remembers, once, that a file is to be told of; the outbox sends it when it can. Without a channel nobody is
    told."""
    run = f"{job.name}:{slot.name}:{attempt.number}"

    def tell(taken: Taken) -> None:
        channel, now = chosen.status_channel, hub.clock()
        if all(each.name != channel for each in channels_of(hub).all()):
            missing = Refused(f"there is no channel {channel!r}", "Add it, or give the job another one")
            observe.went_wrong("status not told", missing, job=job.name)
            return
        status = status_of(taken, chosen.entity, _reasons(ledger_of(hub), taken))
        said = {"type": f"footfall.{IMPORTED}", "timestamp": now.isoformat(), "job": job.name, "run": run}
        message = Message(
            occasion=IMPORTED, at=now, what=sentence(status), job=job.name, label=masked(job.label), kind=job.kind,
            slot=slot.name, start=slot.start, end=slot.end, run=run, files=1, rows=taken.counts["applied"],
            bytes=taken.file.size_bytes, facts=said | status,
        )  # fmt: skip
        outbox_of(hub).put([Notice(status_id(job.name, job.url, taken), channel, "", message)], now)

    return tell if chosen.status_channel else lambda taken: None


def _reasons(ledger: Imports, taken: Taken) -> list[Reason]:
    """Why rows were refused, the most frequent first, of those that are kept with their text."""
    if taken.one is None or not taken.one.bad:
        return []
    found: dict[tuple[str, str], Reason] = {}
    for bad in ledger.bad_rows(taken.one.id):
        before = found.get((bad.code, bad.field), Reason(bad.code, bad.field, 0, bad.line))
        found[bad.code, bad.field] = Reason(bad.code, bad.field, before.rows + 1, before.first_line)
    return sorted(found.values(), key=lambda each: (-each.rows, each.first_line))[:REASONS_MAX]
