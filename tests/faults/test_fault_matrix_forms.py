"""The fault matrix over what files may be beyond plain text: Parquet, keys of templates, archives, encryption.

Each fault meets some calls of each export, another fault others; FOOTFALL_FAULT_CALLS says how many, 0 means all.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from deliveries import Deliveries
from fault_matrix import DIALECTS, calm, live_through
from fault_proxy import FaultProxy

from faults import FAULTS, ON_THE_WAY, SLOW
from footfall.buckets.s3 import AWS, GCS, Dialect

pytestmark = pytest.mark.usefixtures("small_parts_and_no_waiting")
REPEATABLE = (
    "rollups as Parquet by hive", "rollups zipped by product", "activity as Parquet by key",
    "activity zipped by product", "app events as Parquet by hive", "audience as Parquet by hive",
)  # fmt: skip
SEALED = (
    "rollups encrypted", "activity encrypted", "app events encrypted by event", "audience encrypted",
    "activity encrypted in parts",
)  # fmt: skip
# How many calls a fault meets; encrypting costs a process each time.
USUAL = {**dict.fromkeys(REPEATABLE, 4), **dict.fromkeys(SEALED, 2)}
MATRIX = [
    pytest.param(kind, fault, dialect, once, id=f"{dialect}-{kind}-{fault}{'-once' if once else ''}")
    for dialect in ("aws", "gcs")
    for kind in USUAL
    for fault in FAULTS
    for once in (False, True)
    if (dialect == "aws" and once == (fault in SLOW))
    or (fault in ON_THE_WAY and fault not in SLOW and once == (dialect == "aws"))
]
SAMPLE = [
    pytest.param(*each, id=f"{each[1]}-{each[0]}")
    for each in (
        ("rollups as Parquet by hive", "reset after apply"),
        ("app events as Parquet by hive", "flipped bit"),
        ("activity encrypted", "reset after apply"),
        ("audience encrypted", "truncated answer"),
    )
]


@pytest.mark.parametrize(("kind", "fault"), SAMPLE)
def test_a_fault_at_some_call_ends_in_the_right_bytes_once(
    kind: str, fault: str, exports: Deliveries, proxies: Callable[[Dialect], FaultProxy]
) -> None:
    live_through(kind, fault, "generic", exports, proxies(DIALECTS["generic"]), False, usual=2)


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "fault", "dialect", "once"), MATRIX)
def test_every_fault_at_calls_of_every_export_ends_in_the_right_bytes_once(
    kind: str, fault: str, dialect: str, once: bool, exports: Deliveries, proxies: Callable[[Dialect], FaultProxy]
) -> None:
    live_through(kind, fault, dialect, exports, proxies(DIALECTS[dialect]), once, usual=USUAL[kind])


@pytest.mark.parametrize("kind", USUAL)
def test_it_works_where_all_is_refused_that_google_refuses(
    kind: str, exports: Deliveries, proxies: Callable[[Dialect], FaultProxy]
) -> None:
    at_google, at_amazon = (calm(kind, each.name, exports, proxies(each)) for each in (GCS, AWS))
    assert at_google.texts == at_amazon.texts
    assert at_google.stored.keys() == at_amazon.stored.keys()
    assert len(at_google.stored) >= 2
    if kind in REPEATABLE:
        assert at_google.stored == at_amazon.stored
