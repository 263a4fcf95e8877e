"""The fields of an audience in ``footfall.yaml``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from footfall.config.shapes import Anything, Field, Flag, Record, Text
from footfall.errors import Refused
from footfall.model.audience_rules import Everyone, check, from_plain
from footfall.model.audience_text import read, write
from footfall.model.audiences import TOLD, Audience

AUDIENCE: Final = Record(
    (
        Field(
            "name",
            Text(pattern="[a-z0-9][a-z0-9._-]{0,62}", example="lower-case letters, digits, '.', '_' and '-'"),
            "What rules, exports and events call it.",
            True,
        ),
        Field("rule", Anything(), "Who is in: a text such as 'AND(plan = pro, visits > 5)', or the tree."),
        Field("list_by", Text(), "Instead of a rule: the field whose values are imported as a list."),
        Field("label", Text(), "Name for people."),
        Field("description", Text(), "What it is for."),
        Field("tells", Text(TOLD), "Which changes become segment_match events.", default="both"),
        Field("backfill", Flag(), "Who is in from the beginning enters, too.", default=False),
    )
)
_OWN: Final = ("label", "description", "tells", "backfill")


def audience_of(plain: Mapping[str, Any]) -> Audience:
    """The audience that a file describes. Raises ``Refused``."""
    rule, listed = plain.get("rule"), plain.get("list_by") or ""
    if (rule is None) == (not listed):
        raise Refused("an audience has a rule or is a list", "Give either `rule` or `list_by`")
    said = Everyone() if rule is None else read(rule) if isinstance(rule, str) else check(from_plain(rule))
    return Audience(plain["name"], said, listed=listed, **{name: plain[name] for name in _OWN if name in plain})


def plain_audience(audience: Audience) -> dict[str, Any]:
    """As a file has it, without what is as usual."""
    usual = Audience(audience.name)
    about = {"list_by": audience.listed} if audience.listed else {"rule": write(audience.rule)}
    own = {name: getattr(audience, name) for name in _OWN if getattr(audience, name) != getattr(usual, name)}
    return {"name": audience.name, **about, **own}


def check_audience(plain: Mapping[str, Any]) -> None:
    """Raises ``Refused`` for a definition that could not work."""
    audience_of(plain)
