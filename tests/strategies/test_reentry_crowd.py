"""Re-entry follows a crowd, and neither few who trade with themselves nor one large swap."""

from typing import Any

import msgspec
import pytest
from tests.strategies.test_reentry import MINT, UNIT, House, swings

from chimera.domain.features import TokenSeen, Window
from chimera.domain.ids import Slot
from chimera.domain.intent import TradeIntent
from chimera.domain.messages import StrategyDecided
from chimera.parameters.reentry import ReentryParams
from chimera.strategies.reentry.crowd import doubt
from chimera.strategies.reentry.setups import Code

P = ReentryParams()
NOW = 500_000
CROWD = Window(
    span_ms=60_000, trades=30, buys=25, buy_lamports=25, sell_lamports=5, buyers=20, traders=22, largest_lamports=2,
    small_trades=0, repeaters=1, high=2, low=1, first_price=1, last_price=2,
)  # fmt: skip
SEEN = TokenSeen(
    mint=MINT, first_ms=NOW - 100_000, first_slot=Slot(1), trades=99, price=2, last_ms=NOW, creator=None,
    creator_bought=0, creator_sold=0, holders=22, holdings_top=(1_500, 1_000, 900),
)  # fmt: skip


def test_a_crowd_of_buyers_behind_a_known_token_is_followed() -> None:
    assert doubt(CROWD, SEEN, NOW, P) is None


@pytest.mark.parametrize(
    ("code", "window", "seen"),
    [
        (Code.WAIT_BUYERS, {"whole": False}, {}),
        (Code.WAIT_AGE, {}, {"first_ms": NOW - 59_999}),
        (Code.REJECT_TOP_HOLDERS, {}, {"holdings_top": (3_501, 1, 1)}),
        (Code.REJECT_TOP_HOLDERS, {}, {"holdings_top": (3_000, 2_001, 1_000)}),
        (Code.REJECT_REPEATERS, {"repeaters": 5}, {}),
        (Code.WAIT_BUYERS, {"buyers": 9}, {}),
        (Code.WAIT_DEMAND, {"buys": 20}, {}),
    ],
)
def test_each_doubt_about_who_trades(code: Code, window: dict[str, Any], seen: dict[str, Any]) -> None:
    word = doubt(msgspec.structs.replace(CROWD, **window), msgspec.structs.replace(SEEN, **seen), NOW, P)
    assert word is not None
    assert word.code is code
    assert word.detail


def test_nothing_seen_of_a_token_is_no_crowd() -> None:
    word = doubt(CROWD, None, NOW, P)
    assert word is not None
    assert word.code is Code.WAIT_BUYERS


def test_a_breakout_that_few_make_is_told_and_not_entered() -> None:
    house = House(buyers_min=10)
    said = house.walk([*swings(40), UNIT * 12 // 10])
    assert not [one for one in said if isinstance(one, TradeIntent)]
    assert [one.code for one in said if isinstance(one, StrategyDecided)][-1] == Code.WAIT_BUYERS
