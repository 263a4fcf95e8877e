"""Rules: who is told of what, through which channel."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Path
from pydantic import Field

from footfall.errors import Missing
from footfall.model.channels import PATIENCE_MAX, USUAL, Rule
from footfall.web.api.authorizations import Deleted
from footfall.web.api.callers import Desk, Reading, Writing
from footfall.web.api.channels import Addresses
from footfall.web.api.repeats import repeatable
from footfall.web.api.shapes import NAME_PATTERN, Given, Name, Told, Whole
from footfall.web.api.strict import section

router = section("/api/rules", "notifications")
RuleName = Annotated[str, Path(pattern=NAME_PATTERN, description="Name of the rule.")]
Occasion = Literal["failure", "paused", "recovery", "no_data", "unusual", "done"]


class RuleSettings(Given):
    """Everything about a rule but its name.

    jobs: names, * for any characters; none is every job. to: addresses instead of the channel's. patience: failures in
    a row before the first is told.
    """

    channel: Name
    jobs: Annotated[list[Annotated[str, Field(max_length=63)]], Field(max_length=500, default_factory=list)]
    on: Annotated[list[Occasion], Field(min_length=1, max_length=6, default_factory=lambda: list(USUAL))]
    to: Addresses
    patience: Annotated[Whole, Field(ge=1, le=PATIENCE_MAX)] = 1


class RuleIn(RuleSettings):
    """A rule to be made."""

    name: Name


class RuleOut(Told):
    name: str
    channel: str
    jobs: list[str]
    on: list[str]
    to: list[str]
    patience: int


class Rules(Told):
    rules: list[RuleOut]


@router.get("", summary="List the rules")
def list_rules(desk: Reading) -> Rules:
    return Rules(rules=[_out(rule) for rule in desk.management.channels.rules()])


@router.post("", status_code=201, summary="Add a rule")
@repeatable
def add_rule(desk: Writing, given: RuleIn) -> RuleOut:
    rule = _rule(given.name, given)
    desk.management.channels.add_rule(rule)
    return _out(rule)


@router.get("/{name}", summary="Show a rule")
def show_rule(desk: Reading, name: RuleName) -> RuleOut:
    return _out(_there(desk, name))


@router.put("/{name}", summary="Change a rule")
def change_rule(desk: Writing, name: RuleName, given: RuleSettings) -> RuleOut:
    """All of its settings."""
    rule = _rule(name, given)
    desk.management.channels.change_rule(rule)
    return _out(rule)


@router.delete("/{name}", summary="Delete a rule")
def delete_rule(desk: Writing, name: RuleName) -> Deleted:
    desk.management.channels.delete_rule(name)
    return Deleted(name=name)


def _there(desk: Desk, name: str) -> Rule:
    found = next((rule for rule in desk.management.channels.rules() if rule.name == name), None)
    if found is None:
        raise Missing(f"there is no rule {name!r}", "List them at /api/rules")
    return found


def _rule(name: str, given: RuleSettings) -> Rule:
    return Rule(
        name=name,
        channel=given.channel,
        jobs=tuple(given.jobs),
        on=tuple(given.on),
        to=tuple(given.to),
        patience=given.patience,
    )


def _out(rule: Rule) -> RuleOut:
    return RuleOut(
        name=rule.name,
        channel=rule.channel,
        jobs=list(rule.jobs),
        on=list(rule.on),
        to=list(rule.to),
        patience=rule.patience,
    )
