"""Commands on their way from a request to whoever performs them: why, by whom, and what became of it."""

from fastapi import Request

from chimera.control.answers import read_body
from chimera.control.context import context
from chimera.control.schemas import Because
from chimera.control.wire import Problem
from chimera.domain.commands import Answer, Command, ResetBreaker, ResetKill

REASON_LENGTH_MAX = 500
STATUS = {
    "UNKNOWN": 404,
    "NOT_ACTIVE": 409,
    "VALIDATION_FAILED": 400,
    "UNSUPPORTED": 501,
    "UNREACHABLE": 503,
}
RESETS = (ResetBreaker, ResetKill)


async def cause_of(request: Request) -> str:
    """Why, from a body that holds nothing else; a Problem where it does not say."""
    return printable((await read_body(request, Because)).reason)


def printable(text: str) -> str:
    """One printable line: it ends up in the journal, in logs and on screens."""
    line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    if not line:
        raise Problem(400, "Say why: reason must not be empty.", code="INVALID_BODY")
    return line[:REASON_LENGTH_MAX]


async def perform(request: Request, command: Command) -> Answer:
    """What became of a command; a Problem where it was refused."""
    around = context(request)
    done = await around.deps.commands.perform(command)
    around.deps.observer.command_performed(
        command=type(command).__name__, by=command.by, ok=done.ok, code=done.code
    )
    if not done.ok:
        details = {"before": done.before} if done.before else {}
        idle = done.code == "NOT_ACTIVE" and isinstance(command, RESETS)  # nothing to reset: a wrong request
        status = 400 if idle else STATUS.get(done.code, 409)
        raise Problem(status, done.message or done.code, code=done.code, details=details)
    return done
