"""A transaction's log lines, read: which program emitted which event.

Events are what Anchor writes with `sol_log_data`: one base64 line. The same line may come from any program,
so the calls are followed and only the asked one's lines count.
"""

import binascii
from base64 import b64decode
from collections.abc import Iterable

from chimera.domain.ids import Address

PROGRAM = "Program "
DATA = "Program data: "
SUCCESS = " success"
LOG = "Program log: "
"""What follows is the program's own: it may look like the runtime's words."""


def events(logs: Iterable[str], program: Address) -> list[bytes]:
    """The program's events, in order; what follows a truncation is missing."""
    lines = list(logs)
    while lines and not lines[-1].startswith(DATA):
        lines.pop()  # who runs after the last event does not matter
    found: list[bytes] = []
    running: list[str] = []
    for line in lines:
        if line.startswith(DATA):
            if running and running[-1] == program:
                found += _decoded(line.removeprefix(DATA))
        elif line.endswith(SUCCESS):
            if running and line == f"{PROGRAM}{running[-1]}{SUCCESS}":
                running.pop()
        elif line.startswith(PROGRAM) and not line.startswith(LOG):
            words = line.split(" ", 3)
            if len(words) < 3:
                continue
            if words[2] == "invoke":
                running.append(words[1])
            elif words[2] == "failed:" and running and words[1] == running[-1]:
                running.pop()
    return found


def _decoded(text: str) -> list[bytes]:
    try:
        return [b64decode(text.split(" ", maxsplit=1)[0], validate=True)]
    except binascii.Error:
        return []  # cut off in the middle
