"""What routes share: put together once by `create_app`, reached through the request."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from fastapi import Request

from chimera.control.auth import Doorkeeper
from chimera.control.deps import ControlDeps
from chimera.control.health import Judge
from chimera.control.stream import Stream


@dataclass(frozen=True)
class Context:
    deps: ControlDeps
    stream: Stream
    judge: Judge
    doorkeeper: Doorkeeper


CATCH_UP_TRIES, CATCH_UP_STEP_S = 20, 0.05  # the recorder folds several times a second


def context(request: Request) -> Context:
    return cast(Context, request.app.state.context)


async def caught_up(around: Context, *, until: Callable[[], bool] | None = None) -> None:
    """Returns once the tables know what has happened so far, or `until` holds; after a second in any case.

    Who asks has often just been told of it, and the tables follow a moment later. `until` is called in a thread.
    """
    seen, reader = around.stream.replica.seq, around.deps.reader
    for _ in range(CATCH_UP_TRIES):
        if await asyncio.to_thread(until if until is not None else lambda: reader.last_seq() >= seen):
            return
        await asyncio.sleep(CATCH_UP_STEP_S)
