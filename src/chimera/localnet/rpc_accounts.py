"""JSON-RPC methods that read accounts: their data, balances, programs' accounts, tokens."""

from collections.abc import Iterator, Sequence
from itertools import islice

from solders.account import Account
from solders.pubkey import Pubkey

from chimera.localnet.bank import TOKEN, TOKEN_2022, is_token_account
from chimera.localnet.encode_account import DataTooLong, encode_account
from chimera.localnet.encode_bytes import base58_decode, base64_decode
from chimera.localnet.encode_token import is_mint, mint_decimals, ui_amount
from chimera.localnet.rpc_call import (
    ACCOUNT_ENCODINGS,
    Call,
    Config,
    choice,
    data_slice,
    flag,
    in_context,
    pubkey,
    u64,
)
from chimera.localnet.rpc_errors import invalid_params, invalid_request, refuse_type
from chimera.localnet.view import ChainView

ACCOUNTS_MAX = 100
FILTERS_MAX = 4
MEMCMP_BYTES_MAX = 128
LARGEST_SHOWN = 20


def get_account_info(call: Call) -> object:
    key, config = call.pubkey(0), call.config(1)
    view = call.view(config)
    return in_context(view, _shown(view, view.account(key), config, default="binary"))


def get_multiple_accounts(call: Call) -> object:
    keys = [pubkey(found) for found in call.items(0, limit=ACCOUNTS_MAX)]
    config = call.config(1)
    view = call.view(config)
    return in_context(view, [_shown(view, view.account(key), config, default="base64") for key in keys])


def get_balance(call: Call) -> object:
    key, view = call.pubkey(0), call.view(call.config(1))
    account = view.account(key)
    return in_context(view, 0 if account is None else account.lamports)


def get_program_accounts(call: Call) -> object:
    program, config = call.pubkey(0), call.config(1)
    filters = account_filters(config)
    view = call.view(config)
    found = [
        {"pubkey": str(key), "account": _shown(view, account, config, default="binary")}
        for key, account in view.program_accounts(program)
        if matches(filters, account)
    ]
    return in_context(view, found) if flag(config, "withContext") else found


def get_token_account_balance(call: Call) -> object:
    key, view = call.pubkey(0), call.view(call.config(1))
    account = view.account(key)
    if account is None:
        raise invalid_params("Invalid param: could not find account")
    if not _is_token_accounts(account):
        raise invalid_params("Invalid param: not a Token account")
    decimals = mint_decimals(view.account(Pubkey.from_bytes(account.data[:32])))
    if decimals is None:
        raise invalid_params("Invalid param: could not find mint")
    return in_context(view, ui_amount(_amount(account), decimals))


def get_token_supply(call: Call) -> object:
    key, view = call.pubkey(0), call.view(call.config(1))
    account = view.account(key)
    if account is None:
        raise invalid_params("Invalid param: could not find account")
    decimals = mint_decimals(account)
    if decimals is None:
        raise invalid_params("Invalid param: not a Token mint")
    return in_context(view, ui_amount(int.from_bytes(account.data[36:44], "little"), decimals))


def get_token_accounts_by_owner(call: Call) -> object:
    return _token_accounts(call, holder_at=32)


def get_token_accounts_by_delegate(call: Call) -> object:
    return _token_accounts(call, holder_at=76)  # behind the u32 tag at 72


def get_token_largest_accounts(call: Call) -> object:
    mint, view = call.pubkey(0), call.view(call.config(1))
    minted = view.account(mint)
    decimals = mint_decimals(minted)
    if minted is None or decimals is None:
        raise invalid_params("Invalid param: not a Token mint")
    found = [
        (_amount(account), key)
        for key, account in view.program_accounts(minted.owner)
        if is_token_account(account.data) and account.data[:32] == bytes(mint)
    ]
    found.sort(key=lambda item: -item[0])
    shown = [
        {"address": str(key), **ui_amount(amount, decimals)} for amount, key in islice(found, LARGEST_SHOWN)
    ]
    return in_context(view, shown)


def get_minimum_balance_for_rent_exemption(call: Call) -> object:
    size = call.u64(0)
    if size > 10 * 1024 * 1024:  # no account can be longer (MAX_PERMITTED_DATA_LENGTH)
        raise invalid_params("Invalid param: data length exceeds the maximum of 10485760 bytes")
    return call.chain.bank.rent_exempt_minimum(size)


def _token_accounts(call: Call, *, holder_at: int) -> object:
    holder, wanted, config = call.pubkey(0), call.config(1), call.config(2)
    view = call.view(config)
    mint: bytes | None = None
    if wanted.get("mint") is not None:
        key = pubkey(wanted["mint"])
        minted = view.account(key)
        if minted is None or minted.owner not in (TOKEN, TOKEN_2022) or not is_mint(minted.data):
            raise invalid_params("Invalid param: could not find mint")
        mint, program = bytes(key), minted.owner
    elif wanted.get("programId") is not None:
        program = pubkey(wanted["programId"])
        if program not in (TOKEN, TOKEN_2022):
            raise invalid_params("Invalid param: unrecognized Token program id")
    else:
        raise invalid_params("Invalid params: expected a `mint` or a `programId`.")
    found = [
        {"pubkey": str(key), "account": _shown(view, account, config, default="binary")}
        for key, account in _held_by(view, program, holder, holder_at)
        if mint is None or account.data[:32] == mint
    ]
    return in_context(view, found)


def _held_by(
    view: ChainView, program: Pubkey, holder: Pubkey, holder_at: int
) -> Iterator[tuple[Pubkey, Account]]:
    wanted = bytes(holder)
    for key, account in view.program_accounts(program):
        data = account.data
        if data[holder_at : holder_at + 32] != wanted or not is_token_account(data):
            continue
        if holder_at == 32 or data[72] == 1:  # a delegate counts only while its tag says so
            yield key, account


def _shown(view: ChainView, account: Account | None, config: Config, *, default: str) -> object:
    encoding = choice(config, "encoding", ACCOUNT_ENCODINGS, default)
    part = data_slice(config)
    if account is None:
        return None
    try:
        return encode_account(account, encoding=encoding, data_slice=part, read=view.account)
    except DataTooLong as error:
        raise invalid_request(str(error)) from None


Filter = tuple[int, bytes] | int | None
"""(offset, bytes) of a memcmp, a data size, or None for `tokenAccountState`."""


def account_filters(config: Config) -> Sequence[Filter]:
    found = config.get("filters")
    if found is None:
        return ()
    if not isinstance(found, list):
        refuse_type(found, "a sequence")
    if len(found) > FILTERS_MAX:
        raise invalid_params(f"Too many filters provided; max {FILTERS_MAX}")
    return [_filter(one) for one in found]


def matches(filters: Sequence[Filter], account: Account) -> bool:
    data = account.data
    for one in filters:
        match one:
            case (offset, wanted):
                if data[offset : offset + len(wanted)] != wanted:
                    return False
            case int():
                if len(data) != one:
                    return False
            case None:
                if not is_token_account(data):
                    return False
    return True


def _filter(found: object) -> Filter:
    if found == "tokenAccountState":
        return None
    if not isinstance(found, dict) or len(found) != 1:
        refuse_type(found, "a filter")
    if "dataSize" in found:
        return u64(found["dataSize"])
    if "tokenAccountState" in found:
        return None
    memcmp = found.get("memcmp")
    if not isinstance(memcmp, dict):
        refuse_type(found, "one of `dataSize`, `memcmp`, `tokenAccountState`")
    return u64(memcmp.get("offset")), _memcmp_bytes(memcmp)


def _memcmp_bytes(memcmp: Config) -> bytes:
    found = memcmp.get("bytes")
    encoding = choice(memcmp, "encoding", ("base58", "base64", "binary", "bytes"), "base58")
    if isinstance(found, list):
        if len(found) > MEMCMP_BYTES_MAX:
            raise invalid_params("Invalid param: bytes filter too large")
        if not all(isinstance(one, int) and 0 <= one <= 255 for one in found):
            refuse_type(found, "a sequence of u8")
        return bytes(found)
    if not isinstance(found, str):
        refuse_type(found, "a string")
    if len(found) > 2 * MEMCMP_BYTES_MAX:
        raise invalid_params("Invalid param: encoded memcmp bytes too large")
    try:
        raw = base64_decode(found) if encoding == "base64" else base58_decode(found)
    except ValueError as error:
        raise invalid_params(f"Invalid param: {error}") from None
    if len(raw) > MEMCMP_BYTES_MAX:
        raise invalid_params("Invalid param: decoded memcmp bytes too large")
    return raw


def _is_token_accounts(account: Account) -> bool:
    return account.owner in (TOKEN, TOKEN_2022) and is_token_account(account.data)


def _amount(account: Account) -> int:
    return int.from_bytes(account.data[64:72], "little")


METHODS = {
    "getAccountInfo": get_account_info,
    "getBalance": get_balance,
    "getMinimumBalanceForRentExemption": get_minimum_balance_for_rent_exemption,
    "getMultipleAccounts": get_multiple_accounts,
    "getProgramAccounts": get_program_accounts,
    "getTokenAccountBalance": get_token_account_balance,
    "getTokenAccountsByDelegate": get_token_accounts_by_delegate,
    "getTokenAccountsByOwner": get_token_accounts_by_owner,
    "getTokenLargestAccounts": get_token_largest_accounts,
    "getTokenSupply": get_token_supply,
}
