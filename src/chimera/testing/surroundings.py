"""What admission asks of the house, answered from plain tables: for tests and for benchmarks of the door alone."""

from chimera.domain.ids import Address
from chimera.domain.intent import Side, Style
from chimera.domain.risk import Refusal
from chimera.domain.token import TokenListing
from chimera.domain.wallet import Wallet, WalletStatus

BONK = TokenListing(symbol="BONK", mint=Address("DezXAZ8z7PnrnRJjz3wXBoRgixCa6xjnB7YaB1pPB263"))
ACTIVE_WALLET = Address("7xKXtg2CW87d97TXJSDpbD5jBkheTqA83TZRuJosgAsU")


class TableSurroundings:
    """Change the fields to change the answers."""

    def __init__(self) -> None:
        self.tokens: dict[str, TokenListing] = {BONK.symbol: BONK, BONK.mint: BONK}
        self.unsafe: dict[tuple[str, Style], Refusal] = {}
        self.wallets: dict[str, Wallet] = {
            ACTIVE_WALLET: Wallet(address=ACTIVE_WALLET, status=WalletStatus.ACTIVE)
        }
        self.held: set[tuple[str, str]] = set()
        self.killed: dict[Side, Refusal] = {}
        self.breaker: Refusal | None = None
        self.allocation: dict[Style, Refusal] = {}
        self.spending = 0
        """The amount that the allocation was last asked about."""
        self.asked: list[str] = []
        """Names of the questions, in the order they were asked."""

    def token(self, name: str) -> TokenListing | None:
        self.asked.append("token")
        return self.tokens.get(name)

    def token_refusal(self, mint: Address, style: Style) -> Refusal | None:
        self.asked.append("token_refusal")
        return self.unsafe.get((mint, style))

    def wallet(self, address: Address) -> Wallet | None:
        self.asked.append("wallet")
        return self.wallets.get(address)

    def holds(self, wallet: Address, mint: Address) -> bool:
        self.asked.append("holds")
        return (wallet, mint) in self.held

    def kill_refusal(self, side: Side) -> Refusal | None:
        self.asked.append("kill")
        return self.killed.get(side)

    def breaker_refusal(self) -> Refusal | None:
        self.asked.append("breaker")
        return self.breaker

    def allocation_refusal(self, style: Style, amount_lamports: int) -> Refusal | None:
        self.asked.append("allocation")
        self.spending = amount_lamports
        return self.allocation.get(style)
