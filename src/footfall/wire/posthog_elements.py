"""PostHog's list of elements around a click as Footfall's descriptor of an element (docs/reference/posthog.md)."""

from __future__ import annotations

from typing import Any, Final

from footfall.wire.translating import text_in, value_in, without_nothing

_DEPTH_MAX: Final = 20


def described(properties: dict[str, Any]) -> dict[str, Any]:
    """The element that was clicked: ``tag``, ``id``, ``classes``, ``nth``, ``attributes``, ``text``, and in ``path``
    its ancestors, nearest first. Empty fields are left out, and all of it where the library sent something else.
    """
    elements = value_in(properties.get("$elements"))
    text = text_in(properties.get("$el_text"))
    if not isinstance(elements, list) or not all(isinstance(each, dict) for each in elements) or not elements:
        return without_nothing({"text": text})
    first = _one(elements[0])
    own = elements[0].get("$el_text", elements[0].get("text"))
    first["text"] = own if isinstance(own, str) and own else text
    return without_nothing({**first, "path": [_one(each) for each in elements[1 : _DEPTH_MAX + 1]] or None})


def link_of(properties: dict[str, Any], element: dict[str, Any]) -> str:
    """Where the click leads: that of the element, else of the nearest link around it; empty when nowhere."""
    outside = text_in(properties.get("$external_click_url"))
    if outside:
        return outside
    for each in (element, *element.get("path", ())):
        if each.get("tag") == "a":
            return str(each.get("attributes", {}).get("href", ""))
    return ""


def _one(element: dict[str, Any]) -> dict[str, Any]:
    attributes = {
        name.removeprefix("attr__"): value
        for name, value in element.items()
        if name.startswith("attr__") and isinstance(value, str)
    }
    identity, said_classes = attributes.pop("id", ""), attributes.pop("class", "").split()
    classes = element.get("classes")
    if not isinstance(classes, list) or not all(isinstance(each, str) for each in classes):
        classes = said_classes
    tag, nth = element.get("tag_name"), element.get("nth_child")
    return without_nothing(
        {
            "tag": tag.lower() if isinstance(tag, str) else None,
            "id": identity,
            "classes": classes or None,
            "nth": nth if isinstance(nth, int) else None,
            "attributes": attributes,
        }
    )
