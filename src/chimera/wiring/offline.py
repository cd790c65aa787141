"""Reconciliation without a running desk: journal, tables and a node, and no key.

The journal's lock says whether a desk runs; then that desk must be asked instead. Nothing is signed, sent or put
right: what is found goes into journal and tables, where the next desk and its screens find it.
"""

import secrets

import msgspec

from chimera.adapters.clocks import WallClock
from chimera.adapters.journal_file import JournalFile
from chimera.adapters.journal_segments import segments
from chimera.adapters.store import SqlTables, catch_up
from chimera.adapters.store_engine import open_engine
from chimera.adapters.store_reader import SqlReader
from chimera.audit.reconcile import agrees, compare
from chimera.config import Settings
from chimera.domain.chain import Commitment
from chimera.domain.errors import ConfigError
from chimera.domain.ids import Address, Slot
from chimera.domain.messages import Entry, PositionsReconciled, Reconciled, RunStarted
from chimera.execution.failover import Failover
from chimera.observe import Observer
from chimera.onchain.layouts import is_token_account, read_token_account
from chimera.onchain.tips import TIP_ACCOUNTS
from chimera.portfolio import Ledger
from chimera.ports.chain import Chain
from chimera.ports.store import ReconciliationRow
from chimera.roles.reconciler import ReconcilerRole
from chimera.wiring import outside, rules

ROWS = 200


class Offline(msgspec.Struct, frozen=True):
    """What a run without a desk found."""

    positions: PositionsReconciled
    wallet: Reconciled | None
    """Books against the wallet as a whole; None where legs were under way when the desk stopped."""
    under_way: int
    """Legs whose fate the books do not know: the next desk follows them."""
    unresolved: int
    rows: tuple[ReconciliationRow, ...]
    """What waits for a person, the newest first."""


async def reconcile_offline(settings: Settings, *, cause: str, observer: Observer) -> Offline:
    """Holds the books against the chain. Raises ConfigError where a desk runs or there is no journal, OutsideError
    where no node answers.
    """
    folder = outside.data_dir(settings)
    if not segments(folder / "journal"):
        raise ConfigError(f"there is no journal in {folder}; nothing was ever traded from it")
    clock = WallClock()
    journal, repair = JournalFile.open(folder / "journal", clock=clock, run_id=secrets.token_hex(8))
    if repair is not None:
        observer.told("journal repaired", repair=str(repair))
    failover = Failover(rules.failover_policy(settings), fallback=bool(settings.rpc.fallback_url))
    chain = outside.open_nodes(settings, observer, failover=failover, heard=lambda _call: None)
    tables = SqlTables(engine := open_engine(folder / "chimera.db"))
    try:
        ledger, wallet = Ledger(), None
        for entry in journal.read():
            ledger.apply(entry)
            if isinstance(entry.fact, RunStarted):
                wallet = entry.fact.wallet
        if wallet is None or not ledger.opened:
            raise ConfigError("the journal's books were never opened: nothing was ever traded from them")
        role = ReconcilerRole(
            chain=chain,
            wallet=wallet,
            tip_accounts=frozenset(TIP_ACCOUNTS),
            ledger=ledger,
            journal=journal,
            clock=clock,
            observer=observer,
            quiet_within_s=0.0,  # what is under way stays so until a desk runs again
        )
        for entry in journal.read():
            role.fold(entry)

        def fold(entry: Entry) -> None:
            ledger.apply(entry)
            role.fold(entry)
            observer.heard(entry)

        journal.listen(fold)
        positions = await role.reconcile(cause)
        compared = await _compared(chain, ledger, wallet)
        if compared is not None:
            await journal.durable(journal.append(compared).seq)
        catch_up(tables, journal)
        waiting = SqlReader(engine).reconciliation(limit=ROWS, unresolved=True)
        return Offline(
            positions=positions,
            wallet=compared,
            under_way=len(ledger.legs) + len(ledger.upkeep),
            unresolved=waiting.total,
            rows=waiting.items,
        )
    finally:
        await chain.close()
        tables.close()
        journal.close()


def told(found: Offline) -> str:
    """The run in one sentence for people."""
    done = found.positions
    text = f"{done.positions} open positions: {len(done.found)} new discrepancies"
    if found.under_way:
        return f"{text}; {found.under_way} transactions were under way when the desk stopped: start it, it follows them"
    if found.wallet is None or agrees(found.wallet):
        return f"{text}; books and wallet agree"
    off = found.wallet.actual_lamports - found.wallet.expected_lamports
    return f"{text}; the wallet holds {off:+d} lamports more than the books say"


async def _compared(chain: Chain, ledger: Ledger, wallet: Address) -> Reconciled | None:
    if ledger.legs or ledger.upkeep:
        return None
    slot, (account,) = await chain.accounts([wallet], commitment=Commitment.CONFIRMED)
    _, accounts = await chain.token_accounts(wallet)
    tokens: dict[Address, int] = {}
    for token in (read_token_account(one) for one in accounts if is_token_account(one)):
        tokens[token.mint] = tokens.get(token.mint, 0) + token.amount
    lamports = account.lamports if account is not None else 0
    return compare(ledger, slot=Slot(slot), lamports=lamports, tokens=tokens)
