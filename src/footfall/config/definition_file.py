"""``footfall.yaml``: read whole, with every mistake at its place; and its JSON Schema.

One document, or several that add up: ``version``, ``subscription`` and a list for each kind of resource.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

from footfall.config.faults import Fault, Faulty
from footfall.config.resources import BY_NAME, KINDS, SUBSCRIPTION, Plain, ResourceKind
from footfall.config.shapes import ABSENT, Faults, Listed, Place, nullable
from footfall.config.yaml_tree import Items, Names, Node, Scalar, parse_tree, position, read_tree
from footfall.errors import FootfallError
from footfall.model import definitions
from footfall.model.metadata import KINDS as METADATA
from footfall.model.metadata import BadDefinition, Metadata, check, dotted

FILE_NAME: Final = "footfall.yaml"
SCHEMA_NAME: Final = "footfall.schema.json"
VERSION: Final = 1
_SHARED: Final = {"engagements": "surveys", "surveys": "engagements"}


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource of a file. plain: its fields as they were written, those not given left out."""

    kind: ResourceKind
    name: str
    plain: Plain
    node: Node
    place: Place


@dataclass(slots=True)
class DefinitionFile:
    """What a file says. kinds: those it has a list for, be it empty. faults: all that is wrong so far."""

    name: str
    resources: dict[tuple[str, str], Resource] = field(default_factory=dict)
    subscription: dict[str, Any] = field(default_factory=dict)
    subscription_node: Node | None = None
    kinds: set[str] = field(default_factory=set)
    faults: list[Fault] = field(default_factory=list)

    def of(self, kind: str) -> dict[str, Resource]:
        """The resources of a kind by name."""
        return {name: each for (of, name), each in self.resources.items() if of == kind}

    def where(self, kind: str, name: str) -> str:
        """``footfall.yaml:4:5`` of a resource; the file alone for one that it does not hold."""
        resource = self.resources.get((kind, name))
        return self.name if resource is None else f"{self.name}:{resource.node.line}:{resource.node.column}"

    def blame(self, kind: str, name: str, error: FootfallError, below: Place = ()) -> None:
        """Add what is wrong with a resource, where ``below`` leads to within it."""
        resource = self.resources[kind, name]
        line, column = position(resource.node, below)
        what = error.fault if isinstance(error, BadDefinition) else error.what
        self.faults.append(Fault(self.name, line, column, dotted((*resource.place, *below)), what, error.hint))

    def require_sound(self) -> None:
        """Raise ``Faulty`` if anything is wrong."""
        if self.faults:
            raise Faulty(self.faults)


def read_definition_file(path: Path) -> DefinitionFile:
    """Read and check a file as far as it can be without the store; its faults are in it.

    Raises ``Faulty`` for what is no YAML, ``Refused`` never.
    """
    return _read(read_tree(path), str(path))


def parse_definition_file(text: str, name: str = FILE_NAME) -> DefinitionFile:
    """The same of a text."""
    return _read(parse_tree(text, name), name)


def _read(documents: Sequence[Node], name: str) -> DefinitionFile:
    found, faults = DefinitionFile(name), Faults(name)
    for document in documents:
        if isinstance(document, Names):
            _document(document, found, faults)
        else:
            faults.add(document, (), "is no mapping of kinds to lists", "Begin with a line such as 'jobs:'")
    found.faults = faults.found
    if not any(fault.field.startswith(METADATA) for fault in found.faults):
        _check_tree(found)
    return found


def _document(document: Names, found: DefinitionFile, faults: Faults) -> None:
    for name, node in document.entries.items():
        if name == "version":
            _version(node, faults)
        elif name == "subscription":
            _subscription(node, found, faults)
        elif name in BY_NAME:
            _kind(BY_NAME[name], node, found, faults)
        else:
            known = ["version", "subscription", *BY_NAME]
            close = get_close_matches(name, known, n=1)
            hint = f"Did you mean {close[0]}?" if close else f"Use one of {', '.join(known)}"
            faults.add(document.keys[name], (name,), "is no kind of resource", hint)


def _version(node: Node, faults: Faults) -> None:
    if not isinstance(node, Scalar) or node.value != VERSION or isinstance(node.value, bool):
        faults.add(node, ("version",), "this Footfall reads version 1 of this file", "Write version: 1")


def _subscription(node: Node, found: DefinitionFile, faults: Faults) -> None:
    if isinstance(node, Scalar) and node.value is None:
        return
    plain = SUBSCRIPTION.read(node, ("subscription",), faults)
    if found.subscription_node is not None:
        faults.add(node, ("subscription",), "is given twice", "Leave one of them")
    found.subscription_node = node
    found.subscription = {} if plain is ABSENT else plain


def _kind(kind: ResourceKind, node: Node, found: DefinitionFile, faults: Faults) -> None:
    found.kinds.add(kind.name)
    if isinstance(node, Scalar) and node.value is None:
        return
    if not isinstance(node, Items):
        faults.add(node, (kind.name,), "is no list", "Begin each resource with '- '")
        return
    for index, item in enumerate(node.items):
        place: Place = (kind.name, index)
        before = len(faults.found)
        plain = kind.record.read(item, place, faults)
        if plain is ABSENT or any(each not in plain for each in kind.key):
            continue
        resource = Resource(kind, kind.name_of(plain), plain, item, place)
        twin = _twin(resource, found)
        if twin is not None:
            said = f"{resource.name!r} is defined in line {twin.node.line} already"
            faults.add(item, place, said, "Leave one of them, or rename it")
            continue
        found.resources[kind.name, resource.name] = resource
        if len(faults.found) == before:
            _check(resource, faults)


def _twin(resource: Resource, found: DefinitionFile) -> Resource | None:
    kinds = (resource.kind.name, _SHARED.get(resource.kind.name, ""))
    return next(
        (found.resources[kind, resource.name] for kind in kinds if (kind, resource.name) in found.resources), None
    )


def _check(resource: Resource, faults: Faults) -> None:
    try:
        resource.kind.check(resource.plain)
    except FootfallError as error:
        faults.add(resource.node, resource.place, error.what, error.hint)


def _check_tree(found: DefinitionFile) -> None:
    """Features that are their own parents. A parent that is not in the file may be in the store."""
    try:
        features = metadata_of(found).features
        known = {feature.id for feature in features}
        within = tuple(
            each if each.parent_feature_id in known else replace(each, parent_feature_id=None) for each in features
        )
        check(Metadata(features=within))
    except BadDefinition as error:
        kind, index, *below = error.place
        resource = list(found.of(str(kind)).values())[int(index)]
        found.blame(resource.kind.name, resource.name, error, tuple(below))


def metadata_of(found: DefinitionFile) -> Metadata:
    """The names of a file as the catalogue takes them."""
    return definitions.read({kind: [each.plain for each in found.of(kind).values()] for kind in METADATA})


def json_schema() -> Mapping[str, Any]:
    """The schema of the file, for editors; one document."""
    lists = {kind.name: {"description": f"{kind.what}.", **nullable(Listed(kind.record).schema())} for kind in KINDS}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "footfall.yaml",
        "description": "Definitions as code for Footfall. Written by docs/reference/write_schema.py.",
        "type": ["object", "null"],
        "properties": {
            "version": {"description": "Of this format.", "const": VERSION},
            "subscription": {"description": "Whose data it is.", **nullable(SUBSCRIPTION.schema())},
            **lists,
        },
        "additionalProperties": False,
    }


def schema_text() -> str:
    """The schema as it is written: the same on every run."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"
