"""What every bus promises, held against both; and what only the one between processes does."""

import asyncio
import io
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import nats
import pytest
from nats.js.api import DeliverPolicy
from prometheus_client import CollectorRegistry
from tests.nats_server import NatsServer, free_port

from chimera.adapters.bus_local import LocalBus
from chimera.adapters.bus_nats import NatsBus
from chimera.adapters.bus_seal import HEADER, BusSeal
from chimera.adapters.clocks import WallClock
from chimera.adapters.pool_cache import PoolCache
from chimera.domain.errors import ConfigError, InvariantBroken
from chimera.domain.ids import Address, IntentId, Slot
from chimera.domain.intent import TradeIntent
from chimera.domain.market import MarketEvent, SlotAdvanced
from chimera.domain.record import Maker
from chimera.domain.snapshot import PoolSnapshot
from chimera.observe import Observer, Redactor, make_log
from chimera.ports.apart import LegacySaid, read_legacy
from chimera.roles.topics import INTENTS, INTENTS_STREAM, LEGACY_KILL, MARKET
from chimera.testing.builders import intent

TYPES = {MARKET: MarketEvent, INTENTS: TradeIntent}
KEPT = {INTENTS: INTENTS_STREAM}
WITHIN_S = 10.0


def observer() -> Observer:
    log = make_log(level="ERROR", json=True, redactor=Redactor(), stream=io.StringIO())
    return Observer(log, CollectorRegistry())


def bus_on(
    url: str,
    component: str = "market-data",
    prefix: str = "",
    *,
    kept: dict[str, str] | None = None,
    secret: bytes = b"",
) -> NatsBus:
    maker = Maker(component=component, build="test", run_id="run")
    return NatsBus(
        url,
        types=TYPES,
        maker=maker,
        clock=WallClock(),
        observer=observer(),
        prefix=prefix,
        kept=kept,
        plain={LEGACY_KILL: lambda data: read_legacy(LEGACY_KILL, data)},
        seal=BusSeal(secret) if secret else None,
    )


def slots(*numbers: int) -> list[SlotAdvanced]:
    return [SlotAdvanced(Slot(number), number) for number in numbers]


async def taken(subscription: Any, count: int) -> list[Any]:
    async with asyncio.timeout(WITHIN_S):
        return [await subscription.get() for _ in range(count)]


async def until(met: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not met():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[NatsServer]:
    made = NatsServer(tmp_path)
    await made.start()
    yield made
    made.kill()


@asynccontextmanager
async def pair(kind: str, folder: Path) -> AsyncIterator[tuple[Any, Any]]:
    """(who publishes, who subscribes): the same bus, or two processes' ends of one."""
    if kind == "local":
        bus = LocalBus()
        yield bus, bus
        return
    server = NatsServer(folder)
    await server.start()
    kept = KEPT if "kept" in kind else None
    try:
        async with AsyncExitStack() as stack:
            giver = await stack.enter_async_context(bus_on(server.url, kept=kept))
            if "one process" in kind:
                yield giver, giver
            else:
                yield (
                    giver,
                    await stack.enter_async_context(bus_on(server.url, "execution-engine", kept=kept)),
                )
    finally:
        server.kill()


async def listening(*buses: Any) -> None:
    for bus in buses:
        if isinstance(bus, NatsBus):
            await bus.settled()


KINDS = pytest.mark.parametrize(
    "kind",
    [
        "local",
        "nats, one process",
        "nats, two processes",
        "nats, one process, intents kept",
        "nats, two processes, intents kept",
    ],
)


@KINDS
async def test_messages_arrive_in_order_and_once_at_every_subscriber(kind: str, tmp_path: Path) -> None:
    async with pair(kind, tmp_path) as (giver, taker):
        ends = [taker.subscribe(MARKET, capacity=1_000) for _ in range(2)]
        await listening(giver, taker)
        for event in slots(*range(500)):
            giver.publish(MARKET, event)
        for end in ends:
            assert await taken(end, 500) == slots(*range(500))
            assert (end.depth, end.dropped) == (0, 0)


@KINDS
async def test_one_topic_is_not_heard_on_another(kind: str, tmp_path: Path) -> None:
    async with pair(kind, tmp_path) as (giver, taker):
        intents = taker.subscribe(INTENTS, capacity=10)
        market = taker.subscribe(MARKET, capacity=10)
        await listening(giver, taker)
        giver.publish(MARKET, slots(1)[0])
        giver.publish(INTENTS, intent())
        assert await taken(intents, 1) == [intent()]
        assert await taken(market, 1) == slots(1)
        assert (intents.depth, market.depth) == (0, 0)


@KINDS
async def test_at_the_limit_the_oldest_goes_and_is_counted(kind: str, tmp_path: Path) -> None:
    async with pair(kind, tmp_path) as (giver, taker):
        slow = taker.subscribe(MARKET, capacity=3)
        await listening(giver, taker)
        for event in slots(*range(10)):
            giver.publish(MARKET, event)
        await until(lambda: slow.depth == 3 and slow.dropped == 7)
        assert await taken(slow, 3) == slots(7, 8, 9)
        await until(lambda: taker.depths()[MARKET] == (0, 7))


@KINDS
async def test_intents_pass_while_market_data_waits_for_nobody(kind: str, tmp_path: Path) -> None:
    async with pair(kind, tmp_path) as (giver, taker):
        intents = taker.subscribe(INTENTS, capacity=10, refuse=True)
        flooded = taker.subscribe(MARKET, capacity=100)
        await listening(giver, taker)
        for event in slots(*range(5_000)):
            giver.publish(MARKET, event)
        giver.publish(INTENTS, intent())
        assert await taken(intents, 1) == [intent()]
        await until(lambda: flooded.dropped == 4_900)


async def test_within_a_process_a_full_queue_that_refuses_is_told_to_the_publisher() -> None:
    bus = LocalBus()
    bus.subscribe(INTENTS, capacity=1, refuse=True)
    bus.publish(INTENTS, intent())
    with pytest.raises(InvariantBroken):
        bus.publish(INTENTS, intent())


async def test_what_leaves_bears_the_header_and_goes_under_the_documented_subject(server: NatsServer) -> None:
    client = await nats.connect(server.url)
    heard = await client.subscribe("house.ironcrab.v1.market_events")
    async with bus_on(server.url, prefix="house.") as bus:
        bus.publish(MARKET, slots(7)[0])
        message = await heard.next_msg(timeout=WITHIN_S)
    said = msgspec.json.decode(message.data)
    assert said["payload"] == {"type": "SlotAdvanced", "slot": 7, "at_ms": 7}
    assert (said["schema_version"], said["kind"], said["slot"]) == (1, "SlotAdvanced", 7)
    assert (said["component"], said["build"], said["run_id"]) == ("market-data", "test", "run")
    assert message.headers == {"Nats-Msg-Id": said["event_id"]}
    await client.close()


async def test_nonsense_and_unknown_versions_are_counted_and_harm_nobody(server: NatsServer) -> None:
    async with bus_on(server.url) as bus:
        end = bus.subscribe(MARKET, capacity=10)
        await bus.settled()
        client = await nats.connect(server.url)
        good = {"schema_version": 1, "ts_unix_ms": 1, "component": "x", "build": "x", "run_id": "x",
                "event_id": "x", "source": "geyser", "slot": 7, "kind": "SlotAdvanced", "later_field": 1,
                "payload": {"type": "SlotAdvanced", "slot": 7, "at_ms": 7}}  # fmt: skip
        for sent in (b"nonsense", b"{}", msgspec.json.encode({**good, "schema_version": 2})):
            await client.publish(MARKET, sent)
        await client.publish(MARKET, msgspec.json.encode(good))
        await client.flush()
        assert await taken(end, 1) == slots(7)
        assert bus.garbled == 3
        await client.close()


async def test_a_server_that_is_killed_and_comes_back_is_survived_and_what_waited_is_sent(
    server: NatsServer,
) -> None:
    async with bus_on(server.url) as giver, bus_on(server.url, "execution-engine") as taker:
        end = taker.subscribe(MARKET, capacity=1_000)
        await listening(giver, taker)
        giver.publish(MARKET, slots(1)[0])
        assert await taken(end, 1) == slots(1)
        server.kill()
        await until(lambda: not giver.client.is_connected and not taker.client.is_connected)
        for event in slots(*range(2, 50)):
            giver.publish(MARKET, event)
        await server.start()
        await until(lambda: taker.client.is_connected)
        heard = await taken(end, 1)
        assert heard[0].slot >= 2
        await until(lambda: giver.depths().get(MARKET, (0, 0))[0] == 0)


async def test_no_server_is_a_setting_that_is_wrong() -> None:
    with pytest.raises(ConfigError, match=r"nats\.url") as refused:
        async with bus_on(f"nats://somebody:hunter2@127.0.0.1:{free_port()}"):
            pass
    assert "hunter2" not in str(refused.value)


def numbered(number: int) -> TradeIntent:
    return intent(id=IntentId(f"intent {number}"))


@KINDS
async def test_intents_arrive_in_order_and_once_whatever_carries_them(kind: str, tmp_path: Path) -> None:
    async with pair(kind, tmp_path) as (giver, taker):
        intents = taker.subscribe(INTENTS, capacity=1_000)
        await listening(giver, taker)
        wanted = [numbered(number) for number in range(200)]
        for one in wanted:
            giver.publish(INTENTS, one)
        assert await taken(intents, 200) == wanted
        await asyncio.sleep(0.2)
        assert intents.depth == 0, "a stream gives back what we said ourselves"


async def test_who_starts_hears_only_new_intents_and_who_was_cut_off_hears_what_he_missed(
    server: NatsServer,
) -> None:
    async with bus_on(server.url, "strategies", kept=KEPT) as giver:
        early = giver.subscribe(INTENTS, capacity=100)  # makes the stream
        await giver.settled()
        giver.publish(INTENTS, numbered(1))
        await giver.settled()
        assert early.depth == 1
        async with bus_on(server.url, "execution-engine", kept=KEPT) as taker:
            intents = taker.subscribe(INTENTS, capacity=100)
            await taker.settled()
            giver.publish(INTENTS, numbered(2))
            assert await taken(intents, 1) == [numbered(2)]
            server.kill()
            await until(lambda: not giver.client.is_connected and not taker.client.is_connected)
            giver.publish(INTENTS, numbered(3))
            await server.start()
            assert await taken(intents, 1) == [numbered(3)]
            giver.publish(INTENTS, numbered(4))
            assert await taken(intents, 1) == [numbered(4)]


async def test_the_stream_of_intents_is_as_documented_and_has_a_consumer_of_its_own(
    server: NatsServer,
) -> None:
    async with bus_on(server.url, "execution-engine", kept=KEPT) as taker:
        taker.subscribe(INTENTS, capacity=100)
        taker.subscribe(MARKET, capacity=100)
        await taker.settled()
        js = taker.client.jetstream()
        config = (await js.stream_info("TRADE_INTENTS")).config
        assert config.subjects == ["ironcrab.v1.trade_intents"]
        (consumer,) = await js.consumers_info("TRADE_INTENTS")
        assert consumer.config.deliver_policy == DeliverPolicy.NEW
        assert consumer.config.filter_subject == "ironcrab.v1.trade_intents"


async def test_plain_messages_of_old_tools_are_read_and_none_is_sent(server: NatsServer) -> None:
    async with bus_on(server.url) as bus:
        said = bus.subscribe(LEGACY_KILL, capacity=10)
        await bus.settled()
        client = await nats.connect(server.url)
        heard = await client.subscribe(LEGACY_KILL)
        await client.publish(LEGACY_KILL, b'{"reason": "smoke"}')
        assert await taken(said, 1) == [LegacySaid(LEGACY_KILL, "", "smoke", "")]
        await heard.next_msg(timeout=WITHIN_S)
        bus.publish(LEGACY_KILL, LegacySaid(LEGACY_KILL))
        await bus.settled()
        await client.flush()
        assert heard.pending_msgs == 0
        await client.close()


@pytest.mark.parametrize("kept", [None, KEPT], ids=["core", "kept"])
async def test_an_intent_that_somebody_else_made_is_not_heard(
    server: NatsServer, kept: dict[str, str] | None
) -> None:
    """A foreign process copies form, header and even a seal: of another house, of other bytes, of another topic."""
    house, stranger = b"the house", b"a stranger"
    async with AsyncExitStack() as stack:
        giver = await stack.enter_async_context(bus_on(server.url, kept=kept, secret=house))
        forger = await stack.enter_async_context(bus_on(server.url, "forger", kept=kept, secret=stranger))
        bare = await stack.enter_async_context(bus_on(server.url, "bare", kept=kept))
        taker = await stack.enter_async_context(
            bus_on(server.url, "execution-engine", kept=kept, secret=house)
        )
        intents = taker.subscribe(INTENTS, capacity=100)
        said = taker.subscribe(LEGACY_KILL, capacity=10)
        await listening(taker)
        client = await nats.connect(server.url)
        stack.push_async_callback(client.close)
        spy = await client.subscribe(">")
        await client.flush()
        giver.publish(INTENTS, numbered(1))
        assert await taken(intents, 1) == [numbered(1)]
        async with asyncio.timeout(WITHIN_S):
            while (message := await spy.next_msg()).subject != INTENTS:
                pass
        assert message.headers is not None
        genuine = {HEADER: message.headers[HEADER]}
        forger.publish(INTENTS, numbered(2))
        bare.publish(INTENTS, numbered(3))
        await client.publish(INTENTS, message.data.replace(b"intent 1", b"intent 4"), headers=genuine)
        await client.publish(INTENTS, message.data.replace(b"intent 1", b"intent 5"), headers={HEADER: ""})
        await client.publish(INTENTS, message.data.replace(b"intent 1", b"intent 6"), headers={HEADER: "ä"})
        await client.publish(LEGACY_KILL, b"stop")
        await listening(forger, bare)
        await client.flush()
        giver.publish(INTENTS, numbered(7))
        assert await taken(intents, 1) == [numbered(7)]
        await until(lambda: taker.unsealed == 5)
        assert len(await taken(said, 1)) == 1, "old tools' halts need no seal"


def test_a_seal_is_of_its_subject_and_its_bytes() -> None:
    seal, other = BusSeal(b"one"), BusSeal(b"two")
    headers = seal.headers("a", b"x")
    assert seal.genuine("a", b"x", headers)
    for subject, data, asked in (("b", b"x", seal), ("a", b"y", seal), ("a", b"x", other)):
        assert not asked.genuine(subject, data, headers)
    assert not seal.genuine("a", b"x", None) and not seal.genuine("a", b"x", {})


async def test_a_pool_that_somebody_else_put_into_the_cache_is_not_read(server: NatsServer) -> None:
    async with bus_on(server.url) as bus:
        maker = Maker(component="market-data", build="t", run_id="r")

        def cache(secret: bytes) -> PoolCache:
            return PoolCache(lambda: bus.client, maker=maker, now_ms=lambda: 1, seal=BusSeal(secret))

        house, stranger = cache(b"the house"), cache(b"a stranger")
        await house.open()
        good, bad = (PoolSnapshot("raydium_cpmm", Address(name), Slot(1), ()) for name in ("good", "bad"))
        assert await house.write([good]) == await stranger.write([bad]) == set()
        read = []
        async with asyncio.timeout(WITHIN_S), aclosing(house.follow()) as following:
            async for snapshot in following:
                if snapshot is None:
                    break
                read.append(snapshot)
        assert (read, house.unsealed) == ([good], 1)


async def test_the_documented_accounts_let_the_house_work_and_others_only_halt_it(tmp_path: Path) -> None:
    """The accounts of docs/roles.md in a real server: its text is what is tried."""
    block = (Path(__file__).parents[2] / "docs/roles.md").read_text().partition("# nats-server.conf")[2]
    accounts = block.partition("```")[0].partition("accounts {")[2].replace("$2a$...", "secret")
    made = NatsServer(tmp_path, extra="accounts {" + accounts)
    await made.start()
    try:
        async with AsyncExitStack() as stack:
            url = made.url.replace("://", "://chimera:secret@")
            giver = await stack.enter_async_context(bus_on(url, kept=KEPT, secret=b"s"))
            taker = await stack.enter_async_context(bus_on(url, "execution-engine", kept=KEPT, secret=b"s"))
            intents, market = (taker.subscribe(topic, capacity=10) for topic in (INTENTS, MARKET))
            halts = taker.subscribe(LEGACY_KILL, capacity=10)
            await listening(giver, taker)
            giver.publish(INTENTS, numbered(1))
            giver.publish(MARKET, slots(1)[0])
            assert (await taken(intents, 1), await taken(market, 1)) == ([numbered(1)], slots(1))
            maker = Maker(component="market-data", build="t", run_id="r")
            cache = PoolCache(lambda: giver.client, maker=maker, now_ms=lambda: 1)
            await cache.open()
            assert not await cache.write([PoolSnapshot("raydium_cpmm", Address("pool"), Slot(1), ())])
            refused: list[Exception] = []

            async def failed(error: Exception) -> None:
                refused.append(error)

            halt = await nats.connect(made.url.replace("://", "://halt:secret@"), error_cb=failed)
            stack.push_async_callback(halt.close)
            await halt.publish(INTENTS, b"{}")
            await halt.publish(LEGACY_KILL, b"stop")
            await halt.flush()
            assert len(await taken(halts, 1)) == 1
            await until(lambda: bool(refused))
            assert "permissions violation" in str(refused[0]).lower() and taker.unsealed == 0
            with pytest.raises(nats.errors.Error):
                await nats.connect(made.url, allow_reconnect=False, error_cb=failed)
    finally:
        made.kill()
