"""What people are told about a run: which rule is told what, in which words, and under which id.

Words are taken from errors that name places and things; what looks like an address of a person, a login or a key is
masked all the same before it leaves the machine.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from footfall.model.channels import PATIENCE_MAX, TEST, Channel, Rule
from footfall.model.jobs import UNEXPECTED_HINT, Job, Run, Verdict
from footfall.model.row_counts import NO_OPINION, Opinion
from footfall.model.schedules import Slot

FILES_MAX: Final = 20  # links in a message
WORDS_MAX: Final = 500
PAUSE_FIRST: Final = timedelta(seconds=30)
PAUSE_MAX: Final = timedelta(hours=1)
TRIED_FOR: Final = timedelta(days=1)
NOTICE_STATES: Final = ("waiting", "sent", "dead")

_MASKED: Final = (
    (re.compile(r"(?i)\b([a-z][a-z0-9+.-]*://)[^\s/@]*@"), r"\1"),
    (re.compile(r"[^\s@<>()'\",;:]+@[^\s@<>()'\",;:]+"), "(an address)"),
    (re.compile(r"(?i)\b([a-z][a-z0-9+.-]*://[^\s?#]*)[?#]\S*"), r"\1"),
    (re.compile(r"\b(?:AKIA|ASIA|GOOG1?)[A-Z0-9]{12,}\b"), "(a key)"),
    (re.compile(r"\b(?:whsec_|ff_[a-z]+_)[A-Za-z0-9+/=_-]+"), "(a key)"),
)
_BREAKS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


def masked(text: str) -> str:
    """One line of at most ``WORDS_MAX`` characters, without what looks like a person's address, a login or a key."""
    line = _BREAKS.sub(" ", text).strip()
    for pattern, instead in _MASKED:
        line = pattern.sub(instead, line)
    return line if len(line) <= WORDS_MAX else f"{line[: WORDS_MAX - 1]}…"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What is to be told, before it has the form of a mail or of JSON.

    occasion: of ``model.channels.OCCASIONS``, or ``test``. label: the job's name for people. start, end: the window of
    the slot, UTC. at: when it happened. what, hint: one sentence each. keys: of delivered files that links are made to.
    facts: for programs, as JSON has them: what a callback gets instead of all else.
    """

    occasion: str
    at: datetime
    what: str
    hint: str = ""
    job: str = ""
    label: str = ""
    kind: str = ""
    slot: str = ""
    start: datetime | None = None
    end: datetime | None = None
    run: str = ""
    files: int = 0
    rows: int = 0
    bytes: int = 0
    keys: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)

    def plain(self) -> dict[str, Any]:
        """As JSON has it, instants as ISO 8601 in UTC; without facts if there are none."""
        return {
            name: value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value
            for name, value in asdict(self).items()
            if name != "facts" or value
        }


def read_message(plain: Mapping[str, Any]) -> Message:
    """The message that ``Message.plain`` gave."""
    instants = {
        name: None if plain[name] is None else datetime.fromisoformat(plain[name]) for name in ("at", "start", "end")
    }
    return Message(**{**plain, **instants, "keys": tuple(plain["keys"])})


@dataclass(frozen=True, slots=True)
class Notice:
    """A message to one channel. id: the same however often it is sent, so that a receiver can tell.

    to: the mail address; empty for other channels. links: (name of the file, address), made when it is sent.
    """

    id: str
    channel: str
    to: str
    message: Message
    links: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run ended. streak: failures of the job in a row before it. keys: of the files it delivered."""

    job: Job
    slot: Slot
    run: Run
    verdict: Verdict
    streak: int
    opinion: Opinion = NO_OPINION
    keys: tuple[str, ...] = ()

    @property
    def paused(self) -> bool:
        return self.run.state == "failed" and self.verdict.job_state == "paused"

    @property
    def streak_after(self) -> int:
        """A job that is paused has exhausted every patience."""
        if self.run.state == "succeeded":
            return 0
        if self.run.state != "failed":
            return self.streak
        return max(self.streak + 1, PATIENCE_MAX) if self.paused else self.streak + 1


def occasions(ending: Ending, rule: Rule) -> list[str]:
    """What this rule is told of the ending of a run. A streak of failures is told once, and so is its end."""
    if not rule.concerns(ending.job.name):
        return []
    if ending.run.state == "failed":
        if ending.paused and "paused" in rule.on:
            return ["paused"]
        reached = ending.streak < rule.patience <= ending.streak_after
        return ["failure"] if reached and "failure" in rule.on else []
    if ending.run.state != "succeeded":
        return []
    found = ["recovery"] if ending.streak >= rule.patience else []
    found += [ending.opinion.word] if ending.opinion.word else []
    found += ["done"] if ending.run.files else []
    return [each for each in found if each in rule.on]


def notices(ending: Ending, rules: Iterable[Rule], channels: Mapping[str, Channel]) -> list[Notice]:
    """Everything to be sent about an ending: once for each occasion, channel and address, whatever the rules."""
    found: dict[str, Notice] = {}
    for rule in rules:
        channel = channels.get(rule.channel)
        if channel is None:
            continue
        for occasion in occasions(ending, rule):
            message = _message(occasion, ending)
            for to in recipients(channel, rule.to):
                notice = Notice(_id(ending, occasion, channel.name, to), channel.name, to, message)
                found.setdefault(notice.id, notice)
    return list(found.values())


def recipients(channel: Channel, to: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Who gets a notice through this channel: one notice each, so that one bad address does not hold up the others."""
    return tuple(dict.fromkeys(to or channel.to)) if channel.kind == "mail" else ("",)


def trial(channel: Channel, to: str, at: datetime) -> Notice:
    """What ``notifications channels test`` sends."""
    digest = hashlib.sha256("\0".join((TEST, channel.name, to, at.isoformat())).encode()).hexdigest()
    what = f"Channel '{channel.name}' works: this is the test that was asked for"
    return Notice(f"msg_{digest[:32]}", channel.name, to, Message(occasion=TEST, at=at, what=what))


def pause(attempts: int, retry_after_s: float, random: float) -> timedelta:
    """How long to wait after the ``attempts``-th failure to send: 30 s, 1, 2, 4 … minutes up to an hour.

    random: from [0, 1); the wait is shortened by up to half, so that what failed together is not tried together.
    """
    wait = min(PAUSE_MAX, PAUSE_FIRST * (1 << min(attempts - 1, 10))) * (1 - random / 2)
    return max(wait, timedelta(seconds=min(retry_after_s, PAUSE_MAX.total_seconds())))


def _id(ending: Ending, occasion: str, channel: str, to: str) -> str:
    # The instant it began tells a run from that of a job of the same name that was deleted.
    parts = (ending.run.id, ending.run.begun_at.isoformat(), occasion, channel, to)
    return f"msg_{hashlib.sha256(chr(0).join(parts).encode()).hexdigest()[:32]}"


def _message(occasion: str, ending: Ending) -> Message:
    job, run, slot = ending.job, ending.run, ending.slot
    what, hint = _words(occasion, ending)
    told = Message(
        occasion=occasion, at=run.ended_at or run.begun_at, what=masked(what), hint=masked(hint), job=job.name,
        label=masked(job.label), kind=job.kind, slot=slot.name, start=slot.start, end=slot.end, run=run.id,
        files=run.files, rows=run.rows, bytes=run.bytes,
    )  # fmt: skip
    return replace(told, keys=ending.keys[:FILES_MAX]) if occasion == "done" else told


def _words(occasion: str, ending: Ending) -> tuple[str, str]:
    """(what happened, what to do)"""
    job, run, seen = ending.job, ending.run, ending.opinion
    if occasion in ("failure", "paused"):
        return _failure(ending)
    if occasion == "recovery":
        return "The job succeeded again", ""
    if occasion == "done":
        return f"{run.files:,} files with {run.rows:,} rows were delivered", ""
    usual = f"{seen.low:,} to {seen.high:,} rows were expected (median {seen.usual:,} of {seen.slots} slots before)"
    if occasion == "no_data":
        return f"No rows were delivered; {usual}", "See whether the sources still send: `footfall events tail`"
    what = f"{run.rows:,} rows were delivered; {usual}"
    return what, f"Compare with the slots before: `footfall runs ls --job {job.name}`"


def _failure(ending: Ending) -> tuple[str, str]:
    run, verdict = ending.run, ending.verdict
    unforeseen = run.hint == UNEXPECTED_HINT
    # The words of an error that nobody foresaw may hold anything, a value of the data included.
    what = f"An error that was not foreseen ({run.error.partition(':')[0]})" if unforeseen else run.error
    hint = run.hint
    if ending.paused:
        return what, _joined(hint, f"Then let it go on with `footfall jobs resume {run.job}`")
    if verdict.retry_at is not None:
        return what, _joined(hint, f"It is tried again at {verdict.retry_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC")
    return what, _joined(hint, f"The slot was given up; try it again with `footfall runs retry {run.id}`")


def _joined(first: str, second: str) -> str:
    return f"{first.rstrip('.')}. {second}" if first else second
