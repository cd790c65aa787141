"""What the control plane is plugged into: ports and plain values, nothing that trades."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chimera.control.sessions import Identity
from chimera.domain.ids import Address
from chimera.domain.messages import Entry
from chimera.observe import Observer
from chimera.ports.answers import Answers
from chimera.ports.configuration import Configuration
from chimera.ports.ingress import Ingress
from chimera.ports.portfolios import Portfolios
from chimera.ports.runtime import Clock, Commands, LiveStream
from chimera.ports.screens import Resources, Screens, Secrets, Statistics
from chimera.ports.store import Keys, Reader

STATIC = Path(__file__).parent / "static"
"""Where the dashboard's build goes."""


@dataclass(frozen=True, kw_only=True)
class ControlDeps:
    ingress: Ingress
    reader: Reader
    keys: Keys
    commands: Commands
    stream: LiveStream
    history: Callable[[int], Iterator[Entry]]
    """`Journal.read`: entries from a sequence number on."""
    decimals: Callable[[Address], int | None]
    """A mint's decimals, None where it is not known (yet)."""
    config: Callable[[], Mapping[str, Any]]
    """What GET /api/v1/config shows, without `rpc_status.active`; built where settings may be read."""
    clock: Clock
    observer: Observer
    label: str
    """What kind of house this is, for people: localnet, live and so on."""
    configuration: Configuration | None = None
    """Settings that may change while the house runs; None: none may."""
    screens: Screens | None = None
    """Markets and strategies; None where there is nothing to look at."""
    statistics: Statistics | None = None
    portfolios: Portfolios | None = None
    resources: Resources | None = None
    secrets: Secrets | None = None
    """How old they are; None: nobody knows."""
    answers: Answers | None = None
    """Where answers to mutations are kept over a restart; None: in memory alone."""
    identity: Identity | None = None
    """How people log in by wallet; None: by API key alone."""
    dev: bool = False
    """Signatures of webhooks are not checked; shown on every page."""
    journal_trouble: Callable[[], str | None] = lambda: None
    """Why the journal takes nothing more, or None."""
    public_health: bool = True
    """Whether the full health goes to callers without a key."""
    body_bytes_max: int = 65_536
    calls_per_minute: int = 1_000
    """A key's, or an address's without one."""
    keys_asked_again_s: float = 10.0
    """How often a WebSocket's key or token is looked up anew."""
    static: Path = field(default=STATIC)
