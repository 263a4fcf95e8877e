"""The kinds of resources of ``footfall.yaml`` and their fields: the one table that reader, writer and schema come from.

A new kind is a ``ResourceKind`` in ``KINDS`` and, in ``wiring.definitions``, what reads and changes it in the store.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from footfall.config.attribute_fields import ATTRIBUTE, check_attribute
from footfall.config.audience_fields import AUDIENCE, check_audience
from footfall.config.feature_fields import RULES, check_feature
from footfall.config.job_definitions import job_of
from footfall.config.job_options import OPTIONS
from footfall.config.privacy_fields import PRIVACY, check_privacy
from footfall.config.shapes import Anything, Field, Flag, Instant, Listed, Mapped, Record, Reference, Text, Whole
from footfall.config.zone import load_zone
from footfall.model import authorizations, channels, jobs, metadata, schedules
from footfall.model.authorizations import Authorization, needed_secrets
from footfall.model.event import QUESTION_TYPES
from footfall.model.remote import Remote
from footfall.model.tag import IDLE_MINUTES_MAX, read_tag

Plain = Mapping[str, Any]
_NAME: Final = Text(pattern="[a-z0-9][a-z0-9._-]{0,62}", example="lower-case letters, digits, '.', '_' and '-'")
_ID: Final = Text(pattern=r"(.|\n)*\S(.|\n)*", example="one or more characters")
_TEXT: Final = Text()
_TEXTS: Final = Listed(_TEXT)
_SERVER: Final = Text(pattern="https?://[^\\s/@?#]+/?", example="https://host or https://host:port", quiet=True)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class ResourceKind:
    """One kind of resource: a list of the file.

    name: of the list. record: its fields. key: the fields that tell one resource from another. kept: fields that stay
    as they are when the file does not say them; any other field is then as usual. check: refuses what could never
    work, as far as one resource alone can tell.
    """

    name: str
    what: str
    record: Record
    key: tuple[str, ...] = ("name",)
    kept: tuple[str, ...] = ()
    check: Callable[[Plain], None] = lambda plain: None

    def name_of(self, plain: Plain) -> str:
        """What a resource is known by within its kind."""
        return " ".join(str(plain[each]) for each in self.key)


SUBSCRIPTION: Final = Record(
    (
        Field("time_zone", _TEXT, "IANA name of the zone in which days are counted. Fixed at the first start."),
        Field("subscription_id", Text(pattern="[0-9a-fA-F-]{36}"), "UUID from which users' ids are made. Fixed too."),
        Field("organization_id", Text(pattern="[0-9a-fA-F-]{36}"), "UUID in the app-event stream. Fixed too."),
    )
)

_TAG: Final = Record(
    (
        Field("attributes", _TEXTS, "Attributes of elements that clicks tell, such as data-testid."),
        Field("text", Flag(), "Short texts of clicked buttons and links.", default=True),
        Field("title", Flag(), "Titles of pages.", default=True),
        Field("pages", Flag(), "Page views.", default=True),
        Field("clicks", Flag(), "Clicks on buttons and links.", default=True),
        Field("forms", Flag(), "Forms that are sent, by name.", default=True),
        Field("idle_minutes", Whole(1, IDLE_MINUTES_MAX), "A session ends after so long without an event.", default=30),
    )
)

_SOURCE: Final = Record(
    (
        Field(
            "name", _ID, "Name of the source; its write key is made when it is created and is never in this file.", True
        ),
        Field("product_key", _ID, "Product of its events, unless they name one.", default="default"),
        Field("environment", _ID, "Environment of its events.", default="Production"),
        Field("channel", Text(metadata.CHANNELS), "Channel of its events.", default="server"),
        Field("tag", _TAG, "What its browser tag notices."),
    )
)

_AUTHORIZATION: Final = Record(
    (
        Field("name", _NAME, "What jobs call it.", True),
        Field("kind", Text(tuple(authorizations.KINDS)), "How to get in.", default="aws_keys"),
        Field("label", _TEXT, "Name for people."),
        Field("description", _TEXT, "What it is for."),
        Field("region", Text(pattern="[a-z0-9-]{0,40}", example="eu-central-1"), "Region of the bucket."),
        Field("endpoint_url", _SERVER, "Another server that speaks S3."),
        Field("ca_bundle", _TEXT, "PEM file of the authorities of that server."),
        Field("role_arn", _TEXT, "The role to assume, for aws_role."),
        Field("encryption", Text(authorizations.ENCRYPTIONS[1:]), "Of every object, by the server."),
        Field("kms_key_id", _TEXT, "Key for sse_kms; the account's own by default."),
        Field("pgp", Text(authorizations.PGP[1:]), "encrypt what is exported, or decrypt what is imported."),
        Field(
            "secrets",
            Record(tuple(Field(name, Reference(), f"Where {name} is.") for name in authorizations.SECRETS)),
            "Where its secrets are: ${env:VARIABLE} or ${file:PATH}. Left out, those it has stay.",
        ),
    )
)

_SCHEDULE: Final = Record(
    (
        Field("kind", Text(schedules.KINDS), "How often.", default="daily"),
        Field("every", Whole(1, 1440), "Each n-th minute, hour, day, week or month.", default=1),
        Field(
            "at",
            Text(pattern="([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?|after", example='"03:00", or after'),
            "Time of day; after means an interval after the last run was done.",
            default="03:00",
        ),
        Field("zone", _TEXT, "Zone of the time of day; the subscription's by default."),
        Field("weekday", Text(schedules.WEEKDAYS), "Of a weekly run.", default="monday"),
        Field("day_of_month", Whole(1, 31), "Of a monthly run; 31 is always the last.", default=1),
        Field("cron", _TEXT, "Five fields, for kind cron."),
        Field("start", Instant(), "Nothing is due before; of kind once, the instant. UTC without an offset."),
        Field("end", Instant(), "Nothing is due from then on. UTC without an offset."),
    )
)

_JOB: Final = Record(
    (
        Field("name", _NAME, "Name of the job.", True),
        Field("label", _TEXT, "Name for people."),
        Field("description", _TEXT, "What it is for."),
        Field("kind", Text(jobs.KINDS), "What it delivers.", default="rollups"),
        Field("to", _ID, "Folder, s3://bucket/folder or gs://bucket/folder.", True),
        Field("authorization", _NAME, "How to get there; the machine's own access by default."),
        Field("schedule", _SCHEDULE, "When it runs; daily at 03:00 by default."),
        Field("catch_up", Text(jobs.CATCH_UP), "Of the slots that were missed, which are run.", default="all"),
        Field("paused", Flag(), "true stops it, false lets it go on; left out, it stays as it is."),
        Field("options", Mapped(Anything()), "Of its kind."),
    ),
    varies=("options", "kind", OPTIONS),
)

_ADDRESSES: Final = Listed(Text(pattern=channels.ADDRESS, example="ana@example.com", quiet=True))
_CHANNEL: Final = Record(
    (
        Field("name", _NAME, "What rules call it.", True),
        Field("kind", Text(tuple(channels.KINDS)), "What it is.", default="mail"),
        Field("host", _TEXT, "The mail server."),
        Field("port", Whole(1, 65535), "Of the mail server; 587 or, with tls, 465 by default."),
        Field("security", Text(tuple(channels.SECURITY)), "Of mail; starttls by default."),
        Field("sender", Text(pattern=channels.ADDRESS, example="hub@example.com", quiet=True), "Who mails come from."),
        Field("to", _ADDRESSES, "Who gets the mails, unless a rule says otherwise."),
        Field(
            "url",
            Text(pattern=r"https?://[^\s@/?#]+(/[^\s?#]*)?", example="https://host/path", quiet=True),
            "Of a webhook or callback.",
        ),
        Field(
            "header",
            Text(pattern=channels.HEADER, example=channels.USUAL_HEADER),
            f"Of a callback: that its API key is sent in; {channels.USUAL_HEADER} by default.",
        ),
        Field("ca_bundle", _TEXT, "PEM file of the authorities of that server."),
        Field(
            "secrets",
            Record(tuple(Field(name, Reference(), f"Where {name} is.") for name in channels.SECRETS)),
            "Where its secrets are: ${env:VARIABLE} or ${file:PATH}. Left out, those it has stay.",
        ),
    )
)
_RULE: Final = Record(
    (
        Field("name", _NAME, "Name of the rule.", True),
        Field("channel", _NAME, "Through which people are told.", True),
        Field("jobs", Listed(_ID), "Names of jobs, * for any characters; every job by default."),
        Field("on", Listed(Text(tuple(channels.OCCASIONS))), "What is told; whatever needs a person by default."),
        Field("to", _ADDRESSES, "Who gets the mails instead of those the channel names."),
        Field("patience", Whole(1, channels.PATIENCE_MAX), "Failures in a row before the first is told.", default=1),
    )
)

_PRODUCT: Final = Record(
    (
        Field("product_key", _ID, "The key in events and files.", True),
        Field("name", _TEXT, "Name for people.", True),
        Field("channel", Text(metadata.CHANNELS), "Where it runs.", default="web"),
        Field("product_group", _TEXT, "What products are grouped by."),
        Field("hosts", Listed(_ID), "Where pages count for its features, such as *.example.com; anywhere by default."),
    )
)
_ENVIRONMENT: Final = Record(
    (
        Field("name", _ID, "The display name that events carry.", True),
        Field("code", _TEXT, "Short form."),
    )
)
_FEATURE: Final = Record(
    (
        Field("id", _ID, "The id in events.", True),
        Field("name", _TEXT, "Name for people.", True),
        Field("type", Text(metadata.FEATURE_TYPES), "MODULE when it groups others.", default="FEATURE"),
        Field("parent_feature_id", _ID, "The module it belongs to."),
        Field("product_key", _ID, "Its product.", default="default"),
        Field("status", Text(metadata.FEATURE_STATUSES), "DELETED keeps its name in old files.", default="ACTIVATED"),
        Field("labels", _TEXTS, "For people."),
        Field("environments", _TEXTS, "Where its rules count; everywhere by default."),
        Field("rules", RULES, "When it counts as used; any of them is enough."),
    )
)
_ENGAGEMENT_FIELDS: Final = (
    Field("product_keys", _TEXTS, "Products it is shown in."),
    Field("product_group", _TEXT, "Their group."),
    Field("channel", _TEXT, "Where it is shown."),
    Field("environments", _TEXTS, "Environments it is shown in."),
    Field("labels", _TEXTS, "For people."),
    Field("group_name", _TEXT, "Its group."),
    Field("priority_group_name", _TEXT, "Its priority group."),
    Field("priority_rank", Whole(-(10**9), 10**9), "Its rank within that."),
    Field("status", Text(metadata.ENGAGEMENT_STATUSES), "How it stands.", default="STARTED"),
    Field("ignore_throttling", Flag(), "Shown however often others are.", default=False),
    Field("audience_urls", _TEXTS, "Where it is shown."),
    Field("created_at", Instant(), "UTC without an offset."),
    Field("modified_at", Instant(), "UTC without an offset."),
    Field("modified_by", _TEXT, "Who changed it last."),
)
_SURVEY_TYPES: Final = (
    *metadata.SURVEY_TYPES,
    *(content for content in metadata.SURVEY_TYPES.values() if content not in metadata.SURVEY_TYPES),
    *(name.removeprefix("IN_APP_").removesuffix("_SURVEY") for name in metadata.SURVEY_TYPES),
)
_QUESTION: Final = Record(
    (
        Field("id", _ID, "The id in answers.", True),
        Field("text", _TEXT, "What is asked.", True),
        Field("type", Text(QUESTION_TYPES), "What is answered.", default="SCORE"),
    )
)


def _engagement(types: tuple[str, ...], *more: Field) -> Record:
    first = (
        Field("id", _ID, "The id in events.", True),
        Field("name", _TEXT, "Name for people.", True),
        Field("type", Text(types), "What it is.", True),
    )
    return Record((*first, *_ENGAGEMENT_FIELDS, *more))


_ARTICLE: Final = Record(
    (
        Field("provider", Text(metadata.PROVIDERS), "Whose help centre.", True),
        Field("external_article_id", _ID, "The id there.", True),
        Field("title", _TEXT, "Its title.", True),
        Field("url", _TEXT, "Its address."),
    )
)


def _check_authorization(plain: Plain) -> None:
    settings = {name: value for name, value in plain.items() if name != "secrets"}
    wanted = Authorization(**{"kind": "aws_keys", **settings}, created_at=_EPOCH)
    authorizations.check(wanted, {}, plain.get("secrets", needed_secrets(wanted)))


def _check_tag(plain: Plain) -> None:
    read_tag(plain.get("tag", {}))


def _check_channel(plain: Plain) -> None:
    settings = {name: value for name, value in plain.items() if name != "secrets"}
    wanted = channels.read_channel({"kind": "mail", **settings}, _EPOCH)
    if "secrets" in plain:
        channels.check_secret_names(wanted, plain["secrets"])


def _check_rule(plain: Plain) -> None:
    channels.read_rule(plain)


def _check_job(plain: Plain) -> None:
    Remote.parse(job_of(plain, load_zone("UTC"), _EPOCH).url)


KINDS: Final = (
    ResourceKind("products", "What one tag or server sends events for", _PRODUCT, ("product_key",)),
    ResourceKind("environments", "Where products run", _ENVIRONMENT),
    ResourceKind("features", "Features and the modules that group them", _FEATURE, ("id",), check=check_feature),
    ResourceKind("engagements", "Messages shown to users", _engagement(metadata.ENGAGEMENT_TYPES), ("id",)),
    ResourceKind(
        "surveys",
        "Engagements that ask",
        _engagement(_SURVEY_TYPES, Field("questions", Listed(_QUESTION), "What is asked.")),
        ("id",),
    ),
    ResourceKind("articles", "Pages of a help centre", _ARTICLE, ("provider", "external_article_id")),
    ResourceKind("sources", "Who may send events", _SOURCE, check=_check_tag),
    ResourceKind("privacy", "What is kept of what sources send", PRIVACY, ("source",), check=check_privacy),
    ResourceKind(
        "attributes",
        "What is known of users and accounts, and how sayings merge",
        ATTRIBUTE,
        ("entity", "api_name"),
        check=check_attribute,
    ),
    ResourceKind("audiences", "People chosen by rules or listed", AUDIENCE, check=check_audience),
    ResourceKind("authorizations", "Ways into buckets", _AUTHORIZATION, kept=("secrets",), check=_check_authorization),
    ResourceKind("channels", "Ways to tell people", _CHANNEL, kept=("secrets",), check=_check_channel),
    ResourceKind("rules", "Who is told of what about jobs", _RULE, check=_check_rule),
    ResourceKind("jobs", "What is delivered where and when", _JOB, kept=("paused",), check=_check_job),
)
BY_NAME: Final = {kind.name: kind for kind in KINDS}
