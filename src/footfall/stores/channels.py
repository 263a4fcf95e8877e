"""``ports.Channels`` on the control store: settings in tables, secrets in the vault, changed together."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from sqlalchemy import Connection, Table, select

from footfall import observe
from footfall.errors import Conflict, Missing, Refused
from footfall.model.authorizations import Secrets
from footfall.model.channels import Channel, Rule, check_secrets, read_channel, read_rule
from footfall.ports import Vault
from footfall.stores import schema
from footfall.stores.database import Database, from_us, to_us

OWNER: Final = "channel"
# The signing secret before the last one, so that receivers can be changed one after the other.
BEFORE: Final = "signing_secret_before"
_CHANNEL: Final = schema.notice_channel
_RULE: Final = schema.notice_rule


class SqlChannels:
    """See ``ports.Channels``. Every change is said (``observe``) with names and never with a secret or an address."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault

    def all(self) -> Sequence[Channel]:
        with self._database.reading() as connection:
            rows = connection.execute(select(_CHANNEL).order_by(_CHANNEL.c.name)).all()
        return [read_channel(json.loads(row.settings), from_us(row.created_at)) for row in rows]

    def get(self, name: str) -> Channel:
        found = next((channel for channel in self.all() if channel.name == name), None)
        if found is None:
            raise Missing(f"there is no channel {name!r}", "List them with `footfall notifications channels ls`")
        return found

    def secrets(self, name: str) -> Secrets:
        self.get(name)
        return Secrets(self._vault.get(OWNER, name))

    def add(self, channel: Channel, secrets: Mapping[str, str]) -> None:
        check_secrets(channel, secrets)
        with self._database.writing() as connection:
            _require_free(connection, _CHANNEL, channel.name, "a channel")
            values = {"name": channel.name, "created_at": to_us(channel.created_at), "settings": _json(channel)}
            connection.execute(_CHANNEL.insert().values(values))
            self._vault.put(OWNER, channel.name, secrets)
        observe.happened("channel added", channel=channel.name, kind=channel.kind)

    def change(self, channel: Channel) -> None:
        with self._database.writing() as connection:
            old = self.get(channel.name)
            if old.kind != channel.kind:
                raise Refused(
                    f"channel '{old.name}' is of kind {old.kind} and cannot become {channel.kind}",
                    "Delete it, or choose another name",
                )
            held = self._vault.get(OWNER, channel.name)
            check_secrets(channel, {field: value for field, value in held.items() if field != BEFORE})
            kept = _json(replace(channel, created_at=old.created_at))
            connection.execute(_CHANNEL.update().where(_CHANNEL.c.name == channel.name).values(settings=kept))
        observe.happened("channel changed", channel=channel.name)

    def rotate(self, name: str, secrets: Mapping[str, str]) -> None:
        with self._database.writing():
            check_secrets(self.get(name), secrets)
            old = self._vault.get(OWNER, name)
            self._vault.drop(OWNER, name)
            kept = {BEFORE: old["signing_secret"]} if "signing_secret" in old else {}
            self._vault.put(OWNER, name, {**secrets, **kept})
        observe.happened("channel rotated", channel=name, secrets=" ".join(secrets))

    def delete(self, name: str, *, force: bool = False) -> None:
        with self._database.writing() as connection:
            self.get(name)
            using = [rule.name for rule in self.rules() if rule.channel == name]
            if using and not force:
                hint = "Delete them first, or all of it with --force"
                raise Conflict(f"channel '{name}' is used by the rules {', '.join(using)}", hint)
            self._vault.drop(OWNER, name)
            connection.execute(_CHANNEL.delete().where(_CHANNEL.c.name == name))
        observe.happened("channel deleted", channel=name, rules=len(using))

    # --- rules -----------------------------------------------------------------------------------

    def rules(self) -> Sequence[Rule]:
        with self._database.reading() as connection:
            rows = connection.execute(select(_RULE.c.settings).order_by(_RULE.c.name)).scalars().all()
        return [read_rule(json.loads(settings)) for settings in rows]

    def add_rule(self, rule: Rule) -> None:
        with self._database.writing() as connection:
            _require_free(connection, _RULE, rule.name, "a rule")
            self._check(rule)
            values = {"name": rule.name, "channel": rule.channel, "settings": _json(rule)}
            connection.execute(_RULE.insert().values(values))
        observe.happened("rule added", rule=rule.name, channel=rule.channel)

    def change_rule(self, rule: Rule) -> None:
        with self._database.writing() as connection:
            self._check(rule)
            values = {"channel": rule.channel, "settings": _json(rule)}
            if not connection.execute(_RULE.update().where(_RULE.c.name == rule.name).values(values)).rowcount:
                raise _no_rule(rule.name)
        observe.happened("rule changed", rule=rule.name, channel=rule.channel)

    def delete_rule(self, name: str) -> None:
        with self._database.writing() as connection:
            if not connection.execute(_RULE.delete().where(_RULE.c.name == name)).rowcount:
                raise _no_rule(name)
        observe.happened("rule deleted", rule=name)

    def _check(self, rule: Rule) -> None:
        channel = self.get(rule.channel)
        if rule.to and channel.kind != "mail":
            raise Refused(
                f"rule '{rule.name}' has addresses, but channel '{channel.name}' is of kind {channel.kind}",
                "Use a mail channel, or leave the addresses out",
            )
        if channel.kind == "mail" and not rule.to and not channel.to:
            raise Refused(
                f"rule '{rule.name}' would tell nobody: neither it nor channel '{channel.name}' has an address",
                "Give --to",
            )


def _require_free(connection: Connection, table: Table, name: str, what: str) -> None:
    if connection.execute(select(table.c.name).where(table.c.name == name)).first() is not None:
        raise Conflict(f"there is {what} '{name}' already", "Choose another name, or delete that one")


def _no_rule(name: str) -> Refused:
    return Missing(f"there is no rule {name!r}", "List them with `footfall notifications rules ls`")


def _json(thing: Channel | Rule) -> str:
    return json.dumps(thing.plain(), ensure_ascii=False, sort_keys=True)
