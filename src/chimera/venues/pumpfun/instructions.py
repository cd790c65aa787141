"""Pump's trade instructions, written: the unified v2 family for every coin, the older one for native SOL, and v3.

v2 takes the same accounts whatever the coin; for SOL its token accounts are only named, never used. The older
family's list differs by instruction and flag, and its last accounts are in no IDL. v3 is v2 with the fees left on the
curve; no recorded transaction of it was at hand.
Source: the published IDL (`idl/pump.json`); remaining accounts: the pump SDK and `docs/BREAKING_FEE_RECIPIENT.md`;
v3: `docs/instructions/TRADE_V3.md`.
"""

from typing import Final

import msgspec

from chimera.domain.chain import AccountMeta, InstructionCall
from chimera.domain.ids import ATA_PROGRAM, SYSTEM_PROGRAM, TOKEN_PROGRAM, WSOL, Address
from chimera.onchain import pump_fees
from chimera.onchain.keys import address_bytes, associated_token_address, derived_address
from chimera.onchain.layouts import discriminator
from chimera.venues.pumpfun.layout import FEE_CONFIG_ADDRESS, GLOBAL, PROGRAM, curve_address

EVENT_AUTHORITY: Final = derived_address(PROGRAM, b"__event_authority")
VOLUME: Final = derived_address(PROGRAM, b"global_volume_accumulator")

TRACK_VOLUME: Final = b"\x01"  # OptionBool(true), which the SDK sends with every older buy


class Coin(msgspec.Struct, frozen=True):
    """What of a coin the account lists are made of."""

    mint: Address
    creator: Address
    base_program: Address
    quote_mint: Address = WSOL
    quote_program: Address = TOKEN_PROGRAM
    cashback: bool = False


class Trader(msgspec.Struct, frozen=True):
    """Whose money moves, and who is paid the fees."""

    user: Address
    base_account: Address
    quote_account: Address
    fee_recipient: Address
    buyback_fee_recipient: Address


def trade(name: str, coin: Coin, trader: Trader, first: int, second: int) -> InstructionCall:
    """The instruction of that name with its two amounts, in the order of its own arguments.

    Raises ValueError for a name that is none of pump's trades, and for v3 on a cashback coin, which it does not take.
    """
    match name:
        case "buy_v2" | "buy_exact_quote_in_v2":
            accounts, tail = _unified(coin, trader, buys=True), b""
        case "sell_v2":
            accounts, tail = _unified(coin, trader, buys=False), b""
        case "buy_v3" | "buy_exact_quote_in_v3" | "sell_v3":
            accounts, tail = _swept(coin, trader), b""
        case "buy" | "buy_exact_sol_in":
            accounts, tail = _older_buy(coin, trader), TRACK_VOLUME
        case "sell":
            accounts, tail = _older_sell(coin, trader), b""
        case _:
            raise ValueError(f"no trade of pump's: {name}")
    amounts = first.to_bytes(8, "little") + second.to_bytes(8, "little")
    return InstructionCall(PROGRAM, accounts, discriminator("global", name) + amounts + tail)


def _unified(coin: Coin, trader: Trader, *, buys: bool) -> tuple[AccountMeta, ...]:
    curve, vault = curve_address(coin.mint), _creator_vault(coin)
    volume = _user_volume(trader)

    def quote_account(owner: Address) -> AccountMeta:
        return _writable(associated_token_address(owner, coin.quote_mint, coin.quote_program))

    return (
        _readonly(GLOBAL),
        _readonly(coin.mint),
        _readonly(coin.quote_mint),
        _readonly(coin.base_program),
        _readonly(coin.quote_program),
        _readonly(ATA_PROGRAM),
        _writable(trader.fee_recipient),
        quote_account(trader.fee_recipient),
        _writable(trader.buyback_fee_recipient),
        quote_account(trader.buyback_fee_recipient),
        _writable(curve),
        _writable(associated_token_address(curve, coin.mint, coin.base_program)),
        quote_account(curve),
        _signer(trader.user),
        _writable(trader.base_account),
        _writable(trader.quote_account),
        _writable(vault),
        quote_account(vault),
        _readonly(derived_address(pump_fees.PROGRAM, b"sharing-config", address_bytes(coin.mint))),
        *((_readonly(VOLUME),) if buys else ()),
        _writable(volume),
        quote_account(volume),
        _readonly(FEE_CONFIG_ADDRESS),
        _readonly(pump_fees.PROGRAM),
        _readonly(SYSTEM_PROGRAM),
        _readonly(EVENT_AUTHORITY),
        _readonly(PROGRAM),
    )


def _swept(coin: Coin, trader: Trader) -> tuple[AccountMeta, ...]:
    if coin.cashback:
        raise ValueError(f"{coin.mint} is a cashback coin: no v3 trades")
    curve = curve_address(coin.mint)
    buyback = trader.buyback_fee_recipient
    if coin.quote_mint != WSOL:
        buyback = associated_token_address(buyback, coin.quote_mint, coin.quote_program)
    return (
        _readonly(GLOBAL),
        _readonly(coin.mint),
        _readonly(coin.quote_mint),
        _readonly(coin.base_program),
        _readonly(coin.quote_program),
        _writable(curve),
        _writable(associated_token_address(curve, coin.mint, coin.base_program)),
        _writable(associated_token_address(curve, coin.quote_mint, coin.quote_program)),
        _signer(trader.user),
        _writable(trader.base_account),
        _writable(trader.quote_account),
        _writable(_user_volume(trader)),
        _readonly(FEE_CONFIG_ADDRESS),
        _writable(buyback),
        _readonly(SYSTEM_PROGRAM),
        _readonly(EVENT_AUTHORITY),
        _readonly(PROGRAM),
    )


def _older_buy(coin: Coin, trader: Trader) -> tuple[AccountMeta, ...]:
    return (
        *_older_start(coin, trader),
        _readonly(coin.base_program),
        _writable(_creator_vault(coin)),
        _readonly(EVENT_AUTHORITY),
        _readonly(PROGRAM),
        _readonly(VOLUME),
        _writable(_user_volume(trader)),
        _readonly(FEE_CONFIG_ADDRESS),
        _readonly(pump_fees.PROGRAM),
        *_older_end(coin, trader),
    )


def _older_sell(coin: Coin, trader: Trader) -> tuple[AccountMeta, ...]:
    return (
        *_older_start(coin, trader),
        _writable(_creator_vault(coin)),
        _readonly(coin.base_program),
        _readonly(EVENT_AUTHORITY),
        _readonly(PROGRAM),
        _readonly(FEE_CONFIG_ADDRESS),
        _readonly(pump_fees.PROGRAM),
        # a buy has the accumulator among its own accounts; a sale only where there is cashback to be counted
        *((_writable(_user_volume(trader)),) if coin.cashback else ()),
        *_older_end(coin, trader),
    )


def _older_start(coin: Coin, trader: Trader) -> tuple[AccountMeta, ...]:
    curve = curve_address(coin.mint)
    return (
        _readonly(GLOBAL),
        _writable(trader.fee_recipient),
        _readonly(coin.mint),
        _writable(curve),
        _writable(associated_token_address(curve, coin.mint, coin.base_program)),
        _writable(trader.base_account),
        _signer(trader.user),
        _readonly(SYSTEM_PROGRAM),
    )


def _older_end(coin: Coin, trader: Trader) -> tuple[AccountMeta, ...]:
    return (
        _readonly(derived_address(PROGRAM, b"bonding-curve-v2", address_bytes(coin.mint))),
        _writable(trader.buyback_fee_recipient),
    )


def _creator_vault(coin: Coin) -> Address:
    return derived_address(PROGRAM, b"creator-vault", address_bytes(coin.creator))


def _user_volume(trader: Trader) -> Address:
    return derived_address(PROGRAM, b"user_volume_accumulator", address_bytes(trader.user))


def _readonly(address: Address) -> AccountMeta:
    return AccountMeta(address, is_signer=False, is_writable=False)


def _writable(address: Address) -> AccountMeta:
    return AccountMeta(address, is_signer=False, is_writable=True)


def _signer(address: Address) -> AccountMeta:
    return AccountMeta(address, is_signer=True, is_writable=True)
