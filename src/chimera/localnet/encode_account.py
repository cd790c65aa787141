"""Accounts as JSON-RPC shows them (UiAccount), in every encoding a node knows."""

from collections.abc import Callable

import msgspec
from solders.account import Account
from solders.pubkey import Pubkey

from chimera.localnet.encode_bytes import base58_encode, base64_encode, zstd_base64_encode
from chimera.localnet.encode_token import parse_token_data

BASE58_DATA_MAX = 128  # a node refuses base58 of longer data: its cost is quadratic

Reader = Callable[[Pubkey], Account | None]


class DataSlice(msgspec.Struct, frozen=True):
    offset: int
    length: int


class DataTooLong(ValueError):
    """Base58 was asked for, for more than a node is willing to encode."""


def encode_account(
    account: Account, *, encoding: str, data_slice: DataSlice | None, read: Reader
) -> dict[str, object]:
    """The UiAccount. `read` finds mints, for decimals. Raises DataTooLong."""
    data = account.data
    return {
        "lamports": account.lamports,
        "data": _encode_data(account, encoding, data_slice, read),
        "owner": str(account.owner),
        "executable": account.executable,
        "rentEpoch": 2**64 - 1,  # no account pays rent over time any more
        "space": len(data),
    }


def _encode_data(account: Account, encoding: str, data_slice: DataSlice | None, read: Reader) -> object:
    data = account.data
    if encoding == "jsonParsed":
        parsed = parse_token_data(account, read)
        if parsed is not None:
            return parsed
        encoding = "base64"
    if data_slice is not None:
        data = data[data_slice.offset : data_slice.offset + data_slice.length]
    match encoding:
        case "base64":
            return [base64_encode(data), "base64"]
        case "base64+zstd":
            return [zstd_base64_encode(data), "base64+zstd"]
        case _:
            if len(data) > BASE58_DATA_MAX:
                raise DataTooLong(
                    f"Encoded binary (base 58) data should be less than {BASE58_DATA_MAX} bytes, "
                    "please use Base64 encoding."
                )
            text = base58_encode(data)
            return text if encoding == "binary" else [text, "base58"]
