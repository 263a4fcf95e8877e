"""Trees of features: in their order, and copied."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from footfall.errors import Conflict, Missing, Refused
from footfall.model.metadata import Feature, Metadata


def in_order(features: Sequence[Feature]) -> Iterator[tuple[int, Feature]]:
    """(depth, feature): each module before what is in it, neighbours by name."""
    known = {each.id for each in features}
    below: dict[str | None, list[Feature]] = {}
    for each in sorted(features, key=lambda feature: (feature.product_key, feature.name, feature.id)):
        parent = each.parent_feature_id if each.parent_feature_id in known else None
        below.setdefault(parent, []).append(each)
    waiting = [(0, each) for each in reversed(below.get(None, []))]
    while waiting:
        depth, each = waiting.pop()
        yield depth, each
        waiting += [(depth + 1, child) for child in reversed(below.get(each.id, []))]


def feature_of(metadata: Metadata, id: str) -> Feature:
    """Raises ``Missing``."""
    found = next((each for each in metadata.features if each.id == id), None)
    if found is None:
        raise Missing(f"there is no feature {id!r}", "`footfall features ls` lists them")
    return found


def cloned(metadata: Metadata, id: str, new_id: str, *, name: str = "", product_key: str = "") -> Sequence[Feature]:
    """Copies of a feature and of all that is below it, with their rules, the first named ``name``.

    The copy of ``id`` is ``new_id``; of a feature below it the id begins with ``new_id``: where its own begins with
    ``id``, that is replaced, else ``new_id`` and a hyphen are put in front. What is deleted is not copied.
    Raises ``Missing``; ``Conflict`` when an id is taken.
    """
    root = feature_of(metadata, id)
    if not new_id.strip() or new_id == id:
        raise Refused("a copy needs an id of its own", "Such as checkout-2")
    tree, ids = [root], {root.id: new_id}
    for each in tree:
        for child in metadata.features:
            if child.parent_feature_id == each.id and child.id not in ids and child.status != "DELETED":
                tree.append(child)
                ids[child.id] = new_id + (child.id[len(id) :] if child.id.startswith(id) else f"-{child.id}")
    taken = {each.id for each in metadata.features} & set(ids.values())
    if taken or len(set(ids.values())) < len(ids):
        raise Conflict(f"there is a feature {min(taken or ids.values())!r} already", "Give the copy another id")
    return [
        replace(
            each,
            id=ids[each.id],
            name=name or each.name if each is root else each.name,
            parent_feature_id=ids.get(each.parent_feature_id or "", each.parent_feature_id),
            product_key=product_key or each.product_key,
            status="ACTIVATED",
        )
        for each in tree
    ]
