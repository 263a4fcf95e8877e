"""The tables of the control store, as SQLAlchemy Core.

Instants are integers: microseconds since 1970, UTC (columns ``…_at``); SQLite has no type that keeps a time zone. Local
days are text ``2026-01-31``, or days since 1970 where a table grows with people. The migrations make these tables;
a test holds the two together.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

REVISION: Final = "0017"  # of the newest migration: a file at this revision is opened without asking Alembic

METADATA: Final = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _key(name: str, of: str) -> Column[Any]:
    return Column(name, ForeignKey(f"{of}.key", ondelete="CASCADE"), primary_key=True, autoincrement=False)


def _table(name: str, *columns: Column[Any], rowid: bool = True) -> Table:
    return Table(name, METADATA, *columns, sqlite_with_rowid=rowid)


# --- keys: one table per dimension, text to integer. A key is never given twice: next_key only rises. ---

key_sequence: Final = _table(
    "key_sequence", Column("dimension", String(20), primary_key=True), Column("next_key", Integer, nullable=False)
)
users: Final = _table(
    "users",
    Column("key", Integer, primary_key=True, autoincrement=False),
    Column("text", Text, nullable=False, unique=True),
    Column("uid", String(36), nullable=False),
    Column("first_at", BigInteger, nullable=False),
    Column("identified_at", BigInteger),
)
accounts: Final = _table(
    "accounts",
    Column("key", Integer, primary_key=True, autoincrement=False),
    Column("text", Text, nullable=False, unique=True),
    Column("first_at", BigInteger, nullable=False),
)
visitors: Final = _table(
    "visitors",
    Column("key", Integer, primary_key=True, autoincrement=False),
    Column("text", Text, nullable=False, unique=True),
)
terms: Final = _table(
    "terms",
    Column("key", Integer, primary_key=True, autoincrement=False),
    Column("text", Text, nullable=False, unique=True),
)

# --- people: what was said, kept so that any order of saying ends the same (see model.people) ---

# registers: JSON {at: {attribute: value}} of everything said up to the end of ``day``; a row for each day on which
# something was said, so the state as of a day is the row with the greatest day up to it.
user_version: Final = _table(
    "user_version",
    _key("key", of="users"),
    Column("day", Integer, primary_key=True, autoincrement=False),
    Column("modified_at", BigInteger, nullable=False),
    Column("registers", Text, nullable=False),
    rowid=False,
)
account_version: Final = _table(
    "account_version",
    _key("key", of="accounts"),
    Column("day", Integer, primary_key=True, autoincrement=False),
    Column("modified_at", BigInteger, nullable=False),
    Column("registers", Text, nullable=False),
    rowid=False,
)
# The earliest use of a custom attribute gives its spelling and its type.
attribute: Final = _table(
    "attribute",
    Column("entity", String(10), primary_key=True),
    Column("name", Text, primary_key=True),
    Column("api_name", Text, nullable=False),
    Column("type", String(10), nullable=False),
    Column("first_at", BigInteger, nullable=False),
)
member: Final = _table(
    "member",
    _key("user_key", of="users"),
    Column("at", BigInteger, primary_key=True, autoincrement=False),
    Column("account_key", Integer, primary_key=True, autoincrement=False),
    rowid=False,
)
link: Final = _table(
    "link",
    _key("visitor_key", of="visitors"),
    Column("at", BigInteger, primary_key=True, autoincrement=False),
    Column("user_key", Integer, primary_key=True, autoincrement=False),
    rowid=False,
)
# ``text`` was said to be the user: it may name a user, a visitor, both, or nobody yet.
alias: Final = _table(
    "alias",
    Column("text", Text, primary_key=True),
    Column("at", BigInteger, primary_key=True, autoincrement=False),
    Column("user_key", Integer, primary_key=True, autoincrement=False),
    rowid=False,
)

# --- ledger ---

settled_range: Final = _table(
    "settled_range",
    Column("start", BigInteger, primary_key=True, autoincrement=False),
    Column("end", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
)
# start -1: what older ranges add up to.
range_count: Final = _table(
    "range_count",
    Column("start", BigInteger, primary_key=True, autoincrement=False),
    Column("source", Text, primary_key=True),
    Column("received", BigInteger, nullable=False),
    Column("stored", BigInteger, nullable=False),
    Column("duplicate", BigInteger, nullable=False),
    Column("quarantined", BigInteger, nullable=False),
    Column("derived", BigInteger, nullable=False, server_default="0"),
)
quarantine: Final = _table(
    "quarantine",
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("index", Integer, primary_key=True, autoincrement=False),
    Column("source", Text, nullable=False),
    Column("received_at", BigInteger, nullable=False),
    Column("code", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("body", Text, nullable=False),
)
day: Final = _table(
    "day",
    Column("day", String(10), primary_key=True),
    Column("revision", Integer, nullable=False),
    Column("sealed_at", BigInteger),
    Column("position", BigInteger, nullable=False),
    Column("touched", Boolean(create_constraint=False), nullable=False),
)
delivery: Final = _table(
    "delivery",
    Column("destination", Text, primary_key=True),
    Column("report", Text, primary_key=True),
    Column("version", String(10), primary_key=True),
    Column("format", String(10), primary_key=True),
    Column("day", String(10), primary_key=True),
    Column("revision", Integer, primary_key=True, autoincrement=False),
    Column("manifest_key", Text, nullable=False),
    Column("manifest_sha256", String(64), nullable=False),
)

# --- sources and catalogue ---

source: Final = _table(
    "source",
    Column("key_sha256", String(64), primary_key=True),
    Column("name", Text, nullable=False, index=True),
    Column("created_at", BigInteger, nullable=False),
    Column("product_key", Text, nullable=False),
    Column("environment", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("revoked_at", BigInteger),
    Column("tag", Text),  # settings of the browser tag, JSON
)
definition: Final = _table(
    "definition",
    Column("kind", String(20), primary_key=True),
    Column("id", Text, primary_key=True),
    Column("body", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
)

# --- ways into places ---

authorization: Final = _table(
    "authorization",
    Column("name", String(63), primary_key=True),
    Column("kind", String(20), nullable=False),
    Column("label", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("region", Text, nullable=False),
    Column("endpoint_url", Text, nullable=False),
    Column("ca_bundle", Text, nullable=False),
    Column("role_arn", Text, nullable=False),
    Column("encryption", String(10), nullable=False),
    Column("kms_key_id", Text, nullable=False),
    Column("pgp", String(10), nullable=False),
    Column("key_id_shown", String(4), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("rotated_at", BigInteger),
    Column("status", String(20), nullable=False),
    Column("status_note", Text, nullable=False),
)
# Every secret of the store, whatever it is for, so that one pass seals all of them anew (see stores.vault).
secret: Final = _table(
    "secret",
    Column("owner", String(40), primary_key=True),
    Column("name", Text, primary_key=True),
    Column("field", String(40), primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
)

# --- jobs ---

# schedule, options: JSON. fence: rises with every claim and cancel, and outlives the deletion of the job.
job: Final = _table(
    "job",
    Column("name", String(63), primary_key=True),
    Column("kind", String(20), nullable=False),
    Column("label", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("authorization", String(63), nullable=False),
    Column("url", Text, nullable=False),
    Column("schedule", Text, nullable=False),
    Column("options", Text, nullable=False),
    Column("state", String(10), nullable=False),
    Column("catch_up", String(10), nullable=False),
    Column("cause", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
    Column("planned_until", BigInteger, nullable=False),
    Column("fence", BigInteger, nullable=False),
)
job_slot: Final = _table(
    "job_slot",
    Column("job", ForeignKey("job.name", ondelete="CASCADE"), primary_key=True),
    Column("name", String(40), primary_key=True),
    Column("start_at", BigInteger, nullable=False),
    Column("end_at", BigInteger, nullable=False),
    Column("due_at", BigInteger, nullable=False),
    Column("day", String(10)),
    Column("last_day", String(10)),
    Column("state", String(10), nullable=False, index=True),
    Column("asked", Boolean(create_constraint=False), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("fence", BigInteger, nullable=False),
    Column("retry_at", BigInteger),
    Column("holder", Text, nullable=False),
    Column("leased_until_at", BigInteger),
)
job_run: Final = _table(
    "job_run",
    Column("job", ForeignKey("job.name", ondelete="CASCADE"), primary_key=True),
    Column("slot", String(40), primary_key=True),
    Column("attempt", Integer, primary_key=True, autoincrement=False),
    Column("state", String(10), nullable=False),
    Column("begun_at", BigInteger, nullable=False, index=True),
    Column("ended_at", BigInteger),
    Column("files", BigInteger, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("position", BigInteger),
    Column("error", Text, nullable=False),
    Column("hint", Text, nullable=False),
)

# --- windows: which events a job delivered ---

# written: JSON of what is about to be visible, see model.windows.Written.
event_window: Final = _table(
    "event_window",
    Column("job", Text, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("from_seq", BigInteger, nullable=False),
    Column("to_seq", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("mark", Text, nullable=False),
    Column("written", Text),
    Column("closed", Boolean(create_constraint=False), nullable=False),
    Column("manifest_key", Text, nullable=False),
    Column("manifest_sha256", String(64), nullable=False),
)

# --- who may manage, and who changed what ---

api_key: Final = _table(
    "api_key",
    Column("key_sha256", String(64), primary_key=True),
    Column("name", String(63), nullable=False, index=True),
    Column("scope", String(10), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger),
    Column("revoked_at", BigInteger),
    Column("used_at", BigInteger),
)
# before, after: JSON objects. Rows are only ever added; digest covers the row before.
audit: Final = _table(
    "audit",
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    Column("actor", String(10), nullable=False),
    Column("actor_name", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("action", String(40), nullable=False),
    Column("subject", Text, nullable=False, index=True),
    Column("before", Text),
    Column("after", Text),
    Column("digest", String(64), nullable=False),
)

# What was answered to requests with an Idempotency-Key. id: digest of who asked and the key. request: digest of what
# was asked. The answer is in ``secret``.
answered_request: Final = _table(
    "answered_request",
    Column("id", String(64), primary_key=True),
    Column("request", String(64), nullable=False),
    Column("at", BigInteger, nullable=False, index=True),
)

# --- telling people ---

# settings: JSON of a channel or a rule, see model.channels.
notice_channel: Final = _table(
    "notice_channel",
    Column("name", String(63), primary_key=True),
    Column("settings", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
)
notice_rule: Final = _table(
    "notice_rule",
    Column("name", String(63), primary_key=True),
    Column("channel", ForeignKey("notice_channel.name", ondelete="CASCADE"), nullable=False, index=True),
    Column("settings", Text, nullable=False),
)
# message: JSON, see model.notices.Message. A waiting one that is claimed has next_at in the future.
notice: Final = _table(
    "notice",
    Column("id", String(40), primary_key=True),
    Column("channel", ForeignKey("notice_channel.name", ondelete="CASCADE"), nullable=False, index=True),
    Column("recipient", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("at", BigInteger, nullable=False, index=True),
    Column("state", String(10), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_at", BigInteger, nullable=False),
    Column("sent_at", BigInteger),
    Column("error", Text, nullable=False),
)
# Asked for every two seconds: what waits must be found without reading past all that was sent.
Index("ix_notice_state", notice.c.state, notice.c.next_at)
# Jobs that fail at present, and how many runs in a row. Gone with the job that is made anew under the same name.
job_streak: Final = _table(
    "job_streak",
    Column("job", ForeignKey("job.name", ondelete="CASCADE"), primary_key=True),
    Column("failures", Integer, nullable=False),
)

# --- privacy ---

# settings: JSON, see model.privacy.read_policy. The policy of the deployment is that of the source ``*``.
privacy_policy: Final = _table(
    "privacy_policy",
    Column("source", Text, primary_key=True),
    Column("settings", Text, nullable=False),
)
# mark: tells the key of tokens from others. The key itself is in a file beside the data.
privacy_key: Final = _table("privacy_key", Column("mark", String(40), primary_key=True))
# Days whose events were removed because their time was over.
removed_day: Final = _table(
    "removed_day",
    Column("day", String(10), primary_key=True),
    Column("events", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
)
