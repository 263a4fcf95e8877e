"""The catalogue: every report as data.

Queries, headers, the reference page and the golden tests derive from it. Names, order and types of the columns
are those of the documents of Gainsight PX ("AWS S3 and Google Cloud Storage Integration"); where these contradict
themselves, ``docs/decisions/0020-report-columns.md`` says what was chosen. A report has a query of its own only
where its meaning needs one; ten of them are plain counts of the same cube.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from footfall.model.columns import (
    ACCOUNT,
    BOOLEAN,
    COUNT,
    CUSTOM_PREFIX,
    DATE,
    ENGAGEMENT,
    ENGAGEMENT_NAME,
    ENVIRONMENT,
    INSTANT,
    INT,
    INTEGER,
    LOCALE,
    LONG,
    NUMBER,
    OBJECT,
    ORGANIZATION_FIELDS,
    PRODUCT,
    STRING,
    TRIGGER,
    TYPE,
    USER,
    USER_AGENT_FIELDS,
    Field,
    attribute,
    group,
    key,
    location,
    text,
    value,
)
from footfall.model.event import EventType

VERSIONS: Final = ("1.0", "2.0")
BOTH: Final = VERSIONS
LATEST: Final = ("2.0",)

# Words of the attribute types in the printed type of a custom column.
ATTRIBUTE_TYPES: Final[Mapping[str, str]] = {
    "STRING": STRING,
    "NUMBER": NUMBER,
    "BOOLEAN": BOOLEAN,
    "DATE_TIME": STRING,
}


@dataclass(frozen=True, slots=True)
class Report:
    """One extract type.

    name: the ExtractType of the file name. about: ``user``, ``account`` or ``metadata``; rows about an account need
    both an identified user and an account, rows about a user need the user only.
    relation: which rows it is made of: ``counts`` (the cube, grouped by ``keys``) or a query of that name.
    words: the event types it counts, each with the word printed in ``type``.
    custom: the entity whose custom attributes become columns, at the field whose source is ``custom``.
    """

    name: str
    title: str
    content: str
    about: str
    relation: str
    versions: tuple[str, ...]
    fields: tuple[Field, ...]
    words: Mapping[EventType, str] = field(default_factory=dict)
    custom: str = ""

    def columns(self, version: str, custom: Sequence[tuple[str, str]] = ()) -> tuple[Field, ...]:
        """The columns of one version in the order of the file.

        custom: (api name, type) of the custom attributes; they are printed sorted by the UTF-8 bytes of the name.
        Raises ``KeyError`` when the version does not have this report.
        """
        if version not in self.versions:
            raise KeyError(f"{self.name} is not part of version {version}")
        out: list[Field] = []
        for f in self.fields:
            if f.source == "custom":
                out.extend(_custom_field(*c) for c in sorted(custom, key=lambda c: c[0].encode()))
            elif f.since <= version:
                out.append(f)
        return tuple(out)

    def keys(self, version: str) -> tuple[Field, ...]:
        """The columns that group the rows, in the order of the file, which is also the order of the rows."""
        return tuple(f for f in self.columns(version) if f.key)


def _custom_field(name: str, type: str) -> Field:
    return Field(CUSTOM_PREFIX + name, ATTRIBUTE_TYPES.get(type.upper(), STRING), f"custom.{name}")


_CUSTOM: Final = Field(CUSTOM_PREFIX + "{customAttributeApiName}", "type varies", "custom")
_EVENTS: Final = {
    EventType.FORM_SUBMIT: "FORM_SUBMIT",
    EventType.PAGE_VIEW: "PAGE_VIEW",
    EventType.SEGMENT_MATCH: "SEGMENT",
    EventType.SESSION_STARTED: "SESSION_INITIALIZED",
}
_CUSTOM_EVENTS: Final = {EventType.CUSTOM: "CUSTOM"}
_FEATURES: Final = {EventType.FEATURE_MATCH: "FEATURE_MATCH"}
_IN_APP: Final = {
    EventType.ENGAGEMENT_VIEW: "ENGAGEMENT_VIEW",
    EventType.ENGAGEMENT_CLICK: "ENGAGEMENT_CLICK",
}
_EMAIL: Final = {EventType.EMAIL_EVENT: "EMAIL"}
_EMAIL_TYPE: Final = key("type", "detail")
_EVENT_NAME: Final = key("eventName", "name")
_FEATURE: Final = key("featureId", "name")
_FEATURE_TEXTS: Final = (text("featureName", "feature.name"), text("featurePath", "feature.path"))
_PLACE: Final = (PRODUCT.later(), ENVIRONMENT.later())
_ACCOUNT_KEYS: Final = (DATE, ACCOUNT, *_PLACE)


ACCOUNTS: Final = Report(
    "Accounts",
    "Accounts",
    "Account attributes",
    "account",
    "accounts",
    BOTH,
    (
        Field("id", STRING, "account", key=True),
        attribute("name"),
        value("lastModifiedDate"),
        value("createDate"),
        attribute("plan"),
        attribute("numberOfEmployees", LONG),
        value("isDeleted", BOOLEAN),
        attribute("naicsCode"),
        attribute("trackedSubscriptionId"),
        attribute("sfdcId"),
        value("lastSeenDate"),
        attribute("industry"),
        attribute("dunsNumber"),
        attribute("sicCode"),
        attribute("website"),
        value("totalUsers", LONG),
        value("dailyActiveUsers", LONG),
        value("monthlyActiveUsers", LONG),
        *location("location"),
        _CUSTOM,
    ),
    custom="account",
)
USERS: Final = Report(
    "Users",
    "Users",
    "User attributes",
    "user",
    "users",
    BOTH,
    (
        value("aptrinsicId"),
        attribute("email"),
        USER,
        text("accountId", "account"),
        attribute("firstName"),
        attribute("lastName"),
        attribute("lastInferredDataSyncDate"),
        value("webAppVisits", LONG),
        attribute("globalUnsubscribe", BOOLEAN),
        value("signUpDate"),
        attribute("leadId"),
        attribute("leadDate"),
        value("createDate"),
        attribute("trackedUserRole"),
        value("type"),
        value("lastModifiedDate"),
        value("numberOfVisits", LONG),
        attribute("gender"),
        value("isDeleted", BOOLEAN),
        value("lastSeenDate"),
        attribute("score", LONG),
        attribute("phone"),
        attribute("firstVisitDate"),
        attribute("title"),
        attribute("sfdcContactId"),
        *location("location"),
        *group("lastInferredOrganization", ORGANIZATION_FIELDS),
        *location("lastInferredOrganization_location"),
        *location("lastInferredLocation"),
        *group("lastUserAgentData", USER_AGENT_FIELDS),
        _CUSTOM,
        attribute("subscriptionId"),
    ),
    custom="user",
)
ACCOUNT_REPORTS: Final = (
    ACCOUNTS,
    Report(
        "Account_Custom_Event_Rollups",
        "Account Custom Events",
        "Daily counts of custom events, grouped by day, account, event",
        "account",
        "counts",
        BOTH,
        (*_ACCOUNT_KEYS, _EVENT_NAME, COUNT),
        _CUSTOM_EVENTS,
    ),
    Report(
        "Account_Email_Engagement_Rollups",
        "Account Email Engagements",
        "Daily counts of email engagements, grouped by day, account, engagement, eventType",
        "account",
        "counts",
        BOTH,
        (*_ACCOUNT_KEYS, ENGAGEMENT, ENGAGEMENT_NAME, _EMAIL_TYPE, COUNT),
        _EMAIL,
    ),
    Report(
        "Account_Event_Rollups",
        "Account Events",
        "Daily counts of FORM_SUBMIT, PAGE_VIEW, SEGMENT, SESSION_INITIALIZED events, grouped by day, account, "
        "eventType",
        "account",
        "counts",
        BOTH,
        (*_ACCOUNT_KEYS, TYPE, COUNT),
        _EVENTS,
    ),
    Report(
        "Account_Feature_Match_Rollups",
        "Account Feature Matches",
        "Daily counts of feature matches, grouped by day, account, feature",
        "account",
        "counts",
        BOTH,
        (*_ACCOUNT_KEYS, _FEATURE, COUNT, *_FEATURE_TEXTS),
        _FEATURES,
    ),
    Report(
        "Account_InApp_Event_Rollups",
        "Account InApp Events (Engagements)",
        "Daily counts of in-app engagements, grouped by day, account, engagement, eventType",
        "account",
        "counts",
        BOTH,
        (*_ACCOUNT_KEYS, ENGAGEMENT, ENGAGEMENT_NAME, TYPE, COUNT),
        _IN_APP,
    ),
    Report(
        "Account_Hourly_Concurrent_Sessions_Rollups",
        "Account Hourly Concurrent Sessions",
        "The most sessions open at the same time in each local hour, by account, product and environment",
        "account",
        "hours",
        LATEST,
        (DATE, key("hour", "value.hour"), ACCOUNT, PRODUCT, ENVIRONMENT, COUNT),
    ),
)
USER_REPORTS: Final = (
    USERS,
    Report(
        "User_Custom_Event_Rollups",
        "User Custom Events",
        "Daily counts of custom events, grouped by day, user, productKey, account, event",
        "user",
        "counts",
        BOTH,
        (DATE, USER, PRODUCT, ACCOUNT, ENVIRONMENT.later(), _EVENT_NAME, COUNT),
        _CUSTOM_EVENTS,
    ),
    Report(
        "User_Engagement_Rollups",
        "User Engagements",
        "Daily counts of in-app engagements, grouped by day, user, productKey, account, engagement, eventType",
        "user",
        "counts",
        BOTH,
        (DATE, USER, PRODUCT, ACCOUNT, ENVIRONMENT.later(), ENGAGEMENT, ENGAGEMENT_NAME, TYPE, COUNT),
        _IN_APP,
    ),
    Report(
        "User_Event_Rollups",
        "User Events",
        "Daily counts of FORM_SUBMIT, PAGE_VIEW, SEGMENT, SESSION_INITIALIZED events, grouped by day, user, "
        "productKey, account, eventType",
        "user",
        "counts",
        BOTH,
        (DATE, USER, ACCOUNT, PRODUCT, ENVIRONMENT.later(), TYPE, COUNT),
        _EVENTS,
    ),
    Report(
        "User_Feature_Rollups",
        "User Feature Matches",
        "Daily counts of feature matches, grouped by day, user, productKey, account, feature",
        "user",
        "counts",
        BOTH,
        (DATE, USER, ACCOUNT, PRODUCT, ENVIRONMENT.later(), _FEATURE, COUNT, *_FEATURE_TEXTS),
        _FEATURES,
    ),
    Report(
        "User_Email_Engagement_Rollups",
        "User Email Engagements",
        "Daily counts of email engagements, grouped by day, user, account, productKey, environment, engagement, "
        "eventType",
        "user",
        "counts",
        LATEST,
        (DATE, USER, ACCOUNT, PRODUCT, ENVIRONMENT, ENGAGEMENT, ENGAGEMENT_NAME, _EMAIL_TYPE, COUNT),
        _EMAIL,
    ),
    Report(
        "User_Engagement_View_State_Rollups",
        "User Engagement View State",
        "Showings of engagements by how far the user got, from the day's events only",
        "user",
        "view_states",
        LATEST,
        (
            DATE,
            USER,
            PRODUCT,
            ACCOUNT,
            ENVIRONMENT,
            ENGAGEMENT,
            ENGAGEMENT_NAME,
            key("viewState", "value.viewState"),
            COUNT,
            value("farthestStepNumber", INTEGER),
            LOCALE,
            TRIGGER,
            value("engagementPath"),
        ),
    ),
    Report(
        "User_Engagement_Clicks",
        "User Engagement Clicks",
        "One row per click in an engagement",
        "user",
        "clicks",
        LATEST,
        (
            INSTANT,
            USER,
            PRODUCT,
            ACCOUNT,
            ENVIRONMENT,
            ENGAGEMENT,
            ENGAGEMENT_NAME,
            value("linkUrl"),
            value("sequenceNumber", INTEGER),
        ),
    ),
    Report(
        "User_External_Article_View_Rollups",
        "User Article Views",
        "Daily counts of article views, grouped by day, user, account, productKey, environment, article, provider",
        "user",
        "counts",
        LATEST,
        (
            DATE,
            USER,
            ACCOUNT,
            PRODUCT,
            ENVIRONMENT,
            key("externalArticleId", "name"),
            text("articleTitle", "article.title"),
            text("articleUrl", "article.url"),
            key("provider", "detail"),
            COUNT,
        ),
        {EventType.ARTICLE_VIEW: "ARTICLE_VIEW"},
    ),
)
ANSWER_REPORTS: Final = (
    Report(
        "Survey_Responses",
        "Survey Responses",
        "One row per response to a single-step survey",
        "user",
        "survey_responses",
        BOTH,
        (
            INSTANT,
            USER,
            PRODUCT,
            ACCOUNT,
            ENGAGEMENT,
            value("score", INT),
            value("comment"),
            key("type", "detail"),
            value("contactMeAllowed", BOOLEAN).later(),
            ENVIRONMENT.later(),
            value("labels"),
            value("path"),
            LOCALE,
            TRIGGER,
        ),
    ),
    Report(
        "Multi_Question_Survey_Responses",
        "Multiple Question Survey Responses",
        "One row per answer; a multiple choice gives one row per choice",
        "user",
        "survey_answers",
        LATEST,
        (
            Field("date", NUMBER, "value.epoch_ms"),
            ENGAGEMENT,
            PRODUCT,
            ENVIRONMENT,
            USER,
            ACCOUNT,
            key("questionType", "detail"),
            value("question"),
            value("score"),
            value("answer"),
            value("contactMeAllowed", BOOLEAN),
            value("path"),
            value("globalContext", OBJECT),
            LOCALE,
            TRIGGER,
        ),
    ),
    Report(
        "Feedback_Responses",
        "Feedback",
        "One row per feedback",
        "user",
        "feedback",
        BOTH,
        (
            INSTANT,
            USER,
            PRODUCT,
            ACCOUNT,
            ENVIRONMENT.later(),
            value("subject"),
            value("category"),
            value("description"),
            value("labels"),
        ),
    ),
)
METADATA_REPORTS: Final = (
    Report(
        "Engagements",
        "Engagements",
        "Engagement attributes",
        "metadata",
        "engagements",
        BOTH,
        (Field("id", STRING, "value.id", key=True), value("name"), value("type")),
    ),
    Report(
        "Engagement_Extended_Metadata",
        "Engagements Extended",
        "Engagement attributes, how it is targeted and how often it was seen",
        "metadata",
        "engagements",
        LATEST,
        (
            Field("id", STRING, "value.id", key=True),
            value("name"),
            value("type"),
            value("productGroup"),
            value("channel"),
            value("environments"),
            value("labels"),
            value("groupName"),
            value("priorityGroupName"),
            value("priorityRank", LONG),
            value("status"),
            value("ignoreThrottling"),
            value("lifetimeViews", LONG),
            value("audienceURLs"),
            value("createdDate"),
            value("lastModifiedDate"),
            value("lastModifiedBy"),
        ),
    ),
    Report(
        "Features",
        "Feature",
        "Feature attributes",
        "metadata",
        "features",
        BOTH,
        (
            Field("id", STRING, "value.id", key=True),
            value("name"),
            value("type"),
            value("parentFeatureId"),
            value("propertyKey"),
            value("status"),
        ),
    ),
)
CATALOGUE: Final[tuple[Report, ...]] = ACCOUNT_REPORTS + USER_REPORTS + ANSWER_REPORTS + METADATA_REPORTS
_BY_NAME: Final = {r.name: r for r in CATALOGUE}


def catalogue(version: str) -> tuple[Report, ...]:
    """Every report of a version, in the order of the documents. Raises ``KeyError`` for a version that is not one."""
    if version not in VERSIONS:
        raise KeyError(f"version {version} is not one of {', '.join(VERSIONS)}")
    return tuple(r for r in CATALOGUE if version in r.versions)


def by_name(name: str) -> Report:
    """The report of that name, in any case and with or without the prefix of the file names; else ``KeyError``."""
    plain = name.removeprefix("GainsightPX_")
    found = _BY_NAME.get(plain) or next((r for r in CATALOGUE if r.name.lower() == plain.lower()), None)
    if found is None:
        raise KeyError(f"no report is called {name}; there are {', '.join(_BY_NAME)}")
    return found
