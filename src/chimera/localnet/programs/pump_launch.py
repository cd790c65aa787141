"""pump.fun and PumpSwap from the side of those who make coins and pools: create, migrate, create_pool.

Traders' instructions are the venues' business; these are for the world that the embedded chain plays.
Source: the account lists of the published IDLs (`idl/pump.json`, `idl/pump_amm.json`).
"""

from chimera.domain.chain import AccountMeta, InstructionCall
from chimera.domain.ids import (
    ATA_PROGRAM,
    SYSTEM_PROGRAM,
    TOKEN_2022_PROGRAM,
    TOKEN_PROGRAM,
    WSOL,
    Address,
)
from chimera.localnet.programs.pump_accounts import (
    CURVE_PROGRAM,
    GLOBAL,
    GLOBAL_CONFIG,
    SWAP_PROGRAM,
    WITHDRAW_AUTHORITY,
    curve_address,
    pool_address,
    pool_authority,
)
from chimera.onchain.keys import address_bytes, associated_token_address, derived_address
from chimera.onchain.layouts import discriminator

METADATA_PROGRAM = Address("metaqbxxUerdq28cj1RbAWkYQm3ybzjb6a8bt518x1s")
MAYHEM_PROGRAM = Address("MAyhSmzXzV1pTf7LsNkrNwkWKTo4ougAJ1PPg47MD4e")
RENT_SYSVAR = Address("SysvarRent111111111111111111111111111111111")

MINT_AUTHORITY = derived_address(CURVE_PROGRAM, b"mint-authority")
CURVE_EVENTS = derived_address(CURVE_PROGRAM, b"__event_authority")
SWAP_EVENTS = derived_address(SWAP_PROGRAM, b"__event_authority")


def create_v2(
    mint: Address, *, user: Address, creator: Address, name: str, symbol: str, uri: str = ""
) -> InstructionCall:
    """A Token-2022 coin with its curve, quoted in SOL; mint and user sign, the user pays."""
    curve = curve_address(mint)
    metas = (
        _signer(mint),
        _read(MINT_AUTHORITY),
        _write(curve),
        _write(associated_token_address(curve, mint, TOKEN_2022_PROGRAM)),
        _read(GLOBAL),
        _signer(user),
        _read(SYSTEM_PROGRAM),
        _read(TOKEN_2022_PROGRAM),
        _read(ATA_PROGRAM),
        # mayhem's accounts are named whether or not the coin is one of its
        _write(MAYHEM_PROGRAM),
        _read(derived_address(MAYHEM_PROGRAM, b"global-params")),
        _write(_mayhem_vault()),
        _write(derived_address(MAYHEM_PROGRAM, b"mayhem-state", address_bytes(mint))),
        _write(associated_token_address(_mayhem_vault(), mint, TOKEN_2022_PROGRAM)),
        _read(CURVE_EVENTS),
        _read(CURVE_PROGRAM),
    )
    flags = bytes(2)  # neither mayhem nor cashback
    data = discriminator("global", "create_v2") + _texts(name, symbol, uri) + address_bytes(creator) + flags
    return InstructionCall(CURVE_PROGRAM, metas, data)


def create(
    mint: Address, *, user: Address, creator: Address, name: str, symbol: str, uri: str = ""
) -> InstructionCall:
    """A coin of the older token program with its curve; mint and user sign, the user pays."""
    curve = curve_address(mint)
    keys = (address_bytes(METADATA_PROGRAM), address_bytes(mint))
    metas = (
        _signer(mint),
        _read(MINT_AUTHORITY),
        _write(curve),
        _write(associated_token_address(curve, mint, TOKEN_PROGRAM)),
        _read(GLOBAL),
        _read(METADATA_PROGRAM),
        _write(derived_address(METADATA_PROGRAM, b"metadata", *keys)),
        _signer(user),
        _read(SYSTEM_PROGRAM),
        _read(TOKEN_PROGRAM),
        _read(ATA_PROGRAM),
        _read(RENT_SYSVAR),
        _read(CURVE_EVENTS),
        _read(CURVE_PROGRAM),
    )
    data = discriminator("global", "create") + _texts(name, symbol, uri) + address_bytes(creator)
    return InstructionCall(CURVE_PROGRAM, metas, data)


def migrate_v2(
    mint: Address, *, user: Address, base_program: Address = TOKEN_2022_PROGRAM
) -> InstructionCall:
    """Moves a complete curve into its PumpSwap pool; anyone may, and it costs him the transaction only."""
    curve, authority = curve_address(mint), pool_authority(mint)
    pool = pool_address(authority, index=0, base_mint=mint, quote_mint=WSOL)
    lp_mint = derived_address(SWAP_PROGRAM, b"pool_lp_mint", address_bytes(pool))
    metas = (
        _read(GLOBAL),
        _write(WITHDRAW_AUTHORITY),
        _read(mint),
        _read(WSOL),
        _write(curve),
        _write(associated_token_address(curve, mint, base_program)),
        _write(associated_token_address(curve, WSOL, TOKEN_PROGRAM)),
        _signer(user),
        _read(SYSTEM_PROGRAM),
        _read(SWAP_PROGRAM),
        _write(pool),
        _write(authority),
        _write(associated_token_address(authority, mint, base_program)),
        _write(associated_token_address(authority, WSOL, TOKEN_PROGRAM)),
        _read(GLOBAL_CONFIG),
        _write(lp_mint),
        _write(associated_token_address(authority, lp_mint, TOKEN_2022_PROGRAM)),
        _write(associated_token_address(pool, mint, base_program)),
        _write(associated_token_address(pool, WSOL, TOKEN_PROGRAM)),
        _read(base_program),
        _read(TOKEN_PROGRAM),
        _read(TOKEN_2022_PROGRAM),
        _read(ATA_PROGRAM),
        _read(SWAP_EVENTS),
        _read(RENT_SYSVAR),
        _read(CURVE_EVENTS),
        _read(CURVE_PROGRAM),
    )
    return InstructionCall(CURVE_PROGRAM, metas, discriminator("global", "migrate_v2"))


def create_pool(
    *,
    creator: Address,
    base_mint: Address,
    base_program: Address,
    base_amount: int,
    quote_amount: int,
    quote_mint: Address = WSOL,
    quote_program: Address = TOKEN_PROGRAM,
    index: int = 0,
) -> InstructionCall:
    """A pool of anyone's, with its first liquidity out of his associated accounts; it pays the flat fees."""
    pool = pool_address(creator, index=index, base_mint=base_mint, quote_mint=quote_mint)
    lp_mint = derived_address(SWAP_PROGRAM, b"pool_lp_mint", address_bytes(pool))
    metas = (
        _write(pool),
        _read(GLOBAL_CONFIG),
        _signer(creator),
        _read(base_mint),
        _read(quote_mint),
        _write(lp_mint),
        _write(associated_token_address(creator, base_mint, base_program)),
        _write(associated_token_address(creator, quote_mint, quote_program)),
        _write(associated_token_address(creator, lp_mint, TOKEN_2022_PROGRAM)),
        _write(associated_token_address(pool, base_mint, base_program)),
        _write(associated_token_address(pool, quote_mint, quote_program)),
        _read(SYSTEM_PROGRAM),
        _read(TOKEN_2022_PROGRAM),
        _read(base_program),
        _read(quote_program),
        _read(ATA_PROGRAM),
        _read(SWAP_EVENTS),
        _read(SWAP_PROGRAM),
    )
    amounts = base_amount.to_bytes(8, "little") + quote_amount.to_bytes(8, "little")
    # no coin creator, no mayhem, no cashback, no rate of its own
    data = discriminator("global", "create_pool") + index.to_bytes(2, "little") + amounts + bytes(32 + 11)
    return InstructionCall(SWAP_PROGRAM, metas, data)


def _mayhem_vault() -> Address:
    return derived_address(MAYHEM_PROGRAM, b"sol-vault")


def _texts(*texts: str) -> bytes:
    encoded = (text.encode() for text in texts)
    return b"".join(len(text).to_bytes(4, "little") + text for text in encoded)


def _signer(address: Address) -> AccountMeta:
    return AccountMeta(address, is_signer=True, is_writable=True)


def _read(address: Address) -> AccountMeta:
    return AccountMeta(address, is_signer=False, is_writable=False)


def _write(address: Address) -> AccountMeta:
    return AccountMeta(address, is_signer=False, is_writable=True)
