"""Whole backtests over generated worlds, and over records that a test may change."""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from chimera.adapters.journal_memory import ChainedMemoryJournal
from chimera.cli import app
from chimera.domain.chain import AccountUpdate, TransactionUpdate
from chimera.domain.errors import ConfigError
from chimera.domain.messages import Entry, IntentEmitted, LegLanded, LegReverted, StrategyDecided
from chimera.domain.recording import Recorded
from chimera.localnet.stepped import SteppedWorld
from chimera.localnet.world_feed import WorldFeed
from chimera.market.replay import MarketReplay
from chimera.plugins import venues
from chimera.sim.landing import LandingModel
from chimera.sim.result import Result
from chimera.wiring import backtest as wiring
from chimera.wiring.backtest import Wish, backtest

WORLD = "world:7:1"
COMMAND = ("backtest", "--strategy", "copy_trade", "--data", WORLD)
COPY = Wish(strategies=("copy_trade",), data=WORLD)


@cache
def ran() -> tuple[Result, ChainedMemoryJournal]:
    return backtest(COPY)


def test_it_trades_through_gate_and_desk_and_the_money_adds_up() -> None:
    result, journal = ran()
    kinds = {type(entry.fact).__name__ for entry in journal.read()}
    assert {"IntentApproved", "TokenChecked", "LegPlanned", "LegSimulated", "LegSigned", "LegSent"} <= kinds
    assert result.counts.landed > 10 and len(result.closed) > 3
    moved = sum(_lamports(entry) for entry in journal.read())
    open_value = result.equity[-1].exposure_lamports
    assert result.end_lamports == result.start_lamports + moved + open_value
    for trip in result.closed:
        assert trip.profit_lamports == (
            trip.received_lamports
            - trip.spent_lamports
            - trip.fee_lamports
            - trip.tip_lamports
            - trip.rent_lamports
        )


def _lamports(entry: Entry) -> int:
    match entry.fact:
        case LegLanded(fill=fill):
            return fill.lamports_delta
        case LegReverted(lamports_delta=lamports):
            return lamports
        case _:
            return 0


def test_two_runs_have_one_hash_and_another_seed_has_another() -> None:
    result, _ = ran()
    again, _ = backtest(COPY)
    assert again == result
    other, _ = backtest(msgspec.structs.replace(COPY, seed=8))
    assert other.journal_hash != result.journal_hash


def test_no_decision_changes_when_the_future_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """From the middle on every account holds other bytes: until then not one journal line is another."""
    records = list(_records())
    middle = records[len(records) // 2].at_ms

    def changed(record: Recorded) -> Recorded:
        item = record.item
        if record.at_ms <= middle:
            return record
        if isinstance(item, AccountUpdate):
            account = msgspec.structs.replace(item.account, data=bytes(len(item.account.data)))
            item = msgspec.structs.replace(item, account=account)
        elif isinstance(item, TransactionUpdate):
            item = msgspec.structs.replace(item, instructions=())
        return msgspec.structs.replace(record, item=item)

    def decisions(data: list[Recorded]) -> tuple[list[Entry], list[Entry]]:
        monkeypatch.setattr(wiring, "_records", lambda *_: iter(data))
        _, journal = backtest(COPY)
        entries = list(journal.read())
        return [one for one in entries if one.at_ms <= middle], [one for one in entries if one.at_ms > middle]

    before, after = decisions(records)
    before_changed, after_changed = decisions([changed(record) for record in records])
    assert before == before_changed and sum(isinstance(one.fact, IntentEmitted) for one in before) > 3
    assert after != after_changed  # the change is one that matters


def _records() -> Iterator[Recorded]:
    replay = MarketReplay(venues())
    feed = WorldFeed(SteppedWorld(7))
    for seq, one in enumerate(feed.observed(150, wanted=lambda: replay.view.wanted), start=1):
        replay.process(one.item, one.at_ms)
        yield Recorded(seq, one.at_ms, one.item)


def test_our_own_trade_moves_the_price_that_we_meet_next() -> None:
    small, _ = backtest(
        msgspec.structs.replace(COPY, changed={"copy_trade.shield.size_lamports_max": "0.1 SOL"})
    )
    large, _ = backtest(
        msgspec.structs.replace(COPY, changed={"copy_trade.shield.size_lamports_max": "1.9 SOL"})
    )

    def gain(result: Result) -> float:
        first = result.closed[0]
        return first.received_lamports / first.spent_lamports

    assert small.closed[0].mint == large.closed[0].mint
    assert gain(large) < gain(small)


def test_what_nobody_ever_sees_costs_nothing_and_expires() -> None:
    result, _ = backtest(
        msgspec.structs.replace(COPY, data="world:7:2", landing=LandingModel(dropped_bps=10_000))
    )
    assert result.counts.expired > 0 == result.counts.landed
    assert result.end_lamports == result.start_lamports


def test_what_comes_too_late_fails_for_its_fee_but_costs_nothing_as_a_bundle() -> None:
    late = LandingModel(slots_min=12, slots_max=20)
    for styles, reverts in (("[]", True), ('["SHIELD", "SPEAR", "EXIT"]', False)):
        result, _ = backtest(msgspec.structs.replace(COPY, landing=late, changed={"jito.styles": styles}))
        assert (result.counts.reverted > 0) == reverts


def test_only_the_wished_strategies_run() -> None:
    result, journal = backtest(Wish(strategies=("momentum",), data=WORLD))
    told = {entry.fact.strategy for entry in journal.read() if isinstance(entry.fact, StrategyDecided)}
    assert told <= {"momentum"} and {trip.strategy for trip in result.trips} <= {"momentum"}


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        (Wish(strategies=("nonsense",), data=WORLD), "there is none of that name; known: .*copy_trade"),
        (Wish(strategies=("copy_trade",), data="world:x"), "world:SEED"),
        (Wish(strategies=("copy_trade",), data="world:1:0"), "1440 minutes"),
        (Wish(strategies=("copy_trade",), data="/nowhere"), "no recording in /nowhere"),
        (Wish(strategies=("copy_trade",), data=WORLD, changed={"copy_trade.nonsense": "1"}), "nonsense"),
        (Wish(strategies=("copy_trade",), data=WORLD, to_ms=1), "nothing in it"),
    ],
)
def test_what_cannot_be_run_is_told(wish: Wish, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        backtest(wish)


def test_the_command_writes_a_page_the_figures_and_the_journal(tmp_path: Path) -> None:
    runs = []
    for number, size in enumerate(("0.5 SOL", "1 SOL")):
        out = tmp_path / f"run{number}"
        told = CliRunner().invoke(
            app,
            [*COMMAND, "--json", "--out", str(out), "--set", f"copy_trade.shield.size_lamports_max={size}"],
            catch_exceptions=False,
        )
        assert told.exit_code == 0, told.output
        said = json.loads(told.stdout)
        result = msgspec.json.decode((out / "result.json").read_bytes(), type=Result)
        assert said["journal_hash"] == result.journal_hash and said["closed"] == len(result.closed) > 0
        assert "Equity, with every buy and sale" in (out / "report.html").read_text()
        assert sum(1 for _ in (out / "journal.jsonl").open()) > 100
        runs.append(str(out))
    page = tmp_path / "both.html"
    told = CliRunner().invoke(app, ["compare", *runs, "--out", str(page)], catch_exceptions=False)
    assert told.exit_code == 0 and page.read_text().count("<th>") > 10


@pytest.mark.parametrize(
    "arguments",
    [
        ["--set", "nonsense"],
        ["--landing", "slots_max=x"],
        ["--landing", "moon=1"],
        ["--landing", "slots_max=0"],
        ["--capital", "much"],
        ["--from", "yesterday"],
    ],
)
def test_bad_words_are_refused_before_anything_runs(arguments: list[str], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=arguments[0] if arguments[0] != "--from" else "is no time"):
        CliRunner().invoke(
            app,
            [*COMMAND, "--out", str(tmp_path), *arguments],
            catch_exceptions=False,
        )
    assert not list(tmp_path.iterdir())
