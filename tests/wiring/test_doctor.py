"""What the doctor finds in an installation that is well, and in one that is not. And what the inspector reads."""

import base64
import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.nats_server import NatsServer

from chimera.adapters.clocks import WallClock
from chimera.adapters.journal_file import JournalFile
from chimera.adapters.signers.vault import create
from chimera.adapters.store_engine import open_engine
from chimera.config import load
from chimera.domain.errors import ConfigError
from chimera.domain.messages import Noted
from chimera.localnet.genesis import genesis
from chimera.localnet.node import Node
from chimera.plugins import venues
from chimera.wiring.doctor import examine, judge_desk
from chimera.wiring.inspect import inspect_chain, inspect_file

PASSPHRASE = "a passphrase for the doctor"
CPMM = venues()["raydium_cpmm"]


def environ(folder: Path, node: Node, **more: str) -> dict[str, str]:
    return {
        "CHIMERA_DATA_DIR": str(folder),
        "CHIMERA_RPC__PRIMARY_URL": node.endpoints["rpc"],
        "CHIMERA_GEYSER__URL": node.endpoints["geyser"],
        "CHIMERA_SECURITY__WEBHOOK_SECRET": "5f" * 32,
        "CHIMERA_SECURITY__VAULT_PASSPHRASE": PASSPHRASE,
        "CHIMERA_API__PORT": "0",
        **more,
    }


async def findings(folder: Path, node: Node, **more: str) -> dict[str, tuple[str, str]]:
    found = await examine(load([], environ(folder, node, **more)))
    return {finding.name: (finding.status, finding.said) for finding in found}


def installed(folder: Path) -> None:
    create(folder / "vault.json", PASSPHRASE)
    journal, _ = JournalFile.open(folder / "journal", clock=WallClock(), run_id="r")
    journal.append(Noted("x"))
    journal.close()
    open_engine(folder / "chimera.db").dispose()


async def test_a_sound_installation_fails_nothing(node: Node, tmp_path: Path) -> None:
    installed(tmp_path)
    found = await findings(tmp_path, node)
    assert {name for name, (status, _) in found.items() if status == "fail"} == set(), found
    assert found["journal"] == ("ok", "1 entries, chain unbroken")
    assert "write-ahead log on" in found["database"][1]
    assert "10 of 10 calls" in found["rpc"][1]
    assert found["geyser"][0] == "ok"
    assert found["clock"][0] == "ok"
    assert found["vault"][1].endswith("opens")


async def test_each_thing_that_is_wrong_is_named(node: Node, tmp_path: Path) -> None:
    installed(tmp_path)
    segment = next(path for path in (tmp_path / "journal").iterdir() if b'"x"' in path.read_bytes())
    segment.write_bytes(segment.read_bytes().replace(b'"x"', b'"y"'))
    database = tmp_path / "chimera.db"
    for left in tmp_path.glob("chimera.db-*"):
        left.unlink()
    database.write_bytes(b"no database at all" * 100)
    (tmp_path / "vault.json").chmod(0o644)
    found = await findings(
        tmp_path,
        node,
        CHIMERA_RPC__FALLBACK_URL="http://127.0.0.1:1",
        CHIMERA_GEYSER__URL="http://127.0.0.1:1",
    )
    wrong = {name for name, (status, _) in found.items() if status == "fail"}
    assert wrong == {"journal", "database", "vault", "rpc fallback", "geyser"}
    assert "chmod 600" in found["vault"][1]
    assert "0 of 10" in found["rpc fallback"][1]


async def test_the_bus_is_asked_where_there_is_to_be_one(node: Node, tmp_path: Path) -> None:
    installed(tmp_path)
    assert (await findings(tmp_path, node))["nats"] == ("ok", "none set: all roles in one process")
    server = NatsServer(tmp_path)
    await server.start()
    url = server.url.replace("//", "//somebody:hunter2@")
    status, said = (await findings(tmp_path, node, CHIMERA_NATS__URL=url))["nats"]
    assert (status, "POOL_CACHE not made yet" in said, "hunter2" in said) == ("ok", True, False)
    server.kill()
    status, said = (await findings(tmp_path, node, CHIMERA_NATS__URL=url))["nats"]
    assert (status, "hunter2" in said) == ("fail", False)


async def test_a_wrong_passphrase_is_found(node: Node, tmp_path: Path) -> None:
    installed(tmp_path)
    found = await findings(tmp_path, node, CHIMERA_SECURITY__VAULT_PASSPHRASE="another one")
    assert found["vault"][0] == "fail"
    assert "wrong passphrase" in found["vault"][1]


async def test_a_database_without_its_write_ahead_log_is_found(node: Node, tmp_path: Path) -> None:
    installed(tmp_path)
    with sqlite3.connect(tmp_path / "chimera.db") as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
    found = await findings(tmp_path, node)
    assert found["database"][0] == "fail"
    assert "not wal" in found["database"][1]


MARKET: dict[str, Any] = {
    "received": 10, "passed": 6, "held": 1, "dropped": {"stale_account": 3}, "gaps": 0, "pools_quarantined": 0,
}  # fmt: skip


@pytest.mark.parametrize(
    ("status", "market", "expected", "said"),
    [
        ("healthy", MARKET, "ok", "3 stale_account"),
        ("degraded", MARKET, "warn", "degraded"),
        ("healthy", {**MARKET, "passed": 5}, "fail", "1 are unaccounted for"),
        (
            "healthy",
            {**MARKET, "pools_quarantined": 1, "quarantine_reasons": ["cpmm X: short"]},
            "warn",
            "cpmm X: short",
        ),
        ("healthy", {}, "warn", "needs a key"),
    ],
)
def test_a_running_desks_counts_must_add_up(
    status: str, market: dict[str, Any], expected: str, said: str
) -> None:
    judged, words = judge_desk({"status": status, "market": market})
    assert judged == expected
    assert said in words


def test_the_command_line_prints_a_line_a_check_and_its_exit_code_says_whether_to_trade(
    tmp_path: Path,
) -> None:
    surroundings = {
        "PATH": os.environ["PATH"],
        "CHIMERA_DATA_DIR": str(tmp_path),
        "CHIMERA_RPC__PRIMARY_URL": "http://127.0.0.1:1",
        "CHIMERA_GEYSER__URL": "http://127.0.0.1:1",
    }
    done = subprocess.run(
        [sys.executable, "-m", "chimera", "doctor", "--json"],
        capture_output=True, text=True, cwd=tmp_path, env=surroundings, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    said = {found["check"]: found["status"] for found in map(json.loads, done.stdout.splitlines())}
    assert (said["vault"], said["rpc"], said["geyser"], said["disk"]) == ("fail", "fail", "fail", "ok")


# the inspector


def a_pool() -> Any:
    return next(
        account
        for account in genesis(7).accounts
        if str(account.owner) == CPMM.program and len(account.data) >= 637
    )


@pytest.mark.parametrize("form", ["answer", "value", "solana", "base64", "bytes"])
def test_an_account_is_read_from_every_form_of_file(tmp_path: Path, form: str) -> None:
    pool = a_pool()
    text = base64.b64encode(bytes(pool.data)).decode()
    value = {"data": [text, "base64"], "owner": str(pool.owner), "lamports": 5}
    written: dict[str, bytes] = {
        "answer": json.dumps({"jsonrpc": "2.0", "id": 1, "result": {"context": {}, "value": value}}).encode(),
        "value": json.dumps(value).encode(),
        "solana": json.dumps({"pubkey": str(pool.address), "account": value}).encode(),
        "base64": text.encode() + b"\n",
        "bytes": bytes(pool.data),
    }
    path = tmp_path / "account"
    path.write_bytes(written[form])
    (found,) = inspect_file(path, owner=None, address=None).accounts
    assert found.kind == "raydium_cpmm pool"
    assert found.understood


@pytest.mark.parametrize(
    "content", [b'{"result": {"value": null}}', b'{"error": {"code": -32602}}', b"[1, 2]"]
)
def test_a_file_that_holds_neither_account_nor_transaction_is_refused_by_name(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "odd.json"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"odd\.json"):
        inspect_file(path, owner=None, address=None)


async def test_nonsense_and_absent_addresses_are_refused(node: Node) -> None:
    for what, match in (("not an address", "neither"), ("1" * 31 + "2", "no such account")):
        with pytest.raises(ConfigError, match=match):
            await inspect_chain(what, node.endpoints["rpc"])
