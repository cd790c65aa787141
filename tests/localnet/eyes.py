"""The desk's eyes on a stepped world: a market view on its feed, completed by reading as the market role does."""

from collections import Counter

from chimera import plugins
from chimera.domain.chain import AccountUpdate, SlotUpdate
from chimera.domain.ids import TOKEN_PROGRAM, WSOL, Address, Slot
from chimera.domain.pool import Moment, Quote, QuoteRequest, SwapKind, SwapRequest
from chimera.localnet.chain import Landed
from chimera.localnet.coins import Nature
from chimera.localnet.stepped import SteppedWorld
from chimera.localnet.world_feed import WorldFeed
from chimera.localnet.world_orders import token_amount
from chimera.market.replay import MarketReplay
from chimera.market.view import MarketView, Pool
from chimera.onchain import token_instructions as make
from chimera.onchain.keys import associated_token_address
from chimera.onchain.transaction import attach_signatures, compile_v0

TRADER = "whale-1"  # keeps wSOL and dollars, and is nobody's customer
TICKS_MAX = 10**6
STAKE = 10**8  # of lamports or of base units: a small part of every pool


class Eyes:
    def __init__(self, world: SteppedWorld) -> None:
        self.world, self.feed = world, WorldFeed(world)
        self.replay = MarketReplay(plugins.venues())
        self.events: Counter[str] = Counter()
        self._stream = self.feed.observed(TICKS_MAX, wanted=lambda: self.view.wanted)

    @property
    def view(self) -> MarketView:
        return self.replay.view

    def watch(self, ticks: int) -> None:
        """That many ticks, up to the moment at which the last one's pools are whole."""
        until = self.world.tick + ticks
        for observed in self._stream:
            self.events.update(
                type(event).__name__ for event in self.replay.process(observed.item, observed.at_ms)
            )
            if self.world.tick >= until and not self.view.wanted and isinstance(observed.item, SlotUpdate):
                return

    def nature(self, mint: Address) -> Nature | None:
        return self.world.world.natures(self.world.tick).get(mint)

    def trade_as_quoted(self, pool: Pool) -> None:
        """Buys and sells at the venue's word, and holds the program to what was quoted."""
        ends = (pool.header.mint_a, pool.header.mint_b)
        token, quote_mint = ends if self.nature(ends[0]) is not None else ends[::-1]
        bought = self._swap(pool, quote_mint, token, STAKE)
        assert bought > 0
        if self.nature(token) is not Nature.UNSELLABLE:
            assert self._swap(pool, token, quote_mint, bought) > 0

    def _swap(self, pool: Pool, source: Address, target: Address, amount: int) -> int:
        """What the quote promised, after the program has given exactly that."""
        trader = self.world.stage.cast[TRADER]
        programs = {
            mint: pool.venue.token_program(pool.state, mint) or TOKEN_PROGRAM for mint in (source, target)
        }
        held = {
            mint: associated_token_address(trader.address, mint, program)
            for mint, program in programs.items()
        }
        moment = Moment(int(self.world.unix_seconds), Slot(self.world.chain.slot), 0)
        quote = pool.quote(QuoteRequest(source, SwapKind.EXACT_IN, amount), moment)
        assert isinstance(quote, Quote), (pool.header, quote)
        request = SwapRequest(
            SwapKind.EXACT_IN, source, amount, quote.amount_out, trader.address, held[source], held[target]
        )
        calls = [
            make.create_token_account(
                payer=trader.address, owner=trader.address, mint=target, token_program=programs[target]
            ),
            pool.venue.build(pool.state, request),
        ]
        native = pool.native and target == WSOL
        before = self._balance(trader.address if native else held[target], native=native)
        latest = self.world.chain.blockhashes.latest(up_to_slot=self.world.chain.slot)
        message = compile_v0(calls, payer=trader.address, blockhash=str(latest.blockhash))
        signed = bytes(self.world.stage.key(trader).sign_message(message))
        outcome = self.world.execute(attach_signatures(message, [signed]))
        assert isinstance(outcome, Landed)
        assert outcome.record.error is None, (pool.header, outcome.record.logs)
        for update in self.feed.take():
            if isinstance(update, AccountUpdate):
                self.view.apply(update, 0)
        after = self._balance(trader.address if native else held[target], native=native)
        assert after - before + (outcome.record.fee if native else 0) == quote.amount_out, pool.header
        return quote.amount_out

    def _balance(self, address: Address, *, native: bool) -> int:
        found = self.world.account(address)
        if found is None:
            return 0
        return found.lamports if native else token_amount(found.data)
