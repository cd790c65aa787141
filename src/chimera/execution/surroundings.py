"""What the door asks about the house (`risk.admission.Surroundings`), answered from memory."""

from collections.abc import Iterable

from chimera.domain.ids import Address
from chimera.domain.intent import Side, Style
from chimera.domain.risk import Reason, Refusal
from chimera.domain.token import TokenListing
from chimera.domain.units import BPS, sol_text
from chimera.domain.wallet import Wallet
from chimera.execution.books import Books
from chimera.market.view import MarketView
from chimera.risk.checks import RiskLimits
from chimera.risk.roster import Roster
from chimera.risk.token_safety import review_token


class HouseSurroundings:
    def __init__(
        self,
        *,
        books: Books,
        view: MarketView,
        roster: Roster,
        limits: RiskLimits,
        tokens: Iterable[TokenListing],
    ) -> None:
        self._books, self._view, self._roster, self.limits = books, view, roster, limits
        self._by_symbol: dict[str, TokenListing] = {}
        self._by_mint: dict[str, TokenListing] = {}
        for listing in tokens:
            self._by_symbol[listing.symbol.upper()] = listing
            self._by_mint[listing.mint] = listing
        self.spear_disabled = ""

    def token(self, name: str) -> TokenListing | None:
        """By symbol, whatever its case, or by mint; a mint that only the market knows has no symbol."""
        listing = self._by_symbol.get(name.upper()) or self._by_mint.get(name)
        if listing is None and name in self._view.mints:
            return TokenListing(symbol="", mint=Address(name))
        return listing

    def symbol_of(self, mint: Address) -> str:
        listing = self._by_mint.get(mint)
        return listing.symbol if listing is not None else ""

    def token_refusal(self, mint: Address, style: Style) -> Refusal | None:
        liquidity = self._view.liquidity_micro_usd(mint)
        return review_token(style, self._view.mints.get(mint), liquidity, self.limits.tokens)

    def wallet(self, address: Address) -> Wallet | None:
        return self._roster.get(address)

    def holds(self, wallet: Address, mint: Address) -> bool:
        ledger = self._books.ledger
        if ledger.position_of(wallet, mint) is not None:
            return True
        if any(
            accepted.signal.side is Side.BUY
            and accepted.signal.wallet == wallet
            and accepted.signal.mint == mint
            for accepted in ledger.signals.values()
        ):
            return True
        return any(
            leg.side is Side.BUY and leg.mint == mint and ledger.intents[leg.ref.intent_id].wallet == wallet
            for leg in ledger.legs.values()
        )

    def kill_refusal(self, side: Side) -> Refusal | None:
        return self._books.kill_switch.review(side)

    def breaker_refusal(self) -> Refusal | None:
        return self._books.breaker_refusal()

    def allocation_refusal(self, style: Style, amount_lamports: int) -> Refusal | None:
        """The gate asks again when the intent is there; here it saves a hopeless signal the way."""
        disabled = self.spear_disabled or self._books.breakers.spear_disabled
        if style is Style.SPEAR and disabled:
            return Refusal(Reason.STRATEGY_DISABLED, observed=disabled)
        share = self.limits.spear_bps if style is Style.SPEAR else self.limits.shield_bps
        ledger = self._books.ledger
        ceiling = ledger.equity_at_cost_lamports * share // BPS
        # a copied amount may be far above what one position may take; the strategy cuts it down
        asked = min(amount_lamports, self.limits.position_lamports_max)
        wanted = ledger.engaged_lamports(style) + asked
        if wanted > ceiling:
            return Refusal(
                Reason.STRATEGY_HEAT_LIMIT,
                limit=f"{sol_text(ceiling)} SOL for {style}",
                observed=f"{sol_text(wanted)} SOL",
            )
        return None

    def lamports_of(self, mint: Address, amount: int) -> int | None:
        """What a payment is worth in SOL; None where unknown."""
        return self._view.worth_lamports(mint, amount)
