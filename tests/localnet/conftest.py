"""A whole embedded node for the tests of its fronts, on free ports, with short slots."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from chimera.localnet.node import Node, NodeOptions


@pytest.fixture
async def node() -> AsyncIterator[Node]:
    """Running, slots of 50 ms, confirmed after 2 and final after 8, nothing but the essentials at genesis."""
    options = NodeOptions(
        slot_ms=50,
        rpc_port=0,
        ws_port=0,
        geyser_port=0,
        jito_port=0,
        admin_port=0,
        finalized_lag_slots=8,
    )
    async with Node(options, genesis=()) as running:
        ticking = asyncio.create_task(running.clock.run())
        yield running
        ticking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await ticking
