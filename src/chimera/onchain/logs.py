"""A transaction's log lines, read: which program emitted which event.

Events are what Anchor writes with `sol_log_data`: one base64 line. The same line may come from any program,
so the calls are followed and only the asked one's lines count.
"""

import binascii
from base64 import b64decode
from collections.abc import Iterable

from chimera.domain.ids import Address

DATA = "Program data: "


def events(logs: Iterable[str], program: Address) -> list[bytes]:
    """The program's events, in order; what follows a truncation is missing."""
    found: list[bytes] = []
    running: list[str] = []
    for line in logs:
        if line.startswith(DATA):
            if running and running[-1] == program:
                found += _decoded(line.removeprefix(DATA))
            continue
        words = line.split(" ", 3)
        if len(words) < 3 or words[0] != "Program":
            continue
        if words[2] == "invoke":
            running.append(words[1])
        elif running and words[1] == running[-1] and words[2] in ("success", "failed:"):
            running.pop()
    return found


def _decoded(text: str) -> list[bytes]:
    try:
        return [b64decode(text.split(" ", maxsplit=1)[0], validate=True)]
    except binascii.Error:
        return []  # cut off in the middle
