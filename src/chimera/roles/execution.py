"""The execution plane's loop: has done what the desk asks for and brings the answers back.

What is done in the world, and by whose key, is the performer's business. It keeps the blockhash fresh, asks nodes
about signatures, compares books with the chain, and answers operators. No rule lives here.
"""

import asyncio
from collections.abc import Callable, Coroutine

from chimera.domain.chain import Commitment
from chimera.domain.commands import Answer, Command, ExitPosition, Kill, ResetBreaker, ResetKill
from chimera.domain.errors import OutsideError
from chimera.domain.ids import Address, SignalId, Slot, derived_id
from chimera.domain.intent import Side, Signal, Source, Style, TradeIntent
from chimera.domain.live import DeskSeen, FundsSeen
from chimera.domain.messages import (
    BreakerMoved,
    CapitalMoved,
    Entry,
    Fact,
    KillSwitchMoved,
    Reconciled,
    SignalAccepted,
)
from chimera.domain.trade import TradeState
from chimera.execution.books import Books
from chimera.execution.desk import Desk
from chimera.execution.effects import (
    Arrived,
    Effect,
    Message,
    Sign,
    StatusesRead,
    Ticked,
)
from chimera.execution.failover import Failover
from chimera.execution.keeper import Keeper
from chimera.market.view import MarketView
from chimera.observe import Observer
from chimera.onchain.layouts import is_token_account, read_token_account
from chimera.ports.bus import Bus
from chimera.ports.chain import Chain, PartlyKnown
from chimera.ports.runtime import Clock, SignalQueue
from chimera.ports.store import Journal
from chimera.risk.kill_switch import SCOPES
from chimera.risk.loss_breaker import NAME as LOSS
from chimera.risk.loss_breaker import BreakerState
from chimera.roles.elsewhere import ElsewhereRole
from chimera.roles.performing import Performer
from chimera.roles.room import Room
from chimera.roles.topics import INTENTS, INTENTS_CAPACITY, LIVE

TICK_S = 0.2
BLOCKHASH_EVERY_S = 2.0  # of some 60 s that it lives
FUNDS_EVERY_S = 1.0
RECONCILE_EVERY_S = 10.0
STATUSES_A_CALL = 256  # getSignatureStatuses' own limit


class ExecutionRole:
    def __init__(
        self,
        *,
        desk: Desk,
        books: Books,
        chain: Chain,
        performer: Performer,
        wallet: Address,
        journal: Journal,
        view: MarketView,
        queue: SignalQueue,
        bus: Bus,
        clock: Clock,
        observer: Observer,
        concurrency: int,
        failover: Failover,
        keeper: Keeper | None = None,
    ) -> None:
        self._desk, self._books, self._chain, self._performer = desk, books, chain, performer
        self._wallet, self._journal, self._view, self._queue = wallet, journal, view, queue
        self._bus, self._clock, self._observer = bus, clock, observer
        self._failover, self._keeper = failover, keeper
        self._intents = bus.subscribe(INTENTS, capacity=INTENTS_CAPACITY, refuse=True)
        self._tasks: set[asyncio.Task[None]] = set()
        self.room = Room(concurrency, lambda: desk.in_flight + self._intents.depth)
        self._rpc_us: int | None = None
        self._rpc_status = "unknown"
        self._matches: bool | None = None
        self._difference: object = None
        """Between chain and books, as last recorded."""
        self.elsewhere: ElsewhereRole | None = None
        """Asked about some buys before the desk gets them."""
        self.unsettled: Callable[[], bool] = lambda: False
        """Whether somebody else's transaction moved something that is not in the books yet."""
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Set to the error that must stop the process."""

    # start

    async def open_books(self) -> None:
        """Takes up what the last run left, and opens the books where there are none. Nothing trades before."""
        await self._refresh_blockhash()
        if not self._books.ledger.opened:
            slot, lamports, tokens = await self._holdings(Commitment.CONFIRMED)
            held = tuple(sorted(tokens.items()))
            self._record(CapitalMoved(lamports, Slot(slot), "opening balance", tokens=held))
        self._books.kill_switch.ready = True
        self._perform_all(self._desk.resume(self._clock.now_ms()))
        if self._keeper is not None:
            self._perform_all(self._keeper.resume(self._clock.now_ms()))

    # loops

    async def keep_house(self, *, every_s: float) -> None:
        """Looks after the wallet's own accounts, until cancelled."""
        while True:
            await asyncio.sleep(every_s)
            if self._keeper is None:
                continue
            try:
                _, (purse,) = await self._chain.accounts([self._wallet])
                _, accounts = await self._chain.token_accounts(self._wallet)
            except OutsideError as error:
                self._observer.rpc_failed(endpoint=self._failover.node, method="upkeep", error=str(error))
                continue
            effects = self._keeper.consider(
                accounts,
                native_lamports=purse.lamports if purse is not None else 0,
                blockhash=self._desk.blockhash,
                now_ms=self._clock.now_ms(),
            )
            self._perform_all(effects)

    async def follow_intents(self) -> None:
        async for intent in self._intents:
            if not isinstance(intent, TradeIntent):
                continue
            if self.elsewhere is not None and self.elsewhere.asks(intent):
                self._spawn(self._ask_elsewhere(self.elsewhere, intent))
            else:
                self._process(Arrived(intent))

    async def _ask_elsewhere(self, elsewhere: ElsewhereRole, intent: TradeIntent) -> None:
        await elsewhere.ask(intent)
        self._process(Arrived(intent))

    async def tick(self) -> None:
        """Asks about signatures, lets time pass, says how the desk is."""
        while True:
            await self._ask_statuses()
            self._process(Ticked())
            self._say_health()
            await asyncio.sleep(TICK_S)

    async def keep_blockhash(self) -> None:
        while True:
            await asyncio.sleep(BLOCKHASH_EVERY_S)
            await self._refresh_blockhash()

    async def watch_funds(self) -> None:
        """Says what the wallet holds, and holds the books against it whenever nothing is under way."""
        compared_at = 0
        while True:
            try:
                now = self._clock.now_ms()
                if now - compared_at >= RECONCILE_EVERY_S * 1000:
                    self._matches = await self.reconcile()
                    compared_at = now
                self._say_funds()
            except OutsideError as error:
                self._observer.rpc_failed(endpoint=self._failover.node, method="funds", error=str(error))
            await asyncio.sleep(FUNDS_EVERY_S)

    # books against chain

    async def reconcile(self) -> bool | None:
        """Whether chain and books agree to the lamport and the token; None while legs are under way.

        Records a Reconciled whenever the difference has become another one, none included.
        """
        if self.in_flight or self.unsettled():
            return None
        seq = (self._last_landed, self._books.ledger.lamports)
        slot, lamports, tokens = await self._holdings(Commitment.CONFIRMED)
        ledger = self._books.ledger
        if self.in_flight or (self._last_landed, ledger.lamports) != seq or self.unsettled():
            return None  # something moved while we asked
        held = {mint: amount for mint, amount in ledger.tokens.items() if amount}
        differences = tuple(
            (mint, held.get(mint, 0), tokens.get(mint, 0))
            for mint in sorted(held.keys() | tokens.keys())
            if held.get(mint, 0) != tokens.get(mint, 0)
        )
        agree = lamports == ledger.lamports and not differences
        difference = (lamports - ledger.lamports, differences)
        if difference != self._difference:
            self._difference = difference
            self._record(Reconciled(Slot(slot), ledger.lamports, lamports, differences))
        self._matches = agree
        return agree

    async def _holdings(self, commitment: Commitment) -> tuple[int, int, dict[Address, int]]:
        """(slot, native lamports, tokens by mint)."""
        slot, (account,) = await self._chain.accounts([self._wallet], commitment=commitment)
        _, found = await self._chain.token_accounts(self._wallet)
        tokens: dict[Address, int] = {}
        for token in (read_token_account(known) for known in found if is_token_account(known)):
            if token.amount:
                tokens[token.mint] = tokens.get(token.mint, 0) + token.amount
        return slot, account.lamports if account else 0, tokens

    # operators

    async def perform(self, command: Command) -> Answer:
        """`ports.runtime.Commands`."""
        match command:
            case Kill():
                return await self._kill(command)
            case ResetKill():
                return await self._reset_kill(command)
            case ResetBreaker():
                return await self._reset_breaker(command)
            case ExitPosition():
                return await self._exit(command)
            case _:
                return Answer(ok=False, code="UNSUPPORTED", message="this house does not do that yet")

    async def _kill(self, command: Kill) -> Answer:
        if command.scope not in SCOPES:
            return Answer(
                ok=False, code="VALIDATION_FAILED", message=f"scope must be one of {', '.join(SCOPES)}"
            )
        before = self._books.kill_switch.scope or "off"
        entry = self._record(KillSwitchMoved(True, command.scope, command.cause, command.by))
        await self._journal.durable(entry.seq)
        return Answer(ok=True, message="trading is halted", before=before, after=command.scope)

    async def _reset_kill(self, command: ResetKill) -> Answer:
        switch = self._books.kill_switch
        if not switch.active:
            return Answer(ok=False, code="NOT_ACTIVE", message="the kill switch is not active")
        before = switch.scope
        entry = self._record(KillSwitchMoved(False, "", command.cause, command.by))
        await self._journal.durable(entry.seq)
        return Answer(ok=True, message="trading may go on", before=before, after="off")

    async def _reset_breaker(self, command: ResetBreaker) -> Answer:
        name = command.breaker
        breaker = self._books.breaker if name == LOSS else self._books.breakers.get(name)
        if breaker is None:
            return Answer(ok=False, code="UNKNOWN", message="there is no such breaker")
        before, closed = breaker.state, f"the {name} breaker is closed"
        if before is BreakerState.CLOSED:
            return Answer(ok=False, code="NOT_ACTIVE", message=closed, before=before)
        entry = self._record(BreakerMoved(name, before, BreakerState.CLOSED, command.cause, command.by))
        await self._journal.durable(entry.seq)
        return Answer(ok=True, message=closed, before=before, after=BreakerState.CLOSED)

    async def _exit(self, command: ExitPosition) -> Answer:
        """An operator's exit is a signal like any other: durable before it is answered."""
        position = self._books.ledger.positions.get(command.trade_id)
        if position is None:
            return Answer(ok=False, code="UNKNOWN", message="there is no such position")
        state = self._books.ledger.states.get(command.trade_id)
        if state is not TradeState.ACTIVE or self._books.ledger.busy(command.trade_id):
            return Answer(ok=False, code="NOT_ACTIVE", message=f"the position is {state}")
        now = self._clock.now_ms()
        signal = Signal(
            id=SignalId(derived_id("operator", command.trade_id, command.by, str(now))),
            source=Source.OPERATOR,
            strategy=Style.EXIT,
            side=Side.SELL,
            mint=position.mint,
            symbol=position.symbol,
            amount_lamports=0,
            wallet=position.wallet or self._wallet,
            at_ms=now,
            fraction_bps=command.fraction_bps,
            note=f"{command.by}: {command.cause}",
            trade_id=command.trade_id,
        )
        entry = self._record(SignalAccepted(signal))
        await self._journal.durable(entry.seq)
        self._queue.put(signal)
        return Answer(
            ok=True, message="the exit is under way", before=str(state), after=str(TradeState.EXITING)
        )

    # effects

    def _process(self, message: Message) -> None:
        now = self._clock.now_ms()
        self._desk.standard_lane = self._failover.triggered  # read for each message, kept by each leg
        keeper = self._keeper
        if keeper is not None:
            about_chore = keeper.owns(message)  # asked first: the answer may be the chore's last
            self._perform_all(keeper.process(message, now))
            if about_chore:
                return
        self._perform_all(self._desk.process(message, now))
        self.room.changed()

    def _perform_all(self, effects: list[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Sign):
                self._process(self._performer.sign(effect))
            else:
                self._spawn(self._perform(effect))

    async def _perform(self, effect: Effect) -> None:
        self._process(await self._performer.perform(effect))

    async def _ask_statuses(self) -> None:
        chores = self._keeper.watched() if self._keeper is not None else []
        watched = [*chores, *self._desk.watched()][:STATUSES_A_CALL]
        if not watched:
            return
        signatures = [leg.signature for leg in watched]
        try:
            # the height first: a signature unknown now at a height read before now is unknown at that height
            height = await self._chain.block_height(commitment=Commitment.CONFIRMED)
            statuses = await self._chain.statuses(signatures)
        except PartlyKnown as partly:
            # what is known may be acted on; of the rest, nothing may be concluded
            self._process(StatusesRead(height, dict(partly.known)))
            return
        except OutsideError as error:
            self._observer.rpc_failed(
                endpoint=self._failover.node, method="getSignatureStatuses", error=str(error)
            )
            return
        self._process(StatusesRead(height, dict(zip(signatures, statuses, strict=True))))

    async def _refresh_blockhash(self) -> None:
        began = self._clock.monotonic_ns()
        try:
            self._desk.blockhash = await self._chain.latest_blockhash()
        except OutsideError as error:
            self._rpc_status = "down"
            self._observer.rpc_failed(
                endpoint=self._failover.node, method="getLatestBlockhash", error=str(error)
            )
            return
        self._rpc_status, self._rpc_us = "healthy", (self._clock.monotonic_ns() - began) // 1000

    # bookkeeping

    @property
    def in_flight(self) -> int:
        return self._desk.in_flight + len(self._books.ledger.upkeep)

    def _record(self, fact: Fact) -> Entry:
        return self._journal.append(fact)

    @property
    def _last_landed(self) -> int | None:
        return self._books.last_trade_at_ms

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if task.cancelled() or (error := task.exception()) is None:
            return
        self._observer.role_failed(role="execution", error=error)
        if not self.failed.done():
            self.failed.set_exception(error)

    def _say_health(self) -> None:
        switch, breaker = self._books.kill_switch, self._books.breaker
        now = self._clock.now_ms()
        remaining = breaker.cooldown_remaining_ms(now)
        self._bus.publish(
            LIVE,
            DeskSeen(
                queue_depth=self._queue.depth,
                in_flight=self._desk.in_flight,
                rpc_status=self._rpc_status,
                rpc_latency_us=self._rpc_us,
                rpc_endpoint=self._failover.active,
                breaker_state=breaker.state,
                breaker_cause=breaker.cause or None,
                breaker_until_ms=now + remaining if remaining else None,
                kill_active=switch.active,
                kill_scope=switch.scope,
                kill_cause=switch.cause,
                at_ms=now,
                breakers=self._books.breakers.seen(now),
            ),
        )

    def _say_funds(self) -> None:
        self._bus.publish(
            LIVE,
            FundsSeen(
                lamports=self._books.ledger.lamports,
                slot=self._view.slot,
                sol_micro_usd=self._view.sol_micro_usd(),
                ledger_matches_chain=None if self.in_flight else self._matches,
                at_ms=self._clock.now_ms(),
            ),
        )
