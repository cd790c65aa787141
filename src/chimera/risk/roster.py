"""Whose trades are copied. Folded from facts; a wallet that nobody listed is unknown."""

from chimera.domain.ids import Address
from chimera.domain.messages import Fact, WalletChanged
from chimera.domain.wallet import Wallet


class Roster:
    FOLDS = frozenset({WalletChanged})
    """What it folds; of other facts it need not be told."""

    def __init__(self) -> None:
        self.wallets: dict[Address, Wallet] = {}

    def apply(self, fact: Fact) -> None:
        if isinstance(fact, WalletChanged):
            self.wallets[fact.wallet.address] = fact.wallet

    def get(self, address: Address) -> Wallet | None:
        return self.wallets.get(address)
