"""Privacy of a hub: policies from settings and store, the key of tokens, and what applies them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from footfall.errors import Refused, Unavailable
from footfall.model.privacy import DEFAULT, Policy, Tokens, read_policy
from footfall.ports import Batch
from footfall.ports.privacy import Policies
from footfall.stores.privacy import SqlPolicies, TokenKey

if TYPE_CHECKING:
    from footfall.config import Settings
    from footfall.wire.private import PrivateBodies
    from footfall.wire.private_words import RowColumns
    from footfall.wiring.hub import Footfall

FRESH_S: Final = 2.0


class HubPrivacy:
    """See ``ports.Privacy``. A change of policy is in force within ``FRESH_S`` seconds; while the store cannot be read,
    the policies of before hold. base: what holds where nobody said anything. attributes: the definitions there are.
    """

    def __init__(
        self,
        policies: Policies,
        key: TokenKey,
        base: Policy,
        attributes: Callable[[], Mapping[str, frozenset[str]]],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._policies = policies
        self._key = key
        self._base = base
        self._attributes = attributes
        self._monotonic = monotonic
        self._read_at = float("-inf")
        self._written: object = None
        self._default = base
        self._known: Mapping[str, Policy] = {}
        self._bodies: dict[tuple[Policy, bool], PrivateBodies] = {}
        self._tokens: Tokens | None = None

    def policy(self, source: str) -> Policy:
        """See ``ports.Privacy.policy``. Raises ``Unavailable`` before the policies could be read for the first time."""
        now = self._monotonic()
        if now - self._read_at >= FRESH_S:
            self._refresh(now)
        return self._known.get(source, self._default)

    def kept(self, batch: Batch, signal: str = "allow") -> Batch | None:
        policy = self.policy(batch.source)
        anonymous = signal == "anonymise"
        if not anonymous and not policy.reads_bodies and not _tells_address(batch, policy):
            return batch
        made = self._bodies_of(policy, anonymous).kept(
            batch.dialect, batch.call, batch.body, batch.count, batch.rejected
        )
        if not made.count:
            return None
        if made.anonymised:
            batch = replace(batch, address="", user_agent="", place="")
        return replace(batch, body=made.body, count=made.count, rejected=made.rejected)

    def rows(self, source: str, dialect: str, body: bytes, count: int, columns: RowColumns) -> tuple[bytes, int]:
        """A body of an import after the policy, and how many events it has."""
        policy = self.policy(source)
        if not policy.reads_bodies:
            return body, count
        made = self._bodies_of(policy, anonymous=False).kept(dialect, "batch", body, count, (), columns)
        return made.body, made.count

    def tokens(self) -> Tokens:
        if self._tokens is None:
            self._tokens = self._key.tokens()
        return self._tokens

    def hides(self, source: str) -> bool:
        """Whether what cannot be used of a source is kept without its text."""
        return self.policy(source).reads_bodies

    def forget(self) -> None:
        """Read policies and key anew when they are asked for next."""
        self._read_at, self._tokens, self._written = float("-inf"), None, None

    def _bodies_of(self, policy: Policy, anonymous: bool) -> PrivateBodies:
        found = self._bodies.get((policy, anonymous))
        if found is None:
            from footfall.wire import private

            make = private.anonymous if anonymous else private.PrivateBodies
            found = self._bodies[policy, anonymous] = make(policy, self.tokens, self._attributes())
        return found

    def _refresh(self, now: float) -> None:
        try:
            written = self._policies.all()
            if self._tokens is not None and self._key.mark() != self._tokens.mark:
                self._tokens = None
            sensitive = self._attributes() if any("sensitive" in each for each in written.values()) else {}
        except Unavailable:
            if self._written is None:
                raise
            self._read_at = now
            return
        if (written, sensitive) != self._written:
            default = read_policy(written.get(DEFAULT, {}), self._base)
            self._known = {name: read_policy(plain, default) for name, plain in written.items() if name != DEFAULT}
            self._default, self._bodies = default, {}
            self._written = (written, sensitive)
        self._read_at = now


def _tells_address(batch: Batch, policy: Policy) -> bool:
    """Whether a body may say an address of its own, in the only place that a dialect has for it."""
    return batch.dialect == "segment" and policy.addresses != "full" and b'"ip"' in batch.body


def privacy_of(hub: Footfall) -> HubPrivacy:
    """What hides things for a hub."""
    key = token_key_of(hub)
    base = Policy(addresses=hub.settings.store_ip)
    return HubPrivacy(policies_of(hub), key, base, lambda: _sensitive(hub))


def policies_of(hub: Footfall) -> SqlPolicies:
    return SqlPolicies(hub.database, hub.note)


def token_key_of(hub: Footfall) -> TokenKey:
    subscription = str(hub.subscription.subscription_id)
    return TokenKey(hub.database, key_path(hub.settings), subscription, hub.note, partial(_tokens_last, hub))


def honours_gpc(hub: Footfall) -> tuple[bool, date | None]:
    """Whether no source ignores Global Privacy Control, and the day on which a policy was changed last."""
    policies = [hub.privacy.policy(source) for source in (DEFAULT, *policies_of(hub).all())]
    changes = hub.audit.changes(actions=("privacy.change",), limit=1)
    return all(each.gpc != "allow" for each in policies), changes[0].at.date() if changes else None


def key_path(settings: Settings) -> Path:
    """Where the key of tokens is: where a setting says, else beside the data directory; in it only where nothing can be
    written beside it."""
    if settings.privacy_key is not None:
        return settings.privacy_key
    data = settings.data.resolve()
    beside, inside = data.with_name(f"{data.name}.privacy-key"), data / "privacy.key"
    if beside.exists() or (os.access(data.parent, os.W_OK) and not inside.exists()):
        return beside
    return inside


def _tokens_last(hub: Footfall) -> bool:
    """Whether a policy or an export makes tokens that are to be the same tomorrow, not only signals of browsers."""
    policies = [hub.privacy.policy(source) for source in (DEFAULT, *policies_of(hub).all())]
    return any(each.makes_tokens for each in policies) or any(job.options.get("privacy") for job in hub.jobs.all())


def put_policy(hub: Footfall, source: str, plain: Mapping[str, Any] | None) -> None:
    """Give a source, or with ``*`` the deployment, another policy. Raises ``Refused`` for one that cannot be."""
    policies = policies_of(hub)
    written = policies.all()
    base = Policy(addresses=hub.settings.store_ip)
    if plain is not None:
        default = base if source == DEFAULT else read_policy(written.get(DEFAULT, {}), base)
        read_policy(plain, default)
        if source == DEFAULT:
            for name, each in written.items():
                if name != DEFAULT:
                    _check_below(name, each, read_policy(plain, base))
    policies.put(source, plain)
    hub.privacy.forget()


def _check_below(name: str, plain: Mapping[str, Any], default: Policy) -> None:
    try:
        read_policy(plain, default)
    except Refused as error:
        raise Refused(f"with it the policy of '{name}' would not do: {error.what}", error.hint) from error


def _sensitive(hub: Footfall) -> Mapping[str, frozenset[str]]:
    from footfall.wiring.profiles import attributes_of

    found = [each for each in attributes_of(hub).defined() if each.is_pii]
    return {entity: frozenset(each.name for each in found if each.entity == entity) for entity in ("user", "account")}
