"""Token accounts and mints as `jsonParsed` shows them, of SPL Token and Token-2022.

Layouts: spl-token state.rs (Pack); Token-2022 puts an account type at byte 165 and after it a list of
extensions, each type u16, length u16, value (spl-token-2022 extension/mod.rs).
"""

import struct
from collections.abc import Callable, Iterator

from solders.account import Account
from solders.pubkey import Pubkey

from chimera.localnet.bank import TOKEN, TOKEN_2022, is_token_account

_MINT_SIZE = 82
_EXTENSIONS_FROM = 166
_STATES = ("uninitialized", "initialized", "frozen")

Reader = Callable[[Pubkey], Account | None]


def parse_token_data(account: Account, read: Reader) -> dict[str, object] | None:
    """{"program", "parsed": {"type", "info"}, "space"}, or None for what is neither mint nor token account."""
    if account.owner not in (TOKEN, TOKEN_2022):
        return None
    data = account.data
    parsed: dict[str, object] | None = None
    if is_token_account(data):
        decimals = mint_decimals(read(Pubkey.from_bytes(data[:32])))
        if decimals is not None:
            parsed = {"type": "account", "info": _token_account(data, decimals)}
    elif is_mint(data):
        parsed = {"type": "mint", "info": _mint(data)}
    if parsed is None:
        return None
    program = "spl-token" if account.owner == TOKEN else "spl-token-2022"
    return {"program": program, "parsed": parsed, "space": len(data)}


def is_mint(data: bytes) -> bool:
    """Whether the data of an account that a token program owns is an initialised mint."""
    if len(data) == _MINT_SIZE:
        return data[45] == 1
    return len(data) > _EXTENSIONS_FROM and data[165] == 1 and data[45] == 1


def mint_decimals(account: Account | None) -> int | None:
    if account is None or account.owner not in (TOKEN, TOKEN_2022) or not is_mint(account.data):
        return None
    return account.data[44]


def ui_amount(amount: int, decimals: int) -> dict[str, object]:
    """{"amount", "decimals", "uiAmount", "uiAmountString"}: the float is for display only, as a node's is."""
    text = str(amount).rjust(decimals + 1, "0")
    if decimals:
        text = f"{text[:-decimals]}.{text[-decimals:]}".rstrip("0").rstrip(".")
    return {
        "uiAmount": amount / 10**decimals,
        "decimals": decimals,
        "amount": str(amount),
        "uiAmountString": text,
    }


def _token_account(data: bytes, decimals: int) -> dict[str, object]:
    delegate = _optional_key(data, 72)
    is_native = int.from_bytes(data[109:113], "little") == 1
    info: dict[str, object] = {
        "mint": str(Pubkey.from_bytes(data[:32])),
        "owner": str(Pubkey.from_bytes(data[32:64])),
        "tokenAmount": ui_amount(_u64(data, 64), decimals),
    }
    if delegate is not None:
        info["delegate"] = delegate
    info["state"] = _STATES[data[108]] if data[108] < len(_STATES) else "uninitialized"
    info["isNative"] = is_native
    if is_native:
        info["rentExemptReserve"] = ui_amount(_u64(data, 113), decimals)
    if delegate is not None:
        info["delegatedAmount"] = ui_amount(_u64(data, 121), decimals)
    close_authority = _optional_key(data, 129)
    if close_authority is not None:
        info["closeAuthority"] = close_authority
    extensions = [_extension(kind, value) for kind, value in _extensions(data)]
    if extensions:
        info["extensions"] = extensions
    return info


def _mint(data: bytes) -> dict[str, object]:
    info: dict[str, object] = {
        "mintAuthority": _optional_key(data, 0),
        "supply": str(_u64(data, 36)),
        "decimals": data[44],
        "isInitialized": data[45] == 1,
        "freezeAuthority": _optional_key(data, 46),
    }
    extensions = [_extension(kind, value) for kind, value in _extensions(data)]
    if extensions:
        info["extensions"] = extensions
    return info


def _extensions(data: bytes) -> Iterator[tuple[int, bytes]]:
    place = _EXTENSIONS_FROM
    while place + 4 <= len(data):
        kind, length = struct.unpack_from("<HH", data, place)
        value = data[place + 4 : place + 4 + length]
        if kind == 0 or len(value) < length:
            return
        yield kind, value
        place += 4 + length


def _extension(kind: int, value: bytes) -> dict[str, object]:
    known = _EXTENSIONS.get(kind)
    if known is None:
        return {"extension": "unparseableExtension"}
    name, size, read = known
    if len(value) < size:
        return {"extension": "unparseableExtension"}
    state = read(value)
    return {"extension": name} if state is None else {"extension": name, "state": state}


def _transfer_fee_config(value: bytes) -> dict[str, object]:
    return {
        "transferFeeConfigAuthority": _nonzero_key(value, 0),
        "withdrawWithheldAuthority": _nonzero_key(value, 32),
        "withheldAmount": _u64(value, 64),
        "olderTransferFee": _transfer_fee(value, 72),
        "newerTransferFee": _transfer_fee(value, 90),
    }


def _transfer_fee(value: bytes, place: int) -> dict[str, object]:
    epoch, maximum, bps = struct.unpack_from("<QQH", value, place)
    return {"epoch": epoch, "maximumFee": maximum, "transferFeeBasisPoints": bps}


def _interest(value: bytes) -> dict[str, object]:
    started, before, updated, rate = struct.unpack_from("<qhqh", value, 32)
    return {
        "rateAuthority": _nonzero_key(value, 0),
        "initializationTimestamp": started,
        "preUpdateAverageRate": before,
        "lastUpdateTimestamp": updated,
        "currentRate": rate,
    }


def _token_metadata(value: bytes) -> dict[str, object]:
    place = 64
    texts: list[str] = []

    def text() -> str:
        nonlocal place
        length = int.from_bytes(value[place : place + 4], "little")
        place += 4 + length
        return value[place - length : place].decode(errors="replace")

    texts = [text() for _ in range(3)]
    pairs = int.from_bytes(value[place : place + 4], "little")
    place += 4
    return {
        "updateAuthority": _nonzero_key(value, 0),
        "mint": str(Pubkey.from_bytes(value[32:64])),
        "name": texts[0],
        "symbol": texts[1],
        "uri": texts[2],
        # A length that the data can't hold must not become a loop.
        "additionalMetadata": [[text(), text()] for _ in range(min(pairs, len(value)))],
    }


def _key_pair(first: str, second: str) -> Callable[[bytes], dict[str, object]]:
    return lambda value: {first: _nonzero_key(value, 0), second: _nonzero_key(value, 32)}


# ExtensionType of spl-token-2022: (name, least size, reader); the confidential ones stay unparsed.
_EXTENSIONS: dict[int, tuple[str, int, Callable[[bytes], dict[str, object] | None]]] = {
    1: ("transferFeeConfig", 108, _transfer_fee_config),
    2: ("transferFeeAmount", 8, lambda value: {"withheldAmount": _u64(value, 0)}),
    3: ("mintCloseAuthority", 32, lambda value: {"closeAuthority": _nonzero_key(value, 0)}),
    6: ("defaultAccountState", 1, lambda value: {"accountState": _STATES[min(value[0], 2)]}),
    7: ("immutableOwner", 0, lambda value: None),
    8: ("memoTransfer", 1, lambda value: {"requireIncomingTransferMemos": value[0] == 1}),
    9: ("nonTransferable", 0, lambda value: None),
    10: ("interestBearingConfig", 52, _interest),
    11: ("cpiGuard", 1, lambda value: {"lockCpi": value[0] == 1}),
    12: ("permanentDelegate", 32, lambda value: {"delegate": _nonzero_key(value, 0)}),
    13: ("nonTransferableAccount", 0, lambda value: None),
    14: ("transferHook", 64, _key_pair("authority", "programId")),
    15: ("transferHookAccount", 1, lambda value: {"transferring": value[0] == 1}),
    18: ("metadataPointer", 64, _key_pair("authority", "metadataAddress")),
    19: ("tokenMetadata", 80, _token_metadata),
    20: ("groupPointer", 64, _key_pair("authority", "groupAddress")),
    22: ("groupMemberPointer", 64, _key_pair("authority", "memberAddress")),
}


def _u64(data: bytes, place: int) -> int:
    return int.from_bytes(data[place : place + 8], "little")


def _optional_key(data: bytes, place: int) -> str | None:
    """A COption<Pubkey>: a u32 tag, then the key."""
    if int.from_bytes(data[place : place + 4], "little") != 1:
        return None
    return str(Pubkey.from_bytes(data[place + 4 : place + 36]))


def _nonzero_key(data: bytes, place: int) -> str | None:
    """An OptionalNonZeroPubkey: all zeros mean none."""
    raw = data[place : place + 32]
    return str(Pubkey.from_bytes(raw)) if any(raw) else None
