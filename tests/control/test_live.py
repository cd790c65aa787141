"""The live stream over real WebSockets: who gets in, what he is told, and who is let go."""

import asyncio
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
import websockets
from websockets.asyncio.client import ClientConnection, connect
from websockets.frames import Frame, Opcode
from websockets.streams import StreamReader

from chimera.control.frames import text_frame
from chimera.control.stream import KEPT_MAX, UNREAD_BYTES_MAX, Client
from chimera.domain.ids import WSOL, Address, IntentId, Signature, Slot, TradeId
from chimera.domain.intent import Origin, Side, Signal, Style, TradeIntent
from chimera.domain.live import FundsSeen, PositionMarked
from chimera.domain.messages import (
    CapitalMoved,
    IntentApproved,
    IntentEmitted,
    KillSwitchMoved,
    LegLanded,
    LegPlanned,
    LegSent,
    LegSigned,
    LegSimulated,
    RunStarted,
    SignalAccepted,
    TradeMoved,
)
from chimera.domain.trade import Fill, Hop, LegRef, TradeState
from chimera.testing.surroundings import ACTIVE_WALLET, BONK

SOL = 1_000_000_000


async def join(house: Any, *, token: str | None = "readonly-key") -> ClientConnection:
    url = house.url.replace("http", "ws") + "/api/v1/ws" + (f"?token={token}" if token else "")
    return await connect(url, max_queue=None)  # or a close waits for who has not read all


async def hear(client: ClientConnection, *kinds: str) -> dict[str, Any]:
    """The next message of one of these kinds."""
    async with asyncio.timeout(10):
        while True:
            message: dict[str, Any] = json.loads(await client.recv())
            if not kinds or message["type"] in kinds:
                return message


async def test_a_key_in_the_address_or_in_the_first_message_opens_the_stream(house: Any) -> None:
    client = await join(house)
    snapshot = await hear(client)
    assert snapshot["type"] == "snapshot"
    assert set(snapshot["data"]) == {"overview", "positions", "decisions", "health"}
    await client.close()
    client = await join(house, token=None)
    await client.send(json.dumps({"type": "auth", "token": "admin-key"}))
    assert (await hear(client))["type"] == "snapshot"
    await client.close()


@pytest.mark.parametrize(
    "first", [None, "not json", '{"type":"auth","token":"wrong"}', '{"type":"hi","token":"admin-key"}']
)
async def test_without_a_valid_key_it_is_closed_with_4401(house: Any, first: str | None) -> None:
    client = await join(house, token="wrong" if first is None else None)
    if first is not None:
        await client.send(first)
    with pytest.raises(websockets.ConnectionClosedError):
        await hear(client)
    assert client.close_code == 4401


async def test_a_round_trip_is_told_step_by_step_without_a_gap(house: Any) -> None:
    book = Book(house)
    client = await join(house)
    seq = (await hear(client))["seq"]
    book.open()
    seen: list[dict[str, Any]] = []
    while not (seen and seen[-1]["type"] == "trade_update" and seen[-1]["data"]["status"] == "ACTIVE"):
        seen.append(await hear(client))
    book.mark(value=12 * SOL)
    while (marked := await hear(client))["type"] != "position_update" or not marked["data"]["value_lamports"]:
        seen.append(marked)
    assert marked["data"]["value_lamports"] == str(12 * SOL)
    assert marked["data"]["unrealised_pnl_lamports"] == str(12 * SOL - 10 * SOL - 5_000)
    seen.append(marked)
    book.close()
    while seen[-1]["type"] != "trade_update" or seen[-1]["data"]["status"] != "CLOSED":
        seen.append(await hear(client))
    closed = next(message for message in seen if message["type"] == "position_closed")
    assert closed["data"]["realised_pnl_lamports"] == str(SOL - 10_000)
    assert closed["data"]["value_lamports"] is None
    decisions = [message["data"] for message in seen if message["type"] == "decision"]
    assert [row["outcome"] for row in decisions] == [
        *("accepted", "info", "approved", "confirmed"),
        *("info", "approved", "confirmed", "closed"),
    ]
    assert all(row["text"] for row in decisions)
    numbers = [seq, *sorted(message["seq"] for message in seen)]
    assert [message["seq"] for message in seen] == numbers[1:], "in order"
    assert len(set(numbers)) == len(numbers)
    await client.close()


async def test_the_overview_of_a_closed_round_trip_is_its_true_profit(house: Any) -> None:
    book = Book(house)
    book.open()
    book.close()
    await _folded(house)
    overview = (await house.get("/api/v1/overview")).json()
    assert overview["realised_pnl_lamports"] == overview["pnl_24h_lamports"] == str(SOL - 10_000)
    assert (overview["closed_trades"], overview["wins"], overview["losses"]) == (1, 1, 0)
    assert (overview["signals"], overview["open_positions"], overview["fees_lamports"]) == (1, 0, "10000")
    assert overview["balance_lamports"] == str(100 * SOL + SOL - 10_000)


async def test_why_tells_the_whole_chain_of_a_trade_with_amounts_in_text(house: Any) -> None:
    book = Book(house)
    book.open()
    book.close()
    await _folded(house)
    for wanted in (book.trade_id, book.trade_id[:8], "sell"):
        why = (await house.get(f"/api/v1/why/{wanted}")).json()
        assert why["found"], wanted
        assert why["steps"][0]["kind"] == "signal"
        assert why["steps"][-1]["outcome"] == "closed"
    landed = next(step for step in why["steps"] if step["data"]["type"] == "LegLanded")
    assert landed["data"]["fill"]["swap_lamports"] == str(10 * SOL)
    assert landed["data"]["fill"]["slot"] == 3
    nothing = (await house.get("/api/v1/why/nobody-knows-this")).json()
    assert nothing == {"id": "nobody-knows-this", "found": False, "steps": []}


async def test_a_stream_that_fails_makes_health_say_so_and_not_the_trading(house: Any) -> None:
    house.stream.queue.put_nowait("no fact at all")
    async with asyncio.timeout(5):
        while "live stream" not in house.log() and "role failed" not in house.log():
            await asyncio.sleep(0.01)
    assert (await house.get("/api/v1/health")).json()["status"] == "unhealthy"
    assert (await house.signal()).status_code == 200


async def test_an_unknown_price_makes_the_sum_unknown_and_not_zero(house: Any) -> None:
    book = Book(house)
    book.open()
    await _folded(house)
    overview = (await house.get("/api/v1/overview")).json()
    assert overview["unrealised_pnl_lamports"] is None
    assert overview["equity_lamports"] == str(100 * SOL), "counted at what it cost"


async def test_numbers_go_on_without_a_gap_and_a_newcomer_starts_from_a_snapshot(house: Any) -> None:
    first = await join(house)
    await hear(first)
    book = Book(house)
    book.open()
    heard = [await hear(first) for _ in range(4)]
    assert [message["seq"] for message in heard] == list(range(heard[0]["seq"], heard[0]["seq"] + 4))
    await asyncio.sleep(0.05)
    second = await join(house)
    snapshot = await hear(second)
    assert len(snapshot["data"]["positions"]) == 1
    assert snapshot["data"]["decisions"][0]["outcome"] == "confirmed"
    book.mark(value=SOL)
    following = await hear(second)
    assert following["seq"] == snapshot["seq"] + 1
    for client in (first, second):
        await client.close()


async def test_what_the_journal_held_before_the_start_is_in_the_first_snapshot(
    house_type: Any, tmp_path: Path
) -> None:
    house = house_type(tmp_path)
    Book(house).open()
    while not house.stream.queue.empty():  # the stream only tells what comes after the start
        house.stream.queue.get_nowait()
    server = await house.start()
    await _folded(house)
    client = await join(house)
    snapshot = await hear(client)
    assert len(snapshot["data"]["positions"]) == 1
    assert snapshot["data"]["overview"]["wallet"] == "us"
    await client.close()
    await house.stop(server)


async def test_entries_that_the_stream_missed_are_read_from_the_journal(house: Any) -> None:
    Book(house).open()
    items = [house.stream.queue.get_nowait() for _ in range(house.stream.queue.qsize())]
    house.stream.queue.put_nowait(items[-1])
    await _folded(house)
    assert (await house.get("/api/v1/overview")).json()["open_positions"] == 1


async def hello(house: Any, **wanted: Any) -> ClientConnection:
    client = await join(house, token=None)
    await client.send(json.dumps({"type": "auth", "token": "readonly-key", **wanted}))
    return client


async def test_who_was_away_for_a_moment_is_told_what_he_missed(house: Any) -> None:
    client = await join(house)
    snapshot = await hear(client)
    await client.close()
    book = Book(house)
    book.open()  # nobody listens
    told = await join(house)
    last = (await hear(told))["seq"]
    await told.close()
    assert last > snapshot["seq"]
    back = await hello(house, stream=snapshot["stream"], after=snapshot["seq"])
    resumed = await hear(back)
    assert (resumed["type"], resumed["seq"]) == ("resumed", snapshot["seq"])
    missed = [await hear(back) for _ in range(last - snapshot["seq"])]
    assert [one["seq"] for one in missed] == list(range(snapshot["seq"] + 1, last + 1))
    assert "position_update" in {one["type"] for one in missed}
    await back.close()


@pytest.mark.parametrize("wanted", [{"stream": "another", "after": 0}, {"after": 0}, {"after": 10**9}])
async def test_where_what_was_missed_is_not_known_a_snapshot_comes(house: Any, wanted: Any) -> None:
    client = await join(house)
    stream = (await hear(client))["stream"]
    again = await hello(
        house, **{"stream": stream if "stream" in wanted or wanted["after"] else "", **wanted}
    )
    assert (await hear(again))["type"] == "snapshot"
    for one in (client, again):
        await one.close()


async def test_more_than_is_kept_was_missed_so_a_snapshot_comes(house: Any) -> None:
    client = await join(house)
    first = await hear(client)
    book = Book(house)
    for number in range(KEPT_MAX + 5):
        book.refuse_loudly(number, "x")
    async with asyncio.timeout(30):
        while (await hear(client))["seq"] < first["seq"] + KEPT_MAX + 2:
            pass
    again = await hello(house, stream=first["stream"], after=first["seq"])
    assert (await hear(again))["type"] == "snapshot"
    for one in (client, again):
        await one.close()


async def test_a_client_hears_the_topics_that_it_asked_for_and_no_others(house: Any) -> None:
    some = await hello(house, topics=["decisions"])
    by_address = await connect(
        house.url.replace("http", "ws") + "/api/v1/ws?token=readonly-key&topics=health,overview"
    )
    assert set((await hear(some))["data"]) == {"decisions"}
    assert set((await hear(by_address))["data"]) == {"overview", "health"}
    Book(house).open()
    house.journal.append(KillSwitchMoved(active=True, scope="halt_buys", cause="drill", by="admin-1"))
    assert (await hear(by_address, "health_update"))["data"]["kill_switch"]["active"]
    heard = {(await hear(some))["type"] for _ in range(3)}
    assert heard == {"decision"}
    for one in (some, by_address):
        await one.close()


async def test_a_topic_that_there_is_not_is_refused_by_name(house: Any) -> None:
    client = await hello(house, topics=["secrets"])
    with pytest.raises(websockets.ConnectionClosedError):
        await hear(client)
    assert client.close_code == 4400
    assert "positions" in client.close_reason


async def test_health_changes_are_told(house: Any) -> None:
    client = await join(house)
    await hear(client)
    house.journal.append(KillSwitchMoved(active=True, scope="halt_buys", cause="drill", by="admin-1"))
    health = await hear(client, "health_update")
    assert health["data"]["kill_switch"] == {"active": True, "mode": "halt_buys", "reason": "drill"}
    await client.close()


async def test_a_client_that_does_not_read_is_dropped_and_others_do_not_notice(house: Any) -> None:
    good, bad = await join(house), await join(house)
    await hear(good)
    bad.transport.pause_reading()
    heard = asyncio.create_task(_listen(good))
    big = "x" * 60_000
    book = Book(house)
    async with asyncio.timeout(60):
        number = 0
        while not _dropped(house):
            number += 1
            book.refuse_loudly(number, big)
            await asyncio.sleep(0.01)
    bad.transport.resume_reading()
    with pytest.raises(websockets.ConnectionClosed):
        while True:
            await asyncio.wait_for(bad.recv(), 10)
    assert bad.close_code == 4408
    assert not heard.done(), "the good one is still there"
    await good.close()
    with pytest.raises(websockets.ConnectionClosed):
        await heard


class Tap:
    """A wire whose other end reads nothing."""

    def __init__(self) -> None:
        self.written: list[bytes] = []

    def write(self, frames: bytes) -> None:
        self.written.append(frames)

    @property
    def unread_bytes(self) -> int:
        return sum(map(len, self.written))


def test_a_client_that_is_too_far_behind_gets_nothing_more() -> None:
    tap = Tap()
    client = Client("slow", tap)
    for _ in range(40):
        client.offer(bytes(UNREAD_BYTES_MAX // 16))
    assert client.slow.is_set()
    assert UNREAD_BYTES_MAX < tap.unread_bytes <= UNREAD_BYTES_MAX * 9 // 8


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536, 70_001])
def test_a_frame_is_what_the_websocket_library_reads_as_that_text(size: int) -> None:
    text = "ä" * (size // 2) + "x" * (size % 2)
    reader = StreamReader()
    reader.feed_data(text_frame(text.encode()))
    reading = Frame.parse(reader.read_exact, mask=False)
    with pytest.raises(StopIteration) as read:
        next(reading)
    frame = read.value.value
    assert (frame.opcode, frame.fin, frame.data.decode()) == (Opcode.TEXT, True, text)


async def test_more_clients_than_are_written_to_at_once_hear_the_same_in_order(
    house: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One has topics of his own, and one is gone in the middle."""
    monkeypatch.setattr("chimera.control.stream.WRITES_AT_ONCE", 3)
    clients = [await join(house) for _ in range(8)]
    some = await hello(house, topics=["health"])
    first = [await hear(client, "snapshot") for client in clients]
    await hear(some, "snapshot")
    for number in range(20):
        active = number % 2 == 0
        house.journal.append(
            KillSwitchMoved(active=active, scope="halt_buys" if active else "", cause=str(number), by="ops")
        )
        await asyncio.sleep(0.01)
        if number == 10:
            await clients.pop().close()
    heard = []
    for client in clients:
        numbers, last = [], ""
        while last != "19":
            message = await hear(client)
            numbers.append(message["seq"])
            if message["type"] == "decision":
                last = message["data"]["text"].rpartition(": ")[2].rstrip(".")
        heard.append(numbers)
    assert len({told["seq"] for told in first}) == 1
    assert all(numbers == list(range(numbers[0], numbers[-1] + 1)) for numbers in heard)
    assert len({tuple(numbers) for numbers in heard}) == 1
    assert (await hear(some))["type"] == "health_update"
    for client in (*clients, some):
        await client.close()


async def test_a_funds_report_moves_the_equity_curve(house: Any) -> None:
    client = await join(house)
    await hear(client)
    at_ms = house.clock.now_ms()
    house.journal.append(CapitalMoved(lamports=7, slot=Slot(1), cause="opening balance"))
    house.stream.queue.put_nowait(
        FundsSeen(lamports=7, slot=Slot(1), sol_micro_usd=None, ledger_matches_chain=None, at_ms=at_ms)
    )
    overview = await hear(client, "overview")
    assert overview["data"]["equity_point"][1] == "7"
    assert "equity_history" not in overview["data"]
    assert overview["data"]["equity_usd_micro"] is None
    await client.close()


def _dropped(house: Any) -> bool:
    with house.log_path.open("rb") as log:
        log.seek(max(0, house.log_path.stat().st_size - 1_000_000))
        return b"stream client dropped" in log.read()


async def _listen(client: ClientConnection) -> None:
    while True:
        await client.recv()


async def _folded(house: Any) -> None:
    """Until the stream has nothing more to fold."""
    deadline = asyncio.get_running_loop().time() + 5
    while not house.stream.queue.empty() and asyncio.get_running_loop().time() < deadline:
        await asyncio.sleep(0.005)
    await asyncio.sleep(0.02)


class Book:
    """Writes the facts of one round trip into the house's journal: 10 SOL in, 11 out, 5000 lamports a fee."""

    def __init__(self, house: Any) -> None:
        self.house, self.trade_id = house, TradeId("11111111-1111-8111-8111-111111111111")
        house.journal.append(RunStarted(run_id="run", build="test", wallet=Address("us")))
        house.journal.append(CapitalMoved(lamports=100 * SOL, slot=Slot(1), cause="opening"))

    def open(self) -> None:
        tell, now = self.house.journal.append, self.house.clock.now_ms()
        tell(SignalAccepted(signal=_signal(self.trade_id, now)))
        intent = self._intent("i1", Side.BUY, 10 * SOL, now)
        leg = self._leg(intent, "l1")
        fill = Fill(
            signature=Signature("buy"),
            slot=Slot(3),
            side=Side.BUY,
            mint=BONK.mint,
            token_delta=1_000,
            lamports_delta=-10 * SOL - 5_000,
            swap_lamports=10 * SOL,
            fee_lamports=5_000,
            tip_lamports=0,
            rent_lamports=0,
            at_ms=now,
        )
        tell(LegLanded(leg=leg, fill=fill))
        self._moved(TradeState.EXECUTING, TradeState.ACTIVE)

    def close(self) -> None:
        tell, now = self.house.journal.append, self.house.clock.now_ms()
        intent = self._intent("i2", Side.SELL, 1_000, now)
        self._moved(TradeState.ACTIVE, TradeState.EXITING)
        leg = self._leg(intent, "l2")
        fill = Fill(
            signature=Signature("sell"),
            slot=Slot(9),
            side=Side.SELL,
            mint=BONK.mint,
            token_delta=-1_000,
            lamports_delta=11 * SOL - 5_000,
            swap_lamports=11 * SOL,
            fee_lamports=5_000,
            tip_lamports=0,
            rent_lamports=0,
            at_ms=now,
        )
        tell(LegLanded(leg=leg, fill=fill))
        self._moved(TradeState.EXITING, TradeState.CLOSED)

    def mark(self, *, value: int) -> None:
        self.house.stream.queue.put_nowait(
            PositionMarked(
                trade_id=self.trade_id,
                value_lamports=value,
                price_age_slots=1,
                stop_lamports=None,
                target_lamports=None,
                at_ms=self.house.clock.now_ms(),
            )
        )

    def refuse_loudly(self, number: int, text: str) -> None:
        self.house.journal.append(
            KillSwitchMoved(active=False, scope="", cause=f"{number} {text}", by="admin-1")
        )

    def _intent(self, name: str, side: Side, amount: int, now: int) -> TradeIntent:
        intent = TradeIntent(
            id=IntentId(name),
            trade_id=self.trade_id,
            signal_id=_signal(self.trade_id, now).id if side is Side.BUY else None,
            source="copy_trade",
            origin=Origin.STRATEGY_A,
            style=Style.SHIELD,
            side=side,
            mint=BONK.mint,
            symbol="BONK",
            amount=amount,
            slippage_bps_max=100,
            created_at_ms=now,
            ttl_ms=5_000,
            reason="copies a wallet" if side is Side.BUY else "take profit",
            wallet=ACTIVE_WALLET,
        )
        self.house.journal.append(IntentEmitted(intent=intent))
        self.house.journal.append(
            IntentApproved(intent_id=intent.id, trade_id=self.trade_id, checks=("kill switch: off",))
        )
        return intent

    def _leg(self, intent: TradeIntent, name: str) -> LegRef:
        leg = LegRef(leg_id=name, intent_id=intent.id, trade_id=self.trade_id)
        pays, gets = (WSOL, BONK.mint) if intent.side is Side.BUY else (BONK.mint, WSOL)
        hop = Hop(
            venue="raydium_cpmm",
            pool=Address("pool"),
            input_mint=pays,
            output_mint=gets,
            amount_in=intent.amount,
            amount_out=1,
        )
        tell = self.house.journal.append
        tell(
            LegPlanned(
                leg=leg,
                hops=(hop,),
                amount_in=intent.amount,
                expected_out=1,
                minimum_out=1,
                slot=Slot(2),
                compute_units=1,
                cu_price_micro_lamports=1,
                tip_lamports=0,
            )
        )
        tell(LegSimulated(leg=leg, error=None, compute_units=1, slot=Slot(2)))
        signature = Signature("buy" if intent.side is Side.BUY else "sell")
        tell(LegSigned(leg=leg, signature=signature, transaction=b"bytes", last_valid_block_height=9))
        tell(LegSent(leg=leg, signature=signature, lane="rpc", attempt=1))
        return leg

    def _moved(self, before: TradeState, after: TradeState) -> None:
        self.house.journal.append(
            TradeMoved(trade_id=self.trade_id, before=before, after=after, cause="as it went")
        )


def _signal(trade_id: TradeId, at_ms: int) -> Signal:
    return msgspec.convert(
        {
            "type": "Signal",
            "id": trade_id,
            "source": "webhook",
            "strategy": "SHIELD",
            "side": "BUY",
            "mint": BONK.mint,
            "symbol": "BONK",
            "amount_lamports": 10 * SOL,
            "wallet": ACTIVE_WALLET,
            "at_ms": at_ms,
        },
        Signal,
    )
