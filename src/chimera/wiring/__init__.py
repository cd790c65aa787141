"""The composition root: the only reader of Settings and the only one that touches a signer. It holds no rules."""

from chimera.wiring.house import House, build
from chimera.wiring.identity import (
    add_admin,
    create_key,
    forget_factor,
    list_people,
    revoke_admin,
    revoke_key,
)
from chimera.wiring.outside import api_url, data_dir, observing, open_signer, vault_path
from chimera.wiring.run import run

__all__ = [
    "House",
    "add_admin",
    "api_url",
    "build",
    "create_key",
    "data_dir",
    "forget_factor",
    "list_people",
    "observing",
    "open_signer",
    "revoke_admin",
    "revoke_key",
    "run",
    "vault_path",
]
