"""Why: each chain is told whole, in order, in sentences, whichever of its names it is asked for by."""

from pathlib import Path

import msgspec
import pytest

from chimera.adapters.store import SqlTables
from chimera.adapters.store_engine import open_engine
from chimera.adapters.store_reader import SqlReader
from chimera.audit.narrator import Narrator
from chimera.audit.sentences import WORDS, About, sentence, short
from chimera.audit.why import explain
from chimera.domain.ids import Address, IntentId, Slot, TradeId
from chimera.domain.messages import (
    Entry,
    Fact,
    IntentRefused,
    LegLanded,
    LegReverted,
    LegSigned,
    Reconciled,
    SignalAccepted,
    SignalRefused,
    TokenChecked,
    TradeMoved,
)
from chimera.domain.risk import Reason, Refusal
from chimera.domain.trade import LegRef, TradeState
from chimera.testing.stories import address, entries


def closed_trade(story: list[Entry]) -> TradeId:
    return next(
        entry.fact.trade_id
        for entry in story
        if isinstance(entry.fact, TradeMoved) and entry.fact.after is TradeState.CLOSED
    )


def story_with_a_closed_trade() -> list[Entry]:
    return next(
        story
        for story in (entries(seed) for seed in range(100))
        if any(getattr(entry.fact, "after", None) is TradeState.CLOSED for entry in story)
    )


def test_a_round_trip_is_told_from_its_signal_to_its_profit() -> None:
    story = story_with_a_closed_trade()
    told = explain(story, closed_trade(story))
    assert told.found
    assert [step.seq for step in told.steps] == sorted(step.seq for step in told.steps)
    tags = [step.data["type"] for step in told.steps]
    wanted = [
        "SignalAccepted",
        "IntentEmitted",
        "IntentApproved",
        "LegPlanned",
        "LegSigned",
        "LegLanded",
        "TradeMoved",
    ]
    places = [tags.index(tag) for tag in wanted[:-1]]
    assert places == sorted(places)
    assert "closed with" in next(step.text for step in reversed(told.steps) if step.outcome == "closed")
    assert all("transaction" not in step.data for step in told.steps if step.data["type"] == "LegSigned")


def test_every_name_of_a_trade_tells_the_same_chain() -> None:
    story = story_with_a_closed_trade()
    trade_id = closed_trade(story)
    whole = explain(story, trade_id).steps
    landed = [e.fact for e in story if isinstance(e.fact, LegLanded) and e.fact.leg.trade_id == trade_id]
    names = [leg.leg.leg_id for leg in landed] + [leg.fill.signature for leg in landed]
    names += [leg.leg.intent_id for leg in landed] + [trade_id[:12]]
    for name in names:
        assert explain(story, name).steps == whole


def test_journal_and_tables_tell_the_same(tmp_path: Path) -> None:
    engine = open_engine(tmp_path / "t.db")
    for seed in range(4):
        story = entries(seed)
        tables, reader = SqlTables(engine), SqlReader(engine)
        tables.rebuild(story)
        names = {entry.fact.signal.id for entry in story if isinstance(entry.fact, SignalAccepted)}
        names |= {entry.fact.leg.leg_id for entry in story if isinstance(entry.fact, LegSigned)}
        for name in sorted(names):
            assert explain(reader.entries_about(name), name) == explain(story, name)
    engine.dispose()


def test_a_mint_tells_of_all_its_trades_and_checks() -> None:
    story = entries(1)
    told = explain(story, address("BONK"))
    assert told.found and "TokenChecked" in {step.data["type"] for step in told.steps}
    signals = {
        e.fact.signal.id
        for e in story
        if isinstance(e.fact, SignalAccepted) and e.fact.signal.symbol == "BONK"
    }
    shown = {step.data["signal"]["id"] for step in told.steps if step.data["type"] == "SignalAccepted"}
    assert signals == shown


def test_a_part_that_fits_several_names_them_and_one_that_is_too_short_fits_none() -> None:
    story = entries(1)
    several = [
        msgspec.structs.replace(
            entry, fact=SignalRefused(f"aaaaaaaa-{entry.seq}", Refusal(Reason.RATE_LIMITED), "", "webhook")
        )
        for entry in story
    ]
    told = explain(several, "aaaaaaaa")
    assert not told.found and len(told.candidates) == 5
    assert not explain(story, str(closed_trade(story_with_a_closed_trade()))[:7]).found
    assert explain([], "anything at all").found is False


@pytest.mark.parametrize("seed", range(5))
def test_every_fact_has_a_sentence_of_its_own(seed: int) -> None:
    narrator = Narrator()
    for entry in entries(seed):
        text = narrator.tell(entry).text
        assert text.endswith(".") and "Struct" not in text and "Refusal(" not in text and "  " not in text
        assert sentence(entry.fact).endswith(".")


def test_every_reason_has_words() -> None:
    assert set(Reason) == set(WORDS)


@pytest.mark.parametrize(
    ("fact", "told"),
    [
        (
            IntentRefused(IntentId("i"), TradeId("t"), Refusal(Reason.LIQUIDITY, "$10000", "$7500")),
            "The gate refused the purchase of BONK: its pools hold too little (limit $10000, observed $7500).",
        ),
        (
            TradeMoved(TradeId("t"), TradeState.EXITING, TradeState.CLOSED, "exit landed"),
            "BONK closed with -0.0125 SOL, all costs paid: exit landed.",
        ),
        (
            LegReverted(LegRef("l", IntentId("i"), TradeId("t")), address("s"), Slot(7), "Custom(6)", -5_000),  # type: ignore[arg-type]
            (
                "The purchase of BONK was put on chain in slot 7 but failed there (Custom(6)); "
                "only its fee of 0.000005 SOL is gone."
            ),
        ),
        (Reconciled(Slot(9), 10**9, 10**9), "Books and chain agree at slot 9: 1 SOL."),
        (Reconciled(Slot(9), 10**9, 10**9 + 5), "Books and chain differ at slot 9 by 0.000000005 SOL."),
    ],
)
def test_sentences_are_for_people(fact: Fact, told: str) -> None:
    about = About(symbol="BONK", side="BUY", realised_lamports=-12_500_000)
    assert sentence(fact, about) == told


def test_a_token_without_a_name_is_called_by_its_mint() -> None:
    mint = Address("DezXAZ8z7PnrnRJjz3wXBoRgixCa6xjnB7YaB1pPB263")
    assert short(mint) == "DezX…B263" and About(mint=mint).token == "DezX…B263"


def test_checks_of_a_token_after_the_chain_are_not_part_of_it() -> None:
    story = story_with_a_closed_trade()
    trade_id = closed_trade(story)
    last = explain(story, trade_id).steps[-1].seq
    mint = next(
        e.fact.signal.mint
        for e in story
        if isinstance(e.fact, SignalAccepted) and e.fact.signal.id == trade_id
    )
    check = next(e.fact for e in story if isinstance(e.fact, TokenChecked))
    later = TokenChecked(msgspec.structs.replace(check.report, mint=mint))
    story.append(Entry(seq=story[-1].seq + 1, at_ms=1, run_id="run", fact=later))
    assert explain(story, trade_id).steps[-1].seq == last
