"""Windows that a rehearsal would fix: the real ledger is read, and nothing is written to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from footfall.model.windows import FIRST_SEQ, Window, Written
from footfall.ports import Windows


class RehearsedWindows:
    """See ``ports.Windows``; what is fixed, noted and closed is kept to itself."""

    def __init__(self, real: Windows) -> None:
        self._real = real
        self._own: dict[tuple[str, int], Window] = {}

    def fix(self, job: str, to_seq: int, at: datetime, mark: str = "") -> Window:
        """As the real one would; a slot that was delivered is not rehearsed as if it had not been."""
        last = self.last(job)
        if last is not None and not last.closed:
            return last
        if mark:
            for window in reversed(self.all(job)):
                if window.mark == mark:
                    return window
        begin = FIRST_SEQ if last is None else last.to_seq
        window = Window(job, 1 if last is None else last.number + 1, begin, max(begin, to_seq), at, mark)
        return self._keep(window)

    def note(self, window: Window, written: Written | None) -> Window:
        return self._keep(replace(window, written=written))

    def close(self, window: Window, manifest_key: str = "", manifest_sha256: str = "") -> Window:
        done = replace(window, closed=True, manifest_key=manifest_key, manifest_sha256=manifest_sha256)
        return self._keep(done)

    def last(self, job: str) -> Window | None:
        windows = self.all(job)
        return windows[-1] if windows else None

    def delivered_to(self, job: str) -> int:
        return max((window.to_seq for window in self.all(job) if window.manifest_key), default=FIRST_SEQ)

    def all(self, job: str) -> Sequence[Window]:
        found = {window.number: window for window in self._real.all(job)}
        found |= {number: window for (name, number), window in self._own.items() if name == job}
        return [found[number] for number in sorted(found)]

    def _keep(self, window: Window) -> Window:
        self._own[window.job, window.number] = window
        return window
