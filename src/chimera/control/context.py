"""What routes share: put together once by `create_app`, reached through the request."""

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


def context(request: Request) -> Context:
    return cast(Context, request.app.state.context)
