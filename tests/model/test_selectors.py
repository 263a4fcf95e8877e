"""Selectors of elements: compared with walking down whole trees, and refused where a descriptor cannot answer."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from footfall.errors import Refused
from footfall.model.selectors import Element, read_element, read_selector

TAGS, CLASSES, IDS, VALUES = ("div", "a", "ul", "li"), ("x", "y", "md:z"), ("p", "q"), ("en", "en-US", "a b", "save")
NTHS = {"2": {2}, "odd": {1, 3, 5}, "even": {2, 4}, "2n+1": {1, 3, 5}, "-n+2": {1, 2}, "3n": {3}, "n": {1, 2, 3, 4, 5}}


@dataclass
class Node:
    """An element of a page, as a browser has it."""

    tag: str
    id: str = ""
    classes: tuple[str, ...] = ()
    lang: str = ""
    children: list[Node] = field(default_factory=list)
    parent: Node | None = None

    def all(self) -> Iterator[Node]:
        yield self
        for child in self.children:
            yield from child.all()

    @property
    def nth(self) -> int:
        return 1 if self.parent is None else 1 + next(i for i, c in enumerate(self.parent.children) if c is self)

    def told(self) -> dict[str, object]:
        """As a tag tells it, without what is around it."""
        said: dict[str, object] = {"tag": self.tag, "nth": self.nth}
        said |= {"id": self.id} if self.id else {}
        said |= {"classes": list(self.classes)} if self.classes else {}
        return said | ({"attributes": {"data-lang": self.lang}} if self.lang else {})

    def descriptor(self) -> dict[str, object]:
        around, step = [], self.parent
        while step is not None and step.tag != "html":
            around.append(step.told())
            step = step.parent
        return self.told() | ({"path": around} if around else {})


def page(rng: random.Random, parent: Node, depth: int = 0) -> Node:
    node = Node(
        "body" if depth == 0 else rng.choice(TAGS),
        rng.choice(("", "", *IDS)),
        tuple(rng.sample(CLASSES, rng.randrange(3))),
        rng.choice(("", "", *VALUES)),
        parent=parent,
    )
    node.children = [page(rng, node, depth + 1) for _ in range(rng.randrange(1, 4) if depth < 4 else 0)]
    return node


def part(rng: random.Random) -> tuple[str, object]:
    """A simple selector, and what holds for the elements that it chooses."""
    match rng.randrange(7):
        case 0:
            name = rng.choice(IDS)
            return f"#{name}", lambda node: node.id == name
        case 1:
            name = rng.choice(CLASSES)
            return "." + name.replace(":", "\\:"), lambda node: name in node.classes
        case 2:
            return "[data-lang]", lambda node: node.lang != ""
        case 3:
            value = rng.choice(VALUES)
            sign, holds = rng.choice((
                ("=", lambda n: n.lang == value),
                ("^=", lambda n: n.lang.startswith(value)),
                ("$=", lambda n: n.lang.endswith(value)),
                ("*=", lambda n: value in n.lang),
                ("~=", lambda n: value in n.lang.split()),
                ("|=", lambda n: n.lang == value or n.lang.startswith(value + "-")),
            ))  # fmt: skip
            return f'[data-lang{sign}"{value}"]', holds
        case 4:
            name = rng.choice(list(NTHS))
            return f":nth-child({name})", lambda node: node.nth in NTHS[name]
        case 5:
            tag = rng.choice(TAGS)
            return f":not({tag}, .x)", lambda node: node.tag != tag and "x" not in node.classes
        case _:
            tag = rng.choice(TAGS)
            return f":is({tag}, #p)", lambda node: node.tag == tag or node.id == "p"


def compound(rng: random.Random) -> tuple[str, object]:
    tag = rng.choice(("*", *TAGS))
    parts = [part(rng) for _ in range(rng.randrange(3))]
    return tag + "".join(
        text for text, _ in parts
    ), lambda node: tag in ("*", node.tag) and all(holds(node) for _, holds in parts)


def chosen(rng: random.Random, root: Node) -> tuple[str, set[int]]:
    """A selector, and the elements of a page that it chooses, found by going down from its first step."""
    text, holds = compound(rng)
    found = [node for node in root.all() if holds(node)]
    for _ in range(rng.randrange(3)):
        sign = rng.choice((" ", " > ", ">"))
        more, holds = compound(rng)
        below: list[Node] = []
        for each in found:
            below += each.children if ">" in sign else list(each.all())[1:]
        text, found = text + sign + more, [node for node in below if holds(node)]
    return text, {id(node) for node in found}


@pytest.mark.parametrize("seed", range(20))
def test_a_selector_chooses_from_descriptors_what_it_chooses_in_the_page(seed: int) -> None:
    rng = random.Random(seed)
    root = Node("html")
    root.children = [page(rng, root)]
    nodes = list(root.all())[1:40]
    elements = {id(node): read_element(node.descriptor()) for node in nodes}
    for _ in range(15):
        pairs = [chosen(rng, root) for _ in range(rng.randrange(1, 3))]
        selector = ", ".join(text for text, _ in pairs)
        wanted = set().union(*(ids for _, ids in pairs)) & set(elements)
        read = read_selector(selector)
        assert {key for key, element in elements.items() if read.holds(element)} == wanted, selector


@pytest.mark.parametrize(
    ("selector", "asks"),
    [
        ("h1 + p", "siblings"),
        ("h1 ~ p", "siblings"),
        ("li:last-child", "does not tell"),
        ("input:checked", "does not tell"),
        ("a:hover", "does not tell"),
        ("p::before", "no event is about"),
        ("div:not(a b)", "one element alone"),
        ("div:has(a)", "does not tell"),
        ("svg|a", "namespaces"),
        ("", "an element should stand here"),
        ("a,", "an element should stand here"),
        ("a > > b", "an element should stand here"),
        ("[=x]", "no selector"),
        ("a:nth-child(x)", "no selector"),
        ("a:nth-child(2 of .x)", "no selector"),
        ("a" * 1001, "characters"),
    ],
)
def test_what_a_descriptor_cannot_tell_is_refused_with_the_place(selector: str, asks: str) -> None:
    with pytest.raises(Refused, match=asks):
        read_selector(selector)


def test_a_selector_knows_cases_escapes_and_what_is_around_the_body() -> None:
    element = read_element({
        "tag": "button", "id": "Save", "classes": ["md:flex", "2x"], "attributes": {"Type": "submit"},
        "path": [{"tag": "body"}], "text": "  Save \n it ",
    })  # fmt: skip
    assert element.text == "Save it"
    for selector in (
        "BUTTON",
        "#Save",
        ".md\\:flex",
        ".\\32 x",
        "[TYPE=SUBMIT i]",
        "html > body > button",
        "html button",
    ):
        assert read_selector(selector).holds(element), selector
    for selector in ("#save", "[type=SUBMIT]", "[type^='']", "html > button", "body body button"):
        assert not read_selector(selector).holds(element), selector


@pytest.mark.parametrize(
    "plain", [None, 3, [], {}, {"tag": 1, "classes": 2, "attributes": [], "path": "x", "nth": True}]
)
def test_what_is_no_descriptor_is_an_element_of_which_nothing_is_known(plain: object) -> None:
    element = read_element(plain)
    assert not read_selector("a, .x, #p, [data-k], :nth-child(1)").holds(element)


def test_a_hostile_element_is_looked_at_no_further_than_tags_tell_and_no_longer_than_it_is_deep() -> None:
    ancestors = [{"tag": "li"}] * 400
    element = read_element({"tag": "a", "path": ancestors})
    assert len(element.path) == 20
    assert read_element({"tag": "a", "path": [*ancestors[:19], {"tag": "body"}]}).path[-1].tag == "html"
    deep = Element("a", path=tuple(Element("li") for _ in range(400)))
    assert not read_selector("nav " + "li " * 40 + "a").holds(deep)
    assert read_selector("li > " * 40 + "a").holds(deep)
