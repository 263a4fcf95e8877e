"""Find out whether a place can be used, one step at a time, and what to change where it cannot.

A policy of ``s3:PutObject`` alone is enough for exports, so most steps may be denied without harm; each then says what
is lost by it. What the credentials may do beyond their need is a warning.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from footfall.errors import Denied, FootfallError
from footfall.model.people_inbox import CURRENT, PROCESSED
from footfall.model.policies import Use
from footfall.ports import Probe


class Outcome(StrEnum):
    """How a step ended. ``denied`` is a matter of permissions, ``failed`` of anything else."""

    OK = "ok"
    DENIED = "denied"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Step:
    """One step. needed: without it the place cannot be used. found: what was seen, or the cause of a failure.

    advice: what to change, or what is lost without the step.
    """

    name: str
    outcome: Outcome
    needed: bool
    found: str = ""
    advice: str = ""


@dataclass(slots=True)
class Findings:
    """What came of it. file: the test object's key. warnings: what should be changed though all works."""

    url: str
    use: Use
    file: str
    steps: list[Step] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Everything that is needed works; nothing that is not permitted was needed; nothing failed."""
        return not any(
            step.outcome is Outcome.FAILED or (step.needed and step.outcome is not Outcome.OK) for step in self.steps
        )

    @property
    def cause(self) -> str:
        """Why the place cannot be used: the first step that went wrong; empty when it can."""
        wrong = (
            step
            for step in self.steps
            if step.outcome is Outcome.FAILED or (step.needed and step.outcome is Outcome.DENIED)
        )
        step = next(wrong, None)
        return "" if step is None else f"{step.name}: {step.found}. {step.advice}".strip()

    def went(self, name: str) -> Outcome | None:
        return next((step.outcome for step in self.steps if step.name == name), None)


_NEEDED: Final = {
    Use.EXPORT: ("resolve", "authenticate", "write", "multipart"),
    Use.IMPORT: ("resolve", "authenticate", "list", "read back"),
    Use.MOVE: ("resolve", "authenticate", "write", "read back", "list", "multipart", "delete"),
}
# What is lost when a step that is not needed is denied.
_WITHOUT: Final = {
    "read back": "Not needed. With it every upload is compared with what was sent, and a repeated delivery recognised",
    "list": "Not needed to deliver. `footfall verify` needs it",
    "abort": "Not needed, but then add a lifecycle rule that aborts incomplete uploads after some days",
    "delete": "Not needed: deliveries delete nothing. Delete the test file {file} yourself",
    "encryption": "Not needed. Without it nobody can see how what was written is encrypted",
}
_AFTER: Final = "a step before it did not work"


def check_access(
    probe: Probe, use: Use, *, name: str, at: datetime, say: Callable[[Step], None] = lambda _: None
) -> Findings:
    """Try every step at a place and return what came of it; never raises for what the place does.

    name: of the test file, with ``{timestamp}`` in it, which ``at`` fills (UTC, ``20261121T080000Z``).
    say: told of each step when it is over.
    """
    file = name.replace("{timestamp}", f"{at:%Y%m%dT%H%M%SZ}")
    file = f"{PROCESSED}{file}" if use is Use.MOVE else file
    findings = Findings(probe.url, use, file)
    body = f"Footfall wrote this file at {at:%Y-%m-%d %H:%M:%S}Z to check its access. It can be deleted.\n".encode()
    steps = _import(probe, findings) if use is Use.IMPORT else _export(probe, findings, body)
    for step in steps:
        findings.steps.append(step)
        say(step)
    if use is Use.MOVE:
        _clean_up(probe, findings)
    if findings.went("authenticate") is Outcome.OK:
        findings.warnings.extend(probe.excess(file, writes=use is not Use.IMPORT))
        if use is not Use.MOVE and findings.went("delete") is Outcome.OK:
            findings.warnings.append("The key may delete objects, which exports never do (s3:DeleteObject)")
    return findings


def _export(probe: Probe, findings: Findings, body: bytes) -> Iterator[Step]:
    file = findings.file
    yield _step(findings, "resolve", probe.resolve)
    yield _step(findings, "authenticate", probe.authenticate, after="resolve")
    yield _step(findings, "write", lambda: probe.write(file, body), after="authenticate")
    yield _step(findings, "encryption", lambda: probe.encryption(file), after="write")
    yield _step(findings, "read back", lambda: probe.read(file, body), after="write")
    yield _step(findings, "list", lambda: probe.list(file), after="write")
    yield _step(findings, "multipart", lambda: probe.upload(file), after="write")
    yield _step(findings, "abort", lambda: probe.abort(file), after="multipart")
    # Of a folder whose files are moved, what is granted is deleting from current/; of nothing that is there.
    gone = CURRENT + file.removeprefix(PROCESSED) if findings.use is Use.MOVE else file
    yield _step(findings, "delete", lambda: probe.delete(gone), after="write")


def _clean_up(probe: Probe, findings: Findings) -> None:
    """The test file lies where nothing needs to be deleted."""
    if findings.went("write") is not Outcome.OK:
        return
    try:
        probe.delete(findings.file)
    except FootfallError:
        findings.warnings.append(f"The test file {findings.file} could not be deleted; delete it yourself")


def _import(probe: Probe, findings: Findings) -> Iterator[Step]:
    yield _step(findings, "resolve", probe.resolve)
    yield _step(findings, "authenticate", probe.authenticate, after="resolve")
    found: list[str] = []

    def first() -> str:
        found.extend(key for key in (probe.first(),) if key is not None)
        return found[0] if found else "nothing is there yet"

    yield _step(findings, "list", first, after="authenticate")
    if findings.went("list") is Outcome.OK and not found:
        yield Step("read back", Outcome.SKIPPED, False, "nothing is there to read", "Check again when a file is there")
    else:
        yield _step(findings, "read back", lambda: probe.read(found[0], None), after="list")
    for name in ("write", "encryption", "multipart", "abort", "delete"):
        yield Step(name, Outcome.SKIPPED, False, "imports do not write")


def _step(findings: Findings, name: str, call: Callable[[], str | None], *, after: str = "") -> Step:
    """Try one step. ``after``: the step without which this one makes no sense."""
    needed = name in _NEEDED[findings.use]
    if after and not _passed(findings, after):
        return Step(name, Outcome.SKIPPED, needed, _AFTER)
    try:
        found = call()
    except Denied as error:
        advice = error.hint if needed else _WITHOUT.get(name, error.hint)
        grant = f" ({error.action})" if error.action and not needed else ""
        return Step(name, Outcome.DENIED, needed, error.what, advice.format(file=findings.file) + grant)
    except FootfallError as error:
        return Step(name, Outcome.FAILED, needed, error.what, error.hint)
    except KeyError:
        return Step(name, Outcome.FAILED, needed, "what was written is not there", "Do not use this server")
    if found is None:
        return Step(name, Outcome.SKIPPED, False, "there is no such thing here")
    return Step(name, Outcome.OK, needed, found)


def _passed(findings: Findings, name: str) -> bool:
    """Did a step end well, or was there nothing to do in it?"""
    step = next(step for step in findings.steps if step.name == name)
    return step.outcome is Outcome.OK or (step.outcome is Outcome.SKIPPED and not step.needed)
