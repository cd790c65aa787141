"""Accounts and transactions from files, as people have them: a node's JSON answer, base64 text, or bare bytes.

Must not know venues. Raises ConfigError for a file that is none of these.
"""

import base64
import binascii
from pathlib import Path
from typing import Any

import msgspec
import zstandard

from chimera.adapters import rpc_wire as wire
from chimera.domain.chain import Account, TransactionUpdate
from chimera.domain.errors import ConfigError
from chimera.domain.ids import SYSTEM_PROGRAM, Address
from chimera.onchain.keys import base58_decode

NOWHERE = SYSTEM_PROGRAM
"""The address of an account whose file does not say it."""
FILE_BYTES_MAX = 64 * 1024 * 1024


def read_chain_file(
    path: Path, *, owner: Address | None = None, address: Address | None = None
) -> Account | TransactionUpdate:
    """What the file holds. `owner` and `address` are needed for bytes, which do not say theirs, and go before
    what a JSON answer says.
    """
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            raise ConfigError(f"{path}: more than {FILE_BYTES_MAX} bytes")
        raw = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    if raw[:1] in (b"{", b"["):
        return _from_json(path, raw, owner, address)
    return Account(address or NOWHERE, owner or NOWHERE, 0, _plain(raw))


def _plain(raw: bytes) -> bytes:
    """Base64 text decoded; anything else as it is."""
    try:
        return base64.b64decode(b"".join(raw.split()), validate=True)
    except binascii.Error:
        return raw


def _from_json(
    path: Path, raw: bytes, owner: Address | None, address: Address | None
) -> Account | TransactionUpdate:
    try:
        said: Any = msgspec.json.decode(raw)
        if isinstance(said, dict) and said.get("error"):
            raise ConfigError(f"{path}: the node answered with an error: {said['error']}")
        found = _inside(said)
        if "transaction" in found:
            transaction = wire.transaction_from(msgspec.convert(found, wire.WireTransaction))
            if transaction is None:
                raise ConfigError(f"{path}: a transaction without metadata; ask for it with encoding json")
            return transaction
        if "data" in found:
            named = address or (said.get("pubkey") if isinstance(said, dict) else None) or NOWHERE
            return Account(
                Address(named),
                owner or Address(found["owner"]),
                int(found.get("lamports", 0)),
                _data(found["data"]),
            )
    except (
        msgspec.DecodeError,
        msgspec.ValidationError,
        ValueError,
        KeyError,
        TypeError,
        IndexError,
    ) as error:
        raise ConfigError(
            f"{path}: not what getAccountInfo (base64) or getTransaction (json) answers: {error}"
        ) from None
    raise ConfigError(f"{path}: neither an account nor a transaction")


def _inside(said: Any) -> dict[str, Any]:
    """The innermost object: a whole answer, its result, or the value itself; `solana account`'s form too."""
    for key in ("result", "value", "account"):
        if isinstance(said, dict) and isinstance(said.get(key), dict):
            said = said[key]
    if not isinstance(said, dict):
        raise TypeError("no object in it; is the account missing on chain?")
    return said


def _data(said: Any) -> bytes:
    text, encoding = (said, "base58") if isinstance(said, str) else (said[0], said[1])
    match encoding:
        case "base64":
            return base64.b64decode(text, validate=True)
        case "base64+zstd":
            packed = base64.b64decode(text, validate=True)
            return zstandard.ZstdDecompressor().decompress(packed, max_output_size=FILE_BYTES_MAX)
        case "base58":
            return base58_decode(text)
        case _:
            raise ValueError(f"data in {encoding}")
