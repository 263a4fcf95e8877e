"""Privacy policies of ``footfall.yaml``: what is there, what is wanted, and how it is changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from footfall.errors import Refused
from footfall.model.plans import Change, Plain
from footfall.model.privacy import DEFAULT, Policy, read_policy
from footfall.wiring.privacy import policies_of, put_policy

if TYPE_CHECKING:
    from footfall.config.definition_file import DefinitionFile
    from footfall.wiring.hub import Footfall


def current_policies(hub: Footfall, wanted: Mapping[str, Plain]) -> dict[str, Plain]:
    """The policies there are, by source."""
    return {source: {"source": source, **plain} for source, plain in policies_of(hub).all().items()}


def wanted_policies(hub: Footfall, found: DefinitionFile) -> dict[str, Plain]:
    """Those of a file; one that cannot be under the deployment's is among the faults."""
    wanted = {name: each.plain for name, each in found.of("privacy").items()}
    base = Policy(addresses=hub.settings.store_ip)
    default = wanted.get(DEFAULT, {"source": DEFAULT, **policies_of(hub).all().get(DEFAULT, {})})
    known = {}
    for name, plain in wanted.items():
        try:
            read_policy(_said(plain), base if name == DEFAULT else read_policy(_said(default), base))
        except Refused as error:
            found.blame("privacy", name, error)
            continue
        known[name] = plain
    return known


def put_privacy(hub: Footfall, changes: Sequence[Change]) -> Mapping[str, str]:
    """Apply changes: that of the deployment first, since the others say what is different there."""
    for change in sorted(changes, key=lambda each: each.name != DEFAULT):
        put_policy(hub, change.name, None if change.after is None else _said(change.after))
    return {}


def _said(plain: Plain) -> Plain:
    return {name: value for name, value in plain.items() if name != "source"}
