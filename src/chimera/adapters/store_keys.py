"""API keys in `admin_wallets`: only their SHA-256 is kept, which suffices for 256 random bits.

They are not part of the journal, and a rebuild of the tables leaves them alone.
"""

import hmac
import secrets
from hashlib import sha256

from sqlalchemy import Engine, insert, select, update

from chimera.adapters.store_engine import reading, writing
from chimera.adapters.store_schema import admin_wallets
from chimera.domain.errors import ConfigError
from chimera.ports.store import KeyHolder

ROLES = ("readonly", "operator", "admin")
KEY_PREFIX = "chk_"
SHOWN_LENGTH = 10  # of a key that is kept in the clear, to tell keys apart in a list
KEY_LENGTH_MAX = 128


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
        if role not in ROLES:
            raise ConfigError(f"api key: there is no role {role}; known: {', '.join(ROLES)}")
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

    def revoke(self, *, identifier: str, at_ms: int) -> int:
        """How many keys of somebody were switched off now."""
        table = admin_wallets.c
        statement = (
            update(admin_wallets)
            .where(table.identifier == identifier, table.revoked_at_ms.is_(None))
            .values(revoked_at_ms=at_ms)
        )
        with writing(self._engine) as connection:
            return int(connection.execute(statement).rowcount)


def _digest(key: str) -> str:
    return sha256(key.encode()).hexdigest()
