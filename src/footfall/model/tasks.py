"""Work that a person asked the server for and that takes longer than a request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

KINDS: Final = (
    "rehearsal",
    "access_check",
    "verification",
    "day_close",
    "channel_test",
    "import_undo",
    "import_preview",
)
STATES: Final = ("waiting", "running", "succeeded", "failed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One piece of work. subject: what it is about. by: who asked, as the audit log names them.

    result: what was found, as JSON has it, when it succeeded; a check that found something wrong succeeded.
    error, hint: why it failed and what to do about it; empty otherwise.
    """

    id: str
    kind: str
    subject: str
    by: str
    asked_at: datetime
    state: str = "waiting"
    ended_at: datetime | None = None
    result: Mapping[str, Any] | None = None
    error: str = ""
    hint: str = ""
