"""Watches for transactions that touch our wallet and are none of ours; what they moved goes into the books.

Signatures come from the stream, and from the wallet's history at start and every minute, so that nothing is
missed while the house or the stream was away. Only confirmed transactions count. Holds no rule: `execution.capital`
judges.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Mapping

from chimera.domain.chain import Commitment, SignatureStatus
from chimera.domain.errors import OutsideError
from chimera.domain.ids import Address, Signature
from chimera.domain.messages import Entry, KillSwitchMoved
from chimera.execution.capital import Known, judge
from chimera.observe import Observer
from chimera.onchain.layouts import is_token_account
from chimera.ports.chain import Chain, PartlyKnown
from chimera.ports.runtime import Clock
from chimera.ports.store import Journal
from chimera.risk.kill_switch import HALT_BUYS, KillSwitch

ASK_EVERY_S = 0.4  # a slot
HISTORY_EVERY_S = 60.0
PENDING_MAX = 1_000  # beyond it the history brings what the stream could not keep
GIVEN_UP_AFTER_MS = 120_000  # a processed one that is not confirmed by then was on a fork, or never landed
DISMISSED_MAX = 10_000
NODES_DISAGREE_SLOTS = (
    32  # a history is read again this far back: its node may lag behind the one that knows the slot
)
STATUSES_A_CALL = 256  # getSignatureStatuses' own limit
BY = "capital watch"


class CapitalRole:
    FOLDS = Known.FOLDS
    """What it folds; of other facts it need not be told."""

    def __init__(
        self,
        *,
        chain: Chain,
        wallet: Address,
        journal: Journal,
        kill_switch: KillSwitch,
        clock: Clock,
        observer: Observer,
    ) -> None:
        self._chain, self._wallet, self._journal = chain, wallet, journal
        self._kill_switch, self._clock, self._observer = kill_switch, clock, observer
        self._known = Known()
        self._pending: dict[Signature, int] = {}
        """Unknown signatures and when each was heard of."""
        self._dismissed: OrderedDict[Signature, None] = OrderedDict()
        """Looked at: they moved nothing of ours."""
        self._overflowed = False
        self._read_until = 0
        """The history has been read up to this slot."""
        self._caught_up = False
        """Whether the history was read since this process began: until then nobody knows what came meanwhile."""

    def fold(self, entry: Entry) -> None:
        """In the journal's order, each entry once, those of former runs included."""
        self._known.apply(entry)

    def heard(self, signature: Signature | None) -> None:
        """A transaction on the stream touched an account of ours."""
        if signature is None or signature in self._known or signature in self._pending:
            return
        if signature in self._dismissed:
            return
        if len(self._pending) < PENDING_MAX:
            self._pending[signature] = self._clock.now_ms()
        else:
            self._overflowed = True

    @property
    def unsettled(self) -> bool:
        """Whether something moved of which the books do not know yet: comparing them now would be unfair."""
        return bool(self._pending) or not self._caught_up

    async def run(self) -> None:
        """Judges what is heard and what the history brings, until cancelled; the books must be open."""
        asked_at: int | None = None
        while True:
            try:
                now = self._clock.now_ms()
                if asked_at is None or now - asked_at >= HISTORY_EVERY_S * 1_000:
                    await self.read_history()
                    asked_at = now
                await self._settle()
            except OutsideError as error:
                self._observer.rpc_failed(endpoint="active", method="capital", error=str(error))
            await asyncio.sleep(ASK_EVERY_S)

    async def read_history(self) -> None:
        """Notes everything that touched our wallet or its token accounts since the books were last complete."""
        since = self._known.since_slot
        if since is None:
            return
        until = await self._chain.slot(commitment=Commitment.CONFIRMED)
        self._overflowed = False
        _, found = await self._chain.token_accounts(self._wallet)
        accounts = [account.address for account in found if is_token_account(account)]
        for address in (self._wallet, *accounts):
            for line in await self._chain.signatures_of(address, after_slot=max(since, self._read_until)):
                self.heard(line.signature)
        self._caught_up = True
        if not self._overflowed:
            self._read_until = until - NODES_DISAGREE_SLOTS

    async def _settle(self) -> None:
        waiting = list(self._pending)[:STATUSES_A_CALL]
        if not waiting:
            return
        statuses: Mapping[Signature, SignatureStatus | None]
        try:
            statuses = dict(zip(waiting, await self._chain.statuses(waiting), strict=True))
        except PartlyKnown as partly:
            statuses = partly.known  # of the rest nothing may be concluded
        for signature, status in statuses.items():
            if status is not None and status.commitment is not Commitment.PROCESSED:
                await self._book(signature)
            elif self._clock.now_ms() - self._pending[signature] > GIVEN_UP_AFTER_MS:
                del self._pending[signature]

    async def _book(self, signature: Signature) -> None:
        if signature in self._known:
            self._pending.pop(signature, None)
            return
        transaction = await self._chain.transaction(signature)
        if transaction is None:
            return  # not readable yet
        del self._pending[signature]
        stranger = judge(transaction, wallet=self._wallet)
        since = self._known.since_slot
        if stranger is None or since is None or transaction.slot <= since:
            # nothing of ours, or in the books already as part of a balance
            self._dismissed[signature] = None
            if len(self._dismissed) > DISMISSED_MAX:
                self._dismissed.popitem(last=False)
            return
        entry = self._journal.append(stranger.moved)
        if stranger.misused:
            self._observer.key_misused(signature=signature, lamports=stranger.moved.lamports)
            entry = self._halt(signature) or entry
        await self._journal.durable(entry.seq)

    def _halt(self, signature: Signature) -> Entry | None:
        """No new buys with a key that somebody else has too; exits stay possible."""
        if self._kill_switch.active:
            return None
        cause = f"{signature} was signed with our key, but not by this house"
        return self._journal.append(KillSwitchMoved(True, HALT_BUYS, cause, BY))
