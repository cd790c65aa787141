"""PumpSwap's swap instructions, written: buy, buy_exact_quote_in and sell, and the shorter v2 of each.

Behind the IDL's accounts come, in this order: the cashback accounts of a cashback coin, the `pool-v2` address of a
pool that has a coin creator, and the buyback recipient with his quote account.
v2 leaves the fees in the pool and has no accounts behind the listed ones; no recorded transaction of it was at hand.
Source: the published IDL (`idl/pump_amm.json`); the rest: the SDK, `docs/BREAKING_FEE_RECIPIENT.md`, and for v2
`docs/instructions/PUMP_SWAP_TRADE_V2.md`.
"""

from typing import Final

import msgspec

from chimera.domain.chain import AccountMeta, InstructionCall
from chimera.domain.ids import ATA_PROGRAM, SYSTEM_PROGRAM, Address
from chimera.onchain import pump_fees
from chimera.onchain.keys import address_bytes, associated_token_address, derived_address
from chimera.onchain.layouts import discriminator
from chimera.venues.pumpswap.layout import FEE_CONFIG_ADDRESS, GLOBAL_CONFIG, PROGRAM, State

EVENT_AUTHORITY: Final = derived_address(PROGRAM, b"__event_authority")
VOLUME: Final = derived_address(PROGRAM, b"global_volume_accumulator")

TRACK_VOLUME: Final = b"\x01"  # OptionBool(true), which the SDK sends with every buy
BUYS: Final = frozenset({"buy", "buy_exact_quote_in"})
SWEPT: Final = frozenset({"buy_v2", "buy_exact_quote_in_v2", "sell_v2"})


class Trader(msgspec.Struct, frozen=True):
    """Whose money moves, through which token programs, and who is paid the fees."""

    user: Address
    base_account: Address
    quote_account: Address
    base_program: Address
    quote_program: Address
    fee_recipient: Address
    buyback_fee_recipient: Address


def swap(name: str, pool: Address, state: State, trader: Trader, first: int, second: int) -> InstructionCall:
    """The instruction of that name with its two amounts, in the order of its own arguments.

    Raises ValueError for a name that is none of PumpSwap's swaps, and for v2 on a cashback pool, which it does not
    take.
    """
    amounts = first.to_bytes(8, "little") + second.to_bytes(8, "little")
    if name in SWEPT:
        return InstructionCall(PROGRAM, _swept(pool, state, trader), discriminator("global", name) + amounts)
    if name not in BUYS and name != "sell":
        raise ValueError(f"no swap of PumpSwap's: {name}")
    buys = name in BUYS

    def quote_account(owner: Address) -> Address:
        return associated_token_address(owner, state.quote_mint, trader.quote_program)

    creator_vault = derived_address(PROGRAM, b"creator_vault", address_bytes(state.coin_creator))
    volume = derived_address(PROGRAM, b"user_volume_accumulator", address_bytes(trader.user))
    cashback: tuple[AccountMeta, ...] = ()
    if state.cashback:
        # a buy has the accumulator among its own accounts
        cashback = (_writable(quote_account(volume)), *(() if buys else (_writable(volume),)))
    second_pool: tuple[AccountMeta, ...] = ()
    if state.coin_creator != SYSTEM_PROGRAM:
        second_pool = (_readonly(derived_address(PROGRAM, b"pool-v2", address_bytes(state.base_mint))),)
    accounts = (
        _writable(pool),
        AccountMeta(trader.user, is_signer=True, is_writable=True),
        _readonly(GLOBAL_CONFIG),
        _readonly(state.base_mint),
        _readonly(state.quote_mint),
        _writable(trader.base_account),
        _writable(trader.quote_account),
        _writable(state.base_vault),
        _writable(state.quote_vault),
        _readonly(trader.fee_recipient),
        _writable(quote_account(trader.fee_recipient)),
        _readonly(trader.base_program),
        _readonly(trader.quote_program),
        _readonly(SYSTEM_PROGRAM),
        _readonly(ATA_PROGRAM),
        _readonly(EVENT_AUTHORITY),
        _readonly(PROGRAM),
        _writable(quote_account(creator_vault)),
        _readonly(creator_vault),
        *((_readonly(VOLUME), _writable(volume)) if buys else ()),
        _readonly(FEE_CONFIG_ADDRESS),
        _readonly(pump_fees.PROGRAM),
        *cashback,
        *second_pool,
        _readonly(trader.buyback_fee_recipient),
        _writable(quote_account(trader.buyback_fee_recipient)),
    )
    data = discriminator("global", name) + amounts + (TRACK_VOLUME if buys else b"")
    return InstructionCall(PROGRAM, accounts, data)


def _swept(pool: Address, state: State, trader: Trader) -> tuple[AccountMeta, ...]:
    if state.cashback:
        raise ValueError(f"{pool} is a cashback pool: no v2 swaps")
    buyback = associated_token_address(trader.buyback_fee_recipient, state.quote_mint, trader.quote_program)
    return (
        _writable(pool),
        AccountMeta(trader.user, is_signer=True, is_writable=True),
        _readonly(GLOBAL_CONFIG),
        _readonly(state.base_mint),
        _readonly(state.quote_mint),
        _writable(trader.base_account),
        _writable(trader.quote_account),
        _writable(state.base_vault),
        _writable(state.quote_vault),
        _readonly(trader.base_program),
        _readonly(trader.quote_program),
        _readonly(SYSTEM_PROGRAM),
        _writable(derived_address(PROGRAM, b"user_volume_accumulator", address_bytes(trader.user))),
        _readonly(FEE_CONFIG_ADDRESS),
        _writable(buyback),
        _readonly(EVENT_AUTHORITY),
        _readonly(PROGRAM),
    )


def _readonly(address: Address) -> AccountMeta:
    return AccountMeta(address, is_signer=False, is_writable=False)


def _writable(address: Address) -> AccountMeta:
    return AccountMeta(address, is_signer=False, is_writable=True)
