"""YAML 1.2 as a tree in which every part knows its line and column.

Built from ruamel.yaml's events, so that a name given twice, a tag or an alias is seen where it stands. Plain words are
resolved by the core schema of YAML 1.2 alone: ``NO``, ``on``, ``03:00`` and ``2026-11-20`` are text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)
from ruamel.yaml.reader import ReaderError

from footfall.config.faults import Fault, Faulty

BYTES_MAX: Final = 4 << 20
PARTS_MAX: Final = 200_000  # with what aliases stand for, so a few lines cannot become millions
DEPTH_MAX: Final = 32

_NULL: Final = re.compile(r"null|Null|NULL|~|")
_TRUTHS: Final = {word: word.lower() == "true" for word in ("true", "True", "TRUE", "false", "False", "FALSE")}
_WHOLE: Final = re.compile(r"[-+]?[0-9]{1,18}")
_BASED: Final = re.compile(r"0o[0-7]{1,18}|0x[0-9a-fA-F]{1,15}")
_NUMBER: Final = re.compile(r"[-+]?(\.[0-9]{1,40}|[0-9]{1,40}(\.[0-9]{0,40})?)([eE][-+]?[0-9]{1,3})?")
_SURROGATE: Final = re.compile("[\ud800-\udfff]")

Step = str | int


@dataclass(slots=True)
class Node:
    """A part of a document. line, column: from 1. parts: itself and everything below, aliases followed."""

    line: int
    column: int
    parts: int = 1


@dataclass(slots=True)
class Scalar(Node):
    """text: as it was written, without quotes. bare: without quotes and so open to be a number, a truth or null."""

    text: str = ""
    bare: bool = False

    @property
    def value(self) -> str | int | float | bool | None:
        """By the core schema; digits beyond eighteen stay text."""
        if not self.bare:
            return self.text
        if _NULL.fullmatch(self.text):
            return None
        if self.text in _TRUTHS:
            return _TRUTHS[self.text]
        if _WHOLE.fullmatch(self.text):
            return int(self.text)
        if _BASED.fullmatch(self.text):
            return int(self.text, 0)
        return float(self.text) if _NUMBER.fullmatch(self.text) else self.text


@dataclass(slots=True)
class Items(Node):
    """A list."""

    items: list[Node] = field(default_factory=list)


@dataclass(slots=True)
class Names(Node):
    """A mapping. keys: where each name stands."""

    entries: dict[str, Node] = field(default_factory=dict)
    keys: dict[str, Scalar] = field(default_factory=dict)


def read_tree(path: Path) -> list[Node]:
    """The documents of a file; none of an empty one. Raises ``Faulty``."""
    name = str(path)
    try:
        with path.open("rb") as file:
            data = file.read(BYTES_MAX + 1)
    except OSError as error:
        raise _whole(name, error.strerror or str(error), "Pass the path of a YAML file") from error
    if len(data) > BYTES_MAX:
        raise _whole(name, f"has more than {BYTES_MAX} bytes", "Part it, or send definitions to the admin API")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - (data.rfind(b"\n", 0, error.start) + 1) + 1
        raise Faulty([Fault(name, line, column, "", f"is not UTF-8: {error.reason}", "Save it as UTF-8")]) from error
    return parse_tree(text, name)


def parse_tree(text: str, name: str) -> list[Node]:
    """The documents of a text; ``name`` stands in its faults. Raises ``Faulty``."""
    try:
        return _Builder(name).build(YAML(typ="safe", pure=True).parse(text))
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark is not None else (0, 0)
        what = str(error.problem or error.context)
        hint = "Correct the YAML there; quote a text that holds { } [ ] , : or #"
        hint = "Indent with spaces" if "\\t" in what else hint
        raise Faulty([Fault(name, line, column, "", what, hint)]) from error
    except ReaderError as error:
        before = text[: error.position]
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        what = f"the character #x{ord(text[error.position]):04x} is not allowed in YAML"
        raise Faulty([Fault(name, line, column, "", what, 'Leave it out, or write it as "\\x.." in quotes')]) from error
    except YAMLError as error:
        raise _whole(name, str(error), "Correct the YAML") from error


def plain(node: Node | None) -> Any:
    """As JSON would have it."""
    match node:
        case Scalar():
            return node.value
        case Items():
            return [plain(each) for each in node.items]
        case Names():
            return {name: plain(each) for name, each in node.entries.items()}
    return None


def position(node: Node, place: Sequence[Step]) -> tuple[int, int]:
    """Line and column of the deepest step of ``place`` that there is: of a name, else of an item."""
    line, column = node.line, node.column
    for step in place:
        if isinstance(node, Names) and step in node.keys:
            line, column = node.keys[str(step)].line, node.keys[str(step)].column
            node = node.entries[str(step)]
        elif isinstance(node, Items) and isinstance(step, int) and step < len(node.items):
            node = node.items[step]
            line, column = node.line, node.column
        else:
            break
    return line, column


def _whole(name: str, what: str, hint: str) -> Faulty:
    return Faulty([Fault(name, 0, 0, "", what, hint)])


class _Builder:
    """Makes nodes of events; the first mistake ends it, because what follows would be guessed."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._anchors: dict[str, Node | None] = {}
        self._open: list[tuple[Node, str | None, Scalar | None]] = []  # with its anchor, and a name that waits
        self._documents: list[Node] = []
        self._parts = 0

    def build(self, events: Iterator[Any]) -> list[Node]:
        for event in events:
            match event:
                case DocumentStartEvent():
                    self._begin(event)
                case AliasEvent():
                    self._add(event, self._alias(event), None)
                case ScalarEvent():
                    self._untagged(event)
                    if _SURROGATE.search(event.value):
                        raise self._fault(_at(event), "holds half of a character", "Write the character itself")
                    scalar = Scalar(*_at(event), text=event.value, bare=bool(event.implicit[0]))
                    self._add(event, scalar, event.anchor)
                case SequenceStartEvent():
                    self._descend(event, Items(*_at(event)))
                case MappingStartEvent():
                    self._descend(event, Names(*_at(event)))
                case SequenceEndEvent() | MappingEndEvent():
                    node, anchor, _ = self._open.pop()
                    self._add(event, node, anchor)
        return self._documents

    def _begin(self, event: Any) -> None:
        self._anchors.clear()
        if event.version is not None and tuple(event.version) != (1, 2):
            raise self._fault(_at(event), "asks for another version than YAML 1.2", "Leave %YAML out")

    def _descend(self, event: Any, node: Node) -> None:
        self._untagged(event)
        if len(self._open) >= DEPTH_MAX:
            raise self._fault(_at(event), f"is deeper than {DEPTH_MAX} levels", "Nothing here needs that")
        if event.anchor:
            self._anchors[event.anchor] = None
        self._open.append((node, event.anchor, None))

    def _alias(self, event: Any) -> Node:
        node = self._anchors.get(event.anchor)
        if node is None:
            what = "stands within itself" if event.anchor in self._anchors else "stands for nothing"
            raise self._fault(_at(event), f"the alias *{event.anchor} {what}", f"Write &{event.anchor} before it")
        return node

    def _add(self, event: Any, node: Node, anchor: str | None) -> None:
        """Put a finished node where it belongs."""
        if anchor:
            self._anchors[anchor] = node
        at = _at(event) if isinstance(event, AliasEvent) else (node.line, node.column)
        self._parts += node.parts if isinstance(event, AliasEvent) else 1
        if self._parts > PARTS_MAX:
            raise self._fault(at, f"has more than {PARTS_MAX:,} parts, aliases followed", "Write less, or part it")
        if not self._open:
            if not (isinstance(node, Scalar) and node.value is None):
                self._documents.append(node)
            return
        parent, of, waits = self._open[-1]
        parent.parts += node.parts
        if isinstance(parent, Items):
            parent.items.append(node)
        elif isinstance(parent, Names):
            self._open[-1] = (parent, of, self._entry(at, parent, waits, node))

    def _entry(self, at: tuple[int, int], parent: Names, waits: Scalar | None, node: Node) -> Scalar | None:
        """Take a node as the name of an entry, or as the value of the name that waits."""
        if waits is not None:
            parent.keys[waits.text] = waits
            parent.entries[waits.text] = node
            return None
        if not isinstance(node, Scalar):
            raise self._fault(at, "a name must be text", "Names of fields are plain words")
        if node.text in parent.keys:
            first = parent.keys[node.text].line
            raise self._fault(at, f"{_cut(node.text)} is given twice, first in line {first}", "Leave one of them")
        return node

    def _untagged(self, event: Any) -> None:
        if event.tag is not None and str(event.tag) not in ("!", "tag:yaml.org,2002:str"):
            raise self._fault(_at(event), "tags are not used here", "Leave out what begins with '!'")

    def _fault(self, at: tuple[int, int], what: str, hint: str) -> Faulty:
        return Faulty([Fault(self._name, *at, "", what, hint)])


def _at(event: Any) -> tuple[int, int]:
    return event.start_mark.line + 1, event.start_mark.column + 1


def _cut(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:39] + "…")


def mapping(node: Node) -> Mapping[str, Node]:
    """The entries of a mapping; none of anything else."""
    return node.entries if isinstance(node, Names) else {}
