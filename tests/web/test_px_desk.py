"""Who waits for whom in the PX dialect."""

from __future__ import annotations

import asyncio
from dataclasses import fields
from threading import Event
from typing import Any

import pytest
from starlette.requests import Request

from footfall.model.audit import Actor
from footfall.web.px.desk import HEADER, WAITING_MAX, Px
from footfall.web.px.replies import Answered

ACTOR = Actor("key")
CALLED = Request({"type": "http", "headers": [(HEADER.encode(), b"k")]})


def desk() -> Px:
    """A deployment that knows one key; nobody asks it for anything else."""
    nothing: dict[str, Any] = dict.fromkeys(each.name for each in fields(Px) if each.init)
    return Px(**nothing | {"identify": lambda _: (ACTOR, "read"), "act_as": lambda _: None})


@pytest.mark.parametrize("busy", [{"writes": True}, {"actor": ACTOR}, {}])
def test_changes_that_wait_hold_up_neither_questions_nor_keys_and_the_other_way_round(busy: dict[str, Any]) -> None:
    async def meet() -> None:
        px, done = desk(), Event()
        waiting = [asyncio.create_task(px.work(done.wait, **busy)) for _ in range(WAITING_MAX)]
        try:
            await asyncio.sleep(0)
            with pytest.raises(Answered, match="Too many") as refused:
                await px.work(int, **busy)
            assert refused.value.status == 429
            assert await asyncio.wait_for(px.let_in(CALLED, "read"), 10) == ACTOR
            assert await asyncio.wait_for(px.work(lambda: "found", writes=not busy), 10) == "found"
        finally:
            done.set()
            await asyncio.gather(*waiting)

    asyncio.run(meet())
