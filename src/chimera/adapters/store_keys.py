"""API keys and wallets in `admin_wallets`: of a key only its SHA-256, which suffices for 256 random bits.

They are not part of the journal, and a rebuild of the tables leaves them alone.
"""

import hmac
import secrets
from hashlib import sha256

import msgspec
from sqlalchemy import ColumnElement, Engine, insert, select, update

from chimera.adapters.store_engine import reading, writing
from chimera.adapters.store_schema import admin_wallets
from chimera.domain.errors import ConfigError, DecodeError
from chimera.domain.ids import Address
from chimera.onchain.keys import address_bytes
from chimera.ports.store import KeyHolder

ROLES = ("readonly", "operator", "admin")
KEY_PREFIX = "chk_"
SHOWN_LENGTH = 10  # of a key that is kept in the clear, to tell keys apart in a list
KEY_LENGTH_MAX = 128


class KeyRow(msgspec.Struct, frozen=True, kw_only=True):
    """A key or a wallet, for a list: what is shown of a key does not open anything."""

    identifier: str
    role: str
    key_prefix: str | None
    wallet_address: str | None
    added_by: str
    added_at_ms: int
    revoked_at_ms: int | None


class SqlKeys:
    """Implements `ports.store.Keys`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def lookup(self, key: str) -> KeyHolder | None:
        """The holder of a key, or None. Every wrong key is hashed and compared alike."""
        if not key.isascii():
            return None  # none of ours, and SQLite cannot be asked for half a surrogate pair
        wanted = _digest(key[:KEY_LENGTH_MAX])
        table = admin_wallets.c
        chosen = select(table.key_hash, table.identifier, table.role).where(
            table.key_prefix == key[:SHOWN_LENGTH], table.revoked_at_ms.is_(None)
        )
        with reading(self._engine) as connection:
            rows = connection.execute(chosen).all()
        holder = None
        for row in rows:
            if hmac.compare_digest(row.key_hash or "", wanted):
                holder = KeyHolder(identifier=row.identifier, role=row.role)
        return holder

    def create_key(self, *, role: str, identifier: str, by: str, at_ms: int) -> str:
        """A new key in plain text, this one time; raises ConfigError for an unknown role."""
        key = KEY_PREFIX + secrets.token_urlsafe(32)
        self.add_key(key, role=role, identifier=identifier, by=by, at_ms=at_ms)
        return key

    def add_key(self, key: str, *, role: str, identifier: str, by: str, at_ms: int) -> None:
        """Makes a key that somebody else chose known; one that is known already gets this role and name."""
        _known(role)
        values = {
            "identifier": identifier,
            "role": role,
            "key_prefix": key[:SHOWN_LENGTH],
            "key_hash": _digest(key),
            "added_by": by,
            "notes": "",
            "added_at_ms": at_ms,
            "revoked_at_ms": None,
        }
        with writing(self._engine) as connection:
            same = admin_wallets.c.key_hash == values["key_hash"]
            if connection.execute(update(admin_wallets).where(same).values(values)).rowcount == 0:
                connection.execute(insert(admin_wallets).values(values))

    def add_wallet(self, address: str, *, role: str, identifier: str, by: str, at_ms: int) -> None:
        """Lets a wallet log in; one that is known already gets this role and name. Raises ConfigError."""
        _known(role)
        if not _is_address(address):
            raise ConfigError(f"{address[:60]!r} is not a Solana address")
        values = {
            "identifier": identifier,
            "role": role,
            "wallet_address": address,
            "added_by": by,
            "notes": "",
            "added_at_ms": at_ms,
            "revoked_at_ms": None,
        }
        with writing(self._engine) as connection:
            same = admin_wallets.c.wallet_address == address
            if connection.execute(update(admin_wallets).where(same).values(values)).rowcount == 0:
                connection.execute(insert(admin_wallets).values(values))

    def all(self) -> tuple[KeyRow, ...]:
        """Oldest first, revoked ones too."""
        columns = [admin_wallets.c[name] for name in KeyRow.__struct_fields__]
        with reading(self._engine) as connection:
            rows = connection.execute(select(*columns).order_by(admin_wallets.c.id)).mappings().all()
        return tuple(KeyRow(**row) for row in rows)

    def revoke(self, *, identifier: str, at_ms: int) -> int:
        """How many keys of somebody were switched off now."""
        table = admin_wallets.c
        return self._revoke(table.identifier == identifier, table.key_hash.is_not(None), at_ms=at_ms)

    def revoke_prefix(self, *, prefix: str, at_ms: int) -> int:
        """The same for the keys that a list shows with this beginning."""
        return self._revoke(admin_wallets.c.key_prefix == prefix, at_ms=at_ms)

    def revoke_wallet(self, address: str, *, at_ms: int) -> int:
        """The same for a wallet; its logins end with it."""
        return self._revoke(admin_wallets.c.wallet_address == address, at_ms=at_ms)

    def _revoke(self, *which: ColumnElement[bool], at_ms: int) -> int:
        statement = (
            update(admin_wallets)
            .where(*which, admin_wallets.c.revoked_at_ms.is_(None))
            .values(revoked_at_ms=at_ms)
        )
        with writing(self._engine) as connection:
            return int(connection.execute(statement).rowcount)


def _known(role: str) -> None:
    if role not in ROLES:
        raise ConfigError(f"api key: there is no role {role}; known: {', '.join(ROLES)}")


def _is_address(text: str) -> bool:
    try:
        return len(address_bytes(Address(text))) == 32
    except DecodeError:
        return False


def _digest(key: str) -> str:
    return sha256(key.encode()).hexdigest()
