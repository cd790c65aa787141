"""Anatomies of what a node or a file holds: fetches, hands over, and asks for what a pool is made of."""

from pathlib import Path

import msgspec

from chimera.adapters.chain_files import read_chain_file
from chimera.adapters.rpc import RpcChain, RpcOptions
from chimera.domain.chain import Account, Commitment
from chimera.domain.errors import ConfigError, DecodeError, Garbled
from chimera.domain.ids import Address, Signature
from chimera.market.anatomy import Anatomy, TransactionAnatomy, dissect, dissect_role, dissect_transaction
from chimera.onchain.keys import base58_decode
from chimera.plugins import venues
from chimera.ports.venue import MintTeller, Venue

ADDRESS_BYTES, SIGNATURE_BYTES = 32, 64
SIGNATURES_ASKED = 20


class Inspection(msgspec.Struct, frozen=True):
    """A transaction, or an account and, of a pool on a node, the accounts that it is made of."""

    transaction: TransactionAnatomy | None = None
    accounts: tuple[Anatomy, ...] = ()

    @property
    def understood(self) -> bool:
        whole = self.transaction is None or self.transaction.understood
        return whole and all(account.understood for account in self.accounts)


def inspect_file(path: Path, *, owner: str | None, address: str | None) -> Inspection:
    """Raises ConfigError for a file that holds neither."""
    read = read_chain_file(
        path, owner=Address(owner) if owner else None, address=Address(address) if address else None
    )
    if not isinstance(read, Account):
        return Inspection(transaction=dissect_transaction(read, venues()))
    if owner is None and not any(venue.program == read.owner for venue in venues().values()):
        read = _guessed(read)
    return Inspection(accounts=(dissect(read, venues()),))


def _guessed(account: Account) -> Account:
    """Bytes do not say whose they are: the first venue that knows them is taken for the owner."""
    for venue in venues().values():
        theirs = msgspec.structs.replace(account, owner=venue.program)
        if venue.recognise(theirs):
            return theirs
    return account


async def inspect_chain(what: str, url: str) -> Inspection:
    """Raises ConfigError where it is neither an address nor a signature, or is not on the chain."""
    try:
        size = len(base58_decode(what))
    except DecodeError:
        size = 0
    async with RpcChain(url, who="node", options=RpcOptions(timeout_s=10.0)) as chain:
        if size == SIGNATURE_BYTES:
            transaction = await chain.transaction(Signature(what))
            if transaction is None:
                raise ConfigError(f"{what}: the node knows no such transaction")
            return Inspection(transaction=dissect_transaction(transaction, venues()))
        if size != ADDRESS_BYTES:
            raise ConfigError(f"{what}: no file, and neither an address nor a signature")
        _, (account,) = await chain.accounts([Address(what)], commitment=Commitment.CONFIRMED)
        if account is None:
            raise ConfigError(f"{what}: there is no such account")
        venue = next((v for v in venues().values() if v.recognise(account)), None)
        mint = await _mint_of(chain, venue, account) if venue is not None else None
        own = dissect(account, venues(), mint=mint)
        if venue is None or not own.understood:
            return Inspection(accounts=(own,))
        others = [address for role, address in own.roles.items() if role != "pool"]
        _, found = await chain.accounts(others, commitment=Commitment.CONFIRMED) if others else (0, ())
        return Inspection(accounts=(own, *_parts(venue, account, own, mint, found)))


async def _mint_of(chain: RpcChain, venue: Venue[object], account: Account) -> Address | None:
    """From the pool's latest transactions, where its account does not say it."""
    if not isinstance(venue, MintTeller):
        return None
    try:
        found = await chain.signatures_of(account.address, after_slot=0, pages_max=1)
    except Garbled:
        return None  # more than a page: too busy a pool to look back through
    for seen in found[-SIGNATURES_ASKED:]:
        transaction = await chain.transaction(seen.signature)
        if transaction is not None and account.address in (told := venue.mints(transaction)):
            return told[account.address]
    return None


def _parts(
    venue: Venue[object],
    account: Account,
    own: Anatomy,
    mint: Address | None,
    found: tuple[Account | None, ...],
) -> list[Anatomy]:
    pool = venue.decode(account, slot=0)
    if isinstance(venue, MintTeller) and mint is not None:
        pool = venue.with_mint(pool, mint)
    by_address = {one.address: one for one in found if one is not None}
    parts = []
    for role, address in own.roles.items():
        if role == "pool":
            continue
        one = by_address.get(address)
        if one is None:
            trouble = "not on the chain"
            parts.append(Anatomy(address, Address(""), 0, f"{venue.name} {role}", trouble=trouble))
            continue
        parts.append(dissect_role(venue, pool, role, one))
        try:  # some roles can be read only after others
            pool = venue.apply(pool, role, one, slot=1)
        except DecodeError:
            continue
    return parts
