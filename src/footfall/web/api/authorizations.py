"""Authorizations: ways into buckets. Their secrets go in and never come out."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Path, Query
from pydantic import Field

from footfall.model.authorizations import Authorization, Secrets
from footfall.web.api.callers import Administering, Desk, Reading, Writing
from footfall.web.api.repeats import repeatable
from footfall.web.api.shapes import NAME_PATTERN, Given, Instant, Name, Place, ServerFile, Told, Words
from footfall.web.api.strict import section
from footfall.web.api.tasks import TaskOut, task_out

router = section("/api/authorizations", "authorizations")
AuthorizationName = Annotated[str, Path(pattern=NAME_PATTERN, description="Name of the authorization.")]
Secret = Annotated[str, Field(min_length=1, max_length=65_536, json_schema_extra={"writeOnly": True})]
Setting = Annotated[str, Field(max_length=2_000)]


class SecretsIn(Given):
    """Secrets by name; which ones are needed follows from kind, encryption and pgp. They are never answered."""

    access_key_id: Secret | None = None
    access_key_secret: Secret | None = None
    session_token: Secret | None = None
    sse_c_key: Secret | None = None
    pgp_public_key: Secret | None = None
    pgp_private_key: Secret | None = None
    pgp_passphrase: Secret | None = None

    def given(self) -> Secrets:
        """Those that are there."""
        return Secrets({name: value for name, value in self if value is not None})

    def __repr_args__(self) -> list[tuple[str | None, object]]:
        return [(name, "…") for name, value in self if value is not None]


class AuthorizationSettings(Given):
    """Everything about an authorization but its name. secrets: those that are new."""

    kind: Literal["aws_keys", "aws_role", "ambient", "gcs_hmac"] = "aws_keys"
    label: Words = ""
    description: Words = ""
    region: Setting = ""
    endpoint_url: Setting = ""
    ca_bundle: ServerFile = ""
    role_arn: Setting = ""
    encryption: Literal["", "sse_s3", "sse_kms", "sse_c"] = ""
    kms_key_id: Setting = ""
    pgp: Literal["", "encrypt", "decrypt"] = ""
    secrets: SecretsIn = SecretsIn()


class AuthorizationIn(AuthorizationSettings):
    """An authorization to be made."""

    name: Name


class AuthorizationOut(Told):
    """An authorization. key_id_shown: the last four characters of its access key id. secrets: names only."""

    name: str
    kind: str
    label: str
    description: str
    region: str
    endpoint_url: str
    ca_bundle: str
    role_arn: str
    encryption: str
    kms_key_id: str
    pgp: str
    key_id_shown: str
    created_at: Instant
    rotated_at: Instant | None
    status: str
    status_note: str
    secrets: list[str]
    used_by: list[str]


class Authorizations(Told):
    authorizations: list[AuthorizationOut]


class TestIn(Given):
    """url: the folder to try. kind: what is to be done there."""

    url: Place
    kind: Literal["export", "import", "rollups", "activity", "audience", "app_events", "people_import"] = "export"


class Deleted(Told):
    name: str
    state: Literal["deleted"] = "deleted"


@router.get("", summary="List the authorizations")
def list_authorizations(desk: Reading) -> Authorizations:
    return Authorizations(authorizations=[_out(desk, each) for each in desk.management.authorizations.all()])


@router.post("", status_code=201, summary="Add an authorization")
@repeatable
def add_authorization(desk: Administering, given: AuthorizationIn) -> AuthorizationOut:
    settings = given.model_dump(exclude={"secrets"})
    wanted = Authorization(**settings, created_at=desk.management.clock())
    return _out(desk, desk.management.add_authorization(wanted, given.secrets.given()))


@router.get("/{name}", summary="Show an authorization")
def show_authorization(desk: Reading, name: AuthorizationName) -> AuthorizationOut:
    return _out(desk, desk.management.authorizations.get(name))


@router.put("/{name}", summary="Change an authorization's settings")
def change_authorization(
    desk: Administering, name: AuthorizationName, given: AuthorizationSettings
) -> AuthorizationOut:
    """All of its settings. Secrets that are not given stay, but for those that the settings have no use for."""
    settings = given.model_dump(exclude={"secrets"})
    wanted = Authorization(name=name, **settings, created_at=desk.management.clock())
    return _out(desk, desk.management.change_authorization(wanted, given.secrets.given()))


@router.put("/{name}/secrets", summary="Give an authorization new secrets")
def rotate_authorization(desk: Administering, name: AuthorizationName, given: SecretsIn) -> AuthorizationOut:
    """Of each group that belongs together the new ones replace all old ones. Jobs use them from their next run on."""
    return _out(desk, desk.management.rotate_authorization(name, given.given()))


@router.delete("/{name}", summary="Delete an authorization and its secrets")
def delete_authorization(
    desk: Administering,
    name: AuthorizationName,
    force: Annotated[Literal["true", "false"], Query(description="Even if jobs use it.")] = "false",
) -> Deleted:
    desk.management.authorizations.delete(name, force=force == "true")
    return Deleted(name=name)


@router.post("/{name}/test", status_code=202, summary="Try a place with an authorization")
@repeatable
def test_authorization(desk: Writing, name: AuthorizationName, given: TestIn) -> TaskOut:
    """A task: its result has each step with its outcome and what to change."""
    desk.management.authorizations.get(name)
    desk.check_place(given.url, name)
    return task_out(desk.management.tasks.check_access(given.url, name, given.kind, desk.name))


def _out(desk: Desk, authorization: Authorization) -> AuthorizationOut:
    management, name = desk.management, authorization.name
    return AuthorizationOut(
        **{each: getattr(authorization, each) for each in AuthorizationOut.model_fields if each not in _ADDED},
        secrets=sorted(management.authorizations.secret_names(name)),
        used_by=[job.name for job in management.jobs.all() if job.authorization == name],
    )


_ADDED = ("secrets", "used_by")
