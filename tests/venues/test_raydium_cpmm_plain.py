"""CPMM's short way through the common case is the long way, answer for answer."""

from hypothesis import given
from hypothesis import strategies as st

from chimera.onchain.layouts import NO_TRANSFER_FEE
from chimera.venues.raydium_cpmm.curve import Rates, Side, exact_in, plain_exact_in, price_impact_bps

U64 = 2**64 - 1
u64 = st.one_of(st.integers(0, U64), st.integers(0, 10**6), st.just(U64))
owed = st.tuples(*[st.one_of(st.just(0), st.integers(0, 10**9), st.integers(U64 - 10**6, U64))] * 3)
rate = st.one_of(st.integers(0, 20_000), st.integers(0, 1_100_000), st.integers(0, U64))


@given(u64, u64, u64, owed, owed, rate, rate, rate, rate)
def test_the_short_way_is_the_long_way(
    sent: int,
    balance_in: int,
    balance_out: int,
    owed_in: tuple[int, int, int],
    owed_out: tuple[int, int, int],
    trade: int,
    protocol: int,
    fund: int,
    creator: int,
) -> None:
    if trade + creator == 0 or sent == 0:
        return
    source, target = (
        Side(b, o, NO_TRANSFER_FEE) for b, o in ((balance_in, owed_in), (balance_out, owed_out))
    )
    rates = Rates(trade, protocol, fund, creator, creator_on_input=True)
    long = exact_in(sent, source, target, rates)
    short = plain_exact_in(
        sent, (balance_in, owed_in), (balance_out, owed_out), (trade, protocol, fund, creator)
    )
    if long is None:
        assert short is None
    else:
        assert short == (
            long.received,
            long.trade_fee + long.creator_fee,
            price_impact_bps(long, source, target),
        )
    if creator == 0:  # then it makes no difference where the creator's fee would lie
        elsewhere = Rates(trade, protocol, fund, creator, creator_on_input=False)
        assert exact_in(sent, source, target, elsewhere) == long


@given(st.integers(1, 10**15), st.integers(10**6, 10**16), st.integers(10**6, 10**16))
def test_the_short_way_is_the_long_way_on_ordinary_pools(
    sent: int, balance_in: int, balance_out: int
) -> None:
    nothing = (0, 0, 0)
    source, target = (Side(balance, nothing, NO_TRANSFER_FEE) for balance in (balance_in, balance_out))
    long = exact_in(sent, source, target, Rates(2_500, 120_000, 40_000, 500, creator_on_input=True))
    short = plain_exact_in(sent, (balance_in, nothing), (balance_out, nothing), (2_500, 120_000, 40_000, 500))
    assert (long is None) is (short is None)
    if long is not None:
        assert short == (
            long.received,
            long.trade_fee + long.creator_fee,
            price_impact_bps(long, source, target),
        )
