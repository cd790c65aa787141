"""Data frames: typed, in UTC, whole amounts, and the same figures as the records that they were made of."""

from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from chimera import frames
from chimera.adapters.journal_file import JournalFile
from chimera.adapters.recording_seal import seal
from chimera.adapters.recording_writer import RecordingLimits, RecordingWriter
from chimera.domain.errors import ConfigError
from chimera.domain.ids import USDC, WSOL, Signature, Slot
from chimera.domain.intent import Side
from chimera.domain.market import EventSource, MarketGap, PoolUpdated, SlotAdvanced, TokenMintInfo, Trade
from chimera.domain.messages import IntentApproved, IntentEmitted, IntentRefused, LegLanded
from chimera.domain.pool import PoolHeader, Swap
from chimera.domain.record import Maker
from chimera.domain.risk import Reason, Refusal
from chimera.domain.token import TokenInfo
from chimera.domain.trade import LegRef
from chimera.market.features import FeatureExtractor
from chimera.testing.builders import AT_MS, BONK, address, fill, intent
from chimera.testing.fakes import StandingClock

MAKER = Maker(component="market-data", build="t", run_id="r")
LIMITS = RecordingLimits(
    segment_records=10, segment_bytes=1 << 30, segment_ms=1 << 40, keep_bytes=0, keep_days=0
)
POOL = PoolHeader("raydium_cpmm", address("pool"), BONK, WSOL)


def swap(number: int, **changes: object) -> Trade:
    fields = {
        "venue": "raydium_cpmm", "pool": POOL.address, "user": address("user"), "input_mint": WSOL,
        "output_mint": BONK, "amount_in": 1_000, "amount_out": 2**63 + number,
        "signature": Signature(f"s{number}"), "slot": Slot(100 + number), "position": 3,
    }  # fmt: skip
    return Trade(Swap(**{**fields, **changes}), AT_MS + number * 1_000)  # type: ignore[arg-type]


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    token = TokenInfo(BONK, address("program"), 5, 2**64 - 1, None, address("freeze"), Slot(100))
    events = [
        TokenMintInfo(token, AT_MS),
        SlotAdvanced(Slot(100), AT_MS),
        PoolUpdated(POOL, 2**64 - 1, 7, Slot(100), AT_MS, EventSource.RPC),
        *[swap(number) for number in range(20)],
        swap(20, input_mint=BONK, output_mint=USDC, amount_in=500, amount_out=250),
        MarketGap(Slot(105), Slot(107), "a hole", AT_MS + 30_000),
    ]
    return write(tmp_path / "recording", events)


def write(folder: Path, events: list) -> Path:
    writer = RecordingWriter(folder, maker=MAKER, limits=LIMITS)
    for event in events:
        if writer.append([writer.encode(event)], at_ms=event.at_ms).full:
            path = writer.rotate()
            assert path is not None
            seal(path)
    writer.close()
    return folder


def test_trades_are_told_from_the_tokens_side_with_whole_amounts(recording: Path) -> None:
    trades = frames.trades(recording)
    assert trades.height == 21
    first, last = trades.row(0, named=True), trades.row(-1, named=True)
    assert first["time"] == datetime.fromtimestamp(AT_MS / 1_000, UTC)
    assert (first["side"], first["mint"], first["quote_mint"]) == ("BUY", BONK, WSOL)
    assert (first["amount"], first["quote_amount"]) == (2**63, 1_000)
    assert (last["side"], last["mint"], last["quote_mint"], last["price"]) == ("SELL", BONK, USDC, 0.5)
    assert trades["signature"].to_list()[:3] == ["s0", "s1", "s2"]
    assert frames.only(trades, side="SELL").height == 1


def test_a_stretch_of_time_is_both_ends_included(recording: Path) -> None:
    since = datetime.fromtimestamp(AT_MS / 1_000 + 5, UTC)
    assert frames.trades(recording, since=since, until=AT_MS + 7_000)["slot"].to_list() == [105, 106, 107]
    text = since.strftime("%Y-%m-%dT%H:%M:%S")
    assert frames.trades(recording, since=text).height == 16
    with pytest.raises(ConfigError, match="no time"):
        frames.trades(recording, since="yesterday")


def test_pools_mints_slots_and_gaps(recording: Path) -> None:
    assert frames.pools(recording).row(0, named=True)["reserve_a"] == 2**64 - 1
    mint = frames.mints(recording).row(0, named=True)
    assert (mint["decimals"], mint["supply"], mint["mint_authority"]) == (5, 2**64 - 1, None)
    assert frames.slots(recording)["slot"].to_list() == [100]
    assert frames.gaps(recording).row(0)[1:] == (105, 107, "a hole")


def test_a_table_without_rows_has_its_columns(recording: Path) -> None:
    nothing = frames.trades(recording, since=AT_MS + 10**9)
    assert nothing.height == 0
    assert nothing.schema == frames.trades(recording).schema
    with pytest.raises(ConfigError, match="no recording"):
        frames.trades(recording / "nowhere")


def test_bars_and_features_are_those_that_strategies_read(tmp_path: Path) -> None:
    usdc_pool = PoolHeader("raydium_cpmm", address("usdc pool"), WSOL, USDC)
    tokens = {"output_mint": BONK, "amount_out": 2 * 10**12}
    events = [
        PoolUpdated(
            usdc_pool, 1_000 * 10**9, 200_000 * 10**6, Slot(99), AT_MS, EventSource.RPC
        ),  # 200 USDC a SOL
        *[swap(n, **tokens, amount_in=1_000 + n, user=address(f"u{n % 3}")) for n in range(150)],
        swap(150, **tokens, input_mint=USDC, amount_in=2 * 10**6),  # a hundredth of a SOL
    ]
    write(tmp_path / "recording", events)
    minutes = frames.bars(tmp_path / "recording", size=60_000)
    extractor = FeatureExtractor()
    for event in events:
        extractor.fold(event, lambda: 200 * 10**6)
    meant = extractor.bars(BONK, 60_000, events[-1].at_ms)
    assert [tuple(row) for row in minutes.select("open", "high", "low", "close", "trades").rows()] == [
        (bar.open, bar.high, bar.low, bar.close, bar.trades) for bar in meant
    ]
    assert minutes.height >= 2
    assert frames.bars(tmp_path / "recording", size=50, kind="trades", mint=BONK).height == 3
    assert frames.bars(tmp_path / "recording", size=60_000, mint="nobody").height == 0

    sampled = frames.features(tmp_path / "recording", span_ms=10_000, every_ms=1_000)
    last = sampled.row(-1, named=True)
    window = extractor.window(BONK, 10_000, int(last["time"].timestamp() * 1_000))
    assert (last["trades"], last["buyers"], last["high"]) == (window.trades, window.buyers, window.high)
    assert last["price"] == 10**7 * 10**12 // (2 * 10**12)
    assert sampled["time"].is_sorted()


def test_a_sample_knows_nothing_of_what_came_after_it(tmp_path: Path) -> None:
    calm = [swap(n, amount_in=1_000) for n in range(60)]
    wild = [*calm[:30], *[swap(n, amount_in=10**9 + n) for n in range(30, 60)]]
    for name, events in (("calm", calm), ("wild", wild)):
        write(tmp_path / name, events)
    until = datetime.fromtimestamp(AT_MS / 1_000 + 29, UTC)
    one, other = (
        frames.features(tmp_path / name, span_ms=10_000).filter(pl.col("time") <= until)
        for name in ("calm", "wild")
    )
    assert one.height >= 28
    assert one.equals(other)


def test_pandas_gets_the_same_table_on_request(recording: Path) -> None:
    pytest.importorskip("pandas")
    trades = frames.trades(recording)
    same = frames.as_pandas(trades)
    assert list(same.columns) == trades.columns
    assert str(same["time"].dtype).startswith("datetime64")
    assert str(same["time"].dt.tz) == "UTC"
    assert int(same["amount"].iloc[0]) == 2**63
    assert same["price"].iloc[-1] == 0.5


def test_decisions_and_fills_come_from_the_journal(tmp_path: Path) -> None:
    journal, _ = JournalFile.open(tmp_path / "journal", clock=StandingClock(), run_id="r")
    buy = intent()
    leg = LegRef("leg", buy.id, buy.trade_id)
    for fact in (
        IntentEmitted(buy),
        IntentApproved(buy.id, buy.trade_id, ("size",)),
        LegLanded(leg, fill(side=Side.BUY)),
        IntentEmitted(buy),
        IntentRefused(buy.id, buy.trade_id, Refusal(Reason.QUEUE_FULL, "1000", "1000")),
    ):
        journal.append(fact)
    journal.close()
    decisions = frames.decisions(tmp_path)
    assert decisions["decision"].to_list() == ["emitted", "approved", "emitted", "refused"]
    assert decisions["reason"].to_list()[-1] == str(Reason.QUEUE_FULL)
    assert decisions["strategy"].unique().to_list() == ["copy_trade"]
    landed = frames.fills(tmp_path / "journal")
    told, meant = landed.row(0, named=True), fill(side=Side.BUY)
    for name in (
        "signature",
        "fee_lamports",
        "tip_lamports",
        "rent_lamports",
        "lamports_delta",
        "swap_lamports",
    ):
        assert told[name] == getattr(meant, name)
    assert told["tokens"] == meant.token_delta
    assert landed.schema["time"] == pl.Datetime("ms", "UTC")
    with pytest.raises(ConfigError, match="no journal"):
        frames.fills(tmp_path / "elsewhere")
