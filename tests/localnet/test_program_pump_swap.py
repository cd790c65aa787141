"""PumpSwap on the embedded chain: every swap on every kind of pool ends as our verified quotes say."""

import random

import msgspec
import pytest
from tests.localnet.pump_lab import (
    CREATOR,
    MINT,
    QUOTE_HELD,
    SOL,
    USER,
    Lab,
    ask,
    launch,
    lp_mint_of,
    swap_as_quoted,
)

from chimera.domain.ids import (
    SYSTEM_PROGRAM,
    TOKEN_2022_PROGRAM,
    TOKEN_PROGRAM,
    WSOL,
    Address,
)
from chimera.domain.pool import SwapKind
from chimera.localnet.programs import pump_accounts, pump_launch
from chimera.localnet.programs.pump_accounts import PoolState
from chimera.onchain.keys import address_bytes, associated_token_address
from chimera.venues.pumpswap import VENUE as POOLS


@pytest.fixture
def lab() -> Lab:
    return Lab()


@pytest.mark.parametrize("virtual", [0, 17 * SOL, -(10**6)])
@pytest.mark.parametrize("kind_of_pool", ["canonical", "anyone's", "cashback", "mayhem", "own rate"])
def test_every_swap_on_a_pool_ends_as_quoted(lab: Lab, kind_of_pool: str, virtual: int) -> None:
    chance = random.Random(f"{kind_of_pool}{virtual}")
    launch(lab)  # for the mint
    held = lab.hold(USER, MINT, 10**15, TOKEN_2022_PROGRAM)
    lab.hold(USER, WSOL, 5_000 * SOL, TOKEN_PROGRAM)
    state = PoolState(
        MINT,
        creator=CREATOR if kind_of_pool == "anyone's" else None,
        coin_creator=SYSTEM_PROGRAM if kind_of_pool == "anyone's" else CREATOR,
        cashback=kind_of_pool == "cashback",
        mayhem=kind_of_pool == "mayhem",
        creator_fee_bps=250,
        virtual_quote=virtual,
    )
    lab.put(pump_accounts.global_config(creator_fee_configurable=kind_of_pool == "own rate"))
    lab.put(pump_accounts.pool_account(state))
    lab.hold(state.address, MINT, 5 * 10**14, TOKEN_2022_PROGRAM)
    lab.hold(state.address, WSOL, 80 * SOL, TOKEN_PROGRAM)
    done = 0
    for _ in range(30):
        mint, kind = chance.choice((WSOL, MINT)), chance.choice(list(SwapKind))
        size = chance.choice((1, 2, 999, 10 ** chance.randrange(3, 15)))
        done += swap_as_quoted(lab, state.address, mint, kind, size, held)
    assert done > 10
    config = pump_accounts.global_config(disable_flags=8 | 16)
    pool = lab.pool(state.address)
    lab.put(config)
    for mint, number in ((WSOL, 6020), (MINT, 6021)):
        call = POOLS.build(pool, ask(mint, SwapKind.EXACT_IN, 10**9, 0, held, QUOTE_HELD))
        assert f"Custom({number})" in lab.refused(USER, call)


def test_anyone_may_make_a_pool_and_owns_its_first_liquidity(lab: Lab) -> None:
    launch(lab)
    base = lab.hold(USER, MINT, 10**14, TOKEN_2022_PROGRAM)
    lab.hold(USER, WSOL, 100 * SOL, TOKEN_PROGRAM)
    make = pump_launch.create_pool(
        creator=USER, base_mint=MINT, base_program=TOKEN_2022_PROGRAM, base_amount=4 * 10**13,
        quote_amount=9 * SOL, index=3,
    )  # fmt: skip
    lab.must(USER, make)
    state = PoolState(MINT, creator=USER, index=3)
    pool = lab.pool(state.address)
    assert POOLS.reserves(pool) == (4 * 10**13, 9 * SOL)
    assert not pool.state.canonical and pool.fees is not None and pool.fees.creator_bps == 0
    lp_mint = Address(lp_mint_of(pool))
    liquidity = 600_000_000_000
    assert lab.tokens(associated_token_address(USER, lp_mint, TOKEN_2022_PROGRAM)) == liquidity - 100
    assert swap_as_quoted(lab, state.address, WSOL, SwapKind.EXACT_OUT, 10**12, base)
    lab.refused(USER, make)  # there is one already
    creatorship = msgspec.structs.replace(
        make, data=make.data[:8] + b"\x04\0" + make.data[10:26] + address_bytes(USER) + make.data[58:]
    )
    pool_4 = PoolState(MINT, creator=USER, index=4).address
    lp_4 = pump_launch.derived_address(pump_accounts.SWAP_PROGRAM, b"pool_lp_mint", address_bytes(pool_4))
    metas = list(creatorship.accounts)
    for at, address in ((0, pool_4), (5, lp_4)):
        metas[at] = msgspec.structs.replace(metas[at], address=address)
    assert "Custom(6028)" in lab.refused(USER, msgspec.structs.replace(creatorship, accounts=tuple(metas)))
    none = msgspec.structs.replace(make, data=make.data[:10] + bytes(8) + make.data[18:])
    assert "Custom(6001)" in lab.refused(USER, none)
