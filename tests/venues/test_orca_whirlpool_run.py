"""A run of 120 swaps on the real Whirlpool program, quoted one after the other from the state that each leaves."""

import gzip
import json
from base64 import b64decode

import msgspec
import pytest
from tests.venues import recorded
from tests.venues.test_orca_whirlpool_ways import plain_walk

from chimera.domain.chain import Account
from chimera.domain.ids import Address, Slot
from chimera.domain.pool import Moment, Quote, QuoteRequest, SwapKind
from chimera.venues.orca_whirlpool import VENUE
from chimera.venues.orca_whirlpool.pool import Ways

RECORDED = recorded.SHARED / "programs" / "whirlpool_sol_usdc.json.gz"


def test_every_swap_of_the_recorded_run_moves_what_its_quote_says() -> None:
    if not RECORDED.exists():
        pytest.skip(f"120 swaps of ../shared/vectors/programs/{RECORDED.name} are not here")
    run = json.loads(gzip.decompress(RECORDED.read_bytes()))
    accounts = {
        address: Account(
            Address(address), Address(known["owner"]), known["lamports"], b64decode(known["data"])
        )
        for address, known in run["accounts"].items()
    }
    first = run["steps"][0]["metas"]
    pool = VENUE.decode(
        next(accounts[key] for key, _, _ in first if key in accounts and VENUE.recognise(accounts[key])),
        slot=1,
    )
    moment = Moment(run["unix_timestamp"], Slot(run["slot"]), run["slot"] // 432_000)
    for role, address in VENUE.roles(pool).items():
        if address in accounts:
            pool = VENUE.apply(pool, role, accounts[address], slot=1)
    moved = refused = 0
    for number, step in enumerate(run["steps"]):
        assert VENUE.missing(pool) == ()
        exact_in, a_to_b = "exact_in=True" in step["label"], "a2b=True" in step["label"]
        amount, limit = step["args"][:2]
        mint = pool.state.mint_a if a_to_b else pool.state.mint_b
        kind = SwapKind.EXACT_IN if exact_in else SwapKind.EXACT_OUT
        answer = VENUE.quote(pool, QuoteRequest(mint, kind, amount), moment)
        if not step["ok"]:
            refused += 1
            met = isinstance(answer, Quote) and (
                answer.amount_out >= limit if exact_in else answer.amount_in <= limit
            )
            assert not met, (number, step, answer)
            continue
        assert isinstance(answer, Quote), (number, step["label"], answer)
        before, after = step["before"], step["after"]
        spent, got = (
            (before[0] - after[0], after[1] - before[1])
            if a_to_b
            else (before[1] - after[1], after[0] - before[0])
        )
        assert (answer.amount_in, answer.amount_out) == (spent, got), (number, step["label"])
        walked = plain_walk(pool, amount, exact_in=exact_in, a_to_b=a_to_b)
        assert walked is not None
        _, _, _, price, tick, liquidity = walked
        state = msgspec.structs.replace(pool.state, sqrt_price=price, tick=tick, liquidity=liquidity)
        vaults = {
            "vault_a": msgspec.structs.replace(pool.vault_a, amount=after[2]),
            "vault_b": msgspec.structs.replace(pool.vault_b, amount=after[3]),
        }
        pool = msgspec.structs.replace(pool, state=state, ways=Ways(), **vaults)
        moved += 1
    assert moved + refused == 120 and moved > 90
