"""Bytes that many programs share, read: SPL mints and token accounts, Token-2022 extensions, Anchor discriminators.

Raises DecodeError for whatever is not what it claims to be; must not know any venue.
Source: spl-token and spl-token-2022 `state.rs` and `extension/`.
"""

import hashlib
from functools import lru_cache

import msgspec

from chimera.domain.chain import Account
from chimera.domain.errors import DecodeError
from chimera.domain.ids import TOKEN_2022_PROGRAM, TOKEN_PROGRAM, Address, Slot
from chimera.domain.token import TokenInfo
from chimera.domain.units import BPS
from chimera.onchain.curves import transfer_fee, transfer_fee_inverse
from chimera.onchain.keys import address_text
from chimera.onchain.token_names import TOKEN_METADATA, own_names

MINT_SIZE = 82
TOKEN_ACCOUNT_SIZE = 165
ACCOUNT_TYPE_AT = 165  # Token-2022 pads both kinds to here and says which one it is
EXTENSIONS_AT = 166
IS_MINT, IS_TOKEN_ACCOUNT = 1, 2
TRANSFER_FEE_CONFIG = 1
TRANSFER_FEE_AMOUNT = 2  # of a token account: the fees withheld in it, u64
TRANSFER_FEE_CONFIG_SIZE = 108
SLOTS_PER_EPOCH = 432_000

EXTENSION_NAMES = {
    1: "transfer_fee_config",
    2: "transfer_fee_amount",
    3: "mint_close_authority",
    4: "confidential_transfer_mint",
    5: "confidential_transfer_account",
    6: "default_account_state",
    7: "immutable_owner",
    8: "memo_transfer",
    9: "non_transferable",
    10: "interest_bearing_config",
    11: "cpi_guard",
    12: "permanent_delegate",
    13: "non_transferable_account",
    14: "transfer_hook",
    15: "transfer_hook_account",
    16: "confidential_transfer_fee_config",
    17: "confidential_transfer_fee_amount",
    18: "metadata_pointer",
    19: "token_metadata",
    20: "group_pointer",
    21: "token_group",
    22: "group_member_pointer",
    23: "token_group_member",
    24: "confidential_mint_burn",
    25: "scaled_ui_amount",
    26: "pausable",
    27: "pausable_account",
}


class TransferFee(msgspec.Struct, frozen=True):
    """One record of a Token-2022 transfer fee."""

    epoch: int
    """The first epoch in which it holds."""
    maximum: int
    bps: int

    def on(self, amount: int) -> int:
        """What is withheld when `amount` is sent."""
        return transfer_fee(amount, bps=self.bps, maximum=self.maximum)

    def inverse(self, amount: int) -> int | None:
        """What must be sent on top so that `amount` arrives; None beyond u64."""
        return transfer_fee_inverse(amount, bps=self.bps, maximum=self.maximum)


NO_TRANSFER_FEE = TransferFee(epoch=0, maximum=0, bps=0)


class TransferFees(msgspec.Struct, frozen=True):
    """Both records of a mint: a change takes effect two epochs after it was made."""

    older: TransferFee = NO_TRANSFER_FEE
    newer: TransferFee = NO_TRANSFER_FEE

    def at(self, epoch: int) -> TransferFee:
        return self.newer if epoch >= self.newer.epoch else self.older


NO_TRANSFER_FEES = TransferFees()


class TokenAccount(msgspec.Struct, frozen=True):
    """A token account, read."""

    address: Address
    program: Address
    mint: Address
    owner: Address
    amount: int
    frozen: bool
    native: bool
    """Holds wrapped SOL, so that its lamports follow its amount."""


def is_mint(account: Account) -> bool:
    """Whether the account is an initialised mint of either token program."""
    data = account.data
    if account.owner == TOKEN_PROGRAM:
        return len(data) == MINT_SIZE and data[45] == 1
    if account.owner == TOKEN_2022_PROGRAM:
        plain = len(data) == MINT_SIZE
        return (plain or len(data) > ACCOUNT_TYPE_AT and data[ACCOUNT_TYPE_AT] == IS_MINT) and data[45] == 1
    return False


def is_token_account(account: Account) -> bool:
    """Whether the account is an initialised token account of either token program."""
    data = account.data
    if account.owner == TOKEN_PROGRAM:
        return len(data) == TOKEN_ACCOUNT_SIZE and data[108] != 0
    if account.owner == TOKEN_2022_PROGRAM:
        plain = len(data) == TOKEN_ACCOUNT_SIZE
        marked = len(data) > ACCOUNT_TYPE_AT and data[ACCOUNT_TYPE_AT] == IS_TOKEN_ACCOUNT
        return (plain or marked) and data[108] != 0
    return False


def read_mint(account: Account, *, slot: int) -> TokenInfo:
    """What a mint says; its transfer fee is the one in force in the epoch of `slot`."""
    if not is_mint(account):
        raise DecodeError(f"{account.address} is no mint")
    fee = read_transfer_fees(account).at(slot // SLOTS_PER_EPOCH)
    data = account.data
    found = extensions(account)
    own_name, own_symbol = own_names(found.get(TOKEN_METADATA))
    return TokenInfo(
        mint=account.address,
        program=account.owner,
        decimals=data[44],
        supply=u64_at(data, 36),
        mint_authority=_optional_address(data, 0),
        freeze_authority=_optional_address(data, 46),
        slot=Slot(slot),
        transfer_fee_bps=fee.bps,
        transfer_fee_max=fee.maximum,
        extensions=tuple(EXTENSION_NAMES.get(kind, f"extension_{kind}") for kind in found),
        own_name=own_name,
        own_symbol=own_symbol,
    )


def read_token_account(account: Account) -> TokenAccount:
    """Whose tokens an account holds, and how many."""
    if not is_token_account(account):
        raise DecodeError(f"{account.address} is no token account")
    data = account.data
    return TokenAccount(
        address=account.address,
        program=account.owner,
        mint=address_at(data, 0),
        owner=address_at(data, 32),
        amount=u64_at(data, 64),
        frozen=data[108] == 2,
        native=data[109] == 1,
    )


def read_transfer_fees(account: Account) -> TransferFees:
    """The mint's transfer fees; none for a mint of the older program or without the extension."""
    value = extensions(account).get(TRANSFER_FEE_CONFIG)
    if value is None:
        return NO_TRANSFER_FEES
    if len(value) != TRANSFER_FEE_CONFIG_SIZE:
        raise DecodeError(f"{account.address}: a transfer fee of {len(value)} bytes")
    older, newer = (
        TransferFee(u64_at(value, at), u64_at(value, at + 8), u16_at(value, at + 16)) for at in (72, 90)
    )
    if max(older.bps, newer.bps) > BPS:  # the program sets none such: nothing could be sent under it
        raise DecodeError(f"{account.address}: transfer fees of {older.bps} and {newer.bps} bps")
    return TransferFees(older, newer)


def extensions(account: Account) -> dict[int, bytes]:
    """Token-2022 extensions by number, in the order of the bytes; empty for the older program."""
    data = account.data
    found: dict[int, bytes] = {}
    if account.owner != TOKEN_2022_PROGRAM:
        return found
    at = EXTENSIONS_AT
    while at + 4 <= len(data):
        kind, size = u16_at(data, at), u16_at(data, at + 2)
        if kind == 0:
            break
        if at + 4 + size > len(data):
            raise DecodeError(f"{account.address}: extension {kind} ends beyond the account")
        found[kind] = data[at + 4 : at + 4 + size]
        at += 4 + size
    return found


@lru_cache(maxsize=1024)
def discriminator(kind: str, name: str) -> bytes:
    """Anchor's eight bytes: `kind` is account, event or global (an instruction, whose name is snake case)."""
    return hashlib.sha256(f"{kind}:{name}".encode()).digest()[:8]


def u16_at(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 2], "little")


def u64_at(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 8], "little")


def u128_at(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 16], "little")


def address_at(data: bytes, at: int) -> Address:
    return address_text(data[at : at + 32])


def _optional_address(data: bytes, at: int) -> Address | None:
    """A COption: four bytes of tag, then the key."""
    return address_at(data, at + 4) if int.from_bytes(data[at : at + 4], "little") == 1 else None
