"""Users whose events are not taken any more."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from footfall.web.api.callers import Administering
from footfall.web.api.shapes import Given, Instant, Told
from footfall.web.api.strict import section

router = section("/api/denied", "people")


class WhoIn(Given):
    """identify_id: as it is known outside."""

    identify_id: Annotated[str, Field(min_length=1, max_length=512)]


class DeniedOut(Told):
    """id: as it is kept, which is a token where ids are anonymised."""

    id: str
    since: Instant


class DeniedList(Told):
    denied: list[DeniedOut]


class DenialOut(Told):
    """user: an opaque id."""

    user: str
    denied: bool


@router.get("", summary="List who is denied")
def list_denied(desk: Administering) -> DeniedList:
    return DeniedList(denied=[DeniedOut(id=who, since=at) for who, at in desk.management.denied()])


@router.post("", summary="Take no events of a user from now on")
def deny_user(desk: Administering, given: WhoIn) -> DenialOut:
    """What is stored stays. Events of the user are quarantined without their text."""
    return DenialOut(user=desk.management.deny_user(given.identify_id), denied=True)


@router.post("/remove", summary="Take events of a user again")
def allow_user(desk: Administering, given: WhoIn) -> DenialOut:
    """The id is in the body: paths are written into the logs of proxies."""
    return DenialOut(user=desk.management.allow_user(given.identify_id), denied=False)
