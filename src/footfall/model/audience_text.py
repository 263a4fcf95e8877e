"""The short text form of audience rules, in the manner of Lytics segment filters, read and written.

    AND(visits > 5, last_visit >= "now-30d", EXISTS email, NOT INCLUDE staff)
    account.plan = Premium AND COUNT(feature export WITHIN 30d) > 14 AND LAST(feature export) < "now-14d"
    COUNT(event Purchase WHERE plan = pro AND amount >= 50 AND product = Web WITHIN 30d) >= 3

Words of the language are known in any case. A text in quotes is JSON; one word needs none. A name that is no word, or
is a word of the language, stands between backticks. ``write`` gives one text for each tree, which ``read`` gives back.
"""

from __future__ import annotations

import json
import re
from typing import Final

from footfall.errors import Refused
from footfall.model.audience_rules import (
    ACCOUNT,
    BETWEEN,
    CONTAINS,
    DEPTH_MAX,
    EXISTS,
    LIKE,
    MEASURES,
    ONE_OF,
    OPERATORS,
    All,
    Compare,
    Everyone,
    Field,
    Happened,
    Included,
    Not,
    Rule,
    Some,
    Subject,
    Value,
    check,
)
from footfall.model.audience_tokens import BadRule, Token, tokens
from footfall.model.audience_where import EVENT, EVENT_FIELDS, Property
from footfall.model.event import WORDS

# Shorter words for the types that rules ask for most.
KINDS: Final = {
    "event": "custom",
    "feature": "feature_match",
    "engagement": "engagement_view",
    "survey": "survey_response",
    "question": "survey_answer",
    "page": "page_view",
    "visit": "session_started",
    "form": "form_submit",
    "article": "article_view",
    "email": "email_event",
}
_SHORT: Final = {word: short for short, word in KINDS.items()}
_ACCOUNT_PREFIX: Final = "account."
_RESERVED: Final = frozenset({"and", "or", "not", "all", "include", "exists", "in", "between", "contains", "like"})
TEXT_MAX: Final = 65_536
_CLAUSES: Final = ("ask", "where", "within")
_DAYS: Final = {"d": 1, "w": 7}

_NUMBER: Final = re.compile(r"[+-]?(\d{1,40}(\.\d{1,40})?|\.\d{1,40})([eE][+-]?\d{1,3})?", re.ASCII)
_PLAIN_NAME: Final = re.compile(r"[^\W\d][\w.$@/+:*-]*")
_SPAN: Final = re.compile(r"(\d{1,4})([dw])", re.IGNORECASE)
_SIGNS: Final = {"<>": "!=", "==": "="}


def read(text: str) -> Rule:
    """The rule that a text says. Raises ``BadRule`` with line and column, ``Refused`` for a rule that cannot be one."""
    if len(text) > TEXT_MAX:
        raise Refused(f"a rule of {len(text):,} characters", f"At most {TEXT_MAX:,}: make a list of them")
    reader = _Reader(text)
    rule = reader.rule(DEPTH_MAX)
    if reader.next.kind != "end":
        raise reader.wrong("AND, OR or the end")
    return check(rule)


def read_where(text: str) -> Rule:
    """What a WHERE asks of an event, such as ``plan = pro AND amount >= 50``. Raises as ``read``."""
    reader = _Reader(text)
    where = reader.filter(DEPTH_MAX)
    if reader.next.kind != "end":
        raise reader.wrong("AND, OR or the end")
    Happened("count", "custom", days=1, where=where)  # which refuses what cannot be asked
    return where


def write(rule: Rule) -> str:
    """The one text of a rule."""
    match rule:
        case All(rules):
            return f"AND({', '.join(map(write, rules))})"
        case Some(rules):
            return f"OR({', '.join(map(write, rules))})"
        case Not(inner):
            return f"NOT {write(inner)}"
        case Everyone():
            return "ALL"
        case Included(audience):
            return f"INCLUDE {_name(audience)}"
        case Compare(subject, operator, values):
            return _comparison(write_subject(subject), operator, [write_value(value) for value in values])


def write_subject(subject: Subject) -> str:
    """A field, ``COUNT(feature export WITHIN 30d)``, or what an event says."""
    if isinstance(subject, Property):
        return _property(subject)
    if isinstance(subject, Field):
        name = _name(subject.name)
        if subject.of == ACCOUNT:
            return _ACCOUNT_PREFIX + name
        # A user's own field may begin like one of the account's.
        return f"`{subject.name}`" if name.casefold().startswith(_ACCOUNT_PREFIX) else name
    words = [_SHORT.get(subject.type, subject.type)]
    if subject.name is not None or subject.detail is not None:
        words.append("*" if subject.name is None else write_value(subject.name))
    if subject.detail is not None:
        words.append(write_value(subject.detail))
    if subject.question is not None:
        words.append(f"ASK {write_value(subject.question)}")
    if subject.where is not None:
        words.append(f"WHERE {write(subject.where)}")
    if subject.days is not None:
        words.append(f"WITHIN {subject.days}d")
    return f"{subject.measure.upper()}({' '.join(words)})"


def write_value(value: Value) -> str:
    """A value as JSON."""
    return json.dumps(value, ensure_ascii=False)


def _comparison(subject: str, operator: str, values: list[str]) -> str:
    if operator == EXISTS:
        return f"EXISTS {subject}"
    if operator == ONE_OF:
        return f"{subject} IN ({', '.join(values)})"
    if operator == BETWEEN:
        return f"{subject} BETWEEN {values[0]} AND {values[1]}"
    return f"{subject} {operator.upper()} {values[0]}"


def _property(subject: Property) -> str:
    # A property may be called like what every event has.
    if subject.of == EVENT or subject.name.casefold() not in EVENT_FIELDS:
        return _name(subject.name)
    return f"`{subject.name}`"


def _name(name: str) -> str:
    if _PLAIN_NAME.fullmatch(name) and name.casefold() not in _RESERVED:
        return name
    return "`" + name.replace("`", "``") + "`"


class _Reader:
    """Reads tokens from left to right; a call of each method takes what it is named after."""

    def __init__(self, text: str) -> None:
        self._text, self._tokens, self._place = text, tokens(text), 0
        # Within a WHERE names are those of what events say.
        self._of_events = False

    @property
    def next(self) -> Token:
        return self._tokens[self._place]

    def wrong(self, wanted: str) -> BadRule:
        return BadRule(self._text, self.next.at, f"here should be {wanted}, not {self.next.shown}")

    def _take(self) -> Token:
        token = self.next
        self._place += token.kind != "end"
        return token

    def _sees(self, *words: str, after: int = 0) -> bool:
        place = min(self._place + after, len(self._tokens) - 1)
        token = self._tokens[place]
        return token.kind in ("word", "sign") and token.text.casefold() in words

    def _took(self, word: str) -> bool:
        seen = self._sees(word)
        self._place += seen
        return seen

    def _need(self, word: str) -> None:
        if not self._took(word):
            raise self.wrong(f"'{word.upper()}'")

    # --- rules -----------------------------------------------------------------------------------

    def rule(self, left: int) -> Rule:
        """Terms with AND between them, and OR between those."""
        if left <= 0:
            raise BadRule(self._text, self.next.at, f"this is nested more than {DEPTH_MAX} deep")
        rules = [self._all_of(left)]
        while self._took("or"):
            rules.append(self._all_of(left))
        return rules[0] if len(rules) == 1 else Some(tuple(rules))

    def _all_of(self, left: int) -> Rule:
        rules = [self._term(left)]
        while self._took("and"):
            rules.append(self._term(left))
        return rules[0] if len(rules) == 1 else All(tuple(rules))

    def _term(self, left: int) -> Rule:
        for word, make in (("and", All), ("or", Some)):
            if self._sees(word):
                self._take()
                return make(self._group(left - 1))
        if self._took("not"):
            return Not(self._nested(left))
        if self._took("("):
            inner = self.rule(left - 1)
            self._need(")")
            return inner
        if self._took("all"):
            return Everyone()
        if self._took("include"):
            return Included(self._named("the name of an audience"))
        return self._condition(left)

    def _nested(self, left: int) -> Rule:
        if left <= 1:
            raise BadRule(self._text, self.next.at, f"this is nested more than {DEPTH_MAX} deep")
        return self._term(left - 1)

    def _group(self, left: int) -> tuple[Rule, ...]:
        self._need("(")
        rules = [self.rule(left)]
        while self._took(","):
            rules.append(self.rule(left))
        self._need(")")
        return tuple(rules)

    # --- conditions ------------------------------------------------------------------------------

    def _condition(self, left: int) -> Rule:
        at = self.next.at
        try:
            if self._took("exists"):
                return Compare(self._subject(left), EXISTS)
            subject = self._subject(left)
            opposite = self._took("not")
            compared = self._compared(subject, opposite)
            return Not(compared) if opposite else compared
        except BadRule:
            raise
        except Refused as error:
            raise BadRule(self._text, at, f"{error.what}: {error.hint}") from error

    def _compared(self, subject: Subject, opposite: bool) -> Compare:
        if self._took(ONE_OF):
            return Compare(subject, ONE_OF, self._values())
        for word in (CONTAINS, LIKE):
            if self._took(word):
                return Compare(subject, word, (self._value(),))
        if self._took(BETWEEN):
            low = self._value()
            self._need("and")
            return Compare(subject, BETWEEN, (low, self._value()))
        sign = _SIGNS.get(self.next.text, self.next.text)
        if opposite or self.next.kind != "sign" or sign not in OPERATORS:
            raise self.wrong("IN, BETWEEN, CONTAINS or LIKE" if opposite else "a comparison, such as = or IN")
        self._take()
        return Compare(subject, sign, (self._value(),))

    def _values(self) -> tuple[Value, ...]:
        self._need("(")
        values = [self._value()]
        while self._took(","):
            values.append(self._value())
        self._need(")")
        return tuple(values)

    def _value(self) -> Value:
        token = self.next
        if token.kind == "text":
            self._take()
            return self._quoted(token)
        if token.kind != "word":
            raise self.wrong("a value")
        self._take()
        if _NUMBER.fullmatch(token.text):
            return float(token.text) if re.search("[.eE]", token.text) else int(token.text)
        return {"true": True, "false": False}.get(token.text.casefold(), token.text)

    def _quoted(self, token: Token) -> str:
        try:
            return str(json.loads(token.text, strict=False))
        except ValueError as error:
            raise BadRule(self._text, token.at, f"{token.text} is no JSON text") from error

    def _subject(self, left: int) -> Subject:
        if self._of_events:
            return self._said()
        if self._sees(*MEASURES) and self._sees("(", after=1):
            return self._happened(left)
        name = self._named("a field")
        token = self._tokens[self._place - 1]
        if token.text.casefold().startswith(_ACCOUNT_PREFIX):
            inner = name[len(_ACCOUNT_PREFIX) :] if token.kind == "word" else name
            return Field(inner, ACCOUNT)
        return Field(name)

    def _said(self) -> Property:
        name = self._named("what an event says")
        is_word = self._tokens[self._place - 1].kind == "word"
        return Property(name.casefold(), EVENT) if is_word and name.casefold() in EVENT_FIELDS else Property(name)

    def _named(self, what: str) -> str:
        token = self.next
        if token.kind == "name":
            self._take()
            return token.text[token.text.index("`") + 1 : -1].replace("``", "`")
        if token.kind != "word" or not _PLAIN_NAME.fullmatch(token.text) or token.text.casefold() in _RESERVED:
            raise self.wrong(what)
        self._take()
        return token.text

    def _happened(self, left: int) -> Happened:
        measure = self._take().text.casefold()
        self._need("(")
        kind = self.next.text.casefold()
        if self.next.kind != "word" or (kind not in KINDS and kind not in WORDS):
            raise self.wrong(f"a type of events: {', '.join(KINDS)}, or click, lead, feedback …")
        self._take()
        said: dict[str, str | None] = {}
        for part in ("name", "detail"):
            if self._sees(")", *_CLAUSES):
                break
            said[part] = None if part == "name" and self._took("*") else str(self._text_value())
        days, where = None, None
        while not self._took(")"):
            if "question" not in said and self._took("ask"):
                said["question"] = self._text_value()
            elif where is None and self._took("where"):
                where = self.filter(left)
            elif days is None and self._took("within"):
                days = self._span()
            else:
                raise self.wrong("')'")
        return Happened(measure, KINDS.get(kind, kind), days=days, where=where, **said)

    def filter(self, left: int) -> Rule:
        """A rule about what an event says of itself."""
        self._of_events = True
        where = self.rule(left - 1)
        self._of_events = False
        return where

    def _text_value(self) -> str:
        token = self.next
        if token.kind not in ("text", "word"):
            raise self.wrong("a name")
        self._take()
        return self._quoted(token) if token.kind == "text" else token.text

    def _span(self) -> int:
        match = _SPAN.fullmatch(self.next.text)
        if match is None:
            raise self.wrong("a span such as 30d or 4w")
        self._take()
        return int(match[1]) * _DAYS[match[2].casefold()]
