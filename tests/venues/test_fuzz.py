"""A slice of `make fuzz`, and that the fuzz would notice: a judge that passes everything proves nothing."""

from collections import Counter
from random import Random
from typing import Any

import msgspec
import pytest
from tests.fuzz.cases import judge, run_case
from tests.fuzz.material import Material, gathered

from chimera import plugins
from chimera.domain.chain import Account
from chimera.domain.errors import DecodeError
from chimera.domain.ids import TOKEN_2022_PROGRAM, Address, Signature, Slot
from chimera.domain.pool import Quote, Swap
from chimera.onchain.layouts import SLOTS_PER_EPOCH, read_transfer_fees
from chimera.onchain.swaps import believable
from chimera.venues.meteora_dlmm.layout import Bin, BinArray, check_prices
from chimera.venues.meteora_dlmm.prices import bin_price

EACH = 800


@pytest.fixture(scope="module")
def material() -> dict[str, Material]:
    return dict(gathered())


@pytest.mark.parametrize("name", sorted(plugins.venues()))
def test_damaged_accounts_and_transactions_are_refused_or_make_sense(
    material: dict[str, Material], name: str
) -> None:
    outcomes = Counter(run_case(material[name], seed=7, number=number) for number in range(EACH))
    # Teeth: enough of what is damaged is still taken for a pool, and enough is not.
    assert (
        outcomes["quoted"] > EACH // 10
        and outcomes["refused"] > EACH // 10
        and outcomes["swaps"] > EACH // 40
    )


class Lying:
    """A venue with one wrong habit."""

    def __init__(self, venue: Any, **lie: Any) -> None:
        self.__dict__.update(vars(venue))
        self._venue, self._lie = venue, lie

    def __getattr__(self, name: str) -> Any:
        return getattr(self._venue, name)

    def quote(self, pool: Any, request: Any, moment: Any) -> Any:
        told = self._venue.quote(pool, request, moment)
        return msgspec.structs.replace(told, **self._lie) if isinstance(told, Quote) else told


@pytest.mark.parametrize(
    ("lie", "noticed"),
    [
        ({"price_impact_bps": -1}, "negative price impact"),
        ({"amount_out": 2**64}, "no u64"),
        ({"amount_out": 2**63}, "more than the"),
        ({"slot": SLOTS_PER_EPOCH * 10**6}, "another time"),
        ({"fee_in": 2**64}, "strange fees"),
    ],
)
def test_a_venue_that_lies_in_its_quotes_is_caught(
    material: dict[str, Material], lie: dict[str, int], noticed: str
) -> None:
    known = material["raydium_cpmm"]
    liar = Lying(known.venue, **lie)
    with pytest.raises(AssertionError, match=noticed):
        for number in range(50):
            judge(liar, known.pools[number % len(known.pools)], known.samples[0].moment, Random(number))


@pytest.mark.parametrize("change", [{"amount_out": -1}, {"amount_in": 2**64}, {"output_mint": "a"}])
def test_a_swap_that_no_program_could_have_done_is_a_decode_error(change: dict[str, Any]) -> None:
    swap = Swap("v", "p", "u", "a", "b", 5, 4, Signature("s"), Slot(1), 0)  # type: ignore[arg-type]
    assert believable(swap) is swap
    with pytest.raises(DecodeError):
        believable(msgspec.structs.replace(swap, **change))


@pytest.mark.parametrize(
    ("numbers", "step"),
    [
        ((-3, -2, -1, 0, 1, 2), 1),
        ((-3, -2, -1, 0, 1, 2), 400),
        ((5, 9, 10, 40), 20),
        ((-443_000, -442_999), 1),
        ((69,), 400),
    ],
)
def test_bins_have_their_numbers_price_or_the_array_is_none(numbers: tuple[int, ...], step: int) -> None:
    bins = [Bin(number, bin_price(number, step) or 0, 1, 1, 0, 0, orders_sell_x=False) for number in numbers]
    check_prices(BinArray(slot=1, index=0, bins=tuple(bins)), bin_step=step)
    for at, found in enumerate(bins):
        for wrong in (found.price + (found.price >> 20) + 1, found.price - (found.price >> 20) - 1, 1 << 127):
            damaged = [*bins]
            damaged[at] = msgspec.structs.replace(found, price=wrong)
            with pytest.raises(DecodeError):
                check_prices(BinArray(slot=1, index=0, bins=tuple(damaged)), bin_step=step)


def test_a_transfer_fee_above_everything_is_no_transfer_fee() -> None:
    """It made outputs negative: found by the fuzz at a bit turned in a mint."""
    for bps, fine in ((0, True), (10_000, True), (10_001, False), (65_535, False)):
        record = bytes(16) + bps.to_bytes(2, "little")
        data = bytes(165) + b"\x01\x01\x00" + (108).to_bytes(2, "little") + bytes(72) + record + bytes(18)
        mint = Account(Address("m"), TOKEN_2022_PROGRAM, 1, data)
        if fine:
            assert read_transfer_fees(mint).older.bps == bps
        else:
            with pytest.raises(DecodeError, match="bps"):
                read_transfer_fees(mint)
