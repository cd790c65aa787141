"""What the fuzz starts from: real and made pools of every venue, whole, and executed transactions that swap on them.

Only what is in the repository, so that a run is the same everywhere.
"""

import gzip
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from tests.venues import (
    recorded,
    test_orca_whirlpool_transactions,
    test_pumpfun,
    test_pumpfun_transactions,
    test_pumpswap,
    test_pumpswap_transactions,
    test_raydium_amm_v4,
    test_raydium_cpmm,
)

from chimera import plugins
from chimera.domain.chain import Account, Instruction, TokenBalance, TransactionUpdate
from chimera.domain.ids import SYSTEM_PROGRAM, TOKEN_2022_PROGRAM, TOKEN_PROGRAM, Address, Signature, Slot
from chimera.localnet.programs import pump_accounts
from chimera.localnet.programs.pump_accounts import CurveState, PoolState
from chimera.onchain.anchor_events import EVENT_CALL
from chimera.onchain.keys import address_bytes, address_text
from chimera.ports.venue import Venue
from chimera.testing.contracts import PoolSample, fold, named, sample
from chimera.venues.meteora_dlmm import instructions as dlmm
from chimera.venues.meteora_dlmm.transactions import SWAP2_EVENT, SWAP_EVENT
from chimera.venues.pumpfun.layout import curve_address

ROWS = {
    "raydium_cpmm": "raydium_cpmm", "raydium_amm_v4": "raydium_amm_v4",
    "meteora_dlmm": "meteora_dlmm", "orca_whirlpool": "whirlpool",
}  # fmt: skip


class Material(msgspec.Struct, frozen=True):
    """One venue's."""

    venue: Venue[Any]
    samples: Sequence[PoolSample]
    pools: Sequence[Any]
    """The samples' pools, complete."""
    transactions: Sequence[TransactionUpdate]


def gathered() -> Mapping[str, Material]:
    """By venue; every installed venue must be among them."""
    found = {}
    for name, venue in plugins.venues().items():
        known = list(rows_of(venue, ROWS[name]) if name in ROWS else MADE[name]())
        found[name] = Material(
            venue, known, [complete(venue, one) for one in known], list(TRANSACTIONS[name]())
        )
    return found


def complete(venue: Venue[Any], known: PoolSample) -> Any:
    slot = int(known.moment.slot)
    bare = named(venue, venue.decode(known.accounts[known.pool], slot=slot), known)
    return fold(venue, bare, venue.roles(bare), known, slot)


def rows_of(venue: Venue[Any], name: str) -> Iterable[PoolSample]:
    """Every different state among the recorded cases that have an answer."""
    seen = set()
    with gzip.open(recorded.OWN / f"{name}.jsonl.gz") as lines:
        for row in map(json.loads, lines):
            text = json.dumps(row["accounts"], sort_keys=True)
            if "ok" not in row["expect"] or text in seen:
                continue
            seen.add(text)
            accounts = recorded.row_accounts(row)
            pool = next(account for account in accounts if venue.recognise(account)).address
            yield sample(accounts, pool, recorded.row_moment(row))


def curves() -> Iterable[PoolSample]:
    mint, creator = test_pumpfun.MINT, test_pumpfun.CREATOR
    for state in (
        CurveState(mint, creator=creator, real_quote=10**10),
        CurveState(mint, creator=creator, real_quote=10**10, creator_fee_bps=250),
        CurveState(mint, creator=creator, real_quote=10**10, mayhem=True),
    ):
        accounts = [
            pump_accounts.curve_account(state),
            test_pumpfun.mint_account(),
            *pump_accounts.genesis_accounts(),
        ]
        yield sample(accounts, curve_address(mint), test_pumpfun.NOW)


def pump_pools() -> Iterable[PoolSample]:
    base, creator = test_pumpswap.BASE, test_pumpswap.CREATOR
    for state in (
        PoolState(base, coin_creator=creator),
        PoolState(base, coin_creator=creator, cashback=True, virtual_quote=10**9),
        PoolState(base, creator=key(50), index=3, size=211, virtual_quote=0),
        PoolState(base, coin_creator=creator, mayhem=True, virtual_quote=-(10**9)),
    ):
        accounts = test_pumpswap.accounts_of(state, base=5 * 10**14, quote=10**11)
        yield sample(accounts.values(), state.address, test_pumpswap.NOW)


def cpmm_swaps() -> Iterable[TransactionUpdate]:
    seed = test_raydium_cpmm
    call, lines = seed.swap_instruction(), seed.invoked(seed.event_line())
    yield seed.transaction([call], lines)
    yield seed.transaction([ROUTE, call, call], [*lines, *lines])


def amm_swaps() -> Iterable[TransactionUpdate]:
    seed = test_raydium_amm_v4
    for tag, count in ((16, 8), (17, 8), (9, 17), (9, 18), (11, 18)):
        yield seed.executed(seed.call(tag, count), *seed.moves())
    yield seed.executed(
        ROUTE, seed.call(9, 18, depth=1), *seed.moves(2), seed.call(16, 8, depth=1), *seed.moves(2)
    )


def whirlpool_swaps() -> Iterable[TransactionUpdate]:
    seed = test_orca_whirlpool_transactions
    for version in (1, 2):
        for logs in ((seed.event(seed.POOL),), ()):
            yield seed.executed(seed.swap_call(version=version), *seed.MOVES, logs=logs)
        hops = (seed.event(seed.POOL), seed.event(key(50)))
        yield seed.executed(ROUTE, seed.two_hops(version=version), *seed.MOVES, logs=hops)


def dlmm_swaps() -> Iterable[TransactionUpdate]:
    """A call of each kind with its event in an instruction of its own, as the program emits it."""
    pool, user_output = key(60), key(61)
    numbers = b"".join(number.to_bytes(8, "little") for number in (1_000, 900))
    older = (
        SWAP_EVENT + address_bytes(pool) + address_bytes(key(62)) + bytes(8) + numbers + b"\x01" + bytes(48)
    )
    newer = SWAP2_EVENT + address_bytes(pool) + address_bytes(key(62)) + bytes(8) + b"\x01"
    newer += bytes(16) + numbers[:8] + bytes(8) + numbers[8:] + bytes(48)
    arrived = [TokenBalance(user_output, key(64), key(62), amount, 6) for amount in (0, 890)]
    for number, (kind, count) in enumerate(dlmm.ACCOUNTS_OF.items()):
        accounts = [key(100 + place) for place in range(count + 2)]
        accounts[dlmm.POOL_AT], accounts[dlmm.USER_OUTPUT_AT] = pool, user_output
        accounts[dlmm.PROGRAM_X_AT] = TOKEN_PROGRAM
        accounts[dlmm.PROGRAM_X_AT + 1] = TOKEN_2022_PROGRAM if number % 2 else TOKEN_PROGRAM
        call = Instruction(dlmm.PROGRAM, tuple(accounts), kind + bytes(24))
        paid = Instruction(
            TOKEN_2022_PROGRAM, (key(65), key(64), user_output, key(66)), b"\x0c" + numbers[8:] + b"\x06", 1
        )
        told = Instruction(dlmm.PROGRAM, (key(67),), EVENT_CALL + (newer if number > 3 else older), 1)
        yield TransactionUpdate(
            Signature("s"), Slot(4), 0, (key(62),), (call, paid, told), 5_000, (), (),
            (arrived[0],), (arrived[1],), (), 0, None,
        )  # fmt: skip


def curve_trades() -> Iterable[TransactionUpdate]:
    seed = test_pumpfun_transactions
    for name in ("buy", "buy_exact_sol_in", "buy_v2", "sell", "sell_v2"):
        event = seed.event(is_buy=name.startswith("buy"), cashback=3)
        yield seed.transaction([seed.call_of(name)], seed.logged(event))
        told = Instruction(seed.PROGRAM, (key(67),), EVENT_CALL + event, 2)
        yield seed.transaction([ROUTE, seed.call_of(name, depth=1), told], [])


def pump_pool_swaps() -> Iterable[TransactionUpdate]:
    seed = test_pumpswap_transactions
    for name in ("buy", "buy_exact_quote_in", "buy_v2", "sell", "sell_v2"):
        event = seed.event(kind=seed.BUY_EVENT if name.startswith("buy") else seed.SELL_EVENT)
        yield seed.transaction([seed.call_of(name)], seed.logged(event))
        told = Instruction(seed.PROGRAM, (key(67),), EVENT_CALL + event, 2)
        yield seed.transaction([ROUTE, seed.call_of(name, depth=1), told], [])


def key(number: int) -> Address:
    return address_text(number.to_bytes(32, "big"))


ROUTE = Instruction(key(77), (key(20),), b"route")
"""An aggregator's, around what follows it."""
ABSENT = Account(key(1), SYSTEM_PROGRAM, 0, b"")
MADE = {"pumpfun": curves, "pumpswap": pump_pools}
TRANSACTIONS = {
    "raydium_cpmm": cpmm_swaps,
    "raydium_amm_v4": amm_swaps,
    "orca_whirlpool": whirlpool_swaps,
    "meteora_dlmm": dlmm_swaps,
    "pumpfun": curve_trades,
    "pumpswap": pump_pool_swaps,
}
