"""Who did it: users for visitors, accounts for users, as pure functions of events and people facts.

User: the one the event names, through merges; else the user the visitor was last found to be at or before the event;
else the first it is found to be later on the same local day. Account: the one the event names; else the one the user
belonged to at that instant; else the first it belongs to later on the same local day.

Almost nobody changes user or account in the middle of a day, so facts are split in two: a table of who is the same all
day long (``settled``), joined where it is cheapest, and time spans of the few who change (``spans``), joined per
event. A part that is empty is not joined at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from footfall.engines.database import Database, query

_READ: Final = "attribute the day's events"


class AccountFill(Enum):
    """Where the accounts of the settled users are filled in."""

    NEVER = "every event names its account, or nobody has one"
    AFTER = "no event names one: in the cube, whose groups stay apart"
    BEFORE = "some do: per event, so that equal groups fall together"


@dataclass(frozen=True, slots=True)
class Attribution:
    """Joins and expressions that resolve the view ``lake`` AS e."""

    joins: str
    user: str
    account: str
    fill: AccountFill


def attribute(database: Database, start_us: int, end_us: int) -> Attribution:
    """Make the tables of settled and changing owners, and the views ``events`` (all resolved) and the parts of it.

    Needs ``lake`` and the people tables ``links``, ``merges``, ``members``, ``user_texts``, ``account_texts``.
    """
    joins, user = _users(database, start_us, end_us)
    account_joins, account, fill = _accounts(database, start_us, end_us, user)
    full_joins, full_account = joins + account_joins, account
    if fill is AccountFill.AFTER:
        full_joins += f" LEFT JOIN settled_accounts sa ON sa.owner = {user}"
        full_account = "coalesce(" + account + ", sa.target)"
    database.run(
        f"CREATE VIEW events AS SELECT e.* REPLACE ({user} AS user_key, {full_account} AS account_key), "
        f"epoch_us(e.occurred_at) AS at_us FROM lake e {full_joins}",
        _READ,
    )
    return Attribution(joins + account_joins, user, account, fill)


def _users(database: Database, start_us: int, end_us: int) -> tuple[str, str]:
    joins, user = "", "e.user_key"
    if database.number("SELECT count(*) FROM links", _READ):
        _spans(database, "user", query("attribute_links"), start_us, end_us)
        # One join serves both: a visitor who is the same all day has one span without bounds.
        if database.number("SELECT count(*) FROM user_spans", _READ):
            joins += (
                " LEFT JOIN user_spans us ON e.user_key IS NULL AND us.owner = e.anonymous_key"
                " AND epoch_us(e.occurred_at) >= us.since AND epoch_us(e.occurred_at) < us.until"
            )
            user = "coalesce(e.user_key, us.target)"
    if database.number("SELECT count(*) FROM merges", _READ):
        joins += f" LEFT JOIN merges m ON m.user_key = {user}"
        user = f"coalesce(m.into_key, {user})"
    return joins, user


def _accounts(database: Database, start_us: int, end_us: int, user: str) -> tuple[str, str, AccountFill]:
    named, events = database.one("SELECT count(account_key), count(*) FROM lake", _READ)
    if named == events or not database.number("SELECT count(*) FROM members", _READ):
        return "", "e.account_key", AccountFill.NEVER
    _spans(database, "account", query("attribute_members"), start_us, end_us)
    joins, account = "", "e.account_key"
    if database.number("SELECT count(*) FROM account_spans", _READ):
        joins += (
            f" LEFT JOIN account_spans s ON e.account_key IS NULL AND s.owner = {user}"
            " AND epoch_us(e.occurred_at) >= s.since AND epoch_us(e.occurred_at) < s.until"
        )
        account = f"coalesce({account}, s.target)"
    if named == 0 and not joins:
        return joins, account, AccountFill.AFTER
    joins += f" LEFT JOIN settled_accounts sa ON e.account_key IS NULL AND sa.owner = {user}"
    return joins, f"coalesce({account}, sa.target)", AccountFill.BEFORE


def _spans(database: Database, kind: str, facts: str, start_us: int, end_us: int) -> None:
    """Tables ``settled_{kind}s`` and ``{kind}_spans`` from facts (owner, target, at_us, text)."""
    names = {"facts": f"{kind}_facts", "settled": f"settled_{kind}s", "spans": f"{kind}_spans"}
    database.run(f"CREATE TABLE {names['facts']} AS {facts}", _READ, {"end": end_us})
    movers = f"SELECT owner FROM {names['facts']} WHERE at_us > {start_us}"
    database.run(
        f"CREATE TABLE {names['settled']} AS SELECT owner, arg_max(target, (at_us, text)) AS target "
        f"FROM {names['facts']} WHERE owner NOT IN ({movers}) GROUP BY owner",
        _READ,
    )
    spans = query("attribute_spans").format(facts=names["facts"], movers=movers)
    database.run(f"CREATE TABLE {names['spans']} AS {spans}", _READ, {"start": start_us})
    if kind == "user":
        database.run(
            f"INSERT INTO {names['spans']} SELECT owner, target, {-(2**62)}, {2**62} FROM settled_users", _READ
        )
    database.run(f"DROP TABLE {names['facts']}", _READ)
