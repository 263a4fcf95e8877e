"""Bodies after the privacy policy of their source: what goes to the log of the events that a client sent.

A body is decoded, changed event by event and written anew, so only sources whose policy asks for it pay for it. What
cannot be used anyway (the door rejected it, or it cannot be read) is kept as a digest and its reason alone: nobody
knows what stands where in it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final

import msgspec

from footfall.model.attributes import flattened, named
from footfall.model.field_rules import GONE, Matcher, changed, coarse
from footfall.model.privacy import ACCOUNT, EMAIL, HIDDEN, USER, Policy, Tokens
from footfall.model.reading import Rejected
from footfall.wire import row_body
from footfall.wire.private_addresses import forms_of, without_addresses
from footfall.wire.private_columns import changed_rows
from footfall.wire.private_reading import UNREADABLE, events_of, with_shared
from footfall.wire.private_urls import Urls
from footfall.wire.private_words import COMMON, NATIVE, SEGMENT, WORDS_OF, Event, RowColumns, Words, consented

Sensitive = Mapping[str, frozenset[str]]
"""Of ``user`` and ``account``: names of attributes that are defined as sensitive."""

_EXACT_CHARS: Final = 3
_INSIDE_CHARS: Final = 6
_encode: Final = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept of a body. count: of its events; rejected: by their places in ``body``. dropped: by the policy.

    anonymised: whether one of its events is of somebody who did not consent, so that nobody may be told by the request.
    """

    body: bytes
    count: int
    rejected: tuple[Rejected, ...]
    dropped: int = 0
    anonymised: bool = False


class PrivateBodies:
    """Applies one policy. tokens: asked for when the first one is needed, so that there need be no key before."""

    def __init__(self, policy: Policy, tokens: Callable[[], Tokens], sensitive: Sensitive) -> None:
        self._policy = policy
        self._tokens = tokens
        self._ruled = {words.wrapped: _ruled(words, Matcher.of(policy.fields)) for words in WORDS_OF.values()}
        self._sensitive = sensitive if policy.sensitive != "keep" else {}
        self._urls = Urls(policy)
        self._anonymous = _Anonymous(policy, tokens, sensitive) if policy.consent != "ignored" else None
        self._drops_traits = False
        self._who = USER in policy.identities
        self._which = ACCOUNT in policy.identities
        self._addresses = EMAIL in policy.identities

    def kept(
        self,
        dialect: str,
        call: str,
        body: bytes,
        count: int,
        rejected: Sequence[Rejected],
        columns: RowColumns | None = None,
    ) -> Kept:
        """What goes to the log instead of a body that its dialect has read. columns: of rows of a file."""
        if dialect == row_body.NAME:
            rows, left, dropped = changed_rows(body, lambda event: self._event(event, NATIVE, {}, columns=columns)[0])
            return Kept(rows, left, (), dropped)
        words = WORDS_OF[dialect]
        events, around = events_of(body, call, words)
        if events is None:
            why = ((0, "unreadable_event", HIDDEN),)
            return Kept(b'{"' + words.wrapped.encode() + b'":[' + self._digest(body) + b"]}", 1, why)
        urls = self._urls.some and self._urls.may_be_in(body)
        bad = {index: code for index, code, _ in rejected}
        texts: list[bytes] = []
        named: list[Rejected] = []
        dropped, some_hidden = 0, False
        for index, event in enumerate(events):
            code = bad.get(index)
            text = None
            if code is None:
                try:
                    text, is_hidden = self._event(with_shared(event, words, around), words, around, urls, columns)
                    some_hidden |= is_hidden
                except UNREADABLE:
                    code = "unreadable_event"
                if text is None and code is None:
                    dropped += 1
                    continue
            if text is None:
                named.append((len(texts), code or "unreadable_event", HIDDEN))
                text = self._digest(event)
            texts.append(text)
        if dialect == "segment" and call != "batch":
            return Kept(texts[0] if texts else b"", len(texts), tuple(named), dropped, some_hidden)
        sent = around.get(words.sent)
        head = b"{" if not isinstance(sent, str | int | float) else _encode({words.sent: sent})[:-1] + b","
        whole = head + b'"' + words.wrapped.encode() + b'":[' + b",".join(texts) + b"]}"
        return Kept(whole, len(texts), tuple(named), dropped, some_hidden)

    # --- one event -------------------------------------------------------------------------------

    def _event(
        self, event: Any, words: Words, around: Event, urls: bool = True, columns: RowColumns | None = None
    ) -> tuple[bytes | None, bool]:
        """The text of one event, None when it is not stored at all, and whether it was made anonymous.

        urls: whether some may stand in it.
        """
        if not isinstance(event, dict):
            raise ValueError("an event is an object")
        event.pop("writeKey", None)
        context = event.get(words.context)
        if self._anonymous is not None:
            may = consented(event, words, around, self._policy)
            if not may:
                if self._policy.without_consent == "drop":
                    return None, False
                return self._anonymous.event(event, words, urls, columns), True
        return self._changed(event, words, context if isinstance(context, dict) else None, urls, columns), False

    def _changed(
        self, event: Event, words: Words, context: Event | None, urls: bool, columns: RowColumns | None
    ) -> bytes | None:
        if context is not None and self._policy.addresses != "full":
            context.pop("ip", None)
        if urls and not self._urls.apply(event, words.context):
            return None
        if self._drops_traits:
            for name, _ in words.traits:
                event.pop(name, None)
            if context is not None:
                context.pop("traits", None)
        if columns is not None and isinstance(row := event.get("attributes"), dict):
            self._row(row, columns)
        raw = self._identities(event, words, context)
        self._fields(event, words, context)
        if self._sensitive:
            self._hide_sensitive(event, words, context)
        if self._addresses:
            for name, value in event.items():
                event[name] = without_addresses(value, lambda address: self._tokens().token(EMAIL, address))
        return self._scrubbed(event, raw) if raw else _encode(event)

    def _identities(self, event: Event, words: Words, context: Event | None) -> dict[str, str]:
        """Put tokens in the place of ids; return which text each stands for."""
        raw: dict[str, str] = {}
        if self._who:
            for name in words.ids:
                if event.get(name) is not None:
                    self._tokenise(event, name, USER, raw)
        if self._which:
            for name in words.account:
                self._tokenise(event, name, ACCOUNT, raw)
            if context is not None:
                self._tokenise(context, "groupId", ACCOUNT, raw)
            account = event.get("account")
            if words is NATIVE and isinstance(account, dict):
                self._tokenise(account, "id", ACCOUNT, raw)
        return raw

    def _tokenise(self, within: Event, name: str, kind: str, raw: dict[str, str]) -> None:
        value = within.get(name)
        if value is None or value == "" or isinstance(value, dict | list | bool):
            return
        text = value if type(value) is str else str(value)
        within[name] = token = self._tokens().token(kind, text)
        if token != text:
            raw.setdefault(text, token)

    def _scrubbed(self, event: Event, raw: Mapping[str, str]) -> bytes:
        """The text of an event in which an id that was replaced stands nowhere else."""
        text = _encode(event)
        folded = _folded(text)
        for value, token in raw.items():
            for form, written in _forms(value):
                if written in folded:
                    event = {name: _without(each, form, token) for name, each in event.items()}
                    text = _encode(event)
                    folded = _folded(text)
        return text

    # --- fields ----------------------------------------------------------------------------------

    def _fields(self, event: Event, words: Words, context: Event | None) -> None:
        of_event, of_context = self._ruled[words.wrapped]
        if context is not None and of_context is not None and "traits" in context:
            self._rule(context, "traits", of_context, "traits")
        for name, place, path in of_event:
            if name in event:
                self._rule(event, name, place, path)

    def _rule(self, within: Event, name: str, place: Matcher, path: str) -> None:
        value = within.get(name)
        if value is None:
            return
        kept = changed(value, place, self._acted, path)
        if kept is GONE:
            del within[name]
        else:
            within[name] = kept

    def _acted(self, action: str, value: Any, path: str) -> Any:
        if action == "coarsen":
            return coarse(value)
        text = value if isinstance(value, str) else _encode(value).decode()
        if action == "hash":
            return self._tokens().token("field", text, "hash_")
        return self._tokens().token(f"field {path.casefold()}", text, "tok_")

    def _hide_sensitive(self, event: Event, words: Words, context: Event | None) -> None:
        said: set[str] = set()
        for name, entity in words.traits:
            whose = "account" if event.get("type") == "group" and words is SEGMENT else entity
            self._hide(event.get(name), whose, said)
            if context is not None and words is SEGMENT:
                self._hide(context.get("traits"), whose, said)
        for name in words.properties:  # a row of a file says it once more, under the name of its column
            properties = event.get(name)
            if said and isinstance(properties, dict):
                for column, value in list(properties.items()):
                    if isinstance(value, str) and value in said:
                        self._replace(properties, column, f"properties.{column}")

    def _hide(self, traits: Any, entity: str, said: set[str]) -> None:
        """Hide what is sensitive; the texts that were go into ``said``."""
        if not isinstance(traits, dict):
            return
        hidden = self._sensitive.get(entity, frozenset())
        for name, value in list(traits.items()):
            if named(entity, name)[0] in hidden:
                self._replace(traits, name, f"traits.{name}", said)
            elif isinstance(value, dict):
                for inner, each in list(value.items()):
                    flat = flattened(entity, {name: {inner: each}})
                    if any(named(entity, one)[0] in hidden for one, _ in flat):
                        self._replace(value, inner, f"traits.{name}.{inner}", said)

    def _replace(self, within: Event, name: str, path: str, said: set[str] | None = None) -> None:
        value = within[name]
        if said is not None and isinstance(value, str) and len(value) >= _EXACT_CHARS:
            said.add(value)
        if self._policy.sensitive == "drop" or isinstance(within[name], dict | list):
            del within[name]
            return
        kept = GONE if within[name] is None else self._acted(self._policy.sensitive, within[name], path)
        if kept is GONE:
            del within[name]
        else:
            within[name] = kept

    def _digest(self, event: object) -> bytes:
        text = bytes(event) if isinstance(event, bytes | msgspec.Raw) else _encode(event)
        return _encode({"digest": self._tokens().digest("quarantine", text.decode("utf-8", "replace"))})

    # --- rows of files ---------------------------------------------------------------------------

    def _row(self, row: Event, columns: RowColumns) -> None:
        """Do to the columns of a row, where it says once more who it is about and what, what is done to that."""
        for name, kind in columns.ids.items():
            if kind in self._policy.identities:
                self._tokenise(row, name, kind, {})
        for name, entity, attribute in columns.attributes:
            if name not in row:
                continue
            said = {} if self._drops_traits else {attribute: row[name]}
            self._hide(said, entity, set())
            if attribute in said:
                row[name] = said[attribute]
            else:
                del row[name]


class _Anonymous(PrivateBodies):
    """What is kept of those who do not want to be known: events without who, without what is said of them."""

    def __init__(self, policy: Policy, tokens: Callable[[], Tokens], sensitive: Sensitive) -> None:
        super().__init__(replace(policy.anonymous(), consent="ignored"), tokens, sensitive)
        self._drops_traits = True
        self._asks = policy

    def event(self, event: Event, words: Words, urls: bool, columns: RowColumns | None) -> bytes | None:
        context = event.get(words.context)
        event.pop("user_agent", None)
        if isinstance(context, dict):
            context.pop("userAgent", None)
        return self._changed(event, words, context if isinstance(context, dict) else None, urls, columns)

    def _event(
        self, event: Any, words: Words, around: Event, urls: bool = True, columns: RowColumns | None = None
    ) -> tuple[bytes | None, bool]:
        if not isinstance(event, dict):
            raise ValueError("an event is an object")
        event.pop("writeKey", None)
        asks = self._asks
        if asks.consent != "ignored" and not consented(event, words, around, asks) and asks.without_consent == "drop":
            return None, False
        return self.event(event, words, urls, columns), True


def anonymous(policy: Policy, tokens: Callable[[], Tokens], sensitive: Sensitive) -> PrivateBodies:
    """The bodies of clients whose signal means ``anonymise``."""
    return _Anonymous(policy, tokens, sensitive)


def _ruled(words: Words, rules: Matcher) -> tuple[list[tuple[str, Matcher, str]], Matcher | None]:
    """The fields of an event that rules are about, each with its place among them and its path; that of the traits that
    a context holds."""
    roots = {root: place for root in ("properties", "traits", "context", "event") if (place := rules.into(root))}
    named = [("properties", name) for name in words.properties] + [("traits", name) for name, _ in words.traits]
    found = [(name, roots[root], root) for root, name in (*named, ("context", words.context)) if root in roots]
    for root, names in (("context", words.beside), ("event", words.texts)):
        if root in roots:
            found += [(name, into, f"{root}.{name}") for name in names if (into := roots[root].into(name))]
    return found, roots.get("traits")


@lru_cache(maxsize=10_000)
def _forms(value: str) -> tuple[tuple[str, bytes], ...]:
    """Every form of an id, and it as it would stand in the folded text of an event. None of one that tells nothing."""
    if len(value) < _EXACT_CHARS or value.casefold() in COMMON:
        return ()
    return tuple((form, _folded(_encode(form.strip())[1:-1])) for form in forms_of(value.strip()))


def _folded(text: bytes) -> bytes:
    return text.lower() if text.isascii() else text.decode().lower().encode()


def _without(value: Any, raw: str, token: str) -> Any:
    """A value of an event in which an id does not stand: equal texts become the token, longer ones hold it."""
    if isinstance(value, str):
        if value.strip().casefold() == raw.strip().casefold():
            return token
        if len(raw.strip()) < _INSIDE_CHARS:
            return value
        return re.sub(re.escape(raw.strip()), token, value, flags=re.IGNORECASE)
    if isinstance(value, dict):
        return {_without(name, raw, token): _without(each, raw, token) for name, each in value.items()}
    if isinstance(value, list):
        return [_without(each, raw, token) for each in value]
    is_it = isinstance(value, int) and len(raw) >= _INSIDE_CHARS and str(value) == raw
    return token if is_it else value
