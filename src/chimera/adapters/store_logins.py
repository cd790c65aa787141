"""Logins and second factors in the tables: only hashes of refresh tokens and sealed secrets are kept."""

import secrets
from hashlib import sha256

from sqlalchemy import Connection, Engine, and_, delete, func, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from chimera.adapters.store_engine import reading, writing
from chimera.adapters.store_schema import admin_wallets, login_tokens, second_factors
from chimera.ports.identity import Factor, Opened
from chimera.ports.store import KeyHolder

TEXT_LENGTH_MAX = 128
LOGINS_PER_WALLET_MAX = 50  # then the oldest one's tokens go: nobody sits at fifty screens


class SqlLogins:
    """Implements `ports.identity.Logins`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def open(self, wallet: str, *, at_ms: int, refreshable_until_ms: int) -> Opened | None:
        people = admin_wallets.c
        chosen = select(people.id, people.identifier, people.role).where(
            people.wallet_address == wallet, people.revoked_at_ms.is_(None)
        )
        with writing(self._engine) as connection:
            person = connection.execute(chosen).one_or_none()
            if person is None:
                return None
            _prune(connection, person.id, at_ms=at_ms)
            jti, refresh = _give(
                connection,
                admin_id=person.id,
                family=secrets.token_hex(16),
                at_ms=at_ms,
                refreshable_until_ms=refreshable_until_ms,
            )
        return Opened(jti, refresh, KeyHolder(person.identifier, person.role))

    def refresh(self, refresh: str, *, at_ms: int, refreshable_until_ms: int) -> Opened | None:
        tokens, people = login_tokens.c, admin_wallets.c
        chosen = (
            select(login_tokens, people.identifier, people.role, people.revoked_at_ms.label("gone_at_ms"))
            .join_from(login_tokens, admin_wallets, tokens.admin_id == people.id)
            .where(tokens.refresh_hash == _digest(refresh))
        )
        with writing(self._engine) as connection:
            row = connection.execute(chosen).one_or_none()
            if row is None or row.revoked_at_ms is not None or row.gone_at_ms is not None:
                return None
            if row.refreshed_at_ms is not None:  # used twice: thief or victim, both are out
                _revoke(connection, row.family, at_ms=at_ms)
                return None
            if at_ms >= row.refreshable_until_ms:
                return None
            connection.execute(
                update(login_tokens).where(tokens.jti == row.jti).values(refreshed_at_ms=at_ms)
            )
            jti, fresh = _give(
                connection,
                admin_id=row.admin_id,
                family=row.family,
                at_ms=at_ms,
                refreshable_until_ms=refreshable_until_ms,
            )
        return Opened(jti, fresh, KeyHolder(row.identifier, row.role))

    def holder(self, jti: str) -> KeyHolder | None:
        tokens, people = login_tokens.c, admin_wallets.c
        chosen = (
            select(people.identifier, people.role)
            .join_from(login_tokens, admin_wallets, tokens.admin_id == people.id)
            .where(tokens.jti == jti, tokens.revoked_at_ms.is_(None), people.revoked_at_ms.is_(None))
        )
        with reading(self._engine) as connection:
            row = connection.execute(chosen).one_or_none()
        return None if row is None else KeyHolder(row.identifier, row.role)

    def close(self, jti: str, *, at_ms: int) -> None:
        with writing(self._engine) as connection:
            family = connection.execute(
                select(login_tokens.c.family).where(login_tokens.c.jti == jti)
            ).scalar()
            if family is not None:
                _revoke(connection, family, at_ms=at_ms)

    def wallets(self, identifier: str) -> tuple[str, ...]:
        people = admin_wallets.c
        chosen = select(people.wallet_address).where(
            people.identifier == identifier,
            people.wallet_address.is_not(None),
            people.revoked_at_ms.is_(None),
        )
        with reading(self._engine) as connection:
            return tuple(row.wallet_address for row in connection.execute(chosen.order_by(people.id)))

    def factor(self, identifier: str) -> Factor | None:
        chosen = select(second_factors).where(second_factors.c.identifier == identifier)
        with reading(self._engine) as connection:
            row = connection.execute(chosen).one_or_none()
        if row is None:
            return None
        return Factor(row.sealed_secret, row.last_step, row.confirmed_at_ms is not None)

    def enrol(self, identifier: str, *, sealed_secret: str, at_ms: int) -> bool:
        fresh = {"sealed_secret": sealed_secret, "last_step": 0, "enrolled_at_ms": at_ms}
        statement = (
            upsert(second_factors)
            .values(identifier=identifier, **fresh)
            .on_conflict_do_update(
                index_elements=["identifier"],
                set_=fresh,
                where=second_factors.c.confirmed_at_ms.is_(None),
            )
        )
        with writing(self._engine) as connection:
            return bool(connection.execute(statement).rowcount)

    def take_step(self, identifier: str, *, step: int, at_ms: int) -> bool:
        table = second_factors.c
        mine = and_(table.identifier == identifier, table.last_step < step)
        first = update(second_factors).where(table.identifier == identifier, table.confirmed_at_ms.is_(None))
        with writing(self._engine) as connection:
            taken = connection.execute(update(second_factors).where(mine).values(last_step=step)).rowcount
            if taken:
                connection.execute(first.values(confirmed_at_ms=at_ms))
        return bool(taken)

    def forget_factor(self, identifier: str) -> bool:
        with writing(self._engine) as connection:
            gone = delete(second_factors).where(second_factors.c.identifier == identifier)
            return bool(connection.execute(gone).rowcount)


def _give(
    connection: Connection, *, admin_id: int, family: str, at_ms: int, refreshable_until_ms: int
) -> tuple[str, str]:
    """A new token's id and its refresh token, which is kept as a hash."""
    jti, refresh = secrets.token_hex(16), secrets.token_urlsafe(32)
    connection.execute(
        insert(login_tokens).values(
            jti=jti,
            family=family,
            admin_id=admin_id,
            refresh_hash=_digest(refresh),
            issued_at_ms=at_ms,
            refreshable_until_ms=refreshable_until_ms,
        )
    )
    return jti, refresh


def _revoke(connection: Connection, family: str, *, at_ms: int) -> None:
    tokens = login_tokens.c
    connection.execute(
        update(login_tokens)
        .where(tokens.family == family, tokens.revoked_at_ms.is_(None))
        .values(revoked_at_ms=at_ms)
    )


def _prune(connection: Connection, admin_id: int, *, at_ms: int) -> None:
    """Takes out what can never be used again, and the oldest of too many."""
    tokens = login_tokens.c
    connection.execute(delete(login_tokens).where(tokens.refreshable_until_ms <= at_ms))
    kept = (
        select(tokens.family)
        .where(tokens.admin_id == admin_id)
        .group_by(tokens.family)
        .order_by(func.max(tokens.issued_at_ms).desc())
        .limit(LOGINS_PER_WALLET_MAX - 1)
    )
    connection.execute(
        delete(login_tokens).where(tokens.admin_id == admin_id, tokens.family.not_in(kept.scalar_subquery()))
    )


def _digest(text: str) -> str:
    return sha256(text[:TEXT_LENGTH_MAX].encode(errors="replace")).hexdigest()
