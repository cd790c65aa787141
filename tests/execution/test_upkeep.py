"""Chores of the wallet: when one is due, that it never touches what is used, and that it keeps the desk's walls."""

from collections.abc import Sequence

import msgspec
import pytest

from chimera.domain.chain import (
    Account,
    Blockhash,
    Commitment,
    SignatureStatus,
    Simulation,
    TokenBalance,
    TransactionUpdate,
)
from chimera.domain.ids import TOKEN_PROGRAM, WSOL, Address, Signature, Slot, TradeId
from chimera.domain.intent import Side
from chimera.domain.messages import (
    CapitalMoved,
    Entry,
    Fact,
    IntentEmitted,
    KillSwitchMoved,
    LegLanded,
    UpkeepDropped,
    UpkeepExpired,
    UpkeepLanded,
    UpkeepPlanned,
    UpkeepSigned,
)
from chimera.domain.risk import Reason
from chimera.domain.trade import LegRef, LegState
from chimera.domain.upkeep import Chore, Upkeep
from chimera.execution.books import Books
from chimera.execution.effects import (
    Effect,
    ReadTransaction,
    Send,
    Sign,
    SignedBytes,
    Simulate,
    Simulated,
    StatusesRead,
    Ticked,
    TransactionSeen,
)
from chimera.execution.janitor import Held, Janitor, JanitorLimits, held_of
from chimera.execution.keeper import Keeper, KeeperLimits
from chimera.execution.upkeep import UpkeepPlan, plan_upkeep
from chimera.execution.watch import WatchLimits
from chimera.execution.wsol import COST_LAMPORTS, SWEEP, WsolLimits, review_wsol
from chimera.onchain.keys import address_bytes, associated_token_address
from chimera.onchain.layouts import TokenAccount
from chimera.onchain.transaction import signed_size
from chimera.portfolio import Ledger, Leg
from chimera.risk.loss_breaker import LossLimits
from chimera.risk.token_safety import TokenLimits
from chimera.testing.builders import AT_MS, BONK, address, fill, intent

WALLET = address("desk")
SOL, HOUR = 10**9, 3_600_000
RENT = 2_039_280
LIMITS = WsolLimits()
BLOCKHASH = Blockhash("4sGjMW1sUnHzSxGspuhpqLDx6wiyjNtZAMdL4VZHirAn", 200, Slot(5))


# wrapped SOL


def wsol(
    wrapped: int, *, native: int = 10 * SOL, promised: int = 0, last: int | None = None
) -> Upkeep | None:
    return review_wsol(
        LIMITS, native_lamports=native, promised_lamports=promised, wrapped_lamports=wrapped, last_ms=last,
        now_ms=AT_MS,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("wrapped", "chore", "lamports"),
    [
        (0, Chore.WRAP, SOL),
        (SOL // 2 - 1, Chore.WRAP, SOL // 2 + 1),
        (SOL // 2, None, 0),
        (2 * SOL, None, 0),
        (2 * SOL + 1, Chore.UNWRAP, SOL),
    ],
)
def test_wrapped_sol_is_brought_back_to_its_target_only_outside_of_its_limits(
    wrapped: int, chore: Chore | None, lamports: int
) -> None:
    due = wsol(wrapped)
    assert (due.chore if due else None, due.lamports if due else 0) == (chore, lamports)


def test_the_reserve_and_what_is_promised_are_never_wrapped() -> None:
    due = wsol(0, native=SOL, promised=SOL // 4)
    assert due is not None and due.lamports == SOL - SOL // 4 - LIMITS.reserve_lamports - COST_LAMPORTS
    assert wsol(0, native=SOL, promised=SOL // 2) is None  # it would not even reach the lower limit
    assert wsol(0, native=0) is None


def test_after_a_chore_it_waits_for_its_cooldown() -> None:
    assert wsol(0, last=AT_MS - LIMITS.cooldown_ms + 1) is None
    assert wsol(0, last=AT_MS - LIMITS.cooldown_ms) is not None


def test_a_house_whose_legs_wrap_for_themselves_leaves_nothing_wrapped() -> None:
    def due(wrapped: int) -> Upkeep | None:
        return review_wsol(
            SWEEP,
            native_lamports=SOL,
            promised_lamports=0,
            wrapped_lamports=wrapped,
            last_ms=None,
            now_ms=AT_MS,
        )

    assert due(0) is None
    swept = due(1)
    assert swept is not None and (swept.chore, swept.lamports) == (Chore.UNWRAP, 0)


# accounts that nobody needs


def raw(
    mint: Address, amount: int = 0, *, name: str = "", frozen: bool = False, native: bool = False
) -> Account:
    """A token account of ours, the associated one unless it has a name."""
    at = (
        address(name)
        if name
        else associated_token_address(owner=WALLET, mint=mint, token_program=TOKEN_PROGRAM)
    )
    head = address_bytes(mint) + address_bytes(WALLET) + amount.to_bytes(8, "little") + bytes(36)
    data = head + bytes((2 if frozen else 1,)) + (1 if native else 0).to_bytes(4, "little")
    return Account(at, TOKEN_PROGRAM, RENT + (amount if native else 0), data.ljust(165, b"\0"))


def held(*accounts: Account) -> Sequence[Held]:
    return held_of(accounts, WALLET)


def janitor(**limits: int) -> Janitor:
    return Janitor(JanitorLimits(**limits))


def noted(due: Upkeep, at_ms: int) -> Entry:
    return Entry(1, at_ms, "r", UpkeepPlanned(due))


def test_an_account_is_closed_once_it_has_been_empty_for_a_day() -> None:
    made, accounts = janitor(), held(raw(BONK))
    assert made.review(accounts, Ledger(), AT_MS) is None
    assert made.review(accounts, Ledger(), AT_MS + 24 * HOUR - 1) is None
    due = made.review(accounts, Ledger(), AT_MS + 24 * HOUR)
    assert due is not None and (due.chore, due.accounts) == (Chore.CLOSE, (accounts[0].account.address,))


def test_an_account_that_was_filled_meanwhile_begins_its_day_anew() -> None:
    made = janitor()
    made.review(held(raw(BONK)), Ledger(), AT_MS)
    made.review(held(raw(BONK, 5)), Ledger(), AT_MS + 12 * HOUR)
    made.review(held(raw(BONK)), Ledger(), AT_MS + 13 * HOUR)
    assert made.review(held(raw(BONK)), Ledger(), AT_MS + 36 * HOUR) is None
    assert made.review(held(raw(BONK)), Ledger(), AT_MS + 37 * HOUR) is not None


def open_ledger() -> Ledger:
    """Books with a position of 5 in BONK."""
    ledger, wanted = Ledger(), intent()
    ref = LegRef("l", wanted.id, wanted.trade_id)
    facts: list[Fact] = [IntentEmitted(wanted), LegLanded(ref, fill(token_delta=5))]
    for seq, fact in enumerate(facts, 1):
        ledger.apply(Entry(seq, AT_MS, "r", fact))
    return ledger


def moving_ledger() -> Ledger:
    """Books with a leg in BONK under way."""
    ledger = Ledger()
    ref = LegRef("l", "i", TradeId("t"))  # type: ignore[arg-type]
    ledger.legs["l"] = Leg(ref=ref, side=Side.BUY, mint=BONK, amount=5, state=LegState.PLANNED)
    return ledger


@pytest.mark.parametrize("ledger", [open_ledger(), moving_ledger()])
def test_what_a_position_holds_or_a_leg_touches_is_left_alone(ledger: Ledger) -> None:
    made, accounts = janitor(empty_for_ms=0), held(raw(BONK), raw(address("OTHER")))
    due = made.review(accounts, ledger, AT_MS)
    assert due is not None and due.accounts == (accounts[1].account.address,)
    assert janitor(empty_for_ms=0).review(held(raw(BONK)), ledger, AT_MS) is None


def test_frozen_accounts_full_ones_and_wrapped_sol_are_not_closed() -> None:
    accounts = held(raw(BONK, frozen=True), raw(address("FULL"), 5), raw(WSOL, 7, native=True))
    assert janitor(empty_for_ms=0).review(accounts, Ledger(), AT_MS) is None


def test_no_more_than_twenty_are_closed_in_a_run_and_the_next_comes_after_a_week() -> None:
    made = janitor(empty_for_ms=0)
    accounts = held(*(raw(address(f"mint {number}")) for number in range(30)))
    due = made.review(accounts, Ledger(), AT_MS)
    assert due is not None and len(due.accounts) == 20
    fitted = msgspec.structs.replace(due, accounts=due.accounts[:12])  # more do not fit into a transaction
    made.apply(noted(fitted, AT_MS))
    left = held_of([], WALLET) + tuple(accounts[12:])
    rest = made.review(left, Ledger(), AT_MS + 30_000)
    assert rest is not None and len(rest.accounts) == 8
    made.apply(noted(rest, AT_MS + 30_000))
    week = 7 * 24 * HOUR
    assert made.review(left, Ledger(), AT_MS + 60_000) is None
    assert made.review(left, Ledger(), AT_MS + week - 1) is None
    assert made.review(left, Ledger(), AT_MS + week) is not None


def test_a_second_account_of_a_token_is_merged_into_the_associated_one() -> None:
    made, second = janitor(), raw(BONK, 9, name="second")
    due = made.review(held(raw(BONK, 5), second), open_ledger(), AT_MS)
    assert due is not None and (due.chore, due.accounts) == (Chore.MERGE, (second.address,))
    assert made.review(held(raw(BONK, 5), second), moving_ledger(), AT_MS) is None
    made.apply(noted(due, AT_MS))
    assert made.review(held(second), Ledger(), AT_MS + 5 * 60_000 - 1) is None
    assert made.review(held(second), Ledger(), AT_MS + 5 * 60_000) is not None


def test_as_many_accounts_as_fit_go_into_one_transaction() -> None:
    accounts = {one.account.address: one for one in held(*(raw(address(f"m{n}")) for n in range(40)))}
    upkeep = Upkeep(id="u", chore=Chore.CLOSE, reason="", accounts=tuple(accounts))
    plan = plan_upkeep(upkeep, accounts, wallet=WALLET, decimals=None, blockhash=BLOCKHASH)
    assert isinstance(plan, UpkeepPlan)
    assert signed_size(plan.message) <= 1_232 and len(plan.upkeep.accounts) >= 20


# the walls


class House:
    def __init__(self, facts: Sequence[Fact] = ()) -> None:
        self.entries: list[Entry] = []
        self.books = Books(loss=LossLimits(), tokens=TokenLimits())
        self.books.kill_switch.ready = True
        self.keeper = Keeper(
            books=self.books, limits=KeeperLimits(janitor=JanitorLimits(empty_for_ms=0)), wallet=WALLET,
            decimals=lambda _: 5, record=self.record,
        )  # fmt: skip
        for fact in facts or (CapitalMoved(10 * SOL, Slot(1), "opening balance"),):
            self.record(fact)

    def record(self, fact: Fact) -> Entry:
        entry = Entry(len(self.entries) + 1, AT_MS, "run", fact)
        self.entries.append(entry)
        self.books.fold(entry)
        self.keeper.fold(entry)
        return entry

    def consider(self, *accounts: Account) -> list[Effect]:
        return self.keeper.consider(accounts, native_lamports=10 * SOL, blockhash=BLOCKHASH, now_ms=AT_MS)

    def last(self) -> Fact:
        return self.entries[-1].fact


def simulated(effect: Effect, error: str | None = None) -> Simulated:
    assert isinstance(effect, Simulate)
    return Simulated(effect.leg_id, Simulation(Slot(5), error, (), 9_000))


def signed_house() -> tuple[House, str]:
    """A house whose chore has been signed and sent."""
    house = House()
    (simulate,) = house.consider(raw(BONK))
    (sign,) = house.keeper.process(simulated(simulate), AT_MS)
    assert isinstance(sign, Sign)
    (send,) = house.keeper.process(SignedBytes(sign.leg_id, Signature("sig"), b"bytes"), AT_MS)
    assert isinstance(send, Send)
    assert send.durable_seq == len(house.entries) and isinstance(house.last(), UpkeepSigned)
    return house, sign.leg_id


def landed(error: str | None = None) -> TransactionUpdate:
    account = raw(BONK).address
    back = 0 if error else RENT
    return TransactionUpdate(
        signature=Signature("sig"), slot=Slot(9), index=0, accounts=(WALLET, account), instructions=(),
        fee_lamports=5_000, pre_lamports=(10 * SOL, RENT), post_lamports=(10 * SOL - 5_000 + back, RENT - back),
        pre_tokens=(TokenBalance(account, BONK, WALLET, 0, 5),),
        post_tokens=() if error is None else (TokenBalance(account, BONK, WALLET, 0, 5),),
        logs=(), compute_units=3_000, error=error,
    )  # fmt: skip


def seen(commitment: Commitment) -> StatusesRead:
    return StatusesRead(100, {Signature("sig"): SignatureStatus(Slot(9), commitment, None)})


def test_a_chore_is_simulated_signed_on_disk_sent_and_its_rent_booked() -> None:
    house, chore = signed_house()
    assert house.keeper.process(seen(Commitment.CONFIRMED), AT_MS) == []  # a fork may still undo it
    assert house.keeper.process(seen(Commitment.FINALIZED), AT_MS) == [
        ReadTransaction(chore, Signature("sig"))
    ]
    house.keeper.process(TransactionSeen(chore, landed()), AT_MS)
    fact = house.last()
    assert isinstance(fact, UpkeepLanded)
    assert (fact.lamports_delta, fact.rent_lamports) == (RENT - 5_000, -RENT)
    ledger = house.books.ledger
    assert ledger.lamports == 10 * SOL + RENT - 5_000 and not ledger.upkeep
    assert (ledger.upkeep_rent_lamports, ledger.upkeep_fees_lamports) == (-RENT, 5_000)
    assert ledger.realised_lamports == 0  # rent that comes back is no profit of trading


def test_what_fails_on_chain_costs_its_fee_and_nothing_else() -> None:
    house, chore = signed_house()
    house.keeper.process(seen(Commitment.FINALIZED), AT_MS)
    house.keeper.process(TransactionSeen(chore, landed("frozen")), AT_MS)
    assert house.books.ledger.lamports == 10 * SOL - 5_000
    assert house.books.ledger.upkeep_rent_lamports == 0 and not house.books.ledger.upkeep


def test_a_failed_simulation_sends_nothing_and_the_next_try_leaves_the_culprit_out() -> None:
    house, other = House(), raw(address("OTHER"))
    (simulate,) = house.consider(raw(BONK), other)
    refused = '{"InstructionError":[2,{"Custom":11}]}'  # the third: two of the budget come first
    assert house.keeper.process(simulated(simulate, refused), AT_MS) == []
    fact = house.last()
    assert isinstance(fact, UpkeepDropped) and fact.refusal.reason is Reason.SIMULATION_FAILED
    house.consider(raw(BONK), other)
    again = house.last()
    assert isinstance(again, UpkeepPlanned) and again.upkeep.accounts == (other.address,)


def test_one_chore_at_a_time_and_none_beside_a_leg_or_while_halted() -> None:
    house, _ = signed_house()
    assert house.consider(raw(address("OTHER"))) == []
    busy = House()
    busy.books.ledger.legs.update(moving_ledger().legs)
    assert busy.consider(raw(address("OTHER"))) == []
    halted = House()
    halted.record(KillSwitchMoved(True, "halt_buys", "drill", "ops"))
    assert halted.consider(raw(BONK)) == []
    late = House()
    (simulate,) = late.consider(raw(BONK))
    late.record(KillSwitchMoved(True, "halt_all", "drill", "ops"))
    assert late.keeper.process(simulated(simulate), AT_MS) == []
    assert isinstance(late.last(), UpkeepDropped)


def test_the_same_bytes_go_out_again_and_expiry_needs_the_margin_and_two_clean_answers() -> None:
    house, chore = signed_house()
    assert house.keeper.process(Ticked(), AT_MS + 100) == []
    (again,) = house.keeper.process(Ticked(), AT_MS + 2_000)
    assert isinstance(again, Send) and (again.transaction, again.attempt) == (b"bytes", 2)
    unknown: dict[Signature, SignatureStatus | None] = {Signature("sig"): None}
    margin = WatchLimits().expiry_margin_blocks
    for height in (200, 200 + margin, 201 + margin):
        house.keeper.process(StatusesRead(height, unknown), AT_MS)
        assert not isinstance(house.last(), UpkeepExpired)
    house.keeper.process(StatusesRead(202 + margin, unknown), AT_MS)
    assert isinstance(house.last(), UpkeepExpired) and chore not in house.books.ledger.upkeep


def test_start_up_sends_signed_chores_again_and_drops_the_others() -> None:
    house, chore = signed_house()
    after = House([entry.fact for entry in house.entries])
    (send,) = after.keeper.resume(AT_MS)
    assert isinstance(send, Send) and (send.leg_id, send.transaction) == (chore, b"bytes")
    early = House()
    early.consider(raw(BONK))
    restarted = House([entry.fact for entry in early.entries])
    assert restarted.keeper.resume(AT_MS) == []
    assert isinstance(restarted.last(), UpkeepDropped) and not restarted.books.ledger.upkeep


def test_wrapped_sol_that_was_left_behind_is_unwrapped_before_anything_else() -> None:
    house = House()
    house.consider(raw(WSOL, SOL, native=True), raw(BONK))
    fact = house.last()
    assert isinstance(fact, UpkeepPlanned) and fact.upkeep.chore is Chore.UNWRAP


def test_a_token_account_is_what_it_says() -> None:
    (one,) = held(raw(BONK, 7, name="second"))
    assert isinstance(one.account, TokenAccount)
    assert (one.account.amount, one.associated, one.withheld, one.lamports) == (7, False, 0, RENT)
