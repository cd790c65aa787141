"""The running desk, for commands that ask or change it through its API as any script would."""

import os
from typing import TYPE_CHECKING

from chimera.domain.errors import ConfigError

if TYPE_CHECKING:
    from chimera.demo.desk_client import DeskClient

DESK_URL = "http://127.0.0.1:8080"


def desk_client(url: str) -> "DeskClient":
    """A client with the key from CHIMERA_API_KEY; raises ConfigError where there is none."""
    from chimera.demo.desk_client import DeskClient

    key = os.environ.get("CHIMERA_API_KEY", "")
    if not key:
        raise ConfigError(
            "no API key: set CHIMERA_API_KEY; `chimera keys create NAME --role operator` makes one"
        )
    return DeskClient(url, key)
