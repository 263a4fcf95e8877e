"""A data directory remembers whose data it holds."""

from __future__ import annotations

from itertools import count
from uuid import UUID

import pytest

from footfall.config import load_settings, open_subscription
from footfall.errors import Damaged, Refused

GIVEN = "9b2f6f0e-5d0c-4c5a-9d0a-0d2a2f0f5a11"


@pytest.fixture
def start(tmp_path):
    drawn = count(1)

    def start(**flags):
        settings = load_settings(environment={}, data=tmp_path / "data", **flags)
        return open_subscription(settings, lambda: UUID(int=next(drawn)))

    return start


def test_the_first_start_decides_and_later_ones_agree(start):
    first = start(time_zone="Europe/Athens", subscription_id=GIVEN)
    assert (first.subscription_id, first.organization_id) == (UUID(GIVEN), UUID(int=1))
    assert first.time_zone == "Europe/Athens"
    assert start() == first
    assert start(time_zone="Europe/Athens") == first


def test_ids_are_drawn_once(start):
    assert start() == start()


@pytest.mark.parametrize(
    ("name", "value"),
    [("time_zone", "UTC"), ("subscription_id", GIVEN), ("organization_id", GIVEN)],
)
def test_another_identity_is_refused(start, name, value):
    first = start(time_zone="Europe/Athens")
    with pytest.raises(Refused, match=f"flag sets {name} to {value}, but the data in .* was collected with"):
        start(**{name: value})
    assert start() == first


def test_a_spoiled_file_is_damaged(start, tmp_path):
    start()
    (tmp_path / "data" / "subscription.json").write_text("{}")
    with pytest.raises(Damaged, match=r"subscription\.json"):
        start()


def test_nothing_else_is_left_in_the_directory(start, tmp_path):
    start()
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["subscription.json"]
