"""The rebalancer as people see it: whom it follows, what is held beside what is wanted, what became of each swap."""

import asyncio
from typing import Any

from chimera.domain.ids import USDC, IntentId, Slot, TradeId
from chimera.domain.intent import Side
from chimera.domain.messages import (
    IntentEmitted,
    IntentRefused,
    LegFinalized,
    LegLanded,
    LegPlanned,
    StrategyDecided,
)
from chimera.domain.risk import Reason, Refusal
from chimera.domain.trade import LegRef
from chimera.testing.builders import BONK, fill, intent

PICTURE = {
    "trader": "Ann", "trust": 9_750, "target_bps": {BONK: 7_500}, "swaps": ["key"],
    "held": {USDC: {"amount": "3000000", "micro_usd": "3000000"}, BONK: {"amount": "7", "micro_usd": "1000000"}},
}  # fmt: skip
SWAP = {
    "key": "key", "input_mint": USDC, "output_mint": BONK, "amount": "2000000", "micro_usd": "2000000",
    "trader": "Ann", "trust": 9_750, "intent_id": "swap",
}  # fmt: skip


async def test_a_cycle_its_picture_and_the_fate_of_its_swaps_are_told(house: Any) -> None:
    refused = Refusal(Reason.MAX_POSITION, "20 SOL a swap", "30 SOL")
    house.journal.append(StrategyDecided("rebalancer", USDC, "TRADE", "cycle", "1 swap", data=PICTURE))
    house.journal.append(StrategyDecided("rebalancer", BONK, "TRADE", "swap", "told", data=SWAP))
    house.journal.append(IntentRefused(IntentId("swap"), TradeId("swap"), refused))
    house.journal.append(StrategyDecided("rebalancer", USDC, "WAIT", "within_band", "nothing to do"))
    for _ in range(500):
        told = (await house.get("/api/v1/rebalancer")).json()
        if len(told["cycles"]) == 2:
            break
        await asyncio.sleep(0.02)
    assert [(one["verdict"], one["code"]) for one in told["cycles"]] == [
        ("WAIT", "within_band"),
        ("TRADE", "cycle"),
    ]
    assert (told["trader"], told["trust_score"]) == ("Ann", 97.5)
    assert [(one["token_address"], one["share_bps"], one["target_bps"]) for one in told["holdings"]] == [
        (USDC, 7_500, 2_500), (BONK, 2_500, 7_500),
    ]  # fmt: skip
    swaps = (await house.get("/api/v1/rebalancer/swaps")).json()
    (one,) = swaps["items"]
    assert (one["status"], one["reason"]) == ("FAILED", str(refused))
    assert (one["amount_in"], one["amount_out"], one["trade_uuid"]) == ("2000000", None, "swap")
    assert (await house.get("/api/v1/rebalancer/swaps?status=CONFIRMED")).json()["total"] == 0


async def test_final_swaps_can_be_had_as_a_file_of_lots_whose_unknown_gains_are_empty(house: Any) -> None:
    leg = LegRef("swap.1", IntentId("swap"), TradeId("swap"))
    wanted = intent(
        id=leg.intent_id, trade_id=leg.trade_id, side=Side.SWAP, mint=BONK, pay_mint=USDC, amount=5
    )
    landed = fill(side=Side.SWAP, mint=BONK, token_delta=7, swap_lamports=0, other_tokens=((USDC, -5),))
    house.journal.append(IntentEmitted(wanted))
    house.journal.append(LegPlanned(leg, (), 5, 7, 7, Slot(1), 1, 1, 0, worth_lamports=900))
    house.journal.append(LegLanded(leg, landed))
    house.journal.append(LegFinalized(leg, landed.signature, landed.slot))
    (lot,) = (await house.get("/api/v1/rebalancer/lots?format=json")).json()
    assert (lot["sold_token"], lot["tokens"], lot["proceeds_lamports"]) == (USDC, "5", "900")
    assert (lot["cost_lamports"], lot["gain_lamports"], lot["acquired_at"]) == (None, None, None)
    assert (
        await house.get(f"/api/v1/rebalancer/lots?format=json&from={lot['disposed_at'] + 1}")
    ).json() == []
    answer = await house.get("/api/v1/rebalancer/lots")
    assert answer.text.splitlines()[1].startswith(f"{leg.trade_id},{USDC},{BONK},5,,")
    assert (await house.get("/api/v1/rebalancer/lots?format=pdf")).status_code == 400


async def test_before_its_first_cycle_there_is_nothing_to_tell(house: Any) -> None:
    told = (await house.get("/api/v1/rebalancer")).json()
    assert (told["cycles"], told["holdings"], told["trader"]) == ([], [], None)
