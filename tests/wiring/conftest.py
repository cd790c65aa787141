"""A bare embedded node for tests of what looks at an installation from outside."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from chimera.localnet.node import Node, NodeOptions


@pytest.fixture
async def node() -> AsyncIterator[Node]:
    """Running on free ports with slots of 50 ms."""
    options = NodeOptions(slot_ms=50, rpc_port=0, ws_port=0, geyser_port=0, jito_port=0, admin_port=0)
    async with Node(options, genesis=()) as running:
        ticking = asyncio.create_task(running.clock.run())
        yield running
        ticking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await ticking
