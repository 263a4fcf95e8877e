"""What a field may hold: told once, for the reader of ``footfall.yaml`` and for its JSON Schema.

A shape reads a node into plain data and adds every fault it finds, each at its place, says of plain data from elsewhere
whether it fits, or describes itself as JSON Schema. Null means not given.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from difflib import get_close_matches
from typing import Any, Final, Protocol

from footfall.config.faults import FAULTS_MAX, Fault
from footfall.config.yaml_tree import Items, Names, Node, Scalar, Step, plain
from footfall.model.metadata import dotted

Place = tuple[Step, ...]
ABSENT: Final = object()
REFERENCE: Final = r"\$\{(env:[A-Za-z_][A-Za-z0-9_]{0,199}|file:[^\s{}][^{}\n]{0,999})\}"
_CLOCK: Final = r"[0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,6})?)?"
_INSTANT: Final = rf"[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}([T ]{_CLOCK}(Z|[+-][0-9]{{2}}:[0-9]{{2}})?)?"


@dataclass(slots=True)
class Faults:
    """The faults of one file, as they are found. file: its name as it is shown."""

    file: str
    found: list[Fault] = field(default_factory=list)

    def add(self, node: Node, place: Place, what: str, hint: str = "") -> None:
        if len(self.found) < FAULTS_MAX:
            self.found.append(Fault(self.file, node.line, node.column, dotted(place), what, hint))


class Shape(Protocol):
    """What one field may hold."""

    def read(self, node: Node, place: Place, faults: Faults) -> Any:
        """Plain data; ``ABSENT`` when something is wrong with the whole of it, which is then among the faults."""

    def fits(self, value: Any) -> bool:
        """Whether ``read`` could have given this."""

    def schema(self) -> dict[str, Any]:
        """The same as JSON Schema."""


@dataclass(frozen=True, slots=True)
class Text:
    """Text; digits without quotes too, as they were written.

    choices: the only ones. pattern: of the whole. example: for the hint. quiet: never repeat it in a fault.
    """

    choices: tuple[str, ...] = ()
    pattern: str = ""
    example: str = ""
    quiet: bool = False

    def read(self, node: Node, place: Place, faults: Faults) -> Any:
        if not isinstance(node, Scalar):
            faults.add(node, place, f"{_kind(node)} stands where text is needed", self._hint())
            return ABSENT
        if isinstance(node.value, bool | float) or node.value is None:
            hint = f'Write it in quotes: "{node.text}"'
            faults.add(node, place, f"{node.text or 'null'} is {_kind(node)}, not text", hint)
            return ABSENT
        if self.choices and node.text not in self.choices:
            close = get_close_matches(node.text, self.choices, n=1)
            hint = f"Did you mean {close[0]}?" if close else f"Use one of {', '.join(self.choices)}"
            faults.add(node, place, f"{_cut(node.text)} is not known", hint)
            return ABSENT
        if self.pattern and re.fullmatch(self.pattern, node.text) is None:
            said = "this" if self.quiet else _cut(node.text)
            faults.add(node, place, f"{said} cannot be used here", self._hint())
            return ABSENT
        return node.text

    def fits(self, value: Any) -> bool:
        if not isinstance(value, str) or (self.choices and value not in self.choices):
            return False
        return not self.pattern or re.fullmatch(self.pattern, value) is not None

    def schema(self) -> dict[str, Any]:
        if self.choices:
            return {"type": "string", "enum": list(self.choices)}
        return {"type": ["string", "integer"]} | ({"pattern": f"^({self.pattern})$"} if self.pattern else {})

    def _hint(self) -> str:
        return f"Write it as {self.example}" if self.example else ""


@dataclass(frozen=True, slots=True)
class Instant:
    """A date, or a date and a time; without an offset it is UTC."""

    def read(self, node: Node, place: Place, faults: Faults) -> Any:
        if isinstance(node, Scalar) and self.fits(node.text):
            return node.text
        said = _cut(node.text) if isinstance(node, Scalar) else _kind(node)
        faults.add(node, place, f"{said} is no instant", "Write it as 2026-01-31T12:00:00Z or 2026-01-31")
        return ABSENT

    def fits(self, value: Any) -> bool:
        if not isinstance(value, str) or re.fullmatch(_INSTANT, value) is None:
            return False
        try:
            datetime.fromisoformat(value) if len(value) > 10 else date.fromisoformat(value)
        except ValueError:
            return False
        return True

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "pattern": f"^{_INSTANT}$"}


@dataclass(frozen=True, slots=True)
class Flag:
    """true or false."""

    def read(self, node: Node, place: Place, faults: Faults) -> Any:
        if isinstance(node, Scalar) and isinstance(node.value, bool):
            return node.value
        said = _cut(node.text) if isinstance(node, Scalar) else _kind(node)
        faults.add(node, place, f"{said} is neither true nor false", "YAML 1.2 reads yes, no, on and off as text")
        return ABSENT

    def fits(self, value: Any) -> bool:
        return isinstance(value, bool)

    def schema(self) -> dict[str, Any]:
        return {"type": "boolean"}


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number from ``low`` to ``high``."""

    low: int
    high: int

    def read(self, node: Node, place: Place, faults: Faults) -> Any:
        value = node.value if isinstance(node, Scalar) else None
        if self.fits(value):
            return value
        said = _cut(node.text) if isinstance(node, Scalar) else _kind(node)
        faults.add(node, place, f"{said} is no whole number from {self.low} to {self.high}", "Write it without quotes")
        return ABSENT

    def fits(self, value: Any) -> bool:
        return isinstance(value, int) and not isinstance(value, bool) and self.low <= value <= self.high

    def schema(self) -> dict[str, Any]:
        return {"type": "integer", "minimum": self.low, "maximum": self.high}


@dataclass(frozen=True, slots=True)
class Reference:
    """Where a secret is, never the secret: ``${env:NAME}`` or ``${file:PATH}``."""

    def read(self, node: Node, place: Place, faults: Faults) -> Any:
        if isinstance(node, Scalar) and re.fullmatch(REFERENCE, node.text) is not None:
            return node.text
        # Nothing of it is repeated: it may be the secret.
        hint = "Write ${env:VARIABLE} or ${file:PATH}. If it was the secret itself, replace it at its provider"
        faults.add(node, place, "is not where a secret is", hint)
        return ABSENT

    def fits(self, value: Any) -> bool:
        return isinstance(value, str) and re.fullmatch(REFERENCE, value) is not None

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "pattern": f"^{REFERENCE}$"}


@dataclass(frozen=True, slots=True)
class Anything:
    """What the kind of job reads itself."""

    def read(self, node: Node, place: Place, faults: Faults) -> Any:
        return plain(node)

    def fits(self, value: Any) -> bool:
        return True

    def schema(self) -> dict[str, Any]:
        return {}


@dataclass(frozen=True, slots=True)
class Listed:
    """A list."""

    of: Shape

    def read(self, node: Node, place: Place, faults: Faults) -> Any:
        if not isinstance(node, Items):
            faults.add(node, place, f"{_kind(node)} stands where a list is needed", "Write [a, b], or '- a' lines")
            return ABSENT
        found = [self.of.read(each, (*place, index), faults) for index, each in enumerate(node.items)]
        return [each for each in found if each is not ABSENT]

    def fits(self, value: Any) -> bool:
        return isinstance(value, list) and all(self.of.fits(each) for each in value)

    def schema(self) -> dict[str, Any]:
        return {"type": "array", "items": self.of.schema()}


@dataclass(frozen=True, slots=True)
class Mapped:
    """Names of one's own, each with a value of one shape."""

    of: Shape

    def read(self, node: Node, place: Place, faults: Faults) -> Any:
        if not isinstance(node, Names):
            faults.add(node, place, f"{_kind(node)} stands where a mapping is needed", "Write name: value")
            return ABSENT
        found = {name: self.of.read(each, (*place, name), faults) for name, each in node.entries.items()}
        return {name: each for name, each in found.items() if each is not ABSENT}

    def fits(self, value: Any) -> bool:
        return isinstance(value, Mapping) and all(self.of.fits(each) for each in value.values())

    def schema(self) -> dict[str, Any]:
        return {"type": "object", "additionalProperties": self.of.schema()}


@dataclass(frozen=True, slots=True)
class Field:
    """One field. what: for people. default: what it is when it is not given; None when that is nothing."""

    name: str
    shape: Shape
    what: str
    required: bool = False
    default: Any = None


@dataclass(frozen=True, slots=True)
class Record:
    """Fields of these names and no others.

    varies: (field, by, cases): the shape of ``field`` follows the value of the field ``by``; the first case is that of
    its default.
    """

    fields: tuple[Field, ...]
    varies: tuple[str, str, Mapping[str, Shape]] | None = None

    def read(self, node: Node, place: Place, faults: Faults) -> Any:
        if not isinstance(node, Names):
            faults.add(node, place, f"{_kind(node)} stands where fields are needed", "Write name: value")
            return ABSENT
        known = {each.name: each for each in self.fields}
        for name, key in node.keys.items():
            if name not in known:
                faults.add(key, (*place, name), "is no field of this kind", self._near(name))
        found: dict[str, Any] = {}
        for each in self.fields:
            below = node.entries.get(each.name)
            if below is None or (isinstance(below, Scalar) and below.value is None):
                if each.required:
                    faults.add(node.keys.get(each.name, node), place, f"{each.name} is missing", each.what)
                continue
            value = self._shape(each, node).read(below, (*place, each.name), faults)
            if value is not ABSENT:
                found[each.name] = value
        return found

    def fits(self, value: Any) -> bool:
        if not isinstance(value, Mapping) or value.keys() - {each.name for each in self.fields}:
            return False
        said = {each.name: value.get(each.name) for each in self.fields}
        return all(
            not each.required if said[each.name] is None else self._chosen(each, value).fits(said[each.name])
            for each in self.fields
        )

    def schema(self) -> dict[str, Any]:
        schema: dict[str, Any] = {
            "type": "object",
            "properties": {each.name: _property(each) for each in self.fields},
            "additionalProperties": False,
        }
        required = [each.name for each in self.fields if each.required]
        if required:
            schema["required"] = required
        if self.varies is not None:
            name, by, cases = self.varies
            schema["allOf"] = [_case(name, by, case, shape, i == 0) for i, (case, shape) in enumerate(cases.items())]
        return schema

    def _shape(self, each: Field, node: Names) -> Shape:
        scalars = {name: below for name, below in node.entries.items() if isinstance(below, Scalar)}
        return self._chosen(each, {name: below.text for name, below in scalars.items() if below.value is not None})

    def _chosen(self, each: Field, said: Mapping[str, Any]) -> Shape:
        if self.varies is None or each.name != self.varies[0]:
            return each.shape
        _, by, cases = self.varies
        return cases.get(said.get(by) or next(iter(cases)), each.shape)

    def _near(self, name: str) -> str:
        names = [each.name for each in self.fields]
        # Before the names that look alike: camelCase is what other programs of this trade write.
        folded = [each for each in names if each.replace("_", "") == name.replace("-", "").replace("_", "").lower()]
        close = folded or get_close_matches(name, names, n=1)
        return f"Did you mean {close[0]}?" if close else f"Use one of {', '.join(names)}"


def nullable(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema, or null, which means not given."""
    if "enum" in schema:
        return {**schema, "type": [schema["type"], "null"], "enum": [*schema["enum"], None]}
    if "type" in schema and "$ref" not in schema:
        kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        return {**schema, "type": [*kinds, "null"]}
    return dict(schema)


def _property(each: Field) -> dict[str, Any]:
    schema = each.shape.schema() if each.required else nullable(each.shape.schema())
    told = {"description": each.what} | ({} if each.default is None else {"default": each.default})
    return {**told, **schema}


def _case(name: str, by: str, case: str, shape: Shape, usual: bool) -> dict[str, Any]:
    condition: dict[str, Any] = {"properties": {by: {"const": case}}, "required": [by]}
    if usual:
        condition = {"anyOf": [condition, {"properties": {by: {"type": "null"}}}]}
    return {"if": condition, "then": {"properties": {name: nullable(shape.schema())}}}


def _kind(node: Node) -> str:
    match node:
        case Items():
            return "a list"
        case Names():
            return "a mapping"
        case Scalar(value=bool()):
            return "a truth"
        case Scalar(value=int() | float()):
            return "a number"
        case Scalar(value=None):
            return "nothing"
    return "text"


def _cut(text: str) -> str:
    # A secret in a wrong field is longer than any word that belongs there.
    return repr(text) if len(text) <= 30 else f"a text of {len(text)} characters"
