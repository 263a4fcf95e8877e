"""Features: the tree, what their rules match, copies, and rules over old days."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Query
from pydantic import Field, JsonValue

from footfall.errors import Refused
from footfall.model.definitions import plain_item
from footfall.model.event import ENVIRONMENT_DEFAULT, PRODUCT_DEFAULT
from footfall.model.feature_trees import feature_of, in_order
from footfall.model.metadata import Feature, Metadata
from footfall.web.api.callers import Reading, Writing
from footfall.web.api.repeats import repeatable
from footfall.web.api.shapes import Day, Flag, Given, Told
from footfall.web.api.strict import section
from footfall.web.api.tasks import TaskOut, task_out

router = section("/api/features", "features")
# Apart from those, where any word may be the id of a feature.
trials = section("/api/feature-trials", "features")
backfills = section("/api/feature-backfills", "features")
FeatureId = Annotated[str, Path(min_length=1, max_length=512, description="Id of the feature.")]
_Text = Annotated[str, Field(max_length=512)]
_Some = Annotated[str, Field(min_length=1, max_length=512)]
_Chosen = Annotated[str, Query(max_length=512)]


class FeatureOut(Told):
    """depth: in the tree, 0 for what is in nothing. rules: as in `footfall.yaml`, without what is as usual."""

    id: str
    name: str
    type: str
    parent_feature_id: str | None
    path: str
    depth: int
    product_key: str
    environments: list[str]
    status: str
    labels: list[str]
    rules: list[dict[str, JsonValue]]


class Features(Told):
    """Each module before what is in it."""

    features: list[FeatureOut]


class EventIn(Given):
    """Either a URL that is looked at, or a native event. product_key, environment: unless the event names them."""

    url: Annotated[str, Field(min_length=1, max_length=8192)] | None = None
    event: dict[str, JsonValue] | None = None
    product_key: _Some = PRODUCT_DEFAULT
    environment: _Some = ENVIRONMENT_DEFAULT


class MatchOut(Told):
    """rule: place of the rule among those of the feature, from 0."""

    feature: str
    path: str
    rule: int


class Matches(Told):
    matches: list[MatchOut]


class CloneIn(Given):
    """new_id: of the copy; ids below it begin with it. name, product_key: as they are by default."""

    new_id: _Some
    name: _Text = ""
    product_key: _Text = ""


class BackfillIn(Given):
    """feature: its rules and those of what is below it; all by default. since, until: days, both included.

    remove: also take away matches of rules whose events answer none any more.
    """

    feature: _Text = ""
    since: Day | None = None
    until: Day | None = None
    remove: Flag = False


@router.get("", summary="List the features as a tree")
def list_features(desk: Reading, product: _Chosen = "", label: _Chosen = "") -> Features:
    """What is defined is changed with `PUT /api/definitions`."""
    metadata = desk.management.catalogue.read()
    return Features(
        features=[
            _out(metadata, each, depth)
            for depth, each in in_order(metadata.features)
            if product in ("", each.product_key) and (not label or label in each.labels)
        ]
    )


@trials.post("", summary="Say which features an event would use")
def try_event(desk: Reading, given: EventIn) -> Matches:
    """Nothing is stored."""
    if (given.url is None) == (given.event is None):
        raise Refused("a URL or an event can be tried", "Give one of them")
    event = {"type": "page_view", "page": {"url": given.url}} if given.event is None else given.event
    found = desk.management.try_event({"product_key": given.product_key, "environment": given.environment} | event)
    metadata = desk.management.catalogue.read()
    return Matches(
        matches=[
            MatchOut(feature=each.feature, path=metadata.feature_path(each.feature) or "", rule=each.rule)
            for each in found
        ]
    )


@backfills.post("", status_code=202, summary="Let rules see old days")
@repeatable
def backfill_features(desk: Writing, given: BackfillIn) -> TaskOut:
    """A task. Days that change, and were closed, get another revision at their next close. May be asked for again."""
    if given.since is not None and given.until is not None and given.since > given.until:
        raise Refused(f"{given.since} is after {given.until}", "Give the earlier day first")
    task = desk.management.tasks.backfill_features(
        given.feature, given.since, given.until, desk.name, remove=given.remove
    )
    return task_out(task)


@router.get("/{id}", summary="Show a feature")
def show_feature(desk: Reading, id: FeatureId) -> FeatureOut:
    metadata = desk.management.catalogue.read()
    found = feature_of(metadata, id)
    return _out(metadata, found, next(depth for depth, each in in_order(metadata.features) if each.id == id))


@router.post("/{id}/clone", status_code=201, summary="Copy a feature and all that is below it")
@repeatable
def clone_feature(desk: Writing, id: FeatureId, given: CloneIn) -> Features:
    made = desk.management.clone_feature(id, given.new_id, given.name, given.product_key)
    metadata = desk.management.catalogue.read()
    ids = {each.id for each in made}
    return Features(features=[_out(metadata, each, d) for d, each in in_order(metadata.features) if each.id in ids])


def _out(metadata: Metadata, feature: Feature, depth: int) -> FeatureOut:
    return FeatureOut(
        id=feature.id,
        name=feature.name,
        type=feature.type,
        parent_feature_id=feature.parent_feature_id,
        path=metadata.feature_path(feature.id) or "",
        depth=depth,
        product_key=feature.product_key,
        environments=list(feature.environments),
        status=feature.status,
        labels=list(feature.labels),
        rules=[plain_item(rule) for rule in feature.rules],
    )
