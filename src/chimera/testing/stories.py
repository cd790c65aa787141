"""Journals of days that never were: valid sequences of facts from a seed, many trades at a time.

For tests of whatever folds facts. It knows the order that facts may come in and keeps the double entry; prices
and programs mean nothing to it.
"""

from collections.abc import Generator, Iterator
from random import Random

import msgspec

from chimera.domain.discrepancy import Discrepancy, Mismatch
from chimera.domain.ids import Address, IntentId, SignalId, Signature, Slot, TradeId, derived_id
from chimera.domain.intent import Origin, Side, Signal, Source, Style, TradeIntent
from chimera.domain.messages import (
    BreakerMoved,
    CapitalMoved,
    ConfigChanged,
    DeadLetterHandled,
    DiscrepancyResolved,
    Entry,
    ExitRecovered,
    Fact,
    IntentApproved,
    IntentEmitted,
    IntentRefused,
    KillSwitchMoved,
    LegDropped,
    LegExpired,
    LegFinalized,
    LegLanded,
    LegPlanned,
    LegReverted,
    LegSent,
    LegSigned,
    LegSimulated,
    LegStuck,
    LegUndone,
    LevelsSet,
    Noted,
    PositionsReconciled,
    Reconciled,
    RunStarted,
    SignalAccepted,
    SignalDropped,
    SignalRefused,
    StrategyMoved,
    TokenChecked,
    TradeMoved,
    UpkeepDropped,
    UpkeepLanded,
    UpkeepPlanned,
    UpkeepSigned,
    WalletChanged,
)
from chimera.domain.risk import Reason, Refusal
from chimera.domain.token import TokenReport
from chimera.domain.trade import Fill, Hop, LegRef, Levels, TradeState
from chimera.domain.upkeep import Chore, Upkeep
from chimera.domain.wallet import Wallet, WalletStatus

START_MS = 1_790_000_000_000
T = TradeState
TOKENS = ("BONK", "WIF", "POPCAT", "MEW")
HALF_EACH, RENT_LAMPORTS = 2, 2_039_280


def entries(seed: int, *, trades: int = 6) -> list[Entry]:
    """A journal with that many round trips in it, at every stage of their lives."""
    rng = Random(seed)  # noqa: S311 (a story, not a secret)
    day = _Day(rng)
    facts: list[Fact] = [
        RunStarted("run", "test", Address("Ours" + "1" * 40)),
        CapitalMoved(10**12, Slot(1), "opening"),
    ]
    running = [day.trade(number) for number in range(trades)] + [day.house() for _ in range(HALF_EACH)]
    while running:
        chosen = rng.choice(running)
        fact = next(chosen, None)
        if fact is None:
            running.remove(chosen)
        else:
            facts.append(fact)
    cut = rng.randrange(len(facts) * 3 // 4, len(facts) + 1)  # days end in the middle of things
    return [
        Entry(seq=seq, at_ms=START_MS + seq * 37, run_id="run", fact=fact)
        for seq, fact in enumerate(facts[:cut], 1)
    ]


def address(name: str) -> Address:
    """Something that looks like an address, the same for the same name."""
    return Address((derived_id("address", name).replace("-", "").replace("0", "x") * 2)[:44])


class _Day:
    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.lamports = 10**12
        self.slot = 100

    def house(self) -> Iterator[Fact]:
        """What happens beside trades."""
        rng, wallet = self.rng, Wallet(address("copied0"), WalletStatus.ACTIVE, Style.SHIELD, 80, "")
        yield WalletChanged(wallet, "proven", "ops")
        yield Noted("late answer", {"n": rng.randrange(9), "nested": {"a": [1, None, "é"]}})
        yield BreakerMoved("loss", "CLOSED", "OPEN", "5 losses in a row", "house")
        yield StrategyMoved("momentum", "RUNNING", "PARKED", "ValueError: 0", "engine")
        yield TokenChecked(TokenReport(address("BONK"), Slot(self.slot), START_MS, None, 10**6, 990_000))
        refusal = Refusal(Reason.HONEYPOT, "sells", "reverts")
        yield TokenChecked(TokenReport(address("SCAM"), Slot(self.slot), START_MS, refusal, 10**6, 0))
        for reason in (Reason.PARSE_ERROR, Reason.LOAD_SHED, Reason.BAD_SIGNATURE):
            yield SignalRefused(
                None
                if reason is Reason.PARSE_ERROR
                else SignalId(derived_id("refused", reason, str(rng.random()))),
                Refusal(reason),
                payload="{",
                source="webhook",
                source_ip="127.0.0.1",
                dead_letter=reason is not Reason.BAD_SIGNATURE,
            )
        yield KillSwitchMoved(True, "halt_buys", "drill", "ops")
        yield ConfigChanged("risk.open_positions_max", "12", "3", "careful", "ops")
        yield WalletChanged(Wallet(address("copied0"), WalletStatus.REJECTED), "drawdown", "ops")
        off = rng.choice((0, 0, 50_000, -5_000_000))
        unexpected = ((address("DUST"), 0, 5),) if off else ()
        yield Reconciled(Slot(self.slot), self.lamports, self.lamports + off, unexpected)
        yield from self._upkeep()
        amount = Discrepancy(
            kind=Mismatch.AMOUNT,
            trade_id=TradeId(derived_id("looked at")),
            mint=None,
            expected_state="ACTIVE",
            actual_state="ACTIVE",
            expected=10**8,
            actual=10**8 + off,
            rule="" if off else "auto:absolute",
        )
        missing = msgspec.structs.replace(amount, kind=Mismatch.MISSING, actual=0, rule="")
        yield PositionsReconciled(Slot(self.slot), 2, (amount, missing), "daily")
        yield DeadLetterHandled(
            rng.randrange(1, 40), rng.choice(("retried", "discarded", "refused")), "old", "ops"
        )
        yield DiscrepancyResolved(rng.randrange(1, 200), 1, "looked at it", "ops")
        yield ExitRecovered(
            TradeId(derived_id("looked at")), rng.choice((T.ACTIVE, T.CLOSED)), 61_000, "expired"
        )
        yield LevelsSet(TradeId(derived_id("looked at")), Levels(-500, 2_000), "to be safe", "ops")
        yield Reconciled(Slot(self.slot), self.lamports, self.lamports)

    def _upkeep(self) -> Iterator[Fact]:
        """A closed token account, and one chore that came to nothing."""
        name = str(self.rng.random())
        chore = Upkeep(
            id=derived_id("upkeep", name),
            chore=Chore.CLOSE,
            reason="empty for a day",
            accounts=(address("EMPTY"),),
        )
        signature = Signature(str(address(f"upkeep{name}")) * 2)
        yield UpkeepPlanned(chore)
        yield UpkeepSigned(chore.id, signature, self.rng.randbytes(64), self.slot + 150)
        self.lamports += RENT_LAMPORTS - 5_000
        yield UpkeepLanded(
            chore.id,
            signature,
            Slot(self.slot),
            RENT_LAMPORTS - 5_000,
            5_000,
            -RENT_LAMPORTS,
            ((address("GIFT"), 3),),
        )
        yield UpkeepPlanned(msgspec.structs.replace(chore, id=derived_id("upkeep", name, "again")))
        yield UpkeepDropped(derived_id("upkeep", name, "again"), Refusal(Reason.KILL_SWITCH))

    def trade(self, number: int) -> Iterator[Fact]:
        """One signal and whatever comes of it."""
        rng = self.rng
        symbol, style = rng.choice(TOKENS), rng.choice((Style.SHIELD, Style.SPEAR))
        signal = self._signal(f"{number}", symbol, style, Side.BUY)
        trade_id = TradeId(signal.id)
        yield SignalAccepted(signal, "req")
        if rng.random() < 0.15:
            yield SignalDropped(signal.id, Refusal(Reason.POSITION_SIZE_ZERO, "0.01 SOL", "0.001 SOL"))
            return
        buy = self._intent(f"buy{number}", trade_id, signal, Side.BUY, 10**8, "copies a proven wallet")
        yield IntentEmitted(buy)
        yield TradeMoved(trade_id, T.PENDING, T.QUEUED, "validated")
        if rng.random() < 0.2:
            yield IntentRefused(buy.id, trade_id, Refusal(Reason.LIQUIDITY, "$10000", "$7500"))
            yield TradeMoved(trade_id, T.QUEUED, T.FAILED, "refused")
            return
        yield IntentApproved(buy.id, trade_id, ("kill switch off", "0 of 12 open"))
        yield TradeMoved(trade_id, T.QUEUED, T.EXECUTING, "approved")
        held = rng.randrange(1, 2**64)  # token amounts use all of a u64
        for attempt in range(3):
            landed = yield from self._leg(f"{number}b{attempt}", buy, held)
            if landed:
                break
            yield TradeMoved(trade_id, T.EXECUTING, T.FAILED, "entry lost")
            if attempt == 2:
                yield TradeMoved(trade_id, T.FAILED, T.DEAD_LETTER, "retries exhausted", attempt)
                return
            yield TradeMoved(trade_id, T.FAILED, T.RETRY, "retried", attempt + 1)
            yield TradeMoved(trade_id, T.RETRY, T.EXECUTING, "approved", attempt + 1)
        yield TradeMoved(trade_id, T.EXECUTING, T.ACTIVE, "entry landed")
        part = 0
        while held:
            part += 1
            leaving = self._signal(f"{number}s{part}", symbol, Style.EXIT, Side.SELL)
            yield SignalAccepted(leaving)
            if rng.random() < 0.2:
                yield SignalDropped(leaving.id, Refusal(Reason.NO_ACTIVE_POSITION))
                continue
            amount = held if rng.random() < 0.6 else max(1, held // 3)
            sell = self._intent(
                f"sell{number}.{part}", trade_id, leaving, Side.SELL, amount, f"target {part} reached"
            )
            yield IntentEmitted(sell)
            yield IntentApproved(sell.id, trade_id, ())
            yield TradeMoved(trade_id, T.ACTIVE, T.EXITING, "exit approved")
            landed = yield from self._leg(f"{number}x{part}", sell, amount, last=amount == held)
            held -= amount if landed else 0
            yield TradeMoved(
                trade_id, T.EXITING, T.ACTIVE if held else T.CLOSED, "exit landed" if landed else "exit lost"
            )

    def _leg(
        self, name: str, intent: TradeIntent, tokens: int, *, last: bool = False
    ) -> Generator[Fact, None, bool]:
        """The facts of one leg; the generator's value says whether it landed."""
        rng, ref = self.rng, LegRef(f"leg-{name}", intent.id, intent.trade_id)
        self.slot += rng.randrange(1, 4)
        slot, signature = Slot(self.slot), Signature(str(address(f"signature{name}")) * 2)
        hop = Hop("raydium_cpmm", address("pool"), address("a"), address("b"), intent.amount, tokens)
        yield LegPlanned(ref, (hop,), intent.amount, tokens, tokens * 97 // 100, slot, 180_000, 10_000, 0)
        if rng.random() < 0.1:
            yield LegSimulated(ref, "custom program error: 0x1775", 0, slot)
            yield LegDropped(ref, Refusal(Reason.SIMULATION_FAILED, "", "0x1775"))
            return False
        yield LegSimulated(ref, None, 95_000, slot)
        yield LegSigned(ref, signature, rng.randbytes(64), slot + 150)
        if rng.random() < 0.9:
            yield LegSent(ref, signature, "rpc", 1)
        fee = 5_000 + rng.randrange(5_000)
        lot = rng.random()
        if lot < 0.1:
            yield LegExpired(ref, signature, slot + 151)
            return False
        if lot < 0.25:
            self.lamports -= fee
            yield LegReverted(ref, signature, slot, "slippage", -fee)
            return False
        buying = intent.side is Side.BUY
        swapped = intent.amount if buying else rng.randrange(10**7, 3 * 10**8)
        rent = RENT_LAMPORTS if buying else -RENT_LAMPORTS if last else 0
        tip = rng.choice((0, 1_000_000))
        delta = (-swapped if buying else swapped) - fee - tip - rent
        self.lamports += delta
        fill = Fill(
            signature=signature,
            slot=slot,
            side=intent.side,
            mint=intent.mint,
            token_delta=tokens if buying else -tokens,
            lamports_delta=delta,
            swap_lamports=swapped,
            fee_lamports=fee,
            tip_lamports=tip,
            rent_lamports=rent,
            at_ms=START_MS + slot * 400,
        )
        yield LegLanded(ref, fill)
        if rng.random() < 0.1:
            yield LegUndone(ref, signature, slot, "no node knows it any more")
            yield LegStuck(ref, signature, 61_000)
            yield LegLanded(ref, fill)
        elif rng.random() < 0.5:
            yield LegFinalized(ref, signature, slot)
        return True

    def _signal(self, name: str, symbol: str, style: Style, side: Side) -> Signal:
        return Signal(
            id=SignalId(derived_id("signal", name, symbol)),
            source=self.rng.choice((Source.WEBHOOK, Source.WATCHER)),
            strategy=style,
            side=side,
            mint=address(symbol),
            symbol=symbol,
            amount_lamports=10**8 if side is Side.BUY else 0,
            wallet=address(f"copied{self.rng.randrange(2)}"),
            at_ms=START_MS,
        )

    def _intent(
        self, name: str, trade_id: TradeId, signal: Signal, side: Side, amount: int, reason: str
    ) -> TradeIntent:
        return TradeIntent(
            id=IntentId(derived_id("intent", name, trade_id)),
            trade_id=trade_id,
            signal_id=signal.id,
            source="copy_trade",
            origin=Origin.STRATEGY_A,
            style=signal.strategy,
            side=side,
            mint=signal.mint,
            symbol=signal.symbol,
            amount=amount,
            slippage_bps_max=300,
            created_at_ms=START_MS,
            ttl_ms=5_000,
            reason=reason,
            wallet=signal.wallet,
        )
