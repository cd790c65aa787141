"""pump.fun and PumpSwap as their admins left them, and as a test or a world wants them: accounts, byte for byte.

Own code rather than the venues', so that a mistake there is found and not mirrored. Traders' instructions are the
venues' business; those of creators and of the migration's crank are in `pump_launch`.
Source: the published IDLs (`idl/pump.json`, `idl/pump_amm.json`, `idl/pump_fees.json`); values as on mainnet.
"""

import msgspec

from chimera.domain.chain import Account
from chimera.domain.ids import SYSTEM_PROGRAM, TOKEN_2022_PROGRAM, TOKEN_PROGRAM, WSOL, Address
from chimera.onchain.keys import (
    address_bytes,
    address_text,
    associated_token_address,
    derived_address,
    find_program_address,
)
from chimera.onchain.layouts import discriminator

CURVE_PROGRAM = Address("6EF8rrecthR5Dkzon8Nwu78hRvfCKubJ14M5uBEwF6P")
SWAP_PROGRAM = Address("pAMMBay6oceH9fJKBRHGP5D4bD4sWpmSwMn52FMfXEA")
FEE_PROGRAM = Address("pfeeUxB6jkeY1Hxd7CsFCAjcbHA9rWtchMGdZ6VojVZ")

GLOBAL = derived_address(CURVE_PROGRAM, b"global")
GLOBAL_CONFIG = derived_address(SWAP_PROGRAM, b"global_config")
CURVE_FEES = derived_address(FEE_PROGRAM, b"fee_config", address_bytes(CURVE_PROGRAM))
SWAP_FEES = derived_address(FEE_PROGRAM, b"fee_config", address_bytes(SWAP_PROGRAM))

LAMPORTS_PER_BYTE = 6_960  # rent-exempt: 3,480 a byte and year, two years

RECIPIENTS, MAYHEM_RECIPIENTS, BUYBACK_RECIPIENTS = (
    tuple(address_text(bytes((kind, number)) + bytes(29) + b"\x01") for number in range(8))
    for kind in (201, 202, 203)
)
"""Fee recipients that nobody has the keys of; mainnet's are as many of each kind."""
WITHDRAW_AUTHORITY = address_text(bytes((204,)) + bytes(30) + b"\x01")
"""Whom the curve program names to take migrated curves out, and pays the migration's fee."""

SOL_TIERS = (
    (0, 20, 93, 30),
    (420 * 10**9, 20, 5, 95),
    (1_470 * 10**9, 20, 5, 90),
    (9_820 * 10**9, 20, 5, 50),
    (98_240 * 10**9, 20, 5, 5),
)
"""(market cap in lamports, providers', protocol's and creator's bps): mainnet's shape, a few of its steps."""
CURVE_TIERS = ((0, 0, 95, 30),)


class Launch(msgspec.Struct, frozen=True):
    """What a new curve begins with; the defaults are mainnet's."""

    virtual_tokens: int = 1_073_000_000_000_000
    virtual_quote: int = 30_000_000_000
    real_tokens: int = 793_100_000_000_000
    supply: int = 1_000_000_000_000_000
    migration_fee: int = 15_000_001


class CurveState(msgspec.Struct, frozen=True):
    """A bonding curve to be written."""

    mint: Address
    virtual_tokens: int = 1_073_000_000_000_000
    virtual_quote: int = 30_000_000_000
    real_tokens: int = 793_100_000_000_000
    real_quote: int = 0
    supply: int = 1_000_000_000_000_000
    complete: bool = False
    creator: Address = SYSTEM_PROGRAM
    mayhem: bool = False
    cashback: bool = False
    quote_mint: Address = SYSTEM_PROGRAM
    creator_fee_bps: int = 0
    size: int = 151


class PoolState(msgspec.Struct, frozen=True):
    """A PumpSwap pool to be written; canonical where its creator is the mint's pool authority."""

    base_mint: Address
    quote_mint: Address = WSOL
    creator: Address | None = None
    """The mint's pool authority by default."""
    index: int = 0
    base_program: Address = TOKEN_2022_PROGRAM
    quote_program: Address = TOKEN_PROGRAM
    lp_supply: int = 0
    coin_creator: Address = SYSTEM_PROGRAM
    mayhem: bool = False
    cashback: bool = False
    virtual_quote: int = 0
    creator_fee_bps: int = 0
    size: int = 300

    @property
    def maker(self) -> Address:
        return self.creator if self.creator is not None else pool_authority(self.base_mint)

    @property
    def address(self) -> Address:
        return pool_address(
            self.maker, index=self.index, base_mint=self.base_mint, quote_mint=self.quote_mint
        )


def curve_address(mint: Address) -> Address:
    return derived_address(CURVE_PROGRAM, b"bonding-curve", address_bytes(mint))


def pool_authority(mint: Address) -> Address:
    """Who makes the pool that a curve migrates into."""
    return derived_address(CURVE_PROGRAM, b"pool-authority", address_bytes(mint))


def pool_address(creator: Address, *, index: int, base_mint: Address, quote_mint: Address) -> Address:
    keys = (address_bytes(creator), address_bytes(base_mint), address_bytes(quote_mint))
    return derived_address(SWAP_PROGRAM, b"pool", index.to_bytes(2, "little"), *keys)


def genesis_accounts(launch: Launch = Launch()) -> tuple[Account, ...]:  # noqa: B008 - frozen
    """What both programs need before the first block: configurations, fee schedules, and recipients that stand."""
    paid = (*RECIPIENTS, *MAYHEM_RECIPIENTS, *BUYBACK_RECIPIENTS, WITHDRAW_AUTHORITY)
    return (
        global_account(launch),
        global_config(),
        fee_config(CURVE_FEES, CURVE_TIERS),
        fee_config(SWAP_FEES, SOL_TIERS),
        *(_account(address, SYSTEM_PROGRAM, b"") for address in paid),
    )


def global_account(
    launch: Launch = Launch(),  # noqa: B008 - frozen
    *,
    creator_fee_configurable: bool = False,
) -> Account:
    """The curve program's Global, 1,087 bytes."""
    numbers = (launch.virtual_tokens, launch.virtual_quote, launch.real_tokens, launch.supply, 100)
    data = b"".join(
        (
            discriminator("account", "Global"),
            b"\x01" + bytes(32) + address_bytes(RECIPIENTS[0]),
            _u64(*numbers),
            address_bytes(WITHDRAW_AUTHORITY) + b"\x01",
            _u64(launch.migration_fee, 0),
            b"".join(address_bytes(address) for address in RECIPIENTS[1:]),
            bytes(64) + b"\x01" + bytes(32),  # authorities; create_v2 is enabled; no whitelist
            address_bytes(MAYHEM_RECIPIENTS[0]) + b"\x01",
            b"".join(address_bytes(address) for address in MAYHEM_RECIPIENTS[1:]) + b"\x01",
            b"".join(address_bytes(address) for address in BUYBACK_RECIPIENTS),
            _u64(5_000, 0) + bytes(32),  # half of the protocol's fee buys back; no quote mint but SOL
            bytes((creator_fee_configurable,)) + _u64(1_000) + bytes(33),
        )
    )
    return _account(GLOBAL, CURVE_PROGRAM, data)


def global_config(*, disable_flags: int = 0, creator_fee_configurable: bool = False) -> Account:
    """PumpSwap's GlobalConfig, 949 bytes."""
    data = b"".join(
        (
            discriminator("account", "GlobalConfig"),
            bytes(32) + _u64(20, 5) + bytes((disable_flags,)),
            b"".join(address_bytes(address) for address in RECIPIENTS),
            _u64(5) + bytes(64) + address_bytes(MAYHEM_RECIPIENTS[0]) + b"\x01",
            b"".join(address_bytes(address) for address in MAYHEM_RECIPIENTS[1:]) + b"\x01",
            b"".join(address_bytes(address) for address in BUYBACK_RECIPIENTS),
            _u64(5_000) + bytes(33) + bytes((creator_fee_configurable,)) + _u64(1_000),
        )
    )
    return _account(GLOBAL_CONFIG, SWAP_PROGRAM, data)


def fee_config(
    address: Address,
    tiers: tuple[tuple[int, int, int, int], ...],
    *,
    stable_tiers: tuple[tuple[int, int, int, int], ...] = ((0, 20, 5, 5),),
    flat: tuple[int, int, int] = (25, 5, 0),
    exotic: tuple[int, int, int] = (20, 5, 5),
    size: int = 4_097,
) -> Account:
    """A fee schedule; tiers are (market cap, providers', protocol's, creator's bps)."""

    def vector(rows: tuple[tuple[int, int, int, int], ...]) -> bytes:
        packed = (row[0].to_bytes(16, "little") + _u64(*row[1:]) for row in rows)
        return len(rows).to_bytes(4, "little") + b"".join(packed)

    data = discriminator("account", "FeeConfig") + b"\xff" + bytes(32) + _u64(*flat)
    data += vector(tiers) + vector(stable_tiers) + _u64(*exotic)
    return _account(address, FEE_PROGRAM, data.ljust(size, b"\0")[:size])


def curve_account(state: CurveState) -> Account:
    """The curve's account; its rent and its SOL are in its lamports."""
    amounts = (state.virtual_tokens, state.virtual_quote, state.real_tokens, state.real_quote, state.supply)
    data = b"".join(
        (
            discriminator("account", "BondingCurve"),
            _u64(*amounts) + bytes((state.complete,)) + address_bytes(state.creator),
            bytes((state.mayhem, state.cashback)) + address_bytes(state.quote_mint),
            _u64(state.creator_fee_bps),
        )
    )
    account = _account(curve_address(state.mint), CURVE_PROGRAM, data.ljust(state.size, b"\0")[: state.size])
    native = state.real_quote if state.quote_mint == SYSTEM_PROGRAM else 0
    return msgspec.structs.replace(account, lamports=account.lamports + native)


def pool_account(state: PoolState) -> Account:
    """The pool's own account, without its vaults."""
    keys = (address_bytes(state.maker), address_bytes(state.base_mint), address_bytes(state.quote_mint))
    address, bump = find_program_address((b"pool", state.index.to_bytes(2, "little"), *keys), SWAP_PROGRAM)
    lp_mint = derived_address(SWAP_PROGRAM, b"pool_lp_mint", address_bytes(address))
    data = b"".join(
        (
            discriminator("account", "Pool"),
            bytes((bump,)) + state.index.to_bytes(2, "little") + b"".join(keys) + address_bytes(lp_mint),
            address_bytes(associated_token_address(address, state.base_mint, state.base_program)),
            address_bytes(associated_token_address(address, state.quote_mint, state.quote_program)),
            _u64(state.lp_supply) + address_bytes(state.coin_creator),
            bytes((state.mayhem, state.cashback)),
            state.virtual_quote.to_bytes(16, "little", signed=True) + _u64(state.creator_fee_bps),
        )
    )
    return _account(address, SWAP_PROGRAM, data.ljust(state.size, b"\0")[: state.size])


def _account(address: Address, owner: Address, data: bytes) -> Account:
    return Account(address, owner, (128 + len(data)) * LAMPORTS_PER_BYTE, data)


def _u64(*numbers: int) -> bytes:
    return b"".join(number.to_bytes(8, "little") for number in numbers)
