"""The tokens of the embedded world: what each is worth, where it trades, and what is wrong with some of them.

A catalogue, no behaviour: `genesis` turns it into accounts, `world` into trades. The names are invented, except
for BONK, USDC and SOL, which stand at their real mints so that a user's own payloads work here too.
"""

import hashlib
from enum import StrEnum

import msgspec
from solders.keypair import Keypair

from chimera.domain.ids import TOKEN_2022_PROGRAM, TOKEN_PROGRAM, USDC, WSOL, Address

BONK = Address("DezXAZ8z7PnrnRJjz3wXBoRgixCa6xjnB7YaB1pPB263")
SOL_USD = 150
NANO_USD = 10**9


class Quirk(StrEnum):
    """What is special about a token."""

    NONE = "none"
    FREEZABLE = "freezable"
    """Its developer can freeze anybody's account, and does."""
    MINTABLE = "mintable"
    """Its developer can print more, and does."""
    UNSELLABLE = "unsellable"
    """The pool's vault accepts nothing that comes without a memo, and a swap brings none: buys work, sells fail."""
    TAXED = "taxed"
    """Token-2022 with a transfer fee."""
    PULLED = "pulled"
    """Its developer withdraws the liquidity during the run."""


class Quote(msgspec.Struct, frozen=True):
    """A mint that tokens are priced in."""

    symbol: str
    mint: Address
    decimals: int
    usd: int
    """Whole dollars for one."""


SOL = Quote("SOL", WSOL, 9, SOL_USD)
DOLLAR = Quote("USDC", USDC, 6, 1)


class Token(msgspec.Struct, frozen=True):
    symbol: str
    mint: Address
    decimals: int
    price_nano_usd: int
    """Of one whole token, at genesis."""
    sol_side_usd: int = 0
    """Worth of the SOL in its SOL pool at genesis (the token side is worth the same); 0: there is no such pool."""
    usdc_side_usd: int = 0
    quirk: Quirk = Quirk.NONE

    @property
    def program(self) -> Address:
        return TOKEN_2022_PROGRAM if self.quirk in (Quirk.TAXED, Quirk.UNSELLABLE) else TOKEN_PROGRAM

    @property
    def sound(self) -> bool:
        """Nothing is wrong with it, and there is at least $10,000 in its pools."""
        return self.quirk is Quirk.NONE and 2 * (self.sol_side_usd + self.usdc_side_usd) >= 10_000

    def worth(self, amount: int, quote: Quote) -> int:
        """Base units of this token that `amount` base units of the quote buy at the genesis price, rounded down."""
        unit: int = 10**self.decimals
        quote_unit: int = 10**quote.decimals
        return amount * quote.usd * NANO_USD * unit // (self.price_nano_usd * quote_unit)


def invented_mint(symbol: str) -> Address:
    """The same in every world: a token is known by its mint, whatever the seed."""
    return invented_address(f"mint {symbol}")


def invented_address(what: str) -> Address:
    """An ordinary address, always the same for the same text."""
    return Address(str(Keypair.from_seed(hashlib.sha256(f"chimera {what}".encode()).digest()).pubkey()))


def _token(
    symbol: str, decimals: int, price_nano_usd: int, *, sol: int = 0, usdc: int = 0, quirk: Quirk = Quirk.NONE
) -> Token:
    return Token(symbol, invented_mint(symbol), decimals, price_nano_usd, sol, usdc, quirk)


SOL_POOL_SIDE_USD = 1_500_000  # the SOL/USDC pool: deep enough to be the price of SOL
TAX_BPS = 100
TAX_MAX = 10**15  # base units; never reached

TOKENS = (
    Token("BONK", BONK, 5, 20_000, sol_side_usd=180_000, usdc_side_usd=60_000),
    _token("KITE", 6, 12_000_000, sol=135_000),
    _token("MOSS", 6, 510_000_000, sol=105_000, usdc=40_000),
    _token("OTTER", 9, 1_800_000_000, sol=120_000),
    _token("EMBER", 6, 3_100_000, sol=90_000),
    _token("LUMEN", 6, 92_000_000, sol=150_000),
    _token("CORAL", 8, 640_000_000, sol=95_000, usdc=30_000),
    _token("ZEPHYR", 6, 250_000, sol=110_000),
    _token("PLUM", 6, 41_000_000, usdc=90_000),
    _token("SPROUT", 6, 700_000, sol=3_600),  # about $7,200 in all: enough for Spear, not for Shield
    _token("DUST", 6, 9_000, sol=1_500),  # about $3,000: enough for nobody
    _token("GLACR", 6, 150_000_000, sol=45_000, quirk=Quirk.FREEZABLE),
    _token("PRESS", 9, 75_000_000, sol=45_000, quirk=Quirk.MINTABLE),
    _token("TRAP", 6, 5_000_000, sol=37_500, quirk=Quirk.UNSELLABLE),
    _token("TAXI", 6, 33_000_000, sol=60_000, quirk=Quirk.TAXED),
    _token("RUGGY", 6, 1_400_000, sol=30_000, quirk=Quirk.PULLED),
)

TRENDING = (
    _token("COMET", 6, 8_400_000, sol=60_000),
    _token("TIDE", 6, 230_000_000, sol=75_000),
    _token("SOLACE", 9, 1_150_000_000, sol=66_000),
)
"""Sound too, and left alone by everybody but the crowd, which for minutes wants more and more of one of them.

Apart from `TOKENS`, whose order decides what the ordinary traders do.
"""

BY_SYMBOL = {token.symbol: token for token in TOKENS + TRENDING}


class Second(msgspec.Struct, frozen=True):
    """A pool of a token on another venue than its first, against SOL."""

    symbol: str
    program: str
    """The name that `localnet.programs` has for it."""
    sol_side_usd: int


SECONDS = (
    Second("LUMEN", "raydium_amm_v4", 60_000),
    Second("OTTER", "raydium_amm_v4", 48_000),
    Second("SOLACE", "pump_swap", 40_000),
)
