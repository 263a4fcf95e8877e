"""What tests of faults share: the exports to be disturbed, and what disturbs them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import SimpleNamespace

import pytest
import weed
from deliveries import Deliveries, deliveries
from fault_matrix import BUCKET
from fault_proxy import FaultProxy
from fronts import GoogleFront

from footfall.buckets.s3 import GCS, Dialect


@pytest.fixture(scope="module")
def exports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deliveries]:
    with deliveries(tmp_path_factory.mktemp("deliveries")) as made:
        yield made


@pytest.fixture(scope="session")
def proxies() -> Iterator[Callable[[Dialect], FaultProxy]]:
    """One before the server as it is, one before a server that is as strict as Google."""
    weed.server().bucket(BUCKET)
    plain, google = FaultProxy(weed.server().url), GoogleFront(weed.server().url)
    yield lambda dialect: google if dialect is GCS else plain
    plain.close()
    google.close()


@pytest.fixture
def small_parts_and_no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("footfall.buckets.s3_parts.PART_BYTES", 5 << 20)
    monkeypatch.setattr("footfall.buckets.clients.TRIES", 2)
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda _: None))
