"""Pools of which some accounts need not exist: what nobody made holds no liquidity, and does not keep it waiting."""

import gzip
import json
from base64 import b64decode
from pathlib import Path
from typing import Any

from chimera.domain.chain import Account, AccountUpdate
from chimera.domain.ids import Address, Slot
from chimera.market.view import MarketView
from chimera.plugins import venues
from chimera.roles.market_reads import absent
from chimera.testing.builders import AT_MS

ROWS = Path(__file__).parent.parent / "vectors" / "own" / "whirlpool.jsonl.gz"


def accounts() -> dict[str, Account]:
    with gzip.open(ROWS, "rt") as rows:
        row: dict[str, Any] = json.loads(next(iter(rows)))
    listed = row["accounts"].values()
    flat = [one for part in listed for one in (part if isinstance(part, list) else [part])]
    return {
        one["pubkey"]: Account(Address(one["pubkey"]), Address(one["owner"]), one.get("lamports", 1), b64decode(one["data_base64"]))
        for one in flat
    }  # fmt: skip


def test_tick_arrays_may_be_absent_and_vaults_may_not() -> None:
    venue = venues()["orca_whirlpool"]
    known = accounts()
    pool = next(account for account in known.values() if venue.recognise(account))
    view = MarketView({"orca_whirlpool": venue})
    view.see_slot(Slot(5), AT_MS)
    view.apply(AccountUpdate(pool, Slot(5), 0), AT_MS)
    roles = venue.roles(view.pools[pool.address].state)
    for role, address in roles.items():
        assert view.may_be_absent(address) is role.startswith("tick_array_")
    for role, address in roles.items():
        if role != "pool":
            given = absent(address) if role.startswith("tick_array_") else known[address]
            view.apply(AccountUpdate(given, Slot(5), 0), AT_MS)
    assert view.pools[pool.address].complete
    assert not view.wanted & set(roles.values())
