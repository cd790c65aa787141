"""Holds open positions against the chain: at start, every day at its hour, and when somebody asks.

What is due is worked out from the last run in the journal, so that an hour slept through is made up for.
No rule lives here: `audit.positions` says what differs.
"""

import asyncio

from chimera.audit.positions import Claim, Evidence, Fills, Findings, claims, due_ms, examine
from chimera.domain.chain import Commitment, TransactionUpdate
from chimera.domain.commands import Answer, Command, ResolveDiscrepancy, RunReconciliation
from chimera.domain.errors import OutsideError
from chimera.domain.ids import Address, Signature, Slot
from chimera.domain.messages import DiscrepancyResolved, Entry, PositionsReconciled
from chimera.observe import Observer
from chimera.onchain.layouts import is_token_account, read_token_account
from chimera.portfolio import Booked, Ledger
from chimera.ports.chain import Chain
from chimera.ports.runtime import Clock
from chimera.ports.store import Journal

HOUR_UTC = 4  # SPEC RC-01
ASK_EVERY_S = 30.0  # whether a run is due
AGAIN_AFTER_S = 60.0  # when the node did not answer
QUIET_WITHIN_S = 30.0  # how long a run waits for what is under way
QUIET_STEP_S = 0.2


class ReconcilerRole:
    FOLDS = Fills.FOLDS | Findings.FOLDS
    """What it folds; of other facts it need not be told."""

    def __init__(
        self,
        *,
        chain: Chain,
        wallet: Address,
        tip_accounts: frozenset[Address],
        ledger: Ledger,
        journal: Journal,
        clock: Clock,
        observer: Observer,
        hour_utc: int = HOUR_UTC,
        quiet_within_s: float | None = None,
    ) -> None:
        """`quiet_within_s`: how long a run waits for what is under way."""
        self._chain, self._wallet, self._tip_accounts = chain, wallet, tip_accounts
        self._ledger, self._journal, self._clock = ledger, journal, clock
        self._observer, self._hour_utc, self._quiet_within_s = observer, hour_utc, quiet_within_s
        self._fills, self._findings = Fills(), Findings()
        self._running = asyncio.Lock()

    def fold(self, entry: Entry) -> None:
        """In the journal's order, each entry once, those of former runs included."""
        self._fills.apply(entry)
        self._findings.apply(entry)

    async def run(self) -> None:
        """Reconciles at start and whenever it is due, until cancelled; the books must be open."""
        cause = "at start"
        while True:
            now = self._clock.now_ms()
            if cause == "at start" or now >= due_ms(self._findings.last_run_ms, hour_utc=self._hour_utc):
                try:
                    await self.reconcile(cause)
                except OutsideError as error:
                    self._observer.rpc_failed(endpoint="active", method="reconcile", error=str(error))
                    await asyncio.sleep(AGAIN_AFTER_S)
                    continue
                cause = "daily"
            await asyncio.sleep(ASK_EVERY_S)

    async def perform(self, command: Command) -> Answer:
        """`ports.runtime.Commands`, for the two that are about discrepancies."""
        match command:
            case RunReconciliation(cause, by):
                try:
                    found = await self.reconcile(f"{by}: {cause}")
                except OutsideError as error:
                    return Answer(ok=False, code="UNREACHABLE", message=f"the chain does not answer: {error}")
                told = f"{found.positions} open positions: {len(found.found)} new discrepancies"
                return Answer(ok=True, message=told, after=str(len(self._findings.unresolved)))
            case ResolveDiscrepancy():
                return await self._resolve(command)
            case _:
                return Answer(ok=False, code="UNSUPPORTED", message="that is not for the reconciler")

    async def reconcile(self, cause: str) -> PositionsReconciled:
        """What was found, which is in the journal by then. Raises OutsideError where the chain does not answer."""
        async with self._running:
            await self._quiet()
            before, settling = claims(self._ledger, self._fills), tuple(self._ledger.settling.values())
            evidence = await self._ask(before, settling)
            # what moved while we asked is judged neither by the old books nor by the new; and what a fork has moved
            # is taken back by the desk, which watches it: told to a person, nobody would
            still = set(map(_as_read, claims(self._ledger, self._fills)))
            forked = _forked(settling, evidence)
            calm = [
                claim for claim in before if _as_read(claim) in still and claim.position.mint not in forked
            ]
            found = examine(calm, evidence, wallet=self._wallet, tip_accounts=self._tip_accounts)
            fresh, known = self._findings.sort_out(found)
            fact = PositionsReconciled(
                slot=Slot(evidence.slot),
                positions=len(calm),
                found=fresh,
                cause=cause,
                still_open=known,
                left_out=len(before) - len(calm),
            )
            entry = self._journal.append(fact)
            await self._journal.durable(entry.seq)
            return fact

    async def _quiet(self) -> None:
        """Waits a while until no leg is under way: a position at rest can be judged, one in motion hardly."""
        within_s = QUIET_WITHIN_S if self._quiet_within_s is None else self._quiet_within_s
        for _ in range(int(within_s / QUIET_STEP_S)):
            if not self._ledger.legs:
                return
            await asyncio.sleep(QUIET_STEP_S)

    async def _ask(self, claimed: tuple[Claim, ...], settling: tuple[Booked, ...]) -> Evidence:
        signatures = list(dict.fromkeys(name for claim in claimed for name in claim.signatures))
        asked = list(dict.fromkeys([*signatures, *(booked.signature for booked in settling)]))
        slot = await self._chain.slot(commitment=Commitment.CONFIRMED)
        statuses = await self._chain.statuses(asked) if asked else ()
        transactions: dict[Signature, TransactionUpdate | None] = {}
        for (
            signature
        ) in signatures:  # one after the other: it is no hurry, and trading has the same limit of calls
            transactions[signature] = await self._chain.transaction(signature)
        tokens: dict[Address, int] = {}
        _, accounts = await self._chain.token_accounts(self._wallet)
        for token in (read_token_account(account) for account in accounts if is_token_account(account)):
            tokens[token.mint] = tokens.get(token.mint, 0) + token.amount
        return Evidence(
            slot=slot,
            statuses=dict(zip(asked, statuses, strict=True)),
            transactions=transactions,
            tokens=tokens,
        )

    async def _resolve(self, command: ResolveDiscrepancy) -> Answer:
        if (command.entry, command.part) not in self._findings.unresolved:
            return Answer(ok=False, code="UNKNOWN", message="there is no unresolved discrepancy of this id")
        fact = DiscrepancyResolved(command.entry, command.part, command.cause, command.by)
        entry = self._journal.append(fact)
        await self._journal.durable(entry.seq)
        left = str(len(self._findings.unresolved))
        return Answer(ok=True, message="the discrepancy is resolved", before="unresolved", after=left)


def _forked(settling: tuple[Booked, ...], evidence: Evidence) -> set[Address | None]:
    """Mints of which something booked, and not final yet, is not where it was."""
    found: set[Address | None] = set()
    for booked in settling:
        status = evidence.statuses.get(booked.signature)
        failed = status is not None and status.error is not None
        if status is None or status.slot != booked.slot or failed is (booked.fill is not None):
            found |= {booked.leg.mint, booked.leg.pay_mint}
    return found


def _as_read(claim: Claim) -> tuple[object, ...]:
    """Equal as long as nothing of the claim has moved."""
    position = claim.position
    return (position.trade_id, position.tokens, claim.state, claim.tokens_of_mint, claim.leg_signature)
