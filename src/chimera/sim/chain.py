"""A chain that was: it answers the desk's effects from the pools of a recording, and fills by the venues' integers.

Nothing later than the newest slot that it was told of can be reached from here. It holds no key: what it signs
with is a hash. What a transaction does it knows from the plan's own record (`LegPlanned`): the swaps along its hops,
fees of its budget, its tip, rent of the accounts it opens. Between planning and landing others trade; then it gives
less, or fails by its own limit and costs the fee.
Left out, and said in the report: programs' failures beyond prices, and taxes that only show when selling.
"""

from collections.abc import Callable
from hashlib import sha512

import msgspec

from chimera.domain.chain import (
    Blockhash,
    Commitment,
    Instruction,
    SignatureStatus,
    Simulation,
    TokenBalance,
    TransactionUpdate,
)
from chimera.domain.ids import SYSTEM_PROGRAM, TOKEN_PROGRAM, WSOL, Address, Signature, Slot
from chimera.domain.intent import Side, TradeIntent
from chimera.domain.messages import Entry, IntentEmitted, LegPlanned, LegSigned
from chimera.domain.pool import Quote, QuoteRequest, SwapKind
from chimera.domain.risk import Reason, Refusal
from chimera.domain.units import mul_div_ceil, mul_div_floor
from chimera.execution.effects import (
    Effect,
    HandedOver,
    Message,
    Probed,
    ProbeToken,
    ReadTransaction,
    Send,
    Sign,
    SignedBytes,
    Simulate,
    Simulated,
    StatusesRead,
    TransactionSeen,
    Watched,
)
from chimera.execution.outcomes import TRANSFER
from chimera.execution.router import best_route
from chimera.market.view import MarketView
from chimera.onchain.keys import address_text, associated_token_address, signature_text
from chimera.onchain.transaction import attach_signatures
from chimera.ports.runtime import Rng
from chimera.sim.impact import Impact
from chimera.sim.landing import LandingModel

BASE_FEE_LAMPORTS = 5_000  # a signature
TOKEN_ACCOUNT_RENT_LAMPORTS = 2_039_280  # 165 bytes
MICRO = 1_000_000
BLOCKHASH_SLOTS = 150
UNITS_USED_PERCENT = 80  # of the budget: what a swap takes of what the plan allows, more or less


class _Pending(msgspec.Struct):
    leg_id: str
    signature: Signature
    lands_at: Slot
    bundle: bool


class _Landed(msgspec.Struct, frozen=True):
    slot: Slot
    error: str | None
    transaction: TransactionUpdate


def _unheard(_: TransactionUpdate) -> None:
    """Where nobody keeps what landed."""


class SimulatedChain:
    """Synchronous; `advance` tells it that a slot was processed."""

    def __init__(
        self,
        view: MarketView,
        *,
        wallet: Address,
        lamports: int,
        tip_account: Address,
        model: LandingModel,
        rng: Rng,
        landed: Callable[[TransactionUpdate], object] = _unheard,
    ) -> None:
        """`view` must keep raw accounts, or no pool can carry our impact.

        `landed` hears of each transaction once it is on the chain, those that failed there included.
        """
        self._view, self.wallet, self._model, self._rng = view, wallet, model, rng
        self._tip_account, self._heard_landed = tip_account, landed
        self.lamports = lamports
        self.tokens: dict[Address, int] = {}
        """By mint. An account stands open, and its rent is paid, for each mint in here."""
        self.impact = Impact(view)
        self._intents: dict[str, TradeIntent] = {}
        self._plans: dict[str, LegPlanned] = {}
        self._valid_until: dict[Signature, int] = {}
        self._pending: dict[Signature, _Pending] = {}
        self._landed: dict[Signature, _Landed] = {}
        self.impact_lamports: dict[str, int] = {}
        """By leg: how much worse than the spot prices it was filled."""

    # what it learns

    def hear(self, entry: Entry) -> None:
        match entry.fact:
            case IntentEmitted(intent):
                self._intents[intent.id] = intent
            case LegPlanned():
                self._plans[entry.fact.leg.leg_id] = entry.fact
            case LegSigned():
                self._valid_until[entry.fact.signature] = entry.fact.last_valid_block_height
            case _:
                pass

    def advance(self, at_ms: int) -> None:
        """The view's newest slot was processed: what was due in it lands, in the order of sending."""
        slot = self._view.slot
        for pending in [one for one in self._pending.values() if one.lands_at <= slot]:
            del self._pending[pending.signature]
            if slot <= self._valid_until.get(pending.signature, 0):
                landed = self._land(pending, slot, at_ms)
                if landed is not None:
                    self._landed[pending.signature] = landed
                    self._heard_landed(landed.transaction)

    def restore(self, transaction: TransactionUpdate) -> None:
        """What landed in a former life, oldest first: the wallet holds what it left. The pools have forgotten it."""
        self._landed[transaction.signature] = _Landed(transaction.slot, transaction.error, transaction)
        self.lamports = transaction.post_lamports[0]
        self.tokens = {balance.mint: balance.amount for balance in transaction.post_tokens}

    def blockhash(self) -> Blockhash:
        """Slots count as blocks here: none is skipped in a recording that has them all."""
        slot = self._view.slot
        digest = sha512(f"blockhash {slot}".encode()).digest()[:32]
        return Blockhash(address_text(digest), slot + BLOCKHASH_SLOTS, slot)

    def statuses(self, watched: list[Watched]) -> StatusesRead:
        return StatusesRead(
            block_height=self._view.slot,
            statuses={one.signature: self.status(one.signature) for one in watched},
        )

    def transaction(self, signature: Signature) -> TransactionUpdate | None:
        """With its metadata; None where it is not on the chain."""
        landed = self._landed.get(signature)
        return None if landed is None else landed.transaction

    def account_of(self, mint: Address) -> Address:
        """Where the wallet holds its tokens of a mint."""
        program = self._view.token_program(mint) or TOKEN_PROGRAM
        return associated_token_address(owner=self.wallet, mint=mint, token_program=program)

    def status(self, signature: Signature) -> SignatureStatus | None:
        """How deep it lies; None where it is not on the chain."""
        landed = self._landed.get(signature)
        if landed is None:
            return None
        deep = self._view.slot - landed.slot
        if deep >= self._model.finalized_after:
            return SignatureStatus(landed.slot, Commitment.FINALIZED, landed.error)
        commitment = Commitment.CONFIRMED if deep >= self._model.confirmed_after else Commitment.PROCESSED
        return SignatureStatus(landed.slot, commitment, landed.error, confirmations=deep)

    # what it is asked for

    def perform(self, effect: Effect) -> Message:
        match effect:
            case ProbeToken():
                return self._probe(effect)
            case Simulate(leg_id):
                plan = self._plans[leg_id]
                found = self._quotes(plan)
                error = str(found) if isinstance(found, Refusal) else self._too_little(plan, found)
                return Simulated(leg_id, self._simulation(error, plan.compute_units))
            case Sign(leg_id, message):
                raw = sha512(leg_id.encode() + message).digest()
                return SignedBytes(leg_id, signature_text(raw), attach_signatures(message, [raw]))
            case Send():
                return self._send(effect)
            case ReadTransaction(leg_id, signature):
                return TransactionSeen(leg_id, self.transaction(signature))

    def _probe(self, effect: ProbeToken) -> Probed:
        """There and back by today's quotes: fees and depth show, a tax inside the token's own program does not."""
        probe = effect.probe
        there = best_route(
            self._view, input_mint=WSOL, output_mint=probe.mint, amount=probe.probe_lamports, doubtful=False
        )
        if isinstance(there, Refusal):
            return Probed(probe, self._simulation(str(there), 0), 0)
        tokens = mul_div_floor(there.amount_out, 98, 100)
        back = best_route(self._view, input_mint=probe.mint, output_mint=WSOL, amount=tokens, doubtful=False)
        if isinstance(back, Refusal):
            return Probed(probe, self._simulation(str(back), 0), 0)
        return Probed(probe, self._simulation(None, 0), back.amount_out)

    def _simulation(self, error: str | None, units: int) -> Simulation:
        return Simulation(
            slot=self._view.slot, error=error, logs=(), compute_units=units * UNITS_USED_PERCENT // 100
        )

    def _send(self, send: Send) -> HandedOver:
        known = send.signature in self._pending or send.signature in self._landed
        plan = self._plans[send.leg_id]
        if not known:
            due = self._model.lands(
                self._view.slot, bundle=send.bundle, tip_lamports=plan.tip_lamports, rng=self._rng
            )
            if due is not None:
                self._pending[send.signature] = _Pending(send.leg_id, send.signature, due, send.bundle)
        return HandedOver(send.leg_id, "bundle" if send.bundle else "rpc", send.attempt)

    # what a transaction does

    def _quotes(self, plan: LegPlanned) -> list[Quote] | Refusal:
        """The hops at today's prices. A later leg spends what the ones before it gave, but never more than planned."""
        have: dict[Address, int] = {plan.hops[0].input_mint: plan.amount_in}
        quotes = []
        for hop in plan.hops:
            amount = min(hop.amount_in, have.get(hop.input_mint, 0))
            pool = self._view.pools.get(hop.pool)
            if pool is None:
                return Refusal(Reason.POOL_NOT_FOUND, observed=hop.pool)
            request = (
                QuoteRequest(hop.input_mint, SwapKind.EXACT_OUT, hop.amount_out)
                if hop.exact_out
                else QuoteRequest(hop.input_mint, SwapKind.EXACT_IN, amount)
            )
            quote = pool.quote(request, self._view.moment())
            if isinstance(quote, Refusal):
                return quote
            if hop.exact_out and quote.amount_in > hop.limit:
                told = f"{quote.amount_in} in, at most {hop.limit} allowed"
                return Refusal(Reason.SLIPPAGE, observed=told)
            have[hop.input_mint] -= quote.amount_in
            have[hop.output_mint] = have.get(hop.output_mint, 0) + quote.amount_out
            quotes.append(quote)
        return quotes

    def _too_little(self, plan: LegPlanned, quotes: list[Quote]) -> str | None:
        target = plan.hops[-1].output_mint
        between = zip(quotes[:-1], plan.hops[:-1], strict=True)
        if plan.hops[0].input_mint == target and any(q.amount_out != hop.amount_out for q, hop in between):
            # a circle spends in between exactly what was planned, and closes the accounts: nothing may be left
            return (
                f"InstructionError({len(quotes)}, Custom(11)): a pool between did not give what it had quoted"
            )
        got = sum(quote.amount_out for quote in quotes if quote.output_mint == target)
        if got >= plan.minimum_out:
            return None
        return f"InstructionError({len(quotes)}, Custom(6001)): {got} out, at least {plan.minimum_out} wanted"

    def _land(self, pending: _Pending, slot: Slot, at_ms: int) -> _Landed | None:
        """What became of it; None where a block engine saw that it would fail and left it out."""
        plan = self._plans[pending.leg_id]
        intent = self._intents[plan.leg.intent_id]
        found = self._quotes(plan)
        error = str(found) if isinstance(found, Refusal) else self._too_little(plan, found)
        if error is not None and pending.bundle:
            return None
        fee = BASE_FEE_LAMPORTS + mul_div_ceil(plan.compute_units, plan.cu_price_micro_lamports, MICRO)
        before, tokens_before = self.lamports, dict(self.tokens)
        self.lamports -= fee
        if error is None and not isinstance(found, Refusal):
            if self._execute(plan, intent, found, at_ms):
                self.lamports -= plan.tip_lamports
            else:
                error, self.lamports, self.tokens = "insufficient funds", before - fee, tokens_before
        return _Landed(slot, error, self._told(pending, plan, slot, at_ms, before, tokens_before, fee, error))

    def _execute(self, plan: LegPlanned, intent: TradeIntent, quotes: list[Quote], at_ms: int) -> bool:
        """Books the swaps into wallet and pools; False where the wallet has not got what it takes."""
        changes: dict[Address, int] = {}
        for quote in quotes:
            changes[quote.input_mint] = changes.get(quote.input_mint, 0) - quote.amount_in
            changes[quote.output_mint] = changes.get(quote.output_mint, 0) + quote.amount_out
        lamports = changes.pop(WSOL, 0)
        opened = [mint for mint in changes if mint not in self.tokens]
        lamports -= TOKEN_ACCOUNT_RENT_LAMPORTS * len(opened)
        short = any(self.tokens.get(mint, 0) + change < 0 for mint, change in changes.items())
        if short or self.lamports + lamports - plan.tip_lamports < 0:
            return False
        self.lamports += lamports
        for mint, change in changes.items():
            self.tokens[mint] = self.tokens.get(mint, 0) + change
        # a sale closes what it has sold out, a circle whatever it went through
        left = {Side.SELL: [intent.mint], Side.CYCLE: list(changes)}.get(intent.side, [])
        for mint in left:
            if not self.tokens[mint] and not self._withholds(mint):
                del self.tokens[mint]
                self.lamports += TOKEN_ACCOUNT_RENT_LAMPORTS
        self.impact_lamports[plan.leg.leg_id] = sum(self._worse(quote) for quote in quotes)
        for quote in quotes:
            self.impact.take(quote, at_ms)
        return True

    def _withholds(self, mint: Address) -> bool:
        token = self._view.mints.get(mint)
        return token is None or token.transfer_fee_bps > 0 or "transfer_fee" in token.extensions

    def _worse(self, quote: Quote) -> int:
        """By how many lamports fees and depth made it worse than the spot price; 0 where no side is SOL."""
        lamports = quote.amount_in if quote.input_mint == WSOL else quote.amount_out
        if WSOL not in (quote.input_mint, quote.output_mint):
            return 0
        fee_bps = mul_div_ceil(quote.fee_in, 10_000, max(quote.amount_in, 1))
        return mul_div_floor(lamports, quote.price_impact_bps + fee_bps, 10_000)

    def _told(
        self,
        pending: _Pending,
        plan: LegPlanned,
        slot: Slot,
        at_ms: int,
        lamports_before: int,
        tokens_before: dict[Address, int],
        fee: int,
        error: str | None,
    ) -> TransactionUpdate:
        """The transaction with the metadata that a node would give."""
        mints = sorted(tokens_before.keys() | self.tokens.keys())
        accounts = {mint: self.account_of(mint) for mint in mints}
        rent = dict.fromkeys(mints, TOKEN_ACCOUNT_RENT_LAMPORTS)
        tip = plan.tip_lamports if error is None else 0
        instructions: tuple[Instruction, ...] = ()
        if tip:
            data = TRANSFER.to_bytes(4, "little") + tip.to_bytes(8, "little")
            instructions = (Instruction(SYSTEM_PROGRAM, (self.wallet, self._tip_account), data),)
        return TransactionUpdate(
            signature=pending.signature,
            slot=slot,
            index=0,
            accounts=(self.wallet, *accounts.values(), self._tip_account),
            instructions=instructions,
            fee_lamports=fee,
            pre_lamports=(lamports_before, *(rent[m] * (m in tokens_before) for m in mints), 10**9),
            post_lamports=(self.lamports, *(rent[m] * (m in self.tokens) for m in mints), 10**9 + tip),
            pre_tokens=self._balances(tokens_before, accounts),
            post_tokens=self._balances(self.tokens, accounts),
            logs=(),
            compute_units=plan.compute_units * UNITS_USED_PERCENT // 100,
            error=error,
            block_time=at_ms // 1_000,
        )

    def _balances(
        self, tokens: dict[Address, int], accounts: dict[Address, Address]
    ) -> tuple[TokenBalance, ...]:
        return tuple(
            TokenBalance(accounts[mint], mint, self.wallet, amount, token.decimals if token else 0)
            for mint, amount in sorted(tokens.items())
            for token in (self._view.mints.get(mint),)
        )
