"""The running desk, for commands that ask or change it through its API as any script would."""

import os
from typing import TYPE_CHECKING

from chimera.domain.errors import ConfigError

if TYPE_CHECKING:
    from chimera.demo.desk_client import DeskClient

DESK_URL = "http://127.0.0.1:8080"


def desk_client(url: str, *, timeout_s: float | None = None) -> "DeskClient":
    """A client with the key from CHIMERA_API_KEY; raises ConfigError where there is none.

    `timeout_s`: for what takes longer than a call usually does.
    """
    from chimera.demo.desk_client import TIMEOUT_S, DeskClient

    key = os.environ.get("CHIMERA_API_KEY", "")
    if not key:
        raise ConfigError(
            "no API key: set CHIMERA_API_KEY; `chimera keys create NAME --role operator` makes one"
        )
    return DeskClient(url, key, timeout_s=timeout_s or TIMEOUT_S)
