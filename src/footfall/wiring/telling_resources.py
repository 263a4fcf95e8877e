"""Channels and rules of ``footfall.yaml``: what is there, how it is changed, and what it has to fit.

They are changed together, because an address may move from one to the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from footfall.config.definition_file import DefinitionFile
from footfall.errors import FootfallError, Refused
from footfall.flows.tell import email_of
from footfall.model.channels import (
    SECRETS,
    STATUS_CHANNEL,
    Channel,
    Rule,
    check_rule,
    check_secret_names,
    check_secrets,
    check_status_channel,
    read_channel,
    read_rule,
)
from footfall.model.jobs import Job
from footfall.model.plans import Change, Plain
from footfall.wiring.surroundings import Surroundings
from footfall.wiring.telling import add_channel, change_channel, channels_of, check_reach, check_rules

if TYPE_CHECKING:
    from footfall.wiring.hub import Footfall

CHANNELS: Final = "channels"
RULES: Final = "rules"


def channels_there(hub: Footfall, around: Surroundings, wanted: Mapping[str, Plain]) -> dict[str, Plain]:
    """Every channel by name, as it would be written."""
    store = channels_of(hub)
    there: dict[str, Plain] = {}
    for channel in store.all():
        name = channel.name
        held = [each for each in SECRETS if each in store.secret_names(name)]
        given = wanted.get(name, {}).get("secrets")
        there[name] = channel.plain() | around.shown(name, held, given, partial(store.secrets, name))
    return there


def rules_there(hub: Footfall, wanted: Mapping[str, Plain]) -> dict[str, Plain]:
    """Every rule by name, as it would be written."""
    return {rule.name: _rule_plain(rule) for rule in channels_of(hub).rules()}


def put_telling(hub: Footfall, around: Surroundings, changes: Sequence[Change]) -> Mapping[str, str]:
    """Make changes of channels and rules; returns the signing secrets that were drawn, by channel."""
    told: dict[str, str] = {}
    for change in changes:
        if change.kind == RULES:
            _put_rule(hub, change)
        elif drawn := _put_channel(hub, around, change):
            told[change.name] = drawn
    check_rules(hub)
    return told


def wanted_channels(hub: Footfall, found: DefinitionFile, around: Surroundings) -> dict[str, Plain]:
    """The channels of a file as the store would have them; what does not fit is added to its faults."""
    wanted: dict[str, Plain] = {}
    for name, resource in found.of(CHANNELS).items():
        try:
            channel = _channel(hub, around.placed(resource.plain, "ca_bundle"))
            _check_channel(hub, found, around, channel, resource.plain.get("secrets"))
        except FootfallError as error:
            found.blame(CHANNELS, name, error)
            continue
        given = resource.plain.get("secrets")
        secrets = {} if given is None else {"secrets": {each: given[each] for each in SECRETS if each in given}}
        wanted[name] = channel.plain() | secrets
    return wanted


def wanted_rules(hub: Footfall, found: DefinitionFile) -> dict[str, Plain]:
    """The rules of a file as the store would have them; what does not fit is added to its faults."""
    wanted: dict[str, Plain] = {}
    there = _channels(hub, found)
    for name, resource in found.of(RULES).items():
        try:
            rule = read_rule(resource.plain)
            check_rule(rule, there[rule.channel] if rule.channel in there else channels_of(hub).get(rule.channel))
        except FootfallError as error:
            found.blame(RULES, name, error)
            continue
        wanted[name] = _rule_plain(rule)
    return wanted


def check_email(hub: Footfall, found: DefinitionFile, job: Job) -> None:
    """Refuse a job whose mails could reach nobody through the channels that there will be."""
    email_of(job, _channels(hub, found))


def check_status(hub: Footfall, found: DefinitionFile, job: Job) -> None:
    """Refuse a job whose status could be told through none of the channels that there will be."""
    check_status_channel(str(job.options.get(STATUS_CHANNEL) or ""), _channels(hub, found))


def _put_channel(hub: Footfall, around: Surroundings, change: Change) -> str:
    if change.after is None:
        channels_of(hub).delete(change.name)
        return ""
    channel, references = _channel(hub, change.after), change.after.get("secrets", {})
    if change.before is None:
        return add_channel(hub, channel, around.resolved(references))
    new = any(each.field.startswith("secrets") for each in change.fields)
    change_channel(hub, channel, around.resolved(references) if new else None, alone=False)
    return ""


def _put_rule(hub: Footfall, change: Change) -> None:
    store = channels_of(hub)
    if change.after is None:
        store.delete_rule(change.name)
    elif change.before is None:
        store.add_rule(read_rule(change.after))
    else:
        store.change_rule(read_rule(change.after))


def _check_channel(
    hub: Footfall,
    found: DefinitionFile,
    around: Surroundings,
    channel: Channel,
    references: Mapping[str, str] | None,
) -> None:
    """What the store and the operator decide: does its kind stay, are its secrets there and fit, may it be reached."""
    store = channels_of(hub)
    old = next((each for each in store.all() if each.name == channel.name), None)
    if old is not None and old.kind != channel.kind:
        raise Refused(f"it is of kind {old.kind} and stays so", "Give the new one another name")
    if references is None:
        drawn = {"signing_secret"} if channel.kind == "webhook" else set()
        check_secret_names(channel, drawn if old is None else store.secret_names(old.name))
        check_reach(hub, channel, {})
        return
    given = around.found(found, CHANNELS, channel.name, references)
    if given is not None:
        check_secrets(channel, given)
        check_reach(hub, channel, given)


def _channels(hub: Footfall, found: DefinitionFile) -> dict[str, Channel]:
    """The channels that there are, and those of the file in their place."""
    there = {channel.name: channel for channel in channels_of(hub).all()}
    for name, resource in found.of(CHANNELS).items():
        try:
            there[name] = _channel(hub, resource.plain)
        except FootfallError:
            continue  # among the faults already
    return there


def _channel(hub: Footfall, plain: Plain) -> Channel:
    settings = {name: value for name, value in plain.items() if name != "secrets"}
    return read_channel({"kind": "mail", **settings}, hub.clock())


def _rule_plain(rule: Rule) -> dict[str, Any]:
    usual = Rule(name=rule.name, channel=rule.channel).plain()
    return {name: value for name, value in rule.plain().items() if name in ("name", "channel") or value != usual[name]}
