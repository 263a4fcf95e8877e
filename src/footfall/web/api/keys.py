"""API keys. A key is answered once, when it is made."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Path

from footfall.model.api_keys import ApiKey
from footfall.web.api.callers import Administering, Desk
from footfall.web.api.repeats import repeatable
from footfall.web.api.shapes import NAME_PATTERN, Given, Instant, Name, Told
from footfall.web.api.strict import section

router = section("/api/keys", "keys")
Scope = Literal["metrics", "read", "write", "admin"]


class KeyIn(Given):
    """scope: each may do what those before it may. expires_at: never by default."""

    name: Name
    scope: Scope
    expires_at: Instant | None = None


class KeyOut(Told):
    """used_at: when it was last used, give or take a minute."""

    name: str
    scope: str
    state: Literal["active", "expired", "revoked"]
    created_at: Instant
    expires_at: Instant | None
    revoked_at: Instant | None
    used_at: Instant | None


class NewKey(Told):
    """key: shown this once."""

    name: str
    scope: str
    expires_at: Instant | None
    key: str


class Keys(Told):
    keys: list[KeyOut]


@router.get("", summary="List the API keys")
def list_keys(desk: Administering) -> Keys:
    return Keys(keys=[_out(desk, key) for key in desk.management.api_keys.all()])


@router.post("", status_code=201, summary="Make an API key")
@repeatable
def add_key(desk: Administering, given: KeyIn) -> NewKey:
    made, key = desk.management.create_api_key(given.name, given.scope, given.expires_at)
    return NewKey(name=made.name, scope=made.scope, expires_at=made.expires_at, key=key)


@router.delete("/{name}", summary="End an API key, at once")
def revoke_key(desk: Administering, name: Annotated[str, Path(pattern=NAME_PATTERN)]) -> KeyOut:
    return _out(desk, desk.management.api_keys.revoke(name, desk.management.clock()))


def _out(desk: Desk, key: ApiKey) -> KeyOut:
    return KeyOut(
        name=key.name,
        scope=key.scope,
        state=key.state(desk.management.clock()),  # type: ignore[arg-type]
        created_at=key.created_at,
        expires_at=key.expires_at,
        revoked_at=key.revoked_at,
        used_at=key.used_at,
    )
