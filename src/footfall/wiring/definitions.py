"""``footfall.yaml`` over a data directory: checked against what is there, planned, applied, written.

What each kind of resource is in the store is in ``wiring.resources``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from footfall.config import Settings, load_zone
from footfall.config.definition_file import SCHEMA_NAME, VERSION, DefinitionFile
from footfall.config.faults import Fault, Faulty
from footfall.config.resources import KINDS
from footfall.config.shapes import Place
from footfall.config.yaml_tree import position
from footfall.config.yaml_writer import write_yaml
from footfall.errors import FootfallError
from footfall.flows.apply_definitions import Applied, apply_plan, make_plan
from footfall.model.audit import Actor
from footfall.model.plans import Change, Plain, Plan
from footfall.ports import Clock
from footfall.wiring.resources import kinds, usual_of, wanted_of
from footfall.wiring.surroundings import Surroundings

if TYPE_CHECKING:
    from footfall.wiring.hub import Footfall

_OVER: Final = ("completed", "killed")
_HEAD: Final = f"""\
# yaml-language-server: $schema={SCHEMA_NAME}
# Written by `footfall export-config`. Secrets are named, never written: export the variables before `footfall apply`.
"""


@contextmanager
def opened_for(found: DefinitionFile, settings: Settings, clock: Clock, *, write: bool) -> Iterator[Footfall]:
    """The data directory with the subscription that the file says; one that is not there yet is begun with it.

    write: without it no trace is left: of a directory that is not there, an empty one is shown in its place.
    Raises ``Faulty`` when the directory belongs to another subscription, or the file names no zone there is.
    """
    from footfall.wiring.hub import Footfall

    begun = (settings.data / "subscription.json").exists()
    with TemporaryDirectory(prefix="footfall-plan-") as folder:
        if not begun:
            settings = replace(settings, **_subscription(found, settings))
            settings = settings if write else replace(settings, data=Path(folder) / "data")
        with Footfall.open(settings, clock=clock) as hub:
            _require_same(found, hub)
            yield hub


def plan_definitions(hub: Footfall, found: DefinitionFile, around: Surroundings, *, prune: bool) -> Plan:
    """What would have to change. Raises ``Faulty`` with everything that does not fit what is there."""
    wanted = wanted_of(hub, found, around)
    found.require_sound()
    return make_plan(kinds(hub, around), wanted, prune=prune)


def apply_definitions(
    hub: Footfall,
    found: DefinitionFile,
    around: Surroundings,
    chosen: Plan,
    *,
    say: Callable[[Change], None] = lambda _: None,
) -> Applied:
    """Make the changes of a plan. Raises ``Conflict`` if it would not be the same any more, and changes nothing."""
    wanted = wanted_of(hub, found, around)
    found.require_sound()
    before, hub.note.actor = hub.note.actor, Actor("cli", Path(found.name).name)
    try:
        return apply_plan(hub.database, kinds(hub, around), wanted, chosen, say=say)
    finally:
        hub.note.actor = before


def export_config(hub: Footfall) -> str:
    """Everything that is, as a file that makes it again: the same state, the same bytes.

    Jobs that are over are left out. Of a secret stands the variable that it would be read from.
    """
    there = {kind.name: kind.current({}) for kind in kinds(hub, Surroundings({}, Path()))}
    over = {job.name for job in hub.jobs.all() if job.state in _OVER}
    about = hub.subscription
    plain: dict[str, Any] = {
        "version": VERSION,
        "subscription": {
            "time_zone": about.time_zone,
            "subscription_id": str(about.subscription_id),
            "organization_id": str(about.organization_id),
        },
    }
    for kind in KINDS:
        listed = [
            _ordered(kind.record.fields, usual_of(each))
            for name, each in sorted(there[kind.name].items())
            if kind.name != "jobs" or name not in over
        ]
        plain |= {kind.name: listed} if listed else {}
    return _HEAD + write_yaml(plain)


def _ordered(fields: Any, plain: Plain) -> dict[str, Any]:
    return {field.name: plain[field.name] for field in fields if field.name in plain}


def _subscription(found: DefinitionFile, settings: Settings) -> dict[str, Any]:
    """What the file says of the subscription and no setting does."""
    given = {name: value for name, value in found.subscription.items() if not settings.given(name)}
    readers: dict[str, Callable[[str], object]] = {
        "time_zone": lambda text: load_zone(text).name,
        "subscription_id": UUID,
        "organization_id": UUID,
    }
    read: dict[str, Any] = {}
    for name, value in given.items():
        try:
            read[name] = readers[name](value)
        except (ValueError, FootfallError) as error:
            hint = error.hint if isinstance(error, FootfallError) else "Write 9b2f6f0e-5d0c-4c5a-9d0a-0d2a2f0f5a11"
            raise _fault(found, (name,), f"{value!r} is none", hint) from error
    return read


def _require_same(found: DefinitionFile, hub: Footfall) -> None:
    for name, value in found.subscription.items():
        kept = str(getattr(hub.subscription, name))
        if value.lower() != kept.lower():
            hint = "It is fixed at the first start. Use another data directory, or leave it out"
            raise _fault(found, (name,), f"the data in {hub.settings.data} was collected with {kept}", hint)


def _fault(found: DefinitionFile, place: Place, what: str, hint: str) -> Faulty:
    assert found.subscription_node is not None
    line, column = position(found.subscription_node, place)
    return Faulty([Fault(found.name, line, column, f"subscription.{place[0]}", what, hint)])
