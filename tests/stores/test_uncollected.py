"""The collector rests while many small objects are made, and works again afterwards."""

from __future__ import annotations

import gc
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from footfall.stores.uncollected import uncollected


def test_the_collector_works_again_when_the_last_one_leaves() -> None:
    both_in, one_out = Barrier(2, timeout=10), Barrier(2, timeout=10)

    def first() -> None:
        with uncollected():
            both_in.wait()
        one_out.wait()

    def second() -> bool:
        with uncollected():
            both_in.wait()
            one_out.wait()
            return gc.isenabled()

    with ThreadPoolExecutor(2) as threads:
        threads.submit(first)
        assert threads.submit(second).result() is False
    assert gc.isenabled()


def test_a_failure_leaves_it_as_it_was() -> None:
    with pytest.raises(ValueError, match="wrong"), uncollected():
        raise ValueError("wrong")
    assert gc.isenabled()
    gc.disable()
    try:
        with uncollected():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
