"""Faults: what rules decide, how they repeat, what they do to a chain, and the port that sets them."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import pytest
from solders.keypair import Keypair

from chimera.adapters.geyser import GeyserFeed
from chimera.domain.errors import ConfigError, Unreachable
from chimera.localnet.admin import AdminOptions, AdminPort
from chimera.localnet.block_engine import BlockEngine, BlockEngineOptions
from chimera.localnet.chain import ChainOptions, EmbeddedChain
from chimera.localnet.events import AccountWritten, BlockSealed, SlotChanged, SlotPhase, TransactionExecuted
from chimera.localnet.fault_driver import FaultDriver
from chimera.localnet.faults import FaultKind, Faults, FaultWish
from chimera.localnet.geyser import GeyserOptions, GeyserServer
from chimera.localnet.intercept import UNTOUCHED, FaultDecision, SendFault
from chimera.ports.chain import Subscription

SOL = 10**9
ALICE = Keypair.from_seed(b"a" * 32)


def faults(*wishes: FaultWish, seed: int = 1) -> Faults:
    made = Faults(seed=seed, slot=lambda: 42)
    for wish in wishes:
        made.add(wish)
    return made


# -- deciding ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wish", "method", "decided"),
    [
        (FaultWish(FaultKind.DROP), "getSlot", FaultDecision(drop=True)),
        (FaultWish(FaultKind.DROP_ANSWER), "getSlot", FaultDecision(drop_answer=True)),
        (FaultWish(FaultKind.DELAY, delay_ms=250), "getSlot", FaultDecision(delay_seconds=0.25)),
        (
            FaultWish(FaultKind.RATE_LIMIT, retry_after_s=2),
            "x",
            FaultDecision(http_status=429, retry_after_seconds=2),
        ),
        (FaultWish(FaultKind.SERVER_ERROR, status=502), "getSlot", FaultDecision(http_status=502)),
        (FaultWish(FaultKind.UNHEALTHY, slots=9), "getSlot", FaultDecision(unhealthy_slots=9)),
        (FaultWish(FaultKind.STALE, slots=5), "getBalance", FaultDecision(stale_slots=5)),
        (FaultWish(FaultKind.STALE), "sendTransaction", UNTOUCHED),
        (FaultWish(FaultKind.LOSE), "sendTransaction", FaultDecision(send=SendFault.LOST)),
        (FaultWish(FaultKind.LOSE), "getBalance", UNTOUCHED),
        (FaultWish(FaultKind.DUPLICATE), "sendTransaction", FaultDecision(send=SendFault.TWICE)),
        (
            FaultWish(FaultKind.LAND_LATE, slots=4),
            "sendTransaction",
            FaultDecision(send=SendFault.LATE, land_after_slots=4),
        ),
        (FaultWish(FaultKind.DROP), "jito:sendBundle", UNTOUCHED),
        (FaultWish(FaultKind.DROP, methods=("jito:*",)), "jito:sendBundle", FaultDecision(drop=True)),
        (
            FaultWish(FaultKind.LOSE, methods=("jito:sendBundle",)),
            "jito:sendBundle",
            FaultDecision(send=SendFault.LOST),
        ),
        (FaultWish(FaultKind.JITO_DOWN), "jito:getTipAccounts", FaultDecision(http_status=503)),
        (FaultWish(FaultKind.JITO_DOWN), "getBalance", UNTOUCHED),
        (FaultWish(FaultKind.DROP, methods=("get*",)), "sendTransaction", UNTOUCHED),
        (FaultWish(FaultKind.FORK), "getSlot", UNTOUCHED),
        (FaultWish(FaultKind.GEYSER_DOWN), "getSlot", UNTOUCHED),
    ],
)
def test_each_kind_becomes_its_decision(wish: FaultWish, method: str, decided: FaultDecision) -> None:
    made = faults(wish)
    assert made.decide(method) == decided
    assert made.counts == ({} if decided == UNTOUCHED else Counter({wish.kind: 1}))


def test_the_same_seed_strikes_the_same_requests_and_another_one_others() -> None:
    def pattern(seed: int, *more: FaultWish) -> list[bool]:
        made = faults(FaultWish(FaultKind.DROP, rate=0.3), *more, seed=seed)
        return [made.decide("getSlot").drop for _ in range(200)]

    assert pattern(1) == pattern(1) != pattern(2)
    assert 30 < sum(pattern(1)) < 90
    # A further rule draws from its own numbers.
    assert pattern(1, FaultWish(FaultKind.LOSE, rate=0.5)) == pattern(1)


def test_a_one_shot_fault_strikes_once_and_is_gone_and_the_record_says_whom() -> None:
    made = faults(FaultWish(FaultKind.RATE_LIMIT, times=1, methods=("getBalance",)))
    assert made.decide("getSlot") == UNTOUCHED
    assert made.decide("getBalance").http_status == 429
    assert made.decide("getBalance") == UNTOUCHED and made.rules == ()
    (struck,) = made.injected
    assert (struck.kind, struck.method, struck.slot, struck.rule) == (
        FaultKind.RATE_LIMIT,
        "getBalance",
        42,
        1,
    )


def test_delays_add_up_and_what_ends_the_request_ends_the_asking() -> None:
    made = faults(
        FaultWish(FaultKind.DELAY, delay_ms=100),
        FaultWish(FaultKind.DELAY, delay_ms=50),
        FaultWish(FaultKind.DROP),
        FaultWish(FaultKind.RATE_LIMIT),
    )
    decided = made.decide("getSlot")
    assert decided.delay_seconds == pytest.approx(0.15) and decided.drop and decided.http_status is None
    assert made.counts[FaultKind.RATE_LIMIT] == 0


def test_a_delay_with_a_range_stays_in_it_and_varies() -> None:
    made = faults(FaultWish(FaultKind.DELAY, delay_ms=10, delay_ms_max=20))
    drawn = {made.decide("getSlot").delay_seconds for _ in range(100)}
    assert len(drawn) > 3 and min(drawn) >= 0.01 and max(drawn) <= 0.02


def test_rules_can_be_taken_back_one_by_one_or_all() -> None:
    made = faults(FaultWish(FaultKind.DROP), FaultWish(FaultKind.DELAY), FaultWish(FaultKind.STALE))
    assert made.clear(2) == 1 and [rule.id for rule in made.rules] == [1, 3]
    assert made.clear(2) == 0 and made.clear() == 2 and made.decide("getSlot") == UNTOUCHED


@pytest.mark.parametrize(
    "wish",
    [
        FaultWish(FaultKind.DROP, rate=0.0),
        FaultWish(FaultKind.DROP, rate=1.5),
        FaultWish(FaultKind.DROP, rate=float("nan")),
        FaultWish(FaultKind.DROP, times=0),
        FaultWish(FaultKind.JITO_DOWN, times=1),
        FaultWish(FaultKind.FORK, slots=0),
        FaultWish(FaultKind.SERVER_ERROR, status=200),
        FaultWish(FaultKind.DELAY, delay_ms=-1),
    ],
)
def test_a_wish_that_makes_no_sense_is_refused(wish: FaultWish) -> None:
    with pytest.raises(ValueError, match=r"must be|no times"):
        faults(wish)


def test_there_is_a_limit_on_rules() -> None:
    with pytest.raises(ValueError, match="clear some"):
        faults(*[FaultWish(FaultKind.DROP)] * 101)


# -- doing ------------------------------------------------------------------------------------------------------


class Watch:
    """A listener that keeps the slots' phases."""

    def __init__(self) -> None:
        self.phases: list[tuple[int, SlotPhase]] = []

    def account_written(self, event: AccountWritten) -> None: ...

    def transaction_executed(self, event: TransactionExecuted) -> None: ...

    def block_sealed(self, event: BlockSealed) -> None: ...

    def slot_changed(self, event: SlotChanged) -> None:
        self.phases.append((event.slot, event.phase))

    @property
    def dead(self) -> list[int]:
        return [slot for slot, phase in self.phases if phase is SlotPhase.DEAD]


class Pace:
    """A slot clock that only remembers what it was told."""

    def __init__(self) -> None:
        self.duration_ms, self.paused = 400, False

    def set_duration_ms(self, duration_ms: int) -> None:
        self.duration_ms = duration_ms

    def pause(self) -> None:
        self.paused = True

    def resume(self) -> None:
        self.paused = False


class Net:
    def __init__(self) -> None:
        self.chain = EmbeddedChain(ChainOptions(), now=lambda: 1_700_000_000.0)
        self.faults = Faults(seed=7, slot=lambda: self.chain.slot)
        self.geyser = GeyserServer(self.chain, GeyserOptions(port=0), now_ns=time.time_ns)
        self.watch, self.pace = Watch(), Pace()
        self.chain.listeners.add(self.watch)
        self.driver = FaultDriver(self.chain, self.faults, geyser=self.geyser)
        self.admin = AdminPort(
            self.chain,
            AdminOptions(port=0),
            faults=self.faults,
            driver=self.driver,
            pace=self.pace,
            geyser=self.geyser,
        )
        self.session = aiohttp.ClientSession()
        self.port = self.geyser_port = 0

    async def ask(self, verb: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        url = f"http://127.0.0.1:{self.port}{path}"
        data = body if isinstance(body, bytes) else None
        json = None if isinstance(body, bytes) else body
        async with self.session.request(verb, url, json=json, data=data, headers=headers) as response:
            return response.status, await response.json()

    async def advance(self, slots: int = 1) -> None:
        """Slots one by one, with time in between for what follows each."""
        for _ in range(slots):
            self.chain.advance_slot()
            await asyncio.sleep(0)


@pytest.fixture
async def net() -> AsyncIterator[Net]:
    made = Net()
    made.geyser_port = await made.geyser.start()
    made.port = await made.admin.start()
    yield made
    await made.session.close()
    await made.admin.stop()
    await made.geyser.stop()
    made.driver.close()


async def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not holds():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.005)


async def test_a_fork_rule_forks_when_its_slot_comes_and_only_once(net: Net) -> None:
    await net.advance(5)
    net.faults.add(FaultWish(FaultKind.FORK, slots=2, times=1))
    before = net.chain.slot
    await net.advance()
    assert net.watch.dead == [before + 1, before, before - 1]
    assert net.chain.slot == before + 2
    await net.advance(3)
    assert len(net.watch.dead) == 3


async def test_a_fork_at_every_slot_does_not_chase_its_own_tail(net: Net) -> None:
    await net.advance(10)
    net.faults.add(FaultWish(FaultKind.FORK, slots=1))
    await net.advance(10)
    assert net.faults.counts[FaultKind.FORK] == 10
    assert net.chain.slot < 100


async def test_geyser_streams_are_cut_at_a_slot_and_kept_out_while_it_is_down(net: Net) -> None:
    feed = GeyserFeed(f"http://127.0.0.1:{net.geyser_port}")
    stream = feed.subscribe(Subscription())
    waiting = asyncio.ensure_future(anext(stream))
    await until(lambda: net.geyser.clients == 1)
    net.faults.add(FaultWish(FaultKind.GEYSER_DISCONNECT, times=1))
    started = time.monotonic()
    await net.advance()
    with pytest.raises(Unreachable, match="UNAVAILABLE: connection lost"):
        await waiting
        while True:
            await anext(stream)
    assert time.monotonic() - started < 1.5, "told, and not found out by silence"
    assert (await net.ask("POST", "/faults", {"kind": "geyser_down"}))[0] == 201
    with pytest.raises(Unreachable):
        await feed.version()
    await net.ask("DELETE", "/faults")
    assert await feed.version()


async def test_the_block_engine_goes_down_and_comes_back(net: Net) -> None:
    engine = BlockEngine(
        net.chain, BlockEngineOptions(port=0), now=lambda: 0.0, intercept=net.faults.intercept
    )
    port = await engine.start()
    url = f"http://127.0.0.1:{port}/api/v1/bundles"
    call = {"jsonrpc": "2.0", "id": 1, "method": "getTipAccounts", "params": []}
    try:
        net.faults.add(FaultWish(FaultKind.JITO_DOWN))
        async with net.session.post(url, json=call) as response:
            assert response.status == 503
        async with net.session.get(f"{url}/tip_floor") as response:
            assert response.status == 503
        net.faults.clear()
        async with net.session.post(url, json=call) as response:
            assert response.status == 200
    finally:
        await engine.stop()


# -- the admin port ---------------------------------------------------------------------------------------------


async def test_rules_are_set_listed_counted_and_cleared_over_http(net: Net) -> None:
    status, rule = await net.ask("POST", "/faults", {"kind": "rate_limit", "rate": 0.5, "methods": ["get*"]})
    assert status == 201 and rule["id"] == 1 and rule["wish"]["kind"] == "rate_limit"
    for _ in range(20):
        net.faults.decide("getSlot")
    _, listed = await net.ask("GET", "/faults")
    assert listed["counts"]["rate_limit"] == listed["rules"][0]["struck"] == len(listed["injected"]) > 3
    assert (await net.ask("DELETE", "/faults/9"))[0] == 404
    assert await net.ask("DELETE", "/faults/1") == (200, {"cleared": 1})
    assert (await net.ask("GET", "/faults"))[1]["rules"] == []


async def test_forks_airdrops_and_slots_are_made_by_hand(net: Net) -> None:
    await net.advance(5)
    slot = net.chain.slot
    status, body = await net.ask("POST", "/airdrop", {"address": str(ALICE.pubkey()), "lamports": SOL})
    assert status == 200 and body["signature"]
    account = net.chain.view().account(ALICE.pubkey())
    assert account is not None and account.lamports == SOL
    status, body = await net.ask("POST", "/fork", {"slots": 1, "requeue": False})
    assert (status, body["dead"], body["slot"]) == (200, [slot - 1, slot], slot + 1)
    assert net.chain.view().account(ALICE.pubkey()) is None
    assert (await net.ask("POST", "/slots/advance", {"count": 3}))[1]["slot"] == slot + 4
    assert (await net.ask("POST", "/slots", {"duration_ms": 50}))[1]["duration_ms"] == 50
    assert (await net.ask("POST", "/slots/pause"))[1]["paused"] is True
    assert (await net.ask("POST", "/slots/resume"))[1]["paused"] is False
    assert (await net.ask("POST", "/geyser/disconnect"))[1] == {"disconnected": 0}
    status, shown = await net.ask("GET", "/status")
    assert shown["slot"] == net.chain.slot and shown["faults"] == 0


@pytest.mark.parametrize(
    ("path", "body", "says"),
    [
        ("/faults", {"kind": "earthquake"}, "earthquake"),
        ("/faults", {"kind": "drop", "rte": 1}, "rte"),
        ("/faults", {"kind": "drop", "rate": 2}, "rate must be"),
        ("/faults", b"{", "JSON"),
        ("/faults", None, "kind"),
        ("/fork", {"slots": -1}, "slots"),
        ("/fork", {"slots": "x"}, "int"),
        ("/airdrop", {"address": "nonsense", "lamports": 1}, ""),
        ("/airdrop", {"address": str(ALICE.pubkey()), "lamports": 0}, "lamports"),
        ("/airdrop", {"address": str(ALICE.pubkey()), "lamports": 10**18}, "failed"),
        ("/slots", {"duration_ms": 0}, "duration_ms"),
        ("/slots/advance", {"count": 10**9}, "count"),
    ],
)
async def test_what_makes_no_sense_is_refused_in_words(net: Net, path: str, body: Any, says: str) -> None:
    status, shown = await net.ask("POST", path, body)
    assert status == 400 and says in shown["error"] and "Traceback" not in shown["error"]


async def test_strangers_names_and_wrong_paths_are_turned_away(net: Net) -> None:
    assert (await net.ask("GET", "/status", Host="evil.example"))[0] == 403
    assert (await net.ask("GET", "/status", Host="localhost:8897"))[0] == 200
    assert (await net.ask("GET", "/nowhere"))[0] == 404
    assert (await net.ask("PUT", "/faults"))[0] == 405
    assert (await net.ask("POST", "/faults", b" " * 20_000))[0] == 413


async def test_the_port_serves_loopback_only_and_names_itself_when_taken(net: Net) -> None:
    def other(**options: Any) -> AdminPort:
        return AdminPort(
            net.chain, AdminOptions(**options), faults=net.faults, driver=net.driver, pace=net.pace
        )

    with pytest.raises(ConfigError, match="no password"):
        await other(host="0.0.0.0").start()
    with pytest.raises(ConfigError, match=f"port {net.port}"):
        await other(port=net.port).start()
