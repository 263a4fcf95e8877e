"""``ports.Channels`` on the control store: settings in tables, secrets in the vault, changed together."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from sqlalchemy import Connection, Table, select

from footfall import observe
from footfall.errors import Conflict, Missing, Refused
from footfall.model.audit import Facts
from footfall.model.authorizations import Secrets
from footfall.model.channels import Channel, Rule, check_rule, check_secrets, read_channel, read_rule
from footfall.model.instants import from_us, to_us
from footfall.ports import Vault
from footfall.stores import schema
from footfall.stores.api_keys import Note
from footfall.stores.database import Database

OWNER: Final = "channel"
# The signing secret before the last one, so that receivers can be changed one after the other.
BEFORE: Final = "signing_secret_before"
_CHANNEL: Final = schema.notice_channel
_RULE: Final = schema.notice_rule


def _unnoted(action: str, subject: str, before: Facts | None, after: Facts | None) -> None:
    """Nobody keeps an audit log."""


class SqlChannels:
    """See ``ports.Channels``. note: appends to the audit log, in the transaction of the change.

    Every change is also said (``observe``), with names and never with a secret or an address.
    """

    def __init__(self, database: Database, vault: Vault, note: Note = _unnoted) -> None:
        self._database = database
        self._vault = vault
        self._note = note

    def all(self) -> Sequence[Channel]:
        with self._database.reading() as connection:
            rows = connection.execute(select(_CHANNEL).order_by(_CHANNEL.c.name)).all()
        return [read_channel(json.loads(row.settings), from_us(row.created_at)) for row in rows]

    def get(self, name: str) -> Channel:
        found = next((channel for channel in self.all() if channel.name == name), None)
        if found is None:
            raise Missing(f"there is no channel {name!r}", "List them with `footfall notifications channels ls`")
        return found

    def secret_names(self, name: str) -> frozenset[str]:
        self.get(name)
        return self._vault.fields(OWNER, name) - {BEFORE}

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
            self._note("channel.add", f"channel {channel.name}", None, _facts(channel, secrets))
        observe.happened("channel added", channel=channel.name, kind=channel.kind)

    def change(self, channel: Channel, secrets: Mapping[str, str] | None = None) -> None:
        with self._database.writing() as connection:
            old = self.get(channel.name)
            if old.kind != channel.kind:
                raise Refused(
                    f"channel '{old.name}' is of kind {old.kind} and cannot become {channel.kind}",
                    "Delete it, or choose another name",
                )
            held = self._vault.get(OWNER, channel.name)
            before = {field: value for field, value in held.items() if field != BEFORE}
            after = before if secrets is None else secrets
            check_secrets(channel, after)
            kept = _json(replace(channel, created_at=old.created_at))
            connection.execute(_CHANNEL.update().where(_CHANNEL.c.name == channel.name).values(settings=kept))
            told = _facts(channel, after)
            if secrets is not None:
                self._replace(channel.name, held, secrets)
                told["replaced"] = sorted(secrets)
            self._note("channel.change", f"channel {channel.name}", _facts(old, before), told)
        observe.happened("channel changed", channel=channel.name)

    def rotate(self, name: str, secrets: Mapping[str, str]) -> None:
        with self._database.writing():
            channel = self.get(name)
            check_secrets(channel, secrets)
            old = self._vault.get(OWNER, name)
            self._replace(name, old, secrets)
            told = _facts(channel, secrets) | {"replaced": sorted(secrets)}
            self._note("channel.rotate", f"channel {name}", _facts(channel, old), told)
        observe.happened("channel rotated", channel=name, secrets=" ".join(secrets))

    def _replace(self, name: str, old: Mapping[str, str], new: Mapping[str, str]) -> None:
        self._vault.drop(OWNER, name)
        kept = {BEFORE: old["signing_secret"]} if "signing_secret" in old else {}
        self._vault.put(OWNER, name, {**new, **kept})

    def delete(self, name: str, *, force: bool = False) -> None:
        with self._database.writing() as connection:
            channel = self.get(name)
            using = [rule.name for rule in self.rules() if rule.channel == name]
            if using and not force:
                hint = "Delete them first, or all of it with --force"
                raise Conflict(f"channel '{name}' is used by the rules {', '.join(using)}", hint)
            for rule in using:
                self.delete_rule(rule)
            self._vault.drop(OWNER, name)
            connection.execute(_CHANNEL.delete().where(_CHANNEL.c.name == name))
            self._note("channel.delete", f"channel {name}", channel.plain() | {"rules": using}, None)
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
            self._note("rule.add", f"rule {rule.name}", None, rule.plain())
        observe.happened("rule added", rule=rule.name, channel=rule.channel)

    def change_rule(self, rule: Rule) -> None:
        with self._database.writing() as connection:
            self._check(rule)
            before = self._rule(rule.name)
            values = {"channel": rule.channel, "settings": _json(rule)}
            connection.execute(_RULE.update().where(_RULE.c.name == rule.name).values(values))
            self._note("rule.change", f"rule {rule.name}", before.plain(), rule.plain())
        observe.happened("rule changed", rule=rule.name, channel=rule.channel)

    def delete_rule(self, name: str) -> None:
        with self._database.writing() as connection:
            before = self._rule(name)
            connection.execute(_RULE.delete().where(_RULE.c.name == name))
            self._note("rule.delete", f"rule {name}", before.plain(), None)
        observe.happened("rule deleted", rule=name)

    def _rule(self, name: str) -> Rule:
        found = next((rule for rule in self.rules() if rule.name == name), None)
        if found is None:
            raise Missing(f"there is no rule {name!r}", "List them with `footfall notifications rules ls`")
        return found

    def _check(self, rule: Rule) -> None:
        check_rule(rule, self.get(rule.channel))


def _require_free(connection: Connection, table: Table, name: str, what: str) -> None:
    if connection.execute(select(table.c.name).where(table.c.name == name)).first() is not None:
        raise Conflict(f"there is {what} '{name}' already", "Choose another name, or delete that one")


def _facts(channel: Channel, secrets: Mapping[str, str]) -> dict[str, Any]:
    return channel.plain() | {"secrets": sorted(field for field in secrets if field != BEFORE)}


def _json(thing: Channel | Rule) -> str:
    return json.dumps(thing.plain(), ensure_ascii=False, sort_keys=True)
