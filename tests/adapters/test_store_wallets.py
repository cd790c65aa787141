"""A wallet's time to live, from the fact through the tables to the reader."""

from pathlib import Path

from chimera.adapters.store import SqlTables
from chimera.adapters.store_engine import open_engine
from chimera.adapters.store_reader import SqlReader
from chimera.domain.messages import Entry, WalletChanged
from chimera.domain.wallet import Wallet, WalletStatus
from chimera.testing.stories import address

ANN, BOB = address("ann"), address("bob")


def test_the_tables_say_until_when_a_wallet_is_copied(tmp_path: Path) -> None:
    engine = open_engine(tmp_path / "chimera.db")
    facts = (
        WalletChanged(Wallet(ANN, WalletStatus.ACTIVE, active_until_ms=77), "for a while", "ops"),
        WalletChanged(Wallet(BOB, WalletStatus.ACTIVE, active_until_ms=5), "for a while", "ops"),
        WalletChanged(Wallet(BOB, WalletStatus.CANDIDATE), "its time is up", "ttl"),
    )
    SqlTables(engine).fold([Entry(seq, seq, "run", fact) for seq, fact in enumerate(facts, 1)])
    reader = SqlReader(engine)
    assert [row.active_until_ms for row in reader.wallets(address=ANN).items] == [77]
    bob = reader.wallets(address=BOB)
    assert (bob.total, bob.items[0].status, bob.items[0].active_until_ms) == (1, "CANDIDATE", None)
    assert reader.wallets(address=address("nobody")).items == ()
    engine.dispose()
