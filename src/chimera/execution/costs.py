"""The one place that knows what a leg costs beside its swap: limits learned, prices seen, tips landed, one policy."""

from collections.abc import Sequence

from chimera.domain.ids import WSOL, Address
from chimera.domain.intent import Style
from chimera.domain.messages import (
    Entry,
    LegDropped,
    LegExpired,
    LegLanded,
    LegPlanned,
    LegReverted,
    LegSimulated,
)
from chimera.domain.pool import Quote
from chimera.domain.risk import Refusal
from chimera.execution.compute import ComputeBook, RouteKind
from chimera.execution.fees import FeePolicy, Fees, budget
from chimera.execution.mev.parameters import FeeParameters
from chimera.execution.prices import PriceBook, PricePolicy
from chimera.execution.tips import TipBook, TipPolicy
from chimera.risk.slippage import Slippage, SlippagePolicy

LEGS = (LegPlanned, LegSimulated, LegDropped, LegLanded, LegReverted, LegExpired)
"""All that compute, prices, tips and parameters are learned from."""


class Costs:
    def __init__(
        self,
        policy: FeePolicy | None = None,
        *,
        tips: TipPolicy | None = None,
        prices: PricePolicy | None = None,
        slippage: SlippagePolicy | None = None,
        parameters: FeeParameters | None = None,
    ) -> None:
        self.policy = policy or FeePolicy()
        self.compute = ComputeBook(self.policy)
        self.prices = PriceBook(prices or PricePolicy())
        self.tips = TipBook(tips or TipPolicy())
        self.slippage = Slippage(slippage or SlippagePolicy())
        self.parameters = parameters or FeeParameters()

    def apply(self, entry: Entry) -> None:
        """Folds one entry of the journal; the same at start and in motion."""
        self.slippage.apply(entry)  # whose windows follow the time of every entry
        if isinstance(entry.fact, LEGS):
            self.compute.apply(entry)
            self.prices.apply(entry)
            self.tips.apply(entry)
            self.parameters.apply(entry)

    def of(
        self, style: Style, quotes: Sequence[Quote], *, bundle: bool, worth_lamports: int = 0
    ) -> Fees | Refusal:
        """What a leg along these quotes may cost; a tip only where it goes into a bundle.

        `worth_lamports`: of a trade that no SOL goes through.
        """
        buying = quotes[0].input_mint == WSOL
        pools: list[Address] = [quote.pool for quote in quotes]
        # of pools side by side each trades its share
        trade_lamports = (
            sum(quote.amount_in for quote in quotes if quote.input_mint == WSOL)
            if buying
            else sum(quote.amount_out for quote in quotes if quote.output_mint == WSOL)
        )
        return budget(
            style,
            compute_units=self.compute.limit(RouteKind(buying, tuple(quote.venue for quote in quotes))),
            market_price=self.parameters.price(
                self.prices.price(pools), floor=self.policy.cu_price_micro_lamports
            ),
            tip_lamports=self.tips.tip(style, trade_lamports=trade_lamports or worth_lamports)
            if bundle
            else 0,
            policy=self.policy,
        )
