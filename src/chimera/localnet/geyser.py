"""A Yellowstone Geyser server on the embedded chain: the gRPC service itself.

Real clients work with it unmodified. Served: Subscribe (accounts, slots, transactions, their statuses, blocks,
block metadata, data slices, commitments, ping and pong, `from_slot` over a bounded window, a changed request on
the running stream), and the single questions. Not served, and refused by name: entries, cuckoo filters,
SubscribeDeshred. Knows the chain's events and reads; filters and queues are next door.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc
import msgspec
from solders.hash import Hash, ParseHashError

from chimera.domain.chain import Commitment
from chimera.domain.errors import ConfigError
from chimera.localnet.chain import EmbeddedChain
from chimera.localnet.geyser_filter import COMMITMENTS, FilterError, compile_filter
from chimera.localnet.geyser_stream import Broadcast, Session, StreamEnded
from chimera.localnet.view import ChainView
from chimera.proto import geyser_pb2 as pb
from chimera.proto import service

Context = grpc.aio.ServicerContext[Any, Any]

SERVER_OPTIONS = (
    ("grpc.so_reuseport", 0),  # two servers on one port would share its clients between them
    ("grpc.max_receive_message_length", 4 * 1024 * 1024),
    ("grpc.max_send_message_length", -1),
)


class GeyserOptions(msgspec.Struct, frozen=True):
    host: str = "127.0.0.1"
    port: int = 10000
    """0 takes a free one."""
    x_token: str | None = None
    """Asked of every client where set."""
    replay_slots: int = 150
    """How far back `from_slot` may reach, the slot in progress included: a minute at 400 ms."""
    ping_every_s: float = 10.0
    queue_messages_max: int = 65_536
    queue_bytes_max: int = 128 * 1024 * 1024
    """A client for whom more is waiting is disconnected: "lagged to send an update"."""
    sessions_max: int = 64


class GeyserServer:
    """Listens to a chain from the moment it is made; serves from `start` on."""

    def __init__(self, chain: EmbeddedChain, options: GeyserOptions, *, now_ns: Callable[[], int]) -> None:
        self._chain, self._options = chain, options
        self._broadcast = Broadcast(replay_slots=options.replay_slots, now_ns=now_ns)
        self._server: grpc.aio.Server | None = None
        self._pinging: asyncio.Task[None] | None = None
        self._connected: set[Session] = set()
        self._refusing = False
        working = chain.slot_state(chain.slot)
        if working is not None and not working.transactions:
            self._broadcast.open(chain.slot)
        chain.listeners.add(self._broadcast)

    async def start(self) -> int:
        """The port. Raises ConfigError where it is taken."""
        options = self._options
        server = grpc.aio.server(options=SERVER_OPTIONS)
        server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(service.SERVICE, self._handlers()),)
        )
        try:
            port = server.add_insecure_port(f"{options.host}:{options.port}")
        except RuntimeError:
            raise ConfigError(
                f"Geyser port {options.port} on {options.host} cannot be used; is it taken?"
            ) from None
        await server.start()
        self._server = server
        self._pinging = asyncio.create_task(self._ping_all(), name="geyser-pings")
        return port

    async def stop(self) -> None:
        self._chain.listeners.remove(self._broadcast)
        self.disconnect("server is shutting down try again later")
        if self._pinging is not None:
            self._pinging.cancel()
        if self._server is not None:
            await self._server.stop(grace=0.2)

    @property
    def clients(self) -> int:
        return len(self._connected)

    @property
    def sessions(self) -> tuple[Session, ...]:
        """Those that have asked for something."""
        return self._broadcast.sessions

    def disconnect(self, text: str = "connection lost") -> int:
        """How many streams were ended, as UNAVAILABLE; they may come back at once."""
        sessions = tuple(self._connected)
        for session in sessions:
            session.end(grpc.StatusCode.UNAVAILABLE, text)
        return len(sessions)

    def refuse(self, *, refusing: bool) -> None:
        """Whether new streams are turned away for now, as from a node that restarts."""
        self._refusing = refusing

    # -- streaming ------------------------------------------------------------------------------------------

    async def _subscribe(self, requests: AsyncIterator[pb.SubscribeRequest], context: Context) -> None:
        await self._admit(context)
        if len(self._connected) >= self._options.sessions_max:
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "max amount of streams reached")
        session = Session(
            messages_max=self._options.queue_messages_max, bytes_max=self._options.queue_bytes_max
        )
        self._connected.add(session)
        listening = asyncio.create_task(self._listen(session, requests), name="geyser-requests")
        try:
            await self._serve(session, context)
        except StreamEnded as end:
            # Whoever does not read does not take the reason either, so he does not hold up the rest of us.
            self._forget(session)
            await context.abort(end.code, end.text)
        finally:
            listening.cancel()
            self._forget(session)

    async def _serve(self, session: Session, context: Context) -> None:
        """Sends what is waiting; raises StreamEnded when that is over, even in the middle of a stuck write."""
        task = asyncio.current_task()
        # First and apart: grpc cannot end a stream whose very first write, headers included, was cancelled.
        await context.send_initial_metadata(())
        try:
            while True:
                message = await session.next()
                session.writing = task
                await context.write(message)
                session.writing = None
        except asyncio.CancelledError:
            # Where the write ended just then, the cancellation arrives a step later, in `next`.
            if session.ended is None or task is None:
                raise
            task.uncancel()
            raise session.ended from None
        finally:
            session.writing = None

    def _forget(self, session: Session) -> None:
        self._broadcast.remove(session)
        self._connected.discard(session)

    async def _listen(self, session: Session, requests: AsyncIterator[pb.SubscribeRequest]) -> None:
        """Follows the client's wishes. That he closes his side means only that he wishes nothing else."""
        async for request in requests:
            if request.HasField("ping"):
                pong = pb.SubscribeUpdate(pong=pb.SubscribeUpdatePong(id=request.ping.id))
                session.push(pong.SerializeToString())
                continue
            from_slot = request.from_slot if request.HasField("from_slot") else None
            try:
                self._broadcast.subscribe(session, compile_filter(request), from_slot=from_slot)
            except FilterError as error:
                session.end(grpc.StatusCode.INVALID_ARGUMENT, f"failed to create filter: {error}")
            except StreamEnded as end:
                session.end(end.code, end.text)

    async def _ping_all(self) -> None:
        ping = pb.SubscribeUpdate(ping=pb.SubscribeUpdatePing()).SerializeToString()
        while True:
            await asyncio.sleep(self._options.ping_every_s)
            for session in tuple(self._connected):
                session.push(ping)

    # -- single questions -----------------------------------------------------------------------------------

    async def _replay_info(
        self, _request: pb.SubscribeReplayInfoRequest, context: Context
    ) -> pb.SubscribeReplayInfoResponse:
        await self._admit(context)
        answer = pb.SubscribeReplayInfoResponse()
        first = self._broadcast.first_available_slot
        if first is not None:
            answer.first_available = first
        return answer

    async def _ping(self, request: pb.PingRequest, context: Context) -> pb.PongResponse:
        await self._admit(context)
        return pb.PongResponse(count=request.count)

    async def _latest_blockhash(
        self, request: pb.GetLatestBlockhashRequest, context: Context
    ) -> pb.GetLatestBlockhashResponse:
        view = await self._view(request.commitment, context)
        latest = self._chain.blockhashes.latest(up_to_slot=view.slot)
        return pb.GetLatestBlockhashResponse(
            slot=view.slot, blockhash=str(latest.blockhash), last_valid_block_height=latest.last_valid_height
        )

    async def _block_height(
        self, request: pb.GetBlockHeightRequest, context: Context
    ) -> pb.GetBlockHeightResponse:
        view = await self._view(request.commitment, context)
        return pb.GetBlockHeightResponse(block_height=view.height)

    async def _slot(self, request: pb.GetSlotRequest, context: Context) -> pb.GetSlotResponse:
        view = await self._view(request.commitment, context)
        return pb.GetSlotResponse(slot=view.slot)

    async def _blockhash_valid(
        self, request: pb.IsBlockhashValidRequest, context: Context
    ) -> pb.IsBlockhashValidResponse:
        view = await self._view(request.commitment, context)
        try:
            blockhash = Hash.from_string(request.blockhash)
        except ParseHashError as error:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"invalid blockhash: {error}")
        valid = self._chain.blockhashes.valid(blockhash, at_height=view.height, at_slot=view.slot)
        return pb.IsBlockhashValidResponse(slot=view.slot, valid=valid)

    async def _version(self, _request: pb.GetVersionRequest, context: Context) -> pb.GetVersionResponse:
        await self._admit(context)
        # Yellowstone answers a JSON object as text.
        said = {"version": {"package": "chimera-localnet", "proto": "yellowstone", "solana": "litesvm"}}
        return pb.GetVersionResponse(version=json.dumps(said))

    # -- inside ---------------------------------------------------------------------------------------------

    async def _admit(self, context: Context) -> None:
        if self._refusing:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "server is shutting down try again later")
        wanted = self._options.x_token
        if wanted is not None:
            given = dict(context.invocation_metadata() or ()).get("x-token")
            if given != wanted:
                await context.abort(grpc.StatusCode.UNAUTHENTICATED, "No valid auth token")

    async def _view(self, wanted: int, context: Context) -> ChainView:
        await self._admit(context)
        commitment = COMMITMENTS.get(wanted)
        if commitment is None:
            text = f"failed to create CommitmentLevel from {wanted}"
            await context.abort(grpc.StatusCode.UNKNOWN, text)
        return self._chain.view(commitment or Commitment.PROCESSED)

    def _handlers(self) -> dict[str, "grpc.RpcMethodHandler[Any, Any]"]:
        subscribe = grpc.stream_stream_rpc_method_handler(
            self._subscribe,
            service.SUBSCRIBE.request.FromString,
            None,  # the stream hands over bytes that are shared between clients
        )
        single: tuple[tuple[service.Method[Any, Any], Any], ...] = (
            (service.SUBSCRIBE_REPLAY_INFO, self._replay_info),
            (service.PING, self._ping),
            (service.GET_LATEST_BLOCKHASH, self._latest_blockhash),
            (service.GET_BLOCK_HEIGHT, self._block_height),
            (service.GET_SLOT, self._slot),
            (service.IS_BLOCKHASH_VALID, self._blockhash_valid),
            (service.GET_VERSION, self._version),
        )
        return {service.SUBSCRIBE.name: subscribe} | {
            method.name: grpc.unary_unary_rpc_method_handler(
                answer, method.request.FromString, method.response.SerializeToString
            )
            for method, answer in single
        }
