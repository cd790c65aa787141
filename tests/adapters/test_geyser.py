"""The Geyser client against a scripted gRPC server: what it sends, what it survives, what it calls things."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import grpc
import pytest

from chimera.adapters.geyser import GeyserFeed
from chimera.domain.chain import SlotUpdate
from chimera.domain.errors import ConfigError, Garbled, OutsideError, RateLimited, Rejected, Unreachable
from chimera.domain.ids import WSOL
from chimera.ports.chain import Subscription
from chimera.proto import geyser_pb2 as pb
from chimera.proto.service import GET_VERSION, SERVICE, SUBSCRIBE, SUBSCRIBE_REPLAY_INFO

Script = Callable[["Peer"], Awaitable[None]]


class Peer:
    """One stream as the scripted server sees it."""

    def __init__(
        self, requests: AsyncIterator[pb.SubscribeRequest], context: grpc.aio.ServicerContext
    ) -> None:
        self._requests, self.context = requests, context
        self.metadata = dict(context.invocation_metadata() or ())

    async def hear(self) -> pb.SubscribeRequest:
        """The next request that is no ping."""
        async for heard in self._requests:
            if not heard.HasField("ping"):
                return heard
        raise AssertionError("the client closed its side")

    async def hear_ping(self) -> pb.SubscribeRequest:
        async for heard in self._requests:
            if heard.HasField("ping"):
                return heard
        raise AssertionError("the client closed its side")

    async def say(self, update: pb.SubscribeUpdate | bytes) -> None:
        await self.context.write(update if isinstance(update, bytes) else update.SerializeToString())

    async def say_slot(self, slot: int) -> None:
        await self.say(pb.SubscribeUpdate(slot=pb.SubscribeUpdateSlot(slot=slot, status=pb.SLOT_PROCESSED)))


@asynccontextmanager
async def serving(script: Script) -> AsyncIterator[str]:
    """The endpoint of a server whose every stream follows the script."""

    async def subscribe(
        requests: AsyncIterator[pb.SubscribeRequest], context: grpc.aio.ServicerContext
    ) -> None:
        await script(Peer(requests, context))

    async def version(
        request: pb.GetVersionRequest, context: grpc.aio.ServicerContext
    ) -> pb.GetVersionResponse:
        return pb.GetVersionResponse(version="scripted")

    async def replay_info(
        request: pb.SubscribeReplayInfoRequest, context: grpc.aio.ServicerContext
    ) -> pb.SubscribeReplayInfoResponse:
        return pb.SubscribeReplayInfoResponse(first_available=41)

    handlers = {
        SUBSCRIBE.name: grpc.stream_stream_rpc_method_handler(subscribe, SUBSCRIBE.request.FromString, None),
        GET_VERSION.name: grpc.unary_unary_rpc_method_handler(
            version, GET_VERSION.request.FromString, GET_VERSION.response.SerializeToString
        ),
        SUBSCRIBE_REPLAY_INFO.name: grpc.unary_unary_rpc_method_handler(
            replay_info,
            SUBSCRIBE_REPLAY_INFO.request.FromString,
            SUBSCRIBE_REPLAY_INFO.response.SerializeToString,
        ),
    }
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        await server.stop(None)


def feed(endpoint: str, **options: float) -> GeyserFeed:
    return GeyserFeed(endpoint, **{"silence_s": 0.4, "connect_s": 2.0, "ping_every_s": 0.05, **options})


async def take(stream: AsyncIterator[object], count: int) -> list[object]:
    taken: list[object] = []
    async for found in stream:
        taken.append(found)
        if len(taken) == count:
            break
    return taken


async def expect(kind: type[OutsideError], endpoint: str, **options: float) -> OutsideError:
    """The error with which a subscription ends."""
    with pytest.raises(kind) as caught:
        async for _ in feed(endpoint, **options).subscribe(Subscription()):
            pass
    return caught.value


async def stay(peer: Peer) -> None:
    await asyncio.Event().wait()


async def test_items_arrive_in_order_and_the_wish_and_token_are_sent() -> None:
    heard: list[pb.SubscribeRequest] = []
    tokens: list[object] = []

    async def script(peer: Peer) -> None:
        heard.append(await peer.hear())
        tokens.append(peer.metadata.get("x-token"))
        for slot in (1, 2, 3):
            await peer.say_slot(slot)
        await stay(peer)

    async with serving(script) as endpoint:
        client = GeyserFeed(endpoint, x_token="secret-token")
        stream = client.subscribe(Subscription(addresses=(WSOL,)), from_slot=7)
        taken = await take(stream, 3)
        await stream.aclose()
    assert [found.slot for found in taken if isinstance(found, SlotUpdate)] == [1, 2, 3]
    assert list(heard[0].accounts["addresses"].account) == [WSOL] and heard[0].from_slot == 7
    assert tokens == ["secret-token"]


async def test_a_ping_is_answered_and_pings_are_sent_from_the_start() -> None:
    answered = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.hear_ping()
        await peer.say(pb.SubscribeUpdate(ping=pb.SubscribeUpdatePing()))
        await peer.hear_ping()
        answered.set()
        await peer.say_slot(1)
        await stay(peer)

    async with serving(script) as endpoint:
        stream = feed(endpoint).subscribe(Subscription())
        assert len(await take(stream, 1)) == 1
        await stream.aclose()
    assert answered.is_set()


async def test_a_changed_wish_goes_out_on_the_running_stream() -> None:
    async def script(peer: Peer) -> None:
        await peer.hear()
        await peer.say_slot(1)
        changed = await peer.hear()
        assert list(changed.accounts["addresses"].account) == [WSOL]
        assert not changed.HasField("from_slot")
        await peer.say_slot(2)
        await stay(peer)

    async with serving(script) as endpoint:
        client = feed(endpoint)
        stream = client.subscribe(Subscription(), from_slot=1)
        assert len(await take(stream, 1)) == 1
        await client.change(Subscription(addresses=(WSOL,)))
        second = await anext(stream)
        assert isinstance(second, SlotUpdate) and second.slot == 2
        await stream.aclose()
        with pytest.raises(Unreachable, match="no stream is running"):
            await client.change(Subscription())


async def test_silence_is_noticed_within_the_limit_although_the_connection_stands() -> None:
    async def script(peer: Peer) -> None:
        await peer.hear()
        await peer.say_slot(1)
        await stay(peer)

    async with serving(script) as endpoint:
        started = time.monotonic()
        error = await expect(Unreachable, endpoint)
    assert "silent for more than 0.4 s" in str(error)
    assert time.monotonic() - started < 2


async def test_by_default_a_silent_stream_is_given_up_within_two_seconds_and_a_half() -> None:
    async def script(peer: Peer) -> None:
        await peer.say_slot(1)
        await stay(peer)

    async with serving(script) as endpoint:
        started = time.monotonic()
        with pytest.raises(Unreachable, match="silent"):
            await take(GeyserFeed(endpoint).subscribe(Subscription()), 2)
    assert 1.9 < time.monotonic() - started < 3.5


async def test_a_consumer_who_takes_his_time_is_no_silence() -> None:
    async def script(peer: Peer) -> None:
        for slot in range(1, 4):
            await peer.say_slot(slot)
        await stay(peer)

    async with serving(script) as endpoint:
        stream = feed(endpoint, silence_s=0.15).subscribe(Subscription())
        for _ in range(3):
            await anext(stream)
            await asyncio.sleep(0.3)
        await stream.aclose()


async def test_pongs_alone_keep_a_quiet_stream_alive() -> None:
    async def script(peer: Peer) -> None:
        for _ in range(8):
            asked = await peer.hear_ping()
            await peer.say(pb.SubscribeUpdate(pong=pb.SubscribeUpdatePong(id=asked.ping.id)))
        await peer.say_slot(1)
        await stay(peer)

    async with serving(script) as endpoint:
        stream = feed(endpoint, silence_s=0.2).subscribe(Subscription())
        assert len(await take(stream, 1)) == 1
        await stream.aclose()


async def test_a_port_that_accepts_and_says_nothing_is_unreachable() -> None:
    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(hold, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        started = time.monotonic()
        error = await expect(Unreachable, f"http://127.0.0.1:{port}", connect_s=0.5)
        assert time.monotonic() - started < 2
    assert "silent" in str(error)


async def test_a_refused_connection_and_an_ended_stream_are_unreachable() -> None:
    async def script(peer: Peer) -> None:
        await peer.say_slot(1)

    async with serving(script) as endpoint:
        assert "ended" in str(await expect(Unreachable, endpoint))
    assert "no connection" in str(await expect(Unreachable, endpoint))


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (grpc.StatusCode.OUT_OF_RANGE, Rejected),
        (grpc.StatusCode.UNAUTHENTICATED, Rejected),
        (grpc.StatusCode.INVALID_ARGUMENT, Rejected),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, RateLimited),
        (grpc.StatusCode.DATA_LOSS, Garbled),
        (grpc.StatusCode.INTERNAL, Unreachable),
        (grpc.StatusCode.UNAVAILABLE, Unreachable),
    ],
)
async def test_refusals_have_names(code: grpc.StatusCode, kind: type[OutsideError]) -> None:
    async def script(peer: Peer) -> None:
        await peer.hear()
        await peer.context.abort(code, "because")

    async with serving(script) as endpoint:
        error = await expect(kind, endpoint)
    assert "because" in str(error) and code.name in str(error)
    if isinstance(error, Rejected):
        assert error.code == code.value[0]


async def test_unreadable_bytes_are_garbled_and_not_a_broken_connection() -> None:
    async def script(peer: Peer) -> None:
        await peer.say(b"\xff\xff\xff")
        await stay(peer)

    async with serving(script) as endpoint:
        await expect(Garbled, endpoint)


async def test_cancelling_the_consumer_cancels_and_leaves_no_task_behind() -> None:
    async def script(peer: Peer) -> None:
        await peer.say_slot(1)
        await stay(peer)

    async with serving(script) as endpoint:
        client = feed(endpoint, silence_s=30)
        got = asyncio.Event()

        async def consume() -> None:
            async for _ in client.subscribe(Subscription()):
                got.set()

        task = asyncio.create_task(consume())
        await asyncio.wait_for(got.wait(), 5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        # A generator that its task left behind is closed by the loop, in its own time.
        deadline = time.monotonic() + 5
        while any(task.get_name().startswith("geyser-") for task in asyncio.all_tasks()):
            assert time.monotonic() < deadline
            await asyncio.sleep(0.01)


async def test_a_feed_subscribes_again_after_a_break() -> None:
    served = 0

    async def script(peer: Peer) -> None:
        nonlocal served
        served += 1
        await peer.say_slot(served)

    async with serving(script) as endpoint:
        client = feed(endpoint)
        for turn in (1, 2):
            stream = client.subscribe(Subscription())
            found = await anext(stream)
            assert isinstance(found, SlotUpdate) and found.slot == turn
            with pytest.raises(Unreachable):
                await anext(stream)


async def test_single_questions_are_answered_or_fail_by_name() -> None:
    async with serving(stay) as endpoint:
        client = feed(endpoint)
        assert await client.version() == "scripted"
        assert await client.first_available_slot() == 41
    with pytest.raises(Unreachable):
        await client.version()


@pytest.mark.parametrize("endpoint", ["", "127.0.0.1:10000", "ftp://host", "http://", "grpc://x:1"])
def test_an_endpoint_that_is_none_is_refused_with_what_to_write(endpoint: str) -> None:
    with pytest.raises(ConfigError, match="http://host:port"):
        GeyserFeed(endpoint)
