"""The composition root: the only reader of Settings and the only one that touches a signer. It holds no rules."""

from chimera.wiring.house import House, build
from chimera.wiring.outside import create_key, data_dir, observing, open_signer, vault_path
from chimera.wiring.run import run

__all__ = ["House", "build", "create_key", "data_dir", "observing", "open_signer", "run", "vault_path"]
