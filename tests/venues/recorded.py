"""Recorded cases for venue tests: read, answered, turned into pools, and their accounts torn."""

import gzip
import json
from base64 import b64decode
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest

from chimera.cases import run_instruction_cases, run_quote_cases
from chimera.domain.chain import Account
from chimera.domain.errors import DecodeError
from chimera.domain.ids import SYSTEM_PROGRAM, Address, Slot
from chimera.domain.pool import Moment, Quote, QuoteRequest, SwapKind
from chimera.domain.risk import Refusal
from chimera.testing.contracts import PoolSample, fold, sample

OWN = Path(__file__).parents[1] / "vectors" / "own"
SHARED = Path(__file__).parents[3] / "shared" / "vectors"


def read_rows(path: Path, count: int) -> list[dict[str, Any]]:
    """The file's rows; skips the test by name where the file is not here."""
    if not path.exists():
        pytest.skip(f"{count} cases of ../shared/vectors/{path.parent.name}/{path.name} are not here")
    data = path.read_bytes()
    lines = (gzip.decompress(data) if path.suffix == ".gz" else data).splitlines()
    rows = [json.loads(line) for line in lines]
    assert len(rows) == count
    return rows


def check_quotes(path: Path, count: int) -> None:
    rows = read_rows(path, count)
    for row, line in zip(rows, run_quote_cases(path), strict=True):
        answer = json.loads(line)
        assert answer["id"] == row["id"]
        assert answer.get("ok") == row["expect"].get("ok"), (row["id"], row["tag"], answer, row["expect"])
        assert ("error" in answer) is ("error" in row["expect"]), (row["id"], row["tag"], answer)


def check_instructions(path: Path, count: int) -> None:
    rows = read_rows(path, count)
    for row, line in zip(rows, run_instruction_cases(path), strict=True):
        assert json.loads(line) == {"id": row["id"], **row["expect"]}


def row_accounts(row: dict[str, Any]) -> list[Account]:
    """A row's accounts; those that it says do not exist, as a node would show them: empty."""
    flat = [
        known
        for value in row["accounts"].values()
        for known in (value if isinstance(value, list) else [value])
    ]
    found = [
        Account(Address(k["pubkey"]), Address(k["owner"]), k["lamports"], b64decode(k["data_base64"]))
        for k in flat
    ]
    absent = [known["pubkey"] for known in row.get("tick_array_addresses", ()) if not known["exists"]]
    return found + [Account(Address(address), SYSTEM_PROGRAM, 0, b"") for address in absent]


def row_moment(row: dict[str, Any]) -> Moment:
    env = row["env"]
    return Moment(env["unix_timestamp"], Slot(env["slot"]), env["epoch"])


def samples(venue: Any, path: Path, *, answered: bool = True) -> list[PoolSample]:
    """Every pool of the file once, as it lay on chain."""
    found: dict[Address, PoolSample] = {}
    with gzip.open(path) as lines:
        for row in map(json.loads, lines):
            if answered and "ok" not in row["expect"]:
                continue
            accounts = row_accounts(row)
            pool = next(account for account in accounts if venue.recognise(account)).address
            found.setdefault(pool, sample(accounts, pool, row_moment(row)))
    return list(found.values())


def complete(venue: Any, known: PoolSample) -> Any:
    """The sample's pool with all its accounts folded in."""
    slot = int(known.moment.slot)
    bare = venue.decode(known.accounts[known.pool], slot=slot)
    return fold(venue, bare, venue.roles(bare), known, slot)


def torn(data: bytes, chance: Random) -> bytes:
    """The bytes, damaged: bits turned, words replaced by extremes, cut, grown."""
    made = bytearray(data)
    for _ in range(chance.randrange(1, 5)):
        match chance.randrange(4):
            case 0 if made:
                made[chance.randrange(len(made))] ^= 1 << chance.randrange(8)
            case 1 if len(made) > 8:
                at = chance.randrange(len(made) - 8)
                made[at : at + 8] = chance.choice((bytes(8), b"\xff" * 8, chance.randbytes(8)))
            case 2 if chance.random() < 0.3:
                del made[chance.randrange(len(made) + 1) :]
            case 3 if chance.random() < 0.3:
                made += chance.randbytes(chance.randrange(1, 64))
    return bytes(made)


def check_torn_accounts(venue: Any, known: list[PoolSample], *, seed: int, rounds: int) -> None:
    """Whatever the accounts say, the venue reads it or raises DecodeError, and quotes or refuses."""
    chance, quoted = Random(seed), 0
    for _ in range(rounds):
        one = chance.choice(known)
        roles = venue.roles(complete(venue, one))
        victim = one.accounts[chance.choice([a for a in roles.values() if a in one.accounts])]
        damaged = msgspec.structs.replace(victim, data=torn(victim.data, chance))
        accounts = {**one.accounts, victim.address: damaged}
        try:
            pool = complete(venue, msgspec.structs.replace(one, accounts=accounts))
        except DecodeError:
            continue
        header = venue.header(pool)
        request = QuoteRequest(
            input_mint=chance.choice((header.mint_a, header.mint_b)),
            kind=chance.choice(list(SwapKind)),
            amount=chance.choice((1, 1_000, 10**9, 2**64 - 1)),
        )
        answer = venue.quote(pool, request, one.moment)
        assert isinstance(answer, Quote | Refusal)
        if isinstance(answer, Quote):
            quoted += 1
            assert 0 < answer.amount_in < 2**64 and 0 <= answer.amount_out < 2**64
            assert answer.price_impact_bps >= 0
    assert quoted > rounds // 20, "hardly any torn pool still quotes: the fuzz has lost its teeth"
