"""Quotes and instructions for rows of a file: how anyone may check the venues' arithmetic and wire formats.

A row carries everything: accounts, amounts, the moment; the answer is one JSON line a row, `ok` or `error`.
A row that cannot be read, or of a venue that is not there, is an error line and never a crash.
Names no venue: what is special about one venue's rows, its `build_case` reads (see `CaseReader`).
"""

import gzip
import json
import zlib
from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import msgspec

from chimera import plugins
from chimera.domain.chain import Account, InstructionCall
from chimera.domain.errors import DecodeError
from chimera.domain.ids import Address, Slot
from chimera.domain.pool import Moment, QuoteRequest, SwapKind, SwapRequest
from chimera.domain.risk import Refusal
from chimera.onchain.keys import address_bytes
from chimera.ports.venue import Venue

Venues = Mapping[str, Venue[Any]]

FIRST_TO_SECOND = frozenset({"0_to_1", "a_to_b", "x_to_y", "coin_to_pc", "sell"})
SECOND_TO_FIRST = frozenset({"1_to_0", "b_to_a", "y_to_x", "pc_to_coin", "buy"})
ROW_BYTES_MAX = 4 * 1024 * 1024  # the largest known row, with a dozen tick arrays, has a tenth of it

EXACT_IN_FIELDS = ("amount_in", "minimum_amount_out")
EXACT_OUT_FIELDS = ("amount_out", "max_amount_in")


@runtime_checkable
class CaseReader(Protocol):
    """A venue whose instruction rows say other things than pool, user, accounts, direction and two amounts."""

    def build_case(self, ix: str, inputs: Mapping[str, Any]) -> InstructionCall:
        """The instruction; raises DecodeError, KeyError, TypeError or ValueError for a row it cannot read."""
        ...


@runtime_checkable
class QuoteCaseReader(Protocol):
    """A venue whose quote rows are an SDK's answers, which its own quotes, being what a trade does, need not be."""

    def quote_case(
        self, accounts: Mapping[str, Account], *, direction: str, kind: SwapKind, amount: int, moment: Moment
    ) -> tuple[int, int] | str:
        """(in, out) as the row's maker counts them, or why not; accounts by the row's names of them, numbered from 0
        where one name has several.

        Raises DecodeError, KeyError or ValueError for a row it cannot read.
        """
        ...


class AccountRow(msgspec.Struct, frozen=True):
    pubkey: str
    owner: str
    data_base64: str
    lamports: int = 0


class Environment(msgspec.Struct, frozen=True):
    unix_timestamp: int
    slot: int
    epoch: int


class QuoteRow(msgspec.Struct, frozen=True):
    venue: str
    kind: SwapKind
    direction: str
    amount: str | int
    env: Environment
    accounts: dict[str, AccountRow | list[AccountRow]]


class InstructionRow(msgspec.Struct, frozen=True):
    venue: str
    ix: str
    inputs: dict[str, Any]


def run_quote_cases(path: Path, venues: Venues | None = None) -> Iterator[str]:
    """A JSON line for each row of a .jsonl or .jsonl.gz file.

    {"id", "ok": {"amount_in", "amount_out"}} or {"id", "error"}. Amounts are decimal text, as they leave and reach
    the user's token accounts. All installed venues by default. Raises OSError for the file itself.
    """
    known = plugins.venues() if venues is None else venues
    yield from _run(path, lambda row: _quote(msgspec.convert(row, QuoteRow), known))


def run_instruction_cases(path: Path, venues: Venues | None = None) -> Iterator[str]:
    """A JSON line for each row: {"id", "program_id", "data_hex", "accounts": [{"pubkey", ...}]} or {"id", "error"}."""
    known = plugins.venues() if venues is None else venues
    yield from _run(path, lambda row: _instruction(msgspec.convert(row, InstructionRow), known))


def _run(path: Path, answer: Callable[[Any], dict[str, Any]]) -> Iterator[str]:
    for line in _lines(path):
        row_id: Any = None
        try:
            row = _row(line)
            row_id = row.get("id") if isinstance(row, dict) else None
            told = answer(row)
        except KeyError as error:
            told = {"error": f"missing: {error.args[0]}"}
        except (DecodeError, ValueError, TypeError, OverflowError, RecursionError) as error:
            told = {"error": str(error) or type(error).__name__}
        yield json.dumps({"id": row_id, **told})


def _lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    try:
        with gzip.open(path, "rb") if packed else path.open("rb") as rows:
            for line in rows:
                if line.strip():
                    yield line
    except (EOFError, zlib.error) as error:
        raise OSError(f"{path}: a torn archive: {error}") from error


def _row(line: bytes) -> Any:
    if len(line) > ROW_BYTES_MAX:
        raise ValueError(f"a row of {len(line)} bytes, at most {ROW_BYTES_MAX}")
    return json.loads(line)


def _quote(row: QuoteRow, venues: Venues) -> dict[str, Any]:
    venue = _venue(row.venue, venues)
    moment = Moment(row.env.unix_timestamp, Slot(row.env.slot), row.env.epoch)
    if isinstance(venue, QuoteCaseReader):
        by_role: dict[str, Account] = {}
        for role, known in row.accounts.items():
            if isinstance(known, AccountRow):
                by_role[role] = _account(known)
            else:
                by_role |= {f"{role}_{number}": _account(one) for number, one in enumerate(known)}
        told = venue.quote_case(
            by_role, direction=row.direction, kind=row.kind, amount=int(row.amount), moment=moment
        )
        return {"error": told} if isinstance(told, str) else _amounts(*told)
    accounts = [
        account
        for known in row.accounts.values()
        for account in (known if isinstance(known, list) else [known])
    ]
    by_address = {Address(account.pubkey): _account(account) for account in accounts}
    own = next((account for account in by_address.values() if venue.recognise(account)), None)
    if own is None:
        raise DecodeError(f"no pool of {row.venue} among the accounts")
    pool = venue.decode(own, slot=row.env.slot)
    folded: set[str] = set()
    while new := {  # again and again: an account may tell of others, as a bitmap tells of arrays
        role: address
        for role, address in venue.roles(pool).items()
        if role not in folded and address in by_address
    }:
        folded.update(new)
        for role, address in new.items():
            pool = venue.apply(pool, role, by_address[address], slot=row.env.slot)
    header = venue.header(pool)
    request = QuoteRequest(
        input_mint=_input_mint(row.direction, header.mint_a, header.mint_b),
        kind=row.kind,
        amount=int(row.amount),
    )
    quote = venue.quote(pool, request, moment)
    if isinstance(quote, Refusal):
        return {"error": str(quote)}
    return _amounts(quote.amount_in, quote.amount_out)


def _amounts(amount_in: int, amount_out: int) -> dict[str, Any]:
    return {"ok": {"amount_in": str(amount_in), "amount_out": str(amount_out)}}


def _instruction(row: InstructionRow, venues: Venues) -> dict[str, Any]:
    venue = _venue(row.venue, venues)
    call = (
        venue.build_case(row.ix, row.inputs) if isinstance(venue, CaseReader) else _build(venue, row.inputs)
    )
    return {
        "program_id": call.program,
        "data_hex": call.data.hex(),
        "accounts": [
            {"pubkey": meta.address, "is_signer": meta.is_signer, "is_writable": meta.is_writable}
            for meta in call.accounts
        ],
    }


def _build(venue: Venue[Any], inputs: Mapping[str, Any]) -> InstructionCall:
    account = Account(_address(inputs["pool"]), venue.program, 0, _bytes(inputs["pool_data_base64"]))
    pool = venue.decode(account, slot=0)
    header = venue.header(pool)
    exact_in = EXACT_IN_FIELDS[1] in inputs
    exact, limit = EXACT_IN_FIELDS if exact_in else EXACT_OUT_FIELDS
    request = SwapRequest(
        kind=SwapKind.EXACT_IN if exact_in else SwapKind.EXACT_OUT,
        input_mint=_input_mint(inputs["direction"], header.mint_a, header.mint_b),
        amount=int(inputs[exact]),
        limit=int(inputs[limit]),
        user=_address(inputs["user"]),
        user_input_account=_address(inputs["user_token_in"]),
        user_output_account=_address(inputs["user_token_out"]),
    )
    return venue.build(pool, request)


def _venue(name: str, venues: Venues) -> Venue[Any]:
    """The venue of that name, or the one that says rows may call it so (`also_called`)."""
    venue = venues.get(name)
    if venue is None:
        venue = next((known for known in venues.values() if name in getattr(known, "also_called", ())), None)
    if venue is None:
        raise DecodeError(f"unknown venue {name!r}; known: {', '.join(sorted(venues))}")
    return venue


def _input_mint(direction: str, mint_a: Address, mint_b: Address) -> Address:
    if direction in FIRST_TO_SECOND:
        return mint_a
    if direction in SECOND_TO_FIRST:
        return mint_b
    raise DecodeError(f"unknown direction {direction!r}")


def _account(row: AccountRow) -> Account:
    return Account(Address(row.pubkey), Address(row.owner), row.lamports, _bytes(row.data_base64))


def _address(text: Any) -> Address:
    address = Address(str(text))
    address_bytes(address)  # raises for what is none
    return address


def _bytes(text: str) -> bytes:
    return b64decode(text, validate=True)
