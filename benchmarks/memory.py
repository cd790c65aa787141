"""Memory of the market view with 50,000 pools, by venue, beside the bare bytes of their accounts in a dict.

Pools are clones of the embedded world's: every address that belongs to one pool alone is replaced by a new one,
in all of its accounts; mints and configurations are shared, as on mainnet. Each venue in a process of its own, so
that one's garbage is not another's. Counted are complete pools, which quote.
Run: .venv/bin/python benchmarks/memory.py [pools]
"""

import gc
import hashlib
import multiprocessing
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from chimera.domain.chain import Account, AccountUpdate
from chimera.domain.ids import Address, Slot
from chimera.localnet.genesis import genesis
from chimera.market.view import MarketView, Pool
from chimera.onchain.keys import address_bytes, address_text
from chimera.plugins import venues
from chimera.ports.venue import MintTeller

POOLS = int(sys.argv[1]) if len(sys.argv) > 1 and __name__ == "__main__" else 50_000
SEED = 7


def known() -> tuple[MarketView, dict[Address, Account]]:
    view, accounts = MarketView(venues()), {}
    for slot in (5, 6):
        for found in genesis(SEED).accounts:
            account = Account(found.address, found.owner, found.lamports, bytes(found.data))
            accounts[found.address] = account
            view.apply(AccountUpdate(account, Slot(slot), slot), slot)
    return view, accounts


def own_accounts(pool: Pool) -> list[Address]:
    """Addresses of which every pool has its own."""
    roles = pool.venue.roles(pool.state)
    return list(dict.fromkeys(a for role, a in roles.items() if "mint" not in role and "config" not in role))


def clone(pool: Pool, own: list[Address], accounts: dict[Address, Account], number: int) -> Iterator[Account]:
    """The pool's accounts at new addresses."""
    new = {a: hashlib.sha256(f"{number} {a}".encode()).digest() for a in own}
    for address in own:
        if (known := accounts.get(address)) is None:
            continue  # a sparse one that is not there
        data = known.data
        for old, fresh in new.items():
            data = data.replace(address_bytes(old), fresh)
        yield Account(address_text(new[address]), known.owner, known.lamports, data)


def rss() -> int:
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def measure(venue: str, count: int, kind: str) -> tuple[int, int, int, float]:
    """(complete pools, accounts, bytes grown, seconds) of `count` pools; kind: view, raw or bytes."""
    base, accounts = known()
    pool = next(found for found in base.pools.values() if found.venue.name == venue)
    own = own_accounts(pool)
    view = MarketView(venues(), keep_raw=kind == "raw")
    shared = [accounts[a] for a in base.accounts_of(pool.header.address) if a not in own and a in accounts]
    for account in shared:
        view.apply(AccountUpdate(account, Slot(5), 5), 5)
    bare: dict[Address, bytes] = {}
    kept = 0
    before, began = rss(), time.perf_counter()
    for number in range(count):
        made = list(clone(pool, own, accounts, number))
        kept += len(made)
        if kind == "bytes":
            bare |= {account.address: account.data for account in made}
            continue
        if isinstance(pool.venue, MintTeller):
            view.tell_mints({made[0].address: pool.header.mint_a}, 5)
        for account in made:
            view.apply(AccountUpdate(account, Slot(6), 6), 6)
        if number < 2:  # as a node is asked; from the second pool on the view has what is shared by itself
            for account in shared:
                view.apply(AccountUpdate(account, Slot(6), 7 + number), 6)
    took = time.perf_counter() - began
    complete = sum(found.complete for found in view.pools.values()) if kind != "bytes" else count
    return complete, kept, rss() - before, took


def told(venue: str, count: int, kind: str, pipe: "multiprocessing.connection.Connection") -> None:
    pipe.send(measure(venue, count, kind))


def apart(venue: str, count: int, kind: str) -> tuple[int, int, int, float]:
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=told, args=(venue, count, kind, theirs))
    process.start()
    theirs.close()
    try:
        found: tuple[int, int, int, float] = ours.recv()
    except EOFError:
        raise SystemExit(f"{venue}: no answer") from None
    process.join()
    return found


def main() -> None:
    base, _ = known()
    names = sorted({pool.venue.name for pool in base.pools.values()})
    each = POOLS // len(names)
    print(f"{POOLS} pools, {each} of each venue; KiB a pool, and the ratio to the bare bytes")
    sums = {"bytes": 0, "view": 0, "raw": 0}
    for venue in names:
        found = {kind: apart(venue, each, kind) for kind in sums}
        complete, accounts, _, took = found["view"]
        for kind in sums:
            sums[kind] += found[kind][2]
        kib = {kind: max(1, found[kind][2]) / each / 1024 for kind in sums}
        print(
            f"{venue:16} {complete:6} complete, {accounts / each:4.1f} accounts each   bytes {kib['bytes']:6.2f}   "
            f"view {kib['view']:6.2f} ({kib['view'] / kib['bytes']:.2f})   "
            f"with raw accounts {kib['raw']:6.2f} ({kib['raw'] / kib['bytes']:.2f})   {took / each * 1e6:.0f} us each"
        )
    mib = {kind: size / 2**20 for kind, size in sums.items()}
    print(
        f"together: bytes {mib['bytes']:.0f} MiB, view {mib['view']:.0f} MiB ({mib['view'] / mib['bytes']:.2f}), "
        f"with raw accounts {mib['raw']:.0f} MiB ({mib['raw'] / mib['bytes']:.2f})"
    )


if __name__ == "__main__":
    main()
