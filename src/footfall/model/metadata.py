"""What the names in the events mean: products, environments, features, engagements, surveys, articles.

Values are frozen; a ``Metadata`` is a whole catalogue. ``check`` says what is wrong with one and where. Events may name
things that are not here: a report then shows the id alone. Reading from plain data is ``model.definitions``.

Sources: PX bucket export, "Engagements", "Engagements Extended" and "Feature"; PX REST API, enums of the same objects.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Final, TypeVar

from footfall.errors import BadRecord, Refused
from footfall.model.event import QUESTION_TYPES
from footfall.model.feature_rules import (
    FEATURES_A_LABEL_MAX,
    LABELS_A_PRODUCT_MAX,
    RULES_MAX,
    FeatureRule,
    check_rule,
)
from footfall.model.url_rules import read_host

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

Place = tuple[str | int, ...]

CHANNELS: Final = ("web", "ios", "android", "server", "desktop")
FEATURE_TYPES: Final = ("FEATURE", "MODULE")
FEATURE_STATUSES: Final = ("ACTIVATED", "DELETED")
ENGAGEMENT_STATUSES: Final = ("IN_PROGRESS", "STARTED", "PAUSED", "FAILED", "EDITING", "COMPLETED", "DELETED")
# The vendor spells every survey twice: as a type of engagement and as a type of content. Both are accepted everywhere;
# an engagement keeps the first spelling, a response is reported with the second.
SURVEY_TYPES: Final[dict[str, str]] = {
    "IN_APP_NPS_SURVEY": "IN_APP_SURVEY_NPS",
    "IN_APP_CES_SURVEY": "IN_APP_SURVEY_CES",
    "IN_APP_RATING_SURVEY": "IN_APP_SURVEY_RATING",
    "IN_APP_BOOLEAN_SURVEY": "IN_APP_SURVEY_BOOLEAN",
    "IN_APP_MULTIPLE_QUESTION_SURVEY": "IN_APP_MULTIPLE_QUESTION_SURVEY",
}
_BY_CONTENT_TYPE: Final[dict[str, str]] = {content: engagement for engagement, content in SURVEY_TYPES.items()}
_BY_SHORT_NAME: Final[dict[str, str]] = {
    name.removeprefix("IN_APP_").removesuffix("_SURVEY"): name for name in SURVEY_TYPES
}
PLAIN_ENGAGEMENT_TYPES: Final = (
    "IN_APP_DIALOG",
    "IN_APP_CAROUSEL",
    "IN_APP_GUIDE",
    "IN_APP_NOTIFICATION",
    "OUT_BOUND_EMAIL",
    "EMAIL",
)
ENGAGEMENT_TYPES: Final = (*PLAIN_ENGAGEMENT_TYPES, *SURVEY_TYPES)
PROVIDERS: Final = (
    "ZENDESK_ARTICLE_PROVIDER",
    "HELP_DOCS_ARTICLE_PROVIDER",
    "SALESFORCE_ARTICLE_PROVIDER",
    "MINDTOUCH_ARTICLE_PROVIDER",
    "BLOOMFIRE_ARTICLE_PROVIDER",
    "TI_ARTICLE_PROVIDER",
    "GOOGLE_SEARCH_PROVIDER",
    "HIGHER_LOGIC_PROVIDER",
)
PATH_SEPARATOR: Final = " -> "


class BadDefinition(BadRecord):
    """A definition that cannot be used. ``place`` leads to it: ``("features", 2, "type")``."""

    def __init__(self, code: str, place: Place, what: str, hint: str = "") -> None:
        super().__init__(code, f"{dotted(place)}: {what}" if place else what, hint)
        self.place = place
        self.fault = what


def dotted(place: Place) -> str:
    """A place as people write it: ``features[2].type``."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in place)
    return text.removeprefix(".")


@dataclass(frozen=True, slots=True)
class Product:
    """Something that is used, as one tag sees it. ``product_key`` is the key in events and files.

    hosts: where pages count for its features; anywhere if none is said.
    """

    product_key: str
    name: str
    channel: str = "web"
    product_group: str | None = None
    hosts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Environment:
    """Where a product runs. ``name`` is the display name that events carry and files show."""

    name: str
    code: str = ""


@dataclass(frozen=True, slots=True)
class Feature:
    """A feature, or a module that holds features. Their parents make a tree.

    environments: where its rules count; everywhere if none is said. rules: any of them means that it was used.
    """

    id: str
    name: str
    type: str = "FEATURE"
    parent_feature_id: str | None = None
    product_key: str = "default"
    status: str = "ACTIVATED"
    labels: tuple[str, ...] = ()
    environments: tuple[str, ...] = ()
    rules: tuple[FeatureRule, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Engagement:
    """A message shown to users. Times are UTC and aware."""

    id: str
    name: str
    type: str
    product_keys: tuple[str, ...] = ()
    product_group: str | None = None
    channel: str | None = None
    environments: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    group_name: str | None = None
    priority_group_name: str | None = None
    priority_rank: int | None = None
    status: str = "STARTED"
    ignore_throttling: bool = False
    audience_urls: tuple[str, ...] = ()
    created_at: datetime | None = None
    modified_at: datetime | None = None
    modified_by: str | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """One question of a survey. ``text`` is plain text."""

    id: str
    text: str
    type: str = "SCORE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey(Engagement):
    """An engagement that asks. ``type`` is one of ``SURVEY_TYPES``."""

    questions: tuple[Question, ...] = ()

    @property
    def survey_type(self) -> str:
        """The same type as responses spell it: ``IN_APP_SURVEY_NPS``."""
        return SURVEY_TYPES[self.type]


@dataclass(frozen=True, slots=True)
class Article:
    """A page of a help centre. Known by provider and id together."""

    provider: str
    external_article_id: str
    title: str
    url: str = ""


@dataclass(frozen=True)
class Metadata:
    """The whole catalogue. An id is there at most once per kind; surveys and engagements share their ids."""

    products: tuple[Product, ...] = ()
    environments: tuple[Environment, ...] = ()
    features: tuple[Feature, ...] = ()
    engagements: tuple[Engagement, ...] = ()
    surveys: tuple[Survey, ...] = ()
    articles: tuple[Article, ...] = ()

    @cached_property
    def _features_by_id(self) -> Mapping[str, Feature]:
        return {feature.id: feature for feature in self.features}

    @cached_property
    def all_engagements(self) -> tuple[Engagement, ...]:
        """Engagements and surveys, by id."""
        return tuple(sorted((*self.engagements, *self.surveys), key=lambda e: e.id))

    def feature_path(self, feature_id: str, separator: str = PATH_SEPARATOR) -> str | None:
        """Names from the root to the feature, joined; None for a feature nobody defined.

        PX bucket export, column featurePath; the separator is how the vendor's own prose prints paths.
        """
        names: list[str] = []
        seen: set[str] = set()
        feature = self._features_by_id.get(feature_id)
        while feature is not None and feature.id not in seen:
            seen.add(feature.id)
            names.append(feature.name)
            feature = self._features_by_id.get(feature.parent_feature_id or "")
        return separator.join(reversed(names)) if names else None

    def merged(self, newer: Metadata) -> Metadata:
        """This catalogue with everything ``newer`` names inserted or replaced by id; what it does not name stays.

        An engagement that becomes a survey (or the other way round) moves.
        """
        named = {e.id for e in newer.all_engagements}
        kept = replace(
            self,
            engagements=tuple(e for e in self.engagements if e.id not in named),
            surveys=tuple(s for s in self.surveys if s.id not in named),
        )
        return Metadata(
            products=_union(kept.products, newer.products),
            environments=_union(kept.environments, newer.environments),
            features=_union(kept.features, newer.features),
            engagements=_union(kept.engagements, newer.engagements),
            surveys=_union(kept.surveys, newer.surveys),
            articles=_union(kept.articles, newer.articles),
        )


Item = Product | Environment | Feature | Engagement | Survey | Article


def identity(item: Item) -> str:
    """What an item is known by within its kind."""
    match item:
        case Product():
            return item.product_key
        case Environment():
            return item.name
        case Article():
            # A provider's name holds no space, so the pair cannot be read in two ways.
            return f"{item.provider} {item.external_article_id}"
        case _:
            return item.id


_Kind = TypeVar("_Kind", Product, Environment, Feature, Engagement, Survey, Article)


def _union(old: Iterable[_Kind], new: Iterable[_Kind]) -> tuple[_Kind, ...]:
    items = {identity(item): item for item in old} | {identity(item): item for item in new}
    return tuple(items[key] for key in sorted(items))


def survey_type(word: str) -> str | None:
    """The engagement type of a survey however it is spelled (``NPS``, ``IN_APP_SURVEY_NPS`` …); None if it is none."""
    upper = word.upper()
    if upper in SURVEY_TYPES:
        return upper
    return _BY_CONTENT_TYPE.get(upper) or _BY_SHORT_NAME.get(upper)


def content_type(word: str) -> str | None:
    """The type responses are reported with, however the survey is spelled; None if it is no survey."""
    engagement = survey_type(word)
    return None if engagement is None else SURVEY_TYPES[engagement]


def check(metadata: Metadata) -> None:
    """Raise ``BadDefinition`` at the first fault: what ``check_items`` finds, a feature tree that is none, or too many
    features with a label."""
    check_items(metadata)
    _check_tree(metadata)
    _check_labels(metadata)


def check_items(metadata: Metadata) -> None:
    """Raise ``BadDefinition`` at the first unknown word or id given twice; parents may be defined elsewhere."""
    for kind in KINDS:
        items: Sequence[Item] = getattr(metadata, kind)
        _check_identities(kind, items)
        for index, item in enumerate(items):
            _check_words((kind, index), item)
    shared = {e.id for e in metadata.engagements}
    for index, survey in enumerate(metadata.surveys):
        if survey.id in shared:
            raise BadDefinition("duplicate_id", ("surveys", index, "id"), f"{survey.id!r} is an engagement already")


KINDS: Final = ("products", "environments", "features", "engagements", "surveys", "articles")


def _check_identities(kind: str, items: Sequence[Item]) -> None:
    counts = Counter(identity(item) for item in items)
    for index, item in enumerate(items):
        known_by = identity(item)
        if not known_by.strip():
            raise BadDefinition("missing_id", (kind, index), "has no id")
        counts[known_by] -= 1
        if counts[known_by]:
            raise BadDefinition("duplicate_id", (kind, index), f"{known_by!r} is defined more than once")


def _check_words(place: Place, item: Item) -> None:
    match item:
        case Product():
            _one_of((*place, "channel"), item.channel, CHANNELS)
            _check_hosts(place, item.hosts)
        case Feature():
            _one_of((*place, "type"), item.type, FEATURE_TYPES)
            _one_of((*place, "status"), item.status, FEATURE_STATUSES)
            _check_rules(place, item.rules)
        case Survey():
            _one_of((*place, "type"), item.type, tuple(SURVEY_TYPES))
            _one_of((*place, "status"), item.status, ENGAGEMENT_STATUSES)
            for index, question in enumerate(item.questions):
                _one_of((*place, "questions", index, "type"), question.type, QUESTION_TYPES)
        case Engagement():
            _one_of((*place, "type"), item.type, ENGAGEMENT_TYPES)
            _one_of((*place, "status"), item.status, ENGAGEMENT_STATUSES)
        case Article():
            _one_of((*place, "provider"), item.provider, PROVIDERS)


def _one_of(place: Place, word: str, known: Sequence[str]) -> None:
    if word not in known:
        raise BadDefinition("unknown_word", place, f"{word!r} is not known", f"Use one of {', '.join(known)}")


def _check_hosts(place: Place, hosts: Sequence[str]) -> None:
    for index, host in enumerate(hosts):
        try:
            read_host(host)
        except Refused as error:
            raise BadDefinition("bad_host", (*place, "hosts", index), error.what, error.hint) from error


def _check_rules(place: Place, rules: Sequence[FeatureRule]) -> None:
    if len(rules) > RULES_MAX:
        raise BadDefinition("too_many_rules", (*place, "rules"), f"a feature has at most {RULES_MAX} rules")
    for index, rule in enumerate(rules):
        wrong = check_rule(rule)
        if wrong is not None:
            field, error = wrong
            raise BadDefinition("bad_rule", (*place, "rules", index, field), error.what, error.hint)


def _check_labels(metadata: Metadata) -> None:
    # PX "Product Mapper", Labels.
    features: Counter[tuple[str, str]] = Counter()
    labels: dict[str, set[str]] = {}
    for index, feature in enumerate(metadata.features):
        if feature.status == "DELETED":
            continue
        place: Place = ("features", index, "labels")
        for label in set(feature.labels):
            features[feature.product_key, label] += 1
            if features[feature.product_key, label] > FEATURES_A_LABEL_MAX:
                said = f"more than {FEATURES_A_LABEL_MAX} features of {feature.product_key} have the label {label!r}"
                raise BadDefinition("too_many_features", place, said, "Use another label")
        known = labels.setdefault(feature.product_key, set())
        known.update(feature.labels)
        if len(known) > LABELS_A_PRODUCT_MAX:
            said = f"{feature.product_key} has more than {LABELS_A_PRODUCT_MAX} labels"
            raise BadDefinition("too_many_labels", place, said, "Use those that are there")


def _check_tree(metadata: Metadata) -> None:
    parents = {f.id: f.parent_feature_id for f in metadata.features}
    sound: set[str] = set()
    for index, feature in enumerate(metadata.features):
        place: Place = ("features", index, "parent_feature_id")
        walked: list[str] = []
        step: str | None = feature.id
        while step is not None and step not in sound:
            if step in walked:
                loop = PATH_SEPARATOR.join((*walked[walked.index(step) :], step))
                raise BadDefinition("feature_cycle", place, f"the features are their own parents: {loop}")
            if step not in parents:
                raise BadDefinition("unknown_parent", place, f"no feature has the id {step!r}")
            walked.append(step)
            step = parents[step]
        sound.update(walked)
