"""What Jupiter's swap API answers, read and held against what it was asked.

No I/O. Raises Garbled for whatever cannot be read or does not answer the question: an aggregator's answer ends up in
a transaction that we sign, so it is believed only as far as it can be checked here; the simulation gate sees the rest.
Source: the API reference of Swap v1 (`/quote`, `/swap-instructions`) at https://dev.jup.ag.
"""

import base64

import msgspec

from chimera.domain.chain import AccountMeta, InstructionCall
from chimera.domain.errors import DecodeError, Garbled
from chimera.domain.ids import ATA_PROGRAM, Address, Slot
from chimera.domain.pool import SwapKind
from chimera.domain.units import U64_MAX
from chimera.onchain.keys import address_bytes
from chimera.ports.services import RouteCalls, RouteQuote, RouteRequest

WHO = "jupiter"
PROGRAM = Address("JUP6LkbZbjS1jKKwapdHNy74zcZ3tLUZoi5QNyVTaV4")
"""The aggregator: what a swap may call."""

NO_ROUTE = frozenset(
    {
        "COULD_NOT_FIND_ANY_ROUTE",
        "NO_ROUTES_FOUND",
        "TOKEN_NOT_TRADABLE",
        "ROUTE_PLAN_DOES_NOT_CONSUME_ALL_THE_AMOUNT",
        "CANNOT_COMPUTE_OTHER_AMOUNT_THRESHOLD",
        "MARKET_NOT_FOUND",
    }
)
"""Error codes that say something of the market and nothing of the question or of us."""

MODES = {SwapKind.EXACT_IN: "ExactIn", SwapKind.EXACT_OUT: "ExactOut"}
BPS = 10_000
TABLES_MAX, CALLS_MAX = 16, 16
OWNER_AT = 2  # of a token account's creation: who will own it


class WireHop(msgspec.Struct, rename="camel"):
    amm_key: str
    label: str = ""


class WireStep(msgspec.Struct, rename="camel"):
    swap_info: WireHop


class WireQuote(msgspec.Struct, rename="camel"):
    input_mint: str
    output_mint: str
    in_amount: str
    out_amount: str
    other_amount_threshold: str
    swap_mode: str
    slippage_bps: int
    route_plan: list[WireStep]
    context_slot: int


class WireMeta(msgspec.Struct, rename="camel"):
    pubkey: str
    is_signer: bool
    is_writable: bool


class WireCall(msgspec.Struct, rename="camel"):
    program_id: str
    accounts: list[WireMeta]
    data: str


class WireCalls(msgspec.Struct, rename="camel"):
    swap_instruction: WireCall
    setup_instructions: list[WireCall] = []
    cleanup_instruction: WireCall | None = None
    token_ledger_instruction: WireCall | None = None
    other_instructions: list[WireCall] | None = None
    address_lookup_table_addresses: list[str] | None = None


class WireError(msgspec.Struct, rename="camel"):
    error: str = ""
    error_code: str = ""
    code: int | None = None
    message: str = ""


def query(request: RouteRequest, *, accounts_max: int) -> dict[str, str]:
    return {
        "inputMint": request.input_mint,
        "outputMint": request.output_mint,
        "amount": str(request.amount),
        "slippageBps": str(request.slippage_bps),
        "swapMode": MODES[request.kind],
        "restrictIntermediateTokens": "true",
        "maxAccounts": str(accounts_max),
    }


def read_quote(body: bytes, request: RouteRequest, *, asked_at_s: float) -> RouteQuote:
    try:
        told = msgspec.json.decode(body, type=WireQuote)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Garbled(WHO, f"quote: {error}") from None
    asked = (request.input_mint, request.output_mint, MODES[request.kind], request.slippage_bps)
    if (told.input_mint, told.output_mint, told.swap_mode, told.slippage_bps) != asked:
        raise Garbled(WHO, "quote: an answer to another question")
    amount_in, amount_out = _u64(told.in_amount), _u64(told.out_amount)
    limit = _u64(told.other_amount_threshold)
    exact_in = request.kind is SwapKind.EXACT_IN
    if (amount_in if exact_in else amount_out) != request.amount:
        raise Garbled(WHO, f"quote: {amount_in} for {amount_out}, asked for {request.amount}")
    if not (amount_in and amount_out and told.route_plan and 0 <= told.context_slot <= U64_MAX):
        raise Garbled(WHO, "quote: an empty route")
    # Whoever rounds, it is by one unit; a limit further off than the slippage would let more be taken than allowed.
    if exact_in:
        fits = amount_out * (BPS - request.slippage_bps) // BPS - 1 <= limit <= amount_out
    else:
        fits = amount_in <= limit <= amount_in * (BPS + request.slippage_bps) // BPS + 1
    if not fits:
        raise Garbled(WHO, f"quote: a limit of {limit} for {amount_in} in and {amount_out} out")
    hops = tuple(step.swap_info.label or step.swap_info.amm_key for step in told.route_plan)
    return RouteQuote(
        request=request,
        amount_in=amount_in,
        amount_out=amount_out,
        limit=limit,
        slot=Slot(told.context_slot),
        hops=hops,
        asked_at_s=asked_at_s,
        answer=body,
    )


def question(quote: RouteQuote, *, user: Address) -> bytes:
    """The body that asks for a quote's instructions; wrapping SOL is left to us, so nothing moves lamports."""
    return msgspec.json.encode(
        {"userPublicKey": user, "wrapAndUnwrapSol": False, "quoteResponse": msgspec.Raw(quote.answer)}
    )


def read_calls(body: bytes, quote: RouteQuote, *, user: Address) -> RouteCalls:
    """The route. Anything that was not asked for, or that another than the user would sign, is Garbled."""
    try:
        told = msgspec.json.decode(body, type=WireCalls)
        setup = tuple(map(_call, told.setup_instructions[: CALLS_MAX + 1]))
        swap = _call(told.swap_instruction)
        tables = tuple(map(_address, told.address_lookup_table_addresses or ()))
    except (msgspec.DecodeError, UnicodeDecodeError, DecodeError, ValueError) as error:
        raise Garbled(WHO, f"instructions: {error}") from None
    if told.cleanup_instruction or told.token_ledger_instruction or told.other_instructions:
        raise Garbled(WHO, "instructions: some that were not asked for")
    if swap.program != PROGRAM:
        raise Garbled(WHO, f"instructions: a swap by {swap.program}")
    if len(setup) > CALLS_MAX or len(tables) > TABLES_MAX:
        raise Garbled(WHO, f"instructions: {len(setup)} to begin with, {len(tables)} lookup tables")
    for call in setup:
        # 0 and nothing are `create`, 1 is `create_idempotent`; there is also one that empties nested accounts.
        if call.program != ATA_PROGRAM or call.data not in (b"", b"\0", b"\1"):
            raise Garbled(WHO, f"instructions: to begin with, {call.program} {call.data[:16].hex()}")
    signers = {meta.address for call in (*setup, swap) for meta in call.accounts if meta.is_signer}
    if not signers <= {user} or user not in {meta.address for meta in swap.accounts}:
        raise Garbled(WHO, f"instructions: signed by {', '.join(sorted(signers)) or 'nobody'}")
    if any(len(call.accounts) < 6 or call.accounts[OWNER_AT].address != user for call in setup):
        raise Garbled(WHO, "instructions: a token account for somebody else")
    # The older kinds of route name the output's mint only.
    if quote.request.output_mint not in {meta.address for meta in swap.accounts}:
        raise Garbled(WHO, "instructions: for another token")
    return RouteCalls(setup=setup, swap=swap, lookup_tables=tables)


def read_error(body: bytes) -> WireError:
    """What a refusal says; nothing where it is no JSON of the known shape."""
    try:
        return msgspec.json.decode(body, type=WireError)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return WireError()


def _call(wire: WireCall) -> InstructionCall:
    accounts = tuple(
        AccountMeta(_address(meta.pubkey), is_signer=meta.is_signer, is_writable=meta.is_writable)
        for meta in wire.accounts
    )
    return InstructionCall(_address(wire.program_id), accounts, base64.b64decode(wire.data, validate=True))


def _address(text: str) -> Address:
    address = Address(text)
    address_bytes(address)  # raises DecodeError for what is none
    return address


def _u64(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 20 and int(text) <= U64_MAX):
        raise Garbled(WHO, f"quote: an amount of {text[:40]!r}")
    return int(text)
