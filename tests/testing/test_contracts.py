"""The contracts hold for what we ship, and each promise that is broken on purpose is noticed."""

import gzip
import json
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from solders.keypair import Keypair

from chimera import plugins
from chimera.domain.chain import Account
from chimera.domain.ids import Address, Slot
from chimera.domain.pool import Moment, Quote
from chimera.testing.contracts import PoolSample, check_signer, check_venue, sample

VECTORS = Path(__file__).parents[1] / "vectors" / "own" / "raydium_cpmm.jsonl.gz"
VENUE: Any = plugins.venues()["raydium_cpmm"]


def read_samples(count: int) -> list[PoolSample]:
    if not VECTORS.exists():
        pytest.skip(f"{VECTORS.name} is not there")
    found: dict[Address, PoolSample] = {}
    with gzip.open(VECTORS) as lines:
        for row in map(json.loads, lines):
            if "ok" not in row["expect"]:
                continue
            accounts = [
                Account(
                    Address(known["pubkey"]),
                    Address(known["owner"]),
                    known["lamports"],
                    b64decode(known["data_base64"]),
                )
                for known in row["accounts"].values()
            ]
            pool = next(account for account in accounts if VENUE.recognise(account)).address
            env = row["env"]
            found.setdefault(
                pool, sample(accounts, pool, Moment(env["unix_timestamp"], Slot(env["slot"]), env["epoch"]))
            )
            if len(found) == count:
                break
    return list(found.values())


class Altered:
    """The venue with one method replaced; the replacement gets the real one first."""

    def __init__(self, method: str, replacement: Callable[..., Any]) -> None:
        self._method, self._replacement = method, replacement

    def __getattr__(self, name: str) -> Any:
        real = getattr(VENUE, name)
        return (lambda *args, **kw: self._replacement(real, *args, **kw)) if name == self._method else real


def with_quote(change: Callable[[Quote], Quote]) -> Callable[..., Any]:
    def quote(real: Any, *args: Any) -> Any:
        answer = real(*args)
        return change(answer) if isinstance(answer, Quote) else answer

    return quote


replace = msgspec.structs.replace

BROKEN: list[tuple[str, Callable[..., Any], str]] = [
    ("recognise", lambda real, account: True, "another program"),
    ("recognise", lambda real, account: False, "not recognised"),
    ("header", lambda real, pool: replace(real(pool), venue="other"), "header says"),
    ("missing", lambda real, pool: ("vault_0",), "still missing"),
    ("roles", lambda real, pool: {"vault_0": pool.state.vault_0}, "role `pool`"),
    ("apply", lambda real, pool, role, account, slot: pool, "missing"),
    (
        "decode",
        lambda real, account, slot: real(account, slot=slot) if account.data[:1] else None,
        "without complaint",
    ),
    ("quote", with_quote(lambda quote: replace(quote, amount_in=quote.amount_in + 1)), "than asked"),
    ("quote", with_quote(lambda quote: replace(quote, amount_out=2**63)), "more than there is"),
    ("quote", with_quote(lambda quote: replace(quote, price_impact_bps=-1)), "negative price impact"),
    ("quote", with_quote(lambda quote: replace(quote, slot=Slot(quote.slot + 1))), "from the future"),
    ("quote", with_quote(lambda quote: replace(quote, output_mint=quote.input_mint)), "wrong mints"),
    (
        "quote",
        with_quote(lambda quote: replace(quote, amount_out=max(0, 10**6 - quote.amount_in))),
        "less out",
    ),
    ("reserves", lambda real, pool: None, "reserves"),
    ("token_program", lambda real, pool, mint: None, "token program"),
    ("build", lambda real, pool, request: replace(real(pool, request), data=b""), "data"),
    ("build", lambda real, pool, request: replace(real(pool, request), data=b"same"), "amount is not in"),
    ("build", lambda real, pool, request: replace(real(pool, request), accounts=()), "pool is not among"),
]


def test_every_pool_of_the_recorded_venue_keeps_the_contract() -> None:
    check_venue(VENUE, read_samples(30))


@pytest.mark.parametrize(("method", "replacement", "complaint"), BROKEN)
def test_a_broken_promise_is_noticed(method: str, replacement: Callable[..., Any], complaint: str) -> None:
    with pytest.raises(AssertionError, match=complaint):
        check_venue(Altered(method, replacement), read_samples(1))


def test_a_venue_is_not_checked_without_pools() -> None:
    with pytest.raises(AssertionError, match="no pools"):
        check_venue(VENUE, [])


class PlainSigner:
    def __init__(self) -> None:
        self._keypair = Keypair.from_seed(bytes(range(32)))

    @property
    def address(self) -> Address:
        return Address(str(self._keypair.pubkey()))

    def sign(self, message: bytes) -> bytes:
        return bytes(self._keypair.sign_message(message))


def test_a_signer_that_signs_passes() -> None:
    check_signer(PlainSigner(), [b"", b"message", bytes(1_232)])


class WrongKey(PlainSigner):
    def sign(self, message: bytes) -> bytes:
        return bytes(Keypair.from_seed(bytes(32)).sign_message(message))


class TalkativeSigner(PlainSigner):
    def export_key(self) -> bytes:
        return b""


@pytest.mark.parametrize(
    ("signer", "complaint"), [(WrongKey(), "does not verify"), (TalkativeSigner(), "get a key out")]
)
def test_a_signer_that_breaks_its_promise_is_noticed(signer: PlainSigner, complaint: str) -> None:
    with pytest.raises(AssertionError, match=complaint):
        check_signer(signer, [b"message"])
