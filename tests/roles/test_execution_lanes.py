"""How bytes are handed over and statuses brought back: order or race of the lanes, and knowledge in part."""

from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from chimera.adapters.bus_local import LocalBus
from chimera.domain.chain import Commitment, SignatureStatus
from chimera.domain.errors import OutsideError, Rejected, Unreachable
from chimera.domain.ids import Address, Signature, Slot
from chimera.domain.messages import ConfigChanged, Entry
from chimera.execution.books import Books
from chimera.execution.effects import HandedOver, Message, Send, StatusesRead, Watched
from chimera.execution.failover import KEY, Failover, FailoverPolicy
from chimera.market.view import MarketView
from chimera.observe import Observer, Redactor, make_log
from chimera.ports.chain import PartlyKnown
from chimera.risk.loss_breaker import LossLimits
from chimera.risk.token_safety import TokenLimits
from chimera.roles.execution import ExecutionRole
from chimera.roles.inbox import SignalInbox
from chimera.roles.performing import NodePerformer
from chimera.testing.fakes import MemoryJournal, StandingClock

SEEN = SignatureStatus(Slot(9), Commitment.CONFIRMED, None)
DOWN = Unreachable("x", "no answer")


class Desk:
    """Remembers what it is told and wants nothing."""

    in_flight = 0
    blockhash = None
    standard_lane: bool | None = None

    def __init__(self) -> None:
        self.told: list[Message] = []

    def process(self, message: Message, now_ms: int) -> list[Any]:
        self.told.append(message)
        return []

    def watched(self) -> list[Watched]:
        return [Watched("leg1", Signature("one"), 100), Watched("leg2", Signature("two"), 100)]


class Lane:
    def __init__(self) -> None:
        self.taken: list[bytes] = []
        self.error: OutsideError | None = None
        self.statuses_error: OutsideError | None = None

    async def send(self, transaction: bytes) -> Signature:
        self.taken.append(transaction)
        if self.error is not None:
            raise self.error
        return Signature("one")

    async def send_bundle(self, transactions: list[bytes]) -> str:
        return await self.send(transactions[0])

    async def block_height(self, *, commitment: Commitment) -> int:
        return 70

    async def statuses(self, signatures: Any) -> Any:
        if self.statuses_error is not None:
            raise self.statuses_error
        return (SEEN, None)


class House:
    def __init__(self, *, race: bool = False) -> None:
        clock = StandingClock()
        self.desk, self.node, self.bundles = Desk(), Lane(), Lane()
        journal, failover = MemoryJournal(clock), Failover(FailoverPolicy(), fallback=True)
        observer = Observer(make_log(level="error", json=True, redactor=Redactor()), CollectorRegistry())
        self.performer = NodePerformer(
            chain=self.node, bundles=self.bundles, signer=None, journal=journal, observer=observer,  # type: ignore[arg-type]
            failover=failover, race=race,
        )  # fmt: skip
        self.role = ExecutionRole(
            desk=self.desk, books=Books(loss=LossLimits(), tokens=TokenLimits()), chain=self.node,  # type: ignore[arg-type]
            performer=self.performer, wallet=Address("w"), journal=journal, view=MarketView({}),
            queue=SignalInbox(10), bus=LocalBus(), clock=clock, concurrency=10, observer=observer, failover=failover,
        )  # fmt: skip

    async def send(self, *, bundle: bool = True, attempt: int = 1, atomic: bool = False) -> HandedOver:
        return await self.performer._send(
            Send("leg1", Signature("one"), b"bytes", 0, attempt, bundle, atomic)
        )


async def test_in_order_a_bundle_goes_to_the_engine_first_and_the_same_bytes_to_the_node_later() -> None:
    house = House()
    assert await house.send() == HandedOver("leg1", "bundle", 1)
    assert house.node.taken == []
    assert await house.send(attempt=2) == HandedOver("leg1", "primary", 2)
    assert (house.bundles.taken, house.node.taken) == ([b"bytes"], [b"bytes"])


async def test_what_is_no_bundle_goes_to_the_node_alone_also_in_a_race() -> None:
    house = House(race=True)
    assert await house.send(bundle=False) == HandedOver("leg1", "primary", 1)
    assert house.bundles.taken == []


async def test_in_a_race_both_lanes_get_the_same_bytes_at_once() -> None:
    house = House(race=True)
    assert await house.send() == HandedOver("leg1", "bundle+primary", 1)
    assert (house.bundles.taken, house.node.taken) == ([b"bytes"], [b"bytes"])


@pytest.mark.parametrize(("loser", "lane"), [("bundles", "primary"), ("node", "bundle")])
async def test_a_lane_that_loses_a_race_is_superseded_and_no_failure(loser: str, lane: str) -> None:
    house = House(race=True)
    getattr(house, loser).error = DOWN
    assert await house.send() == HandedOver("leg1", lane, 1)


@pytest.mark.parametrize("attempt", [1, 2])
async def test_a_bundle_or_nothing_never_reaches_a_node_by_itself(attempt: int) -> None:
    house = House(race=True)
    assert await house.send(attempt=attempt, atomic=True) == HandedOver("leg1", "bundle", attempt)
    house.bundles.error = DOWN
    assert (await house.send(attempt=attempt, atomic=True)).cause
    house.performer._bundles = None
    assert (await house.send(attempt=attempt, atomic=True)).cause
    assert house.node.taken == []


async def test_only_where_every_lane_fails_the_hand_over_failed() -> None:
    house = House(race=True)
    house.node.error, house.bundles.error = DOWN, Rejected("jito", "no")
    handed = await house.send()
    assert (handed.lane, handed.cause) == ("bundle+primary", "jito: no; x: no answer")


@pytest.mark.parametrize("away", [False, True])
async def test_the_desk_is_told_before_each_step_whether_the_block_engine_is_out_of_service(
    away: bool,
) -> None:
    house = House()
    switch = ConfigChanged(key=KEY, old="primary", new="fallback", cause="three failures", by="house")
    if away:
        house.role._failover.apply(Entry(1, 0, "run", switch))
    await house.role._ask_statuses()
    assert house.desk.standard_lane is away


async def test_statuses_known_in_part_are_told_and_of_the_rest_nothing_is_said() -> None:
    house = House()
    await house.role._ask_statuses()
    house.node.statuses_error = PartlyKnown("fallback", "no answer", {Signature("one"): SEEN})
    await house.role._ask_statuses()
    house.node.statuses_error = DOWN
    await house.role._ask_statuses()
    assert house.desk.told == [
        StatusesRead(70, {Signature("one"): SEEN, Signature("two"): None}),
        StatusesRead(70, {Signature("one"): SEEN}),
    ]
