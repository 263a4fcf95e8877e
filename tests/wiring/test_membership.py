"""What is asked of the audiences of a deployment."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from footfall.config import load_settings
from footfall.errors import Unavailable
from footfall.wiring import Footfall
from footfall.wiring.membership import Looks

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)


def test_one_look_at_a_time_takes_the_memory_of_one(tmp_path: Path) -> None:
    looks: list[Looks] = []
    refused: list[Unavailable] = []

    def clock() -> datetime:
        """A look asks when it is: meanwhile somebody else wants one."""
        if looks and not refused:
            with pytest.raises(Unavailable, match="somebody looks at audiences already") as found:
                looks[0].count((), NOW)
            refused.append(found.value)
        return NOW

    with Footfall.open(load_settings(data=tmp_path / "data", environment={}), clock=clock) as hub:
        looks.append(Looks(hub, wait_s=0.0))
        assert looks[0].count(()) == ({}, {}, 0)
        assert [error.retry_after_s for error in refused] == [5]
        assert looks[0].count(()) == ({}, {}, 0)
