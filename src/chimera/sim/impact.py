"""Our own trades, left in the pools of the past: what we put into a vault stays there, whatever is recorded later.

A recorded write of a vault says what it held without us; ours is added before it is folded. Pools priced by what
their vaults hold (constant product) carry our impact that way, less the venue's own share of its fee, which stays in
the vault too and would not count as reserve. The others forget it with their next recorded write: they are named.
"""

import msgspec

from chimera.domain.chain import Account, AccountUpdate
from chimera.domain.ids import Address
from chimera.domain.pool import Quote
from chimera.market.view import MarketView
from chimera.onchain.layouts import is_token_account, read_token_account

AMOUNT = slice(64, 72)  # of a token account: u64, little-endian
U64_MAX = 2**64 - 1


class Impact:
    def __init__(self, view: MarketView) -> None:
        """`view` must keep raw accounts."""
        self._view = view
        self._shift: dict[Address, int] = {}
        """By vault: what we brought less what we took."""
        self.forgotten: set[Address] = set()
        """Pools that cannot carry it."""
        self.clipped = 0
        """Writes that left a vault with less than we took: it then counts as empty."""

    def patched(self, update: AccountUpdate) -> AccountUpdate:
        """The write as it would have been with us in the market."""
        shift = self._shift.get(update.account.address)
        if not shift:
            return update
        return self._shifted(update, shift)

    def take(self, quote: Quote, at_ms: int) -> None:
        """Books a swap of ours into its pool: the vaults change at once."""
        pool = self._view.pools[quote.pool]
        raw = self._view.raw or {}
        changes = {quote.input_mint: quote.amount_in, quote.output_mint: -quote.amount_out}
        carried = 0
        for address in pool.venue.roles(pool.state).values():
            known = raw.get(address)
            if known is None or not is_token_account(known.account):
                continue
            change = changes.get(read_token_account(known.account).mint, 0)
            if change:
                carried += 1
                self._shift[address] = self._shift.get(address, 0) + change
                self._view.apply(self._shifted(known, change), at_ms)
        if carried < len(changes):
            self.forgotten.add(quote.pool)

    def _shifted(self, update: AccountUpdate, shift: int) -> AccountUpdate:
        data = bytearray(update.account.data)
        amount = int.from_bytes(data[AMOUNT], "little") + shift
        if not 0 <= amount <= U64_MAX:
            self.clipped += 1
            amount = min(max(amount, 0), U64_MAX)
        data[AMOUNT] = amount.to_bytes(8, "little")
        known = update.account
        account = Account(known.address, known.owner, known.lamports, bytes(data))
        return msgspec.structs.replace(update, account=account)
