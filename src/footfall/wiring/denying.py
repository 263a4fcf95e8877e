"""Users whose events are not taken any more: a list of people, by id, in every form in which the id may come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import uuid5

from footfall.errors import Missing, Refused
from footfall.model.privacy import DEFAULT, USER
from footfall.stores.removals import SqlRemovals
from footfall.wiring.privacy import policies_of, token_key_of

if TYPE_CHECKING:
    from footfall.wiring.hub import Footfall


def deny_user(hub: Footfall, identify_id: str) -> str:
    """Quarantine, without their text, the events of a user that are received from now on; return who it is, as an
    opaque id."""
    with hub.database.transaction():
        for each in _forms(hub, identify_id):
            SqlRemovals(hub.database).deny(each, hub.clock(), denied=True)
        uid = _uid(hub, identify_id)
        hub.note("user.deny", f"user {uid}", None, {"denied": True})
    return uid


def allow_user(hub: Footfall, identify_id: str) -> str:
    """Take the events of a user again. Raises ``Missing`` for one who is not denied."""
    with hub.database.transaction():
        removals = SqlRemovals(hub.database)
        there = removals.denied()
        forms = [each for each in {identify_id, *_forms(hub, identify_id)} if each in there]
        if not forms:
            raise Missing("this user is not denied", "List those who are with `footfall people deny ls`")
        for each in forms:
            removals.deny(each, hub.clock(), denied=False)
        uid = _uid(hub, identify_id)
        hub.note("user.deny", f"user {uid}", {"denied": True}, {"denied": False})
    return uid


def denied_users(hub: Footfall) -> Sequence[tuple[str, datetime]]:
    """(id as it is kept, since when) of everybody who is denied, oldest first."""
    found = SqlRemovals(hub.database).denied()
    return [(who, datetime.fromtimestamp(at / 1e6, UTC)) for who, at in sorted(found.items(), key=lambda each: each[1])]


def denied_at(hub: Footfall) -> Mapping[str, int]:
    """``Removals.denied`` for settling: who was denied before there were tokens is so under a token too."""
    found = SqlRemovals(hub.database).denied()
    if not found or token_key_of(hub).mark() is None:
        return found
    try:
        tokens = hub.privacy.tokens()
    except Refused:  # the key is lost: nothing that comes has a token either
        return found
    return {tokens.token(USER, each): at for each, at in found.items()} | dict(found)


def _forms(hub: Footfall, identify_id: str) -> list[str]:
    """The id as events may say it: its token, once there are tokens, and itself, unless every policy hides it."""
    policies = [hub.privacy.policy(source) for source in (DEFAULT, *policies_of(hub).all())]
    hiding = [USER in each.identities for each in policies]
    tokens = any(hiding) or token_key_of(hub).mark() is not None
    forms = [hub.privacy.tokens().token(USER, identify_id)] if tokens else []
    return forms if all(hiding) else [*dict.fromkeys([*forms, identify_id])]


def _uid(hub: Footfall, identify_id: str) -> str:
    """Of a user, known or not; nothing that is written down says the id itself."""
    return str(uuid5(hub.subscription.subscription_id, _forms(hub, identify_id)[0]))
