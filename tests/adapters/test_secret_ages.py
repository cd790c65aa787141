"""Ages of secrets: from files, from the table of keys, and of none that is unknown."""

import os
from pathlib import Path

from chimera.adapters.secret_ages import SecretAges
from chimera.adapters.store_engine import open_engine
from chimera.adapters.store_keys import SqlKeys
from chimera.ports.screens import SecretSeen

OWNER = "7xKXtg2CW87d97TXJSDpbD5jBkheTqA83TZRuJosgAsU"


def test_files_keys_and_what_nobody_knows(tmp_path: Path) -> None:
    vault = tmp_path / "vault.json"
    vault.write_text("sealed")
    os.utime(vault, ns=(0, 7_000_000))
    engine = open_engine(tmp_path / "chimera.db")
    keys = SqlKeys(engine)
    secret = keys.create_key(role="admin", identifier="ann", by="t", at_ms=5)
    keys.create_key(role="operator", identifier="bob", by="t", at_ms=6)
    keys.revoke(identifier="bob", at_ms=8)
    keys.add_wallet(OWNER, role="admin", identifier="ann", by="t", at_ms=9)
    found = SecretAges({"vault": vault, "login": None, "gone": tmp_path / "x"}, keys.all).look()
    engine.dispose()
    assert found == (
        SecretSeen(name="vault", kept="file", at_ms=7),
        SecretSeen(name="login", kept="", at_ms=None),
        SecretSeen(name="gone", kept="file", at_ms=None),
        SecretSeen(name="API key of ann (admin)", kept="table", at_ms=5),
    )
    assert secret not in repr(found)
