"""Places: whether they can be used, what has to be granted for them, and whether all that was delivered is there."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, JsonValue

from footfall.errors import Refused
from footfall.model import policies
from footfall.model.policies import Grant, use_of
from footfall.model.remote import Remote
from footfall.web.api.callers import Reading, Writing
from footfall.web.api.repeats import repeatable
from footfall.web.api.shapes import Flag, Given, Name, Place, Told
from footfall.web.api.strict import section
from footfall.web.api.tasks import TaskOut, task_out

router = section("/api/places", "places")
Kind = Literal["export", "import", "rollups", "activity", "audience", "app_events", "people_import"]


class CheckIn(Given):
    """authorization: without one the machine's own access is tried, which is for admins."""

    url: Place
    authorization: Name | Literal[""] = ""
    kind: Kind = "export"


class VerifyIn(Given):
    """authorization: without one the machine's own access is used, which is for admins."""

    url: Place
    authorization: Name | Literal[""] = ""


class PoliciesIn(Given):
    """principal: ARN of Footfall's own identity; for Google the e-mail of a service account."""

    url: Place
    kind: Kind = "export"
    read_back: Flag = False
    principal: Annotated[str, Field(max_length=500)] = ""
    role: Annotated[str, Field(pattern=r"^[\w+=,.@-]{1,64}$")] = "footfall"
    kms_key: Annotated[str, Field(max_length=500)] = ""


class Policies(Told):
    """By form: bucket_policy, trust_policy, role_policy, terraform; for Google gcloud and terraform."""

    policies: dict[str, JsonValue]


@router.post("/check", status_code=202, summary="Try a place step by step")
@repeatable
def check_place(desk: Writing, given: CheckIn) -> TaskOut:
    """A task: a test file is written, read, listed and deleted. Its result has each step and what to change."""
    desk.check_place(given.url, given.authorization)
    return task_out(desk.management.tasks.check_access(given.url, given.authorization, given.kind, desk.name))


@router.post("/verify", status_code=202, summary="Check what was delivered against its manifests")
@repeatable
def verify_place(desk: Writing, given: VerifyIn) -> TaskOut:
    """A task: every file is read. Its result has what was found."""
    desk.check_place(given.url, given.authorization)
    return task_out(desk.management.tasks.verify(given.url, given.authorization, desk.name))


@router.post("/policies", summary="Write the least that has to be granted for a place")
def write_policies(desk: Reading, given: PoliciesIn) -> Policies:
    """Changes nothing. The ExternalId is the subscription id."""
    place = Remote.parse(given.url)
    if place is None:
        raise Refused(f"{given.url} is a folder and needs no grant", "Give s3://bucket/folder or gs://bucket/folder")
    grant = Grant(
        place=place,
        use=use_of(given.kind),
        read_back=given.read_back,
        principal=given.principal or policies.IDENTITY,
        role=given.role,
        external_id="" if place.google else desk.management.external_id,
        kms_key=given.kms_key,
    )
    return Policies(policies=policies.forms(grant))
