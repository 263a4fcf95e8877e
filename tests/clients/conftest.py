"""Tests of Node clients run where Node.js and npm are; elsewhere they are skipped, and the count is printed."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator

import pytest
from programs import CutOnce

MISSING = [tool for tool in ("node", "npm") if shutil.which(tool) is None]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if MISSING:
        for item in items:
            if item.get_closest_marker("node") is not None:
                item.add_marker(pytest.mark.skip(reason=f"{' and '.join(MISSING)} not installed"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = [r for r in terminalreporter.stats.get("skipped", []) if "tests/clients/" in r.nodeid]
    if skipped:
        terminalreporter.write_line(f"{len(skipped)} tests of Node clients skipped: no {' and no '.join(MISSING)}")


@pytest.fixture
def cutting() -> Iterator[Callable[[int], CutOnce]]:
    made: list[CutOnce] = []

    def make(port: int) -> CutOnce:
        made.append(CutOnce(port))
        made[-1].start()
        return made[-1]

    yield make
    for one in made:
        one.close()
