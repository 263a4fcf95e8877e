"""CSS selectors over descriptors of elements: what a tag told of a clicked element, long after the page is gone.

A subset of Selectors Level 4: type, ``*``, ``#id``, ``.class``, attributes, ``:nth-child(an+b)``, ``:first-child``,
``:not()`` and ``:is()`` of compound selectors, descendants, children, lists. What a descriptor cannot know (siblings,
how many of them follow, state) is refused when the selector is written, and so never quietly matches nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from footfall.errors import Refused

SELECTOR_CHARS_MAX: Final = 1000
COMPOUNDS_MAX: Final = 50
AROUND_MAX: Final = 20

_ESCAPED: Final = r"\\[0-9A-Fa-f]{1,6}\s?|\\[^\n]"
_REST: Final = rf"(?:[\w\-\u0080-\U0010ffff]|{_ESCAPED})"
_NAME: Final = rf"(?:--|-?(?:[A-Za-z_\u0080-\U0010ffff]|{_ESCAPED})){_REST}*"
_IDENT: Final = re.compile(_NAME)
_HASH: Final = re.compile(rf"#({_REST}+)")
_ATTRIBUTE: Final = re.compile(
    rf"\[\s*({_NAME})\s*(?:([~|^$*]?=)\s*(?:\"((?:[^\"\\\n]|\\.)*)\"|'((?:[^'\\\n]|\\.)*)'|({_NAME}))\s*([iIsS]?)\s*)?\]"
)
_SPACE: Final = "[ \t\n\r\f]"
_ESCAPE: Final = re.compile(r"\\(?:([0-9A-Fa-f]{1,6})\s?|(.))", re.DOTALL)
_NTH: Final = re.compile(r"\(\s*(?:(odd|even)|([+-]?\d*)n(?:\s*([+-])\s*(\d+))?|([+-]?\d+))\s*\)", re.IGNORECASE)
_COMBINATOR: Final = re.compile(r"\s*([>+~,]|\|\|)\s*|\s+")
_KNOWN: Final = "tag, #id, .class, [attribute], :nth-child(), :first-child, :not(), :is(), descendants and children (>)"


@dataclass(frozen=True, slots=True)
class Element:
    """One element as a tag describes it. nth: its place among its siblings from 1; 0 where nobody said. path: the
    elements around it from the nearest, as far as they were told, at most 20; theirs is empty."""

    tag: str = ""
    id: str = ""
    classes: frozenset[str] = frozenset()
    attributes: Mapping[str, str] = field(default_factory=dict)
    nth: int = 0
    path: tuple[Element, ...] = ()
    text: str = ""


_HTML: Final = Element("html", nth=1)


def read_element(plain: object) -> Element:
    """An element from the JSON of an event; what is not as it should be is as if it had not been said."""
    found = _one(plain)
    around = plain.get("path") if isinstance(plain, dict) else None
    text = plain.get("text") if isinstance(plain, dict) else None
    path = tuple(_one(each) for each in around[:AROUND_MAX]) if isinstance(around, list) else ()
    if (path[-1] if path else found).tag == "body":
        path += (_HTML,)  # tags leave it out
    text = " ".join(text.split()) if isinstance(text, str) else ""
    return Element(found.tag, found.id, found.classes, found.attributes, found.nth, path, text)


def _one(plain: object) -> Element:
    said: dict[Any, Any] = plain if isinstance(plain, dict) else {}
    tag, name, nth = said.get("tag"), said.get("id"), said.get("nth")
    classes = said.get("classes")
    names = classes.split() if isinstance(classes, str) else classes if isinstance(classes, list) else []
    told = said.get("attributes")
    attributes = {str(name).lower(): value for name, value in told.items() if isinstance(value, str)} if isinstance(
        told, dict
    ) else {}  # fmt: skip
    return Element(
        tag.lower() if isinstance(tag, str) else "",
        name if isinstance(name, str) else "",
        frozenset(each for each in names if isinstance(each, str)),
        attributes,
        nth if isinstance(nth, int) and not isinstance(nth, bool) and nth > 0 else 0,
    )


@dataclass(frozen=True, slots=True)
class Attribute:
    """A test of one attribute. operator: ``=``, ``~=``, ``|=``, ``^=``, ``$=``, ``*=``, or empty for being there."""

    name: str
    operator: str = ""
    value: str = ""
    ignore_case: bool = False

    def holds(self, element: Element) -> bool:
        found = _attribute(element, self.name)
        if found is None:
            return False
        wanted = self.value
        if self.ignore_case:
            found, wanted = _lower(found), _lower(wanted)
        match self.operator:
            case "":
                return True
            case "=":
                return found == wanted
            case "~=":
                return (
                    bool(wanted) and not re.search(r"[ \t\n\r\f]", wanted) and wanted in re.split("[ \t\n\r\f]", found)
                )
            case "|=":
                return found == wanted or found.startswith(wanted + "-")
            case "^=":
                return bool(wanted) and found.startswith(wanted)
            case "$=":
                return bool(wanted) and found.endswith(wanted)
            case _:
                return bool(wanted) and wanted in found


def _attribute(element: Element, name: str) -> str | None:
    if name == "id":
        return element.id or None
    if name == "class":
        return element.attributes.get("class") or " ".join(sorted(element.classes)) or None
    return element.attributes.get(name)


def _lower(text: str) -> str:
    return "".join(chr(ord(each) | 32) if "A" <= each <= "Z" else each for each in text)


@dataclass(frozen=True, slots=True)
class Compound:
    """What one element must be. nth: (a, b) of each ``an+b``. neither: none of these may hold. either: of each group
    one must."""

    tag: str = ""
    ids: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    attributes: tuple[Attribute, ...] = ()
    nth: tuple[tuple[int, int], ...] = ()
    neither: tuple[Compound, ...] = ()
    either: tuple[tuple[Compound, ...], ...] = ()

    def holds(self, element: Element) -> bool:
        return (
            self.tag in ("", element.tag)
            and all(each == element.id for each in self.ids)
            and element.classes.issuperset(self.classes)
            and all(each.holds(element) for each in self.attributes)
            and all(_counts(a, b, element.nth) for a, b in self.nth)
            and not any(each.holds(element) for each in self.neither)
            and all(any(each.holds(element) for each in group) for group in self.either)
        )


def _counts(a: int, b: int, nth: int) -> bool:
    if nth == 0:
        return False
    return nth == b if a == 0 else (nth - b) % a == 0 and (nth - b) // a >= 0


@dataclass(frozen=True, slots=True)
class Complex:
    """A compound and what must be around it: (combinator ``" "`` or ``">"``, compound), from the nearest."""

    subject: Compound
    around: tuple[tuple[str, Compound], ...] = ()

    def holds(self, element: Element) -> bool:
        return self.subject.holds(element) and self._around(element.path)

    def _around(self, path: tuple[Element, ...]) -> bool:
        # All places at once that the compounds so far can end at: trying one after the other takes exponential time.
        ends = [-1]
        for combinator, compound in self.around:
            places: Sequence[int] = [end + 1 for end in ends] if combinator == ">" else range(ends[0] + 1, len(path))
            ends = [place for place in places if place < len(path) and compound.holds(path[place])]
            if not ends:
                return False
        return True


@dataclass(frozen=True, slots=True)
class Selector:
    """A list of selectors, of which one must hold."""

    alternatives: tuple[Complex, ...]

    def holds(self, element: Element) -> bool:
        return any(each.holds(element) for each in self.alternatives)


def read_selector(text: str) -> Selector:
    """Raises ``Refused`` for what is no selector, or asks for what a descriptor does not tell."""
    if len(text) > SELECTOR_CHARS_MAX:
        raise Refused(f"a selector of more than {SELECTOR_CHARS_MAX} characters", "Name the element by less")
    return _Reader(text).read()


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text.strip()
        self._at = 0

    def read(self) -> Selector:
        found = [self._complex()]
        while self._at < len(self._text):
            self._at += 1  # past the comma
            self._blank()
            found.append(self._complex())
        return Selector(tuple(found))

    def _complex(self) -> Complex:
        """Up to a comma or the end."""
        parts: list[tuple[str, Compound]] = [("", self._compound())]
        while self._at < len(self._text):
            found = _COMBINATOR.match(self._text, self._at)
            if found is None:
                raise self._fault("nobody knows what this means")
            sign = found.group(1) or " "
            if sign == ",":
                self._at = found.start(1)
                break
            if sign not in (" ", ">"):
                raise self._fault(f"'{sign}' asks for siblings, which a tag does not tell")
            self._at = found.end()
            parts.append((sign, self._compound()))
            if len(parts) > COMPOUNDS_MAX:
                raise Refused(f"a selector of more than {COMPOUNDS_MAX} steps", "Name the element by less")
        # Each combinator stands before its right side; seen from there it leads to the one on its left.
        around = tuple((parts[place + 1][0], parts[place][1]) for place in reversed(range(len(parts) - 1)))
        return Complex(parts[-1][1], around)

    def _compound(self, inner: bool = False) -> Compound:
        text, start = self._text, self._at
        tag = ""
        if text[self._at : self._at + 1] == "*":
            self._at += 1
        elif (found := _IDENT.match(text, self._at)) is not None:
            self._at, tag = found.end(), _unescaped(found.group()).lower()
        if text[self._at : self._at + 1] == "|" and text[self._at : self._at + 2] != "||":
            raise self._fault("namespaces are not told")
        parts: dict[str, list[Any]] = {
            name: [] for name in ("ids", "classes", "attributes", "nth", "neither", "either")
        }  # fmt: skip
        while self._at < len(text) and text[self._at] in "#.[:":
            self._part(parts, inner)
        if self._at == start:
            raise self._fault("an element should stand here")
        return Compound(tag, **{name: tuple(values) for name, values in parts.items()})

    def _part(self, parts: dict[str, list[Any]], inner: bool) -> None:
        match self._text[self._at]:
            case "#":
                parts["ids"].append(_unescaped(self._take(_HASH).group(1)))
            case ".":
                self._at += 1
                parts["classes"].append(_unescaped(self._take(_IDENT).group()))
            case "[":
                name, operator, *values, sign = self._take(_ATTRIBUTE).groups()
                value = next((_unescaped(each) for each in values if each is not None), "")
                parts["attributes"].append(
                    Attribute(_unescaped(name).lower(), operator or "", value, (sign or "").lower() == "i")
                )
            case _:
                self._pseudo(parts, inner)

    def _pseudo(self, parts: dict[str, list[Any]], inner: bool) -> None:
        start = self._at
        self._at += 1
        if self._text[self._at : self._at + 1] == ":":
            self._at = start
            raise self._fault("a part of an element that no event is about")
        name = _unescaped(self._take(_IDENT).group()).lower()
        if name == "first-child":
            parts["nth"].append((0, 1))
        elif name == "nth-child":
            parts["nth"].append(self._nth())
        elif name in ("not", "is", "where", "matches", "any") and not inner:
            group = self._group()
            if name == "not":
                parts["neither"] += group
            else:
                parts["either"].append(tuple(group))
        else:
            self._at = start
            raise self._fault(f"':{name}' asks for what a tag does not tell" if not inner else f"':{name}' stands here")

    def _nth(self) -> tuple[int, int]:
        word, times, sign, plus, alone = self._take(_NTH).groups()
        if word:
            return (2, 1) if word.lower() == "odd" else (2, 0)
        if alone is not None:
            return (0, int(alone))
        a = int(times) if times not in ("", "+", "-") else int(f"{times}1")
        return (a, int(f"{sign}{plus}") if plus else 0)

    def _group(self) -> list[Compound]:
        if self._text[self._at : self._at + 1] != "(":
            raise self._fault("'(' should stand here")
        self._at += 1
        found = []
        while True:
            self._blank()
            found.append(self._compound(inner=True))
            self._blank()
            sign = self._text[self._at : self._at + 1]
            if sign not in (",", ")"):
                raise self._fault("within brackets one element alone can be named")
            self._at += 1
            if sign == ")":
                return found

    def _blank(self) -> None:
        while self._text[self._at : self._at + 1].isspace():
            self._at += 1

    def _take(self, pattern: re.Pattern[str]) -> re.Match[str]:
        found = pattern.match(self._text, self._at)
        if found is None:
            raise self._fault("this is no selector")
        self._at = found.end()
        return found

    def _fault(self, why: str, hint: str = "") -> Refused:
        rest = self._text[self._at :]
        where = repr(rest if len(rest) <= 30 else rest[:29] + "…") if rest else "its end"
        return Refused(f"selector {self._text!r} at {where}: {why}", hint or f"There are {_KNOWN}")


def _unescaped(text: str) -> str:
    def plain(found: re.Match[str]) -> str:
        code, sign = found.groups()
        if code is None:
            return str(sign)
        number = int(code, 16)
        return chr(number) if 0 < number <= 0x10FFFF and not 0xD800 <= number <= 0xDFFF else "\ufffd"

    return _ESCAPE.sub(plain, text) if "\\" in text else text
