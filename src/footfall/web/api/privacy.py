"""Privacy policies of sources: what is kept of what they send, decided before it is stored."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import Path
from pydantic import Field, StrictBool

from footfall.web.api.authorizations import Deleted
from footfall.web.api.callers import Administering, Reading
from footfall.web.api.shapes import Given, Told
from footfall.web.api.strict import section

router = section("/api/privacy", "privacy")
SourceName = Annotated[str, Path(max_length=200, description="Name of a source or stream; `*` for the deployment.")]
Action = Literal["keep", "drop", "hash", "tokenise", "coarsen"]
Signal = Literal["drop", "anonymise", "allow"]
Patterns = Annotated[list[Annotated[str, Field(min_length=1, max_length=2_000)]], Field(max_length=1_000)]


class FieldRule(Given):
    """path: as in `traits.email`, `properties.*`, `context.**`."""

    path: Annotated[str, Field(min_length=1, max_length=500)]
    action: Action


class PolicySettings(Given):
    """What is different from the policy of the deployment; what is null or not given is as there."""

    addresses: Literal["truncated", "full", "none"] | None = None
    inference: StrictBool | None = None
    identities: Annotated[list[Literal["user", "account", "email"]], Field(max_length=3)] | None = None
    fields: Annotated[list[FieldRule], Field(max_length=1_000)] | None = None
    sensitive: Action | None = None
    query: Patterns | None = None
    mask_query: Patterns | None = None
    exclude_urls: Patterns | None = None
    mask_urls: Patterns | None = None
    gpc: Signal | None = None
    gpc_reason: Annotated[str, Field(max_length=500)] | None = None
    dnt: Signal | None = None
    consent: Literal["ignored", "recorded", "required"] | None = None
    without_consent: Literal["drop", "anonymise"] | None = None
    purpose: Annotated[str, Field(min_length=1, max_length=200)] | None = None


class PolicyOut(Told):
    """settings: what it says itself."""

    source: str
    settings: dict[str, Any]


class PoliciesOut(Told):
    policies: list[PolicyOut]


@router.get("", summary="List the privacy policies")
def list_policies(desk: Reading) -> PoliciesOut:
    found = desk.management.policies.all()
    return PoliciesOut(policies=[PolicyOut(source=name, settings=dict(found[name])) for name in sorted(found)])


@router.put("/{source}", summary="Set the privacy policy of a source from now on")
def put_policy(desk: Administering, source: SourceName, given: PolicySettings) -> PolicyOut:
    """All of it; what is stored already stays as it is. In force within seconds."""
    plain = given.model_dump(exclude_none=True)
    desk.management.put_policy(source, plain)
    return PolicyOut(source=source, settings=plain)


@router.delete("/{source}", summary="Take the privacy policy of a source away")
def delete_policy(desk: Administering, source: SourceName) -> Deleted:
    desk.management.put_policy(source, None)
    return Deleted(name=source)
