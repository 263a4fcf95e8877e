"""What the tag tells of an element finds it again: selectors mean in Footfall what they mean in the browser."""

from __future__ import annotations

import json

from footfall.model.selectors import read_element, read_selector

PAGE = """<div id="app" class="shop wide"><nav role="navigation"><ul><li><a class="item first" href="#/a">A</a></li>
<li class="on"><a class="item" name="b" href="#/b">B</a></li></ul></nav>
<section data-footfall="till"><p>text</p><form id="pay" name="pay"><div class="bar"><span></span>
<button class="btn primary" type="button" name="go"><i>Go</i></button><button class="btn" type="button">Back</button>
</div></form></section></div><button id="lone" class="btn">Lone</button>"""

SELECTORS = """
button | a | * | .btn | .btn.primary | .bar > button | .bar button | form .btn | form > .btn | #app button | #lone
body > button | #app | .shop .item | li.on a | li.on > a | ul > a | nav[role=navigation] a | [name] | [name=go]
[type="button"] | [data-footfall=till] button | button[name^=g] | button:not(.primary) | .bar > :nth-child(2)
.bar > :nth-child(odd) | li:nth-child(2) a | li:first-child > a | :is(.item, .primary) | div div button | html body a
section form#pay.none button | a.item.first, #lone | [class~=primary] | #pay > .bar > .btn:nth-child(3)"""


def test_selectors_find_in_descriptors_what_they_find_in_the_page(pages, world):
    page = pages(PAGE)
    buttons = page.run("document.querySelectorAll('button, a').length")
    selectors = SELECTORS.strip().replace("\n", " | ").split(" | ")
    for number in range(buttons):
        page.run(f"document.querySelectorAll('button, a')[{number}].click()")
    world.line.wait(lambda: len([each for each in world.line.types() if "click" in each]) == buttons)
    told = [event["element"] for event in world.line.events() if "click" in event["type"]]
    for number, descriptor in enumerate(told):
        element = read_element(descriptor)
        asked = f"{json.dumps(selectors)}.map(s => document.querySelectorAll('button, a')[{number}].matches(s))"
        wanted = dict(zip(selectors, page.run(asked), strict=True))
        assert {each: read_selector(each).holds(element) for each in selectors} == wanted, descriptor
