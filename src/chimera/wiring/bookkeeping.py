"""The house's paperwork, plugged together: strangers' capital, reconciliation, dead letters, and who performs what."""

from collections.abc import Iterable
from dataclasses import dataclass

from chimera.domain.commands import (
    DiscardDeadLetter,
    ResolveDiscrepancy,
    RetryDeadLetter,
    RunReconciliation,
)
from chimera.domain.ids import Address
from chimera.domain.messages import Entry
from chimera.execution.books import Books
from chimera.observe import Observer
from chimera.ports.chain import Chain
from chimera.ports.runtime import Clock, Commands
from chimera.ports.store import Journal
from chimera.roles.capital import CapitalRole
from chimera.roles.clerk import ClerkRole, Switchboard
from chimera.roles.ingress import IngressRole
from chimera.roles.reconciler import ReconcilerRole
from chimera.wiring.folding import Folding


@dataclass(frozen=True, kw_only=True)
class Bookkeeping:
    capital: CapitalRole
    reconciler: ReconcilerRole
    clerk: ClerkRole

    def join(self, folding: Folding) -> None:
        """From now on each is told of his own facts."""
        for one in (self.capital, self.reconciler, self.clerk):
            folding.add(one.fold, of=one.FOLDS)

    def switchboard(self, desk: Commands) -> Switchboard:
        """Every command to whoever performs it."""
        return Switchboard(
            {
                RunReconciliation: self.reconciler.perform,
                ResolveDiscrepancy: self.reconciler.perform,
                RetryDeadLetter: self.clerk.perform,
                DiscardDeadLetter: self.clerk.perform,
            },
            otherwise=desk,
        )


def bookkeeping(
    *,
    chain: Chain,
    wallet: Address,
    tip_accounts: frozenset[Address],
    books: Books,
    journal: Journal,
    ingress: IngressRole,
    clock: Clock,
    observer: Observer,
    past: Iterable[Entry],
) -> Bookkeeping:
    """Folded from the `past`; let it `join` those who fold what comes."""
    made = Bookkeeping(
        capital=CapitalRole(
            chain=chain,
            wallet=wallet,
            journal=journal,
            kill_switch=books.kill_switch,
            clock=clock,
            observer=observer,
        ),
        reconciler=ReconcilerRole(
            chain=chain,
            wallet=wallet,
            tip_accounts=tip_accounts,
            ledger=books.ledger,
            journal=journal,
            clock=clock,
            observer=observer,
        ),
        clerk=ClerkRole(ingress=ingress, ledger=books.ledger, journal=journal, clock=clock),
    )
    told = Folding()
    made.join(told)
    for entry in past:
        told(entry)
    return made
