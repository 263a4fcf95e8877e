"""The text of a rule in pieces: words, names, values and signs, each with its place."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from footfall.errors import Refused

_TOKEN: Final = re.compile(
    r"""(?P<space>\s+)
      | (?P<text>"(?:[^"\\]|\\.)*")
      | (?P<name>(?:account\.)?`(?:[^`]|``)*`)
      | (?P<sign><=|>=|!=|<>|==|[<>=(),])
      | (?P<word>[^\s"`<>=!(),]+)""",
    re.VERBOSE | re.DOTALL,
)


class BadRule(Refused):
    """A text that is no rule. line, column: where it stops being one, both from 1."""

    def __init__(self, text: str, at: int, what: str) -> None:
        before = text[:at]
        self.line = before.count("\n") + 1
        self.column = at - (before.rfind("\n") + 1) + 1
        super().__init__(
            f"line {self.line}, column {self.column}: {what}",
            'Write it like: AND(plan = pro, COUNT(feature export WITHIN 30d) > 3, last_visit >= "now-30d")',
        )


@dataclass(frozen=True, slots=True)
class Token:
    """kind: ``text``, ``name``, ``sign``, ``word`` or ``end``."""

    kind: str
    text: str
    at: int

    @property
    def shown(self) -> str:
        return "the end" if self.kind == "end" else f"'{self.text}'"


def tokens(text: str) -> list[Token]:
    found, at = [], 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise BadRule(text, at, "this quote is never closed" if text[at] in '"`' else f"'{text[at]}' means nothing")
        if match.lastgroup != "space":
            found.append(Token(str(match.lastgroup), match[0], at))
        at = match.end()
    found.append(Token("end", "", len(text)))
    return found
