"""Rules about what events say of themselves: as text, as tree, who is in, and why, line for line.

``GOLDEN=rewrite pytest tests/golden`` writes them anew; read the difference before committing it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from random_people import TODAY, ZONE, Person, Town

from footfall.engines.database import Limits
from footfall.engines.membership import DuckMembership
from footfall.model.audience_rules import to_plain
from footfall.model.audience_text import read, write
from footfall.model.audiences import Audience
from footfall.model.event import EventType

EXPECTED = Path(__file__).parent / "expected" / "audience" / "rules.txt"
RULES = (
    "COUNT(event Purchase WHERE plan = pro AND amount >= 50 WITHIN 30d) >= 3",
    "COUNT(event Purchase WHERE plan = pro AND amount >= 50 WITHIN 1d) >= 3",
    'COUNT(page WHERE product = Web AND environment = prod AND page.path LIKE "/pricing*" WITHIN 7d) > 0',
    "COUNT(event Purchase WITHIN 30d) >= 3 AND COUNT(event Purchase WHERE coupon = true WITHIN 30d) = 0",
    "LAST(event Purchase WHERE plan IN (pro, team) OR NOT EXISTS plan WITHIN 30d) >= 2026-11-05",
    "COUNT(event Purchase WHERE renews BETWEEN 2026-12-01 AND 2026-12-31 WITHIN 30d) > 0",
)


def bought(day: int, minute: int, **said: object) -> dict[str, object]:
    start = ZONE.bounds(TODAY - timedelta(days=day)).start
    return {"type": EventType.CUSTOM, "name": "Purchase", "at": start + timedelta(minutes=minute),
            "properties": {"attributes": said}}  # fmt: skip


def seen(url: str, **where: str) -> dict[str, object]:
    at = ZONE.bounds(TODAY).start
    return {"type": EventType.PAGE_VIEW, "at": at, "properties": {"page": {"url": url}}, **where}


TOWN = Town(
    (
        Person("ada", {}, None, (
            bought(4, 1, plan="pro", amount=50), bought(0, 2, plan="pro", amount="99.90", coupon=False),
            bought(0, 3, plan="pro", amount=1e3, renews="2026-12-24"))),
        Person("bob", {}, None, (
            bought(0, 1, plan="pro", amount=49.99), bought(0, 2, plan="free", amount=80, coupon=True),
            bought(0, 3, amount=70), seen("https://app.example/pricing?eu", product="Web", environment="prod"))),
        Person("eve", {}, None, (seen("https://app.example/pricing", product="Web", environment="stage"),)),
    ),
    {},
    {},
)  # fmt: skip


def lines(folder: Path) -> Iterator[str]:
    engine = DuckMembership(folder / "spill", Limits(memory_mb=256, threads=2))
    people = TOWN.population(engine, folder)
    audiences = [Audience(f"r{n}", read(text)) for n, text in enumerate(RULES)]
    known = people.people.texts("users")
    bob = dict(zip(known["text"].to_pylist(), known["key"].to_pylist(), strict=True))["bob"]
    with engine.open(audiences, people) as opened:
        for text, audience in zip(RULES, audiences, strict=True):
            assert read(write(audience.rule)) == audience.rule
            names = [name for batch in opened.members(audience.name) for name in batch["identify_id"].to_pylist()]
            why = opened.explain(audience.name, bob).reason
            assert why is not None
            yield from (text, f"  = {write(audience.rule)}", f"  tree {json.dumps(to_plain(audience.rule))}")
            yield f"  members {', '.join(names) or 'nobody'}"
            yield from (f"  bob  {line}" for line in why.lines())
            yield ""


def test_rules_mean_what_they_did(tmp_path: Path) -> None:
    found = "\n".join(lines(tmp_path))
    if os.environ.get("GOLDEN") == "rewrite":
        EXPECTED.write_text(found, encoding="utf-8")
    assert found == EXPECTED.read_text(encoding="utf-8")
