"""What every plugin and adapter of a kind must keep, as functions that raise AssertionError with the broken promise.

A plugin's own test is one call: `check_venue(VENUE, samples)`. Third parties use the same functions.
Must not know any concrete plugin.
"""

import ast
import inspect
import re
import sys
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, get_args

import msgspec

from chimera.domain.chain import Account, InstructionCall
from chimera.domain.errors import DecodeError
from chimera.domain.ids import SYSTEM_PROGRAM, Address
from chimera.domain.intent import TradeIntent
from chimera.domain.messages import SignalDropped, StrategyDecided
from chimera.domain.pool import Moment, Quote, QuoteRequest, SwapKind, SwapRequest
from chimera.domain.risk import Refusal
from chimera.domain.units import BPS, U64_MAX
from chimera.onchain.keys import address_bytes
from chimera.ports.signer import Signer
from chimera.ports.strategy import Strategy
from chimera.ports.venue import MintTeller, Venue
from chimera.testing.rehearsal import Rehearsal, Scene

AMOUNTS = (1, 2, 7, 1_000, 999_983, 10**7 + 1, 10**9, 3 * 10**11 + 5, 10**14, U64_MAX)
"""Base units to quote: dust, ordinary and absurd, in rising order."""

LIFE_MS_MAX = 600_000  # an intent that lives longer was made for another market

USER = Address("9WzDXwBbmkg8ZTbNMqUxvQRAyrZzDsGYdLVL9zYtAWWM")
USER_INPUT = Address("4fYNw3dojWmQ4dXtSGE9epjRGy9pFSx62YypT7avPYvA")
USER_OUTPUT = Address("3UVYmECPPMZSCqWKfENfuoTv51fTDTWicX9xmBD2euKe")
"""Any three addresses that no pool has among its own."""


class PoolSample(msgspec.Struct, frozen=True):
    """A pool as it lay on chain, complete: the venue must be able to quote it."""

    pool: Address
    accounts: Mapping[Address, Account]
    """By address, the pool's own among them; more than needed does no harm."""
    moment: Moment


def check_venue(venue: Venue[Any], samples: Iterable[PoolSample], *, one_formula: bool = True) -> None:
    """Raises AssertionError where the venue breaks a promise of ports.venue on one of the samples.

    One formula: paying what an exact-out quote asks for gives at least that much. Not where each kind is an
    instruction of its own, with roundings of its own.
    """
    expect(bool(re.fullmatch(r"[a-z][a-z0-9_]*", venue.name)), f"{venue.name!r} is no module name")
    address_bytes(venue.program)
    expect(bool(venue.prefilter.accounts or venue.prefilter.transactions), "it wants nothing streamed")
    seen = 0
    for sample in samples:
        seen += 1
        check_recognition(venue, sample)
        pool = check_folding(venue, sample)
        check_garbage(venue, sample, pool)
        header = venue.header(pool)
        for input_mint in (header.mint_a, header.mint_b):
            check_quotes(venue, sample, pool, input_mint, one_formula=one_formula)
            check_building(venue, pool, input_mint)
    expect(seen > 0, "no pools to check it with")


def check_recognition(venue: Venue[Any], sample: PoolSample) -> None:
    """A pool is known by owner and bytes, and the stream filter lets it through."""
    own = sample.accounts[sample.pool]
    expect(venue.recognise(own), f"{sample.pool} is not recognised")
    strange = msgspec.structs.replace(own, owner=SYSTEM_PROGRAM)
    expect(not venue.recognise(strange), "an account of another program is taken for a pool")
    expect(
        not venue.recognise(msgspec.structs.replace(own, data=b"")), "an empty account is taken for a pool"
    )
    expect(
        any(
            wanted.owner == own.owner
            and wanted.data_size in {None, len(own.data)}
            and all(own.data[at : at + len(part)] == part for at, part in wanted.memcmp)
            for wanted in venue.prefilter.accounts
        ),
        f"the prefilter would not let {sample.pool} through",
    )


def check_folding(venue: Venue[Any], sample: PoolSample) -> Any:
    """The complete pool. Accounts may come in any order and again, and old news changes nothing."""
    slot = int(sample.moment.slot)
    bare = named(venue, venue.decode(sample.accounts[sample.pool], slot=slot), sample)
    header = venue.header(bare)
    expect(header.venue == venue.name, f"its header says {header.venue}")
    expect(header.address == sample.pool, "its header has another address")
    expect(header.mint_a != header.mint_b, "it trades a mint against itself")
    roles = venue.roles(bare)
    expect(roles.get("pool") == sample.pool, "the pool's own account must have the role `pool`")
    expect(set(venue.missing(bare)) <= set(roles), "roles are missing that do not exist")
    if venue.missing(bare):
        request = QuoteRequest(input_mint=header.mint_a, kind=SwapKind.EXACT_IN, amount=1_000)
        expect(isinstance(venue.quote(bare, request, sample.moment), Refusal), "an incomplete pool quotes")
    pool = fold(venue, bare, roles, sample, slot)
    expect(not venue.missing(pool), f"still missing {venue.missing(pool)} with all accounts folded")
    backwards = fold(venue, bare, dict(reversed(list(roles.items()))), sample, slot)
    expect(backwards == pool, "the order in which accounts arrive makes a difference")
    expect(fold(venue, pool, roles, sample, slot) == pool, "the same news twice makes a difference")
    expect(fold(venue, pool, roles, sample, slot - 1) == pool, "older news than known makes a difference")
    expect(venue.header(pool) == header, "folding accounts changes the header")
    return pool


def named(venue: Venue[Any], pool: Any, sample: PoolSample) -> Any:
    """The pool with its mint, where only transactions tell it: the one among the sample's accounts that fits."""
    if not isinstance(venue, MintTeller):
        return pool
    for address in sample.accounts:
        try:
            return venue.with_mint(pool, address)
        except DecodeError:
            continue
    raise AssertionError(f"no account of the sample is the mint of {sample.pool}")


def fold(venue: Venue[Any], pool: Any, roles: Mapping[str, Address], sample: PoolSample, slot: int) -> Any:
    """The pool with every account of the sample applied that it has a role for.

    Also for roles that only show once others are known, as a bitmap tells of arrays.
    """
    folded: set[str] = set()
    while roles:
        for role, address in roles.items():
            if address in sample.accounts:
                pool = venue.apply(pool, role, sample.accounts[address], slot=slot)
        folded.update(roles)
        roles = {role: address for role, address in venue.roles(pool).items() if role not in folded}
    return pool


def check_garbage(venue: Venue[Any], sample: PoolSample, pool: Any) -> None:
    """What cannot be read is a DecodeError and nothing else."""
    slot = int(sample.moment.slot) + 1
    own = sample.accounts[sample.pool]
    for size in {0, 1, 7, 8, 40, len(own.data) // 2}:
        if size < len(own.data):
            cut = msgspec.structs.replace(own, data=own.data[:size])
            refuses_to_decode(f"a pool cut to {size} bytes", lambda cut=cut: venue.decode(cut, slot=slot))
    for role, address in venue.roles(pool).items():
        if address in sample.accounts:
            torn = msgspec.structs.replace(sample.accounts[address], data=b"\xff")
            refuses_to_decode(
                f"a torn {role}", lambda role=role, torn=torn: venue.apply(pool, role, torn, slot=slot)
            )
    refuses_to_decode("an unknown role", lambda: venue.apply(pool, "no such role", own, slot=slot))


def refuses_to_decode(what: str, call: Any) -> None:
    """Raises AssertionError unless the call raises DecodeError; any other exception goes through."""
    try:
        call()
    except DecodeError:
        return
    raise AssertionError(f"{what} is read without complaint")


def check_quotes(
    venue: Venue[Any], sample: PoolSample, pool: Any, input_mint: Address, *, one_formula: bool = True
) -> None:
    """Quotes are integers that never give more for less, and never more than there is."""
    header = venue.header(pool)
    output_mint = header.mint_b if input_mint == header.mint_a else header.mint_a
    known = venue.reserves(pool)
    expect(known is not None and min(known) >= 0, "a complete pool does not know its reserves")
    # Where liquidity lies between prices, reserves tell the price; what there is, such a venue says with `held`.
    held = getattr(venue, "held", venue.reserves)(pool)
    reserves = dict(zip((header.mint_a, header.mint_b), held or (0, 0), strict=True))
    for mint in (input_mint, output_mint):
        expect(venue.token_program(pool, mint) is not None, f"it does not know the token program of {mint}")
    answered = 0
    for kind in SwapKind:
        previous: Quote | None = None
        for amount in AMOUNTS:
            request = QuoteRequest(input_mint=input_mint, kind=kind, amount=amount)
            quote = venue.quote(pool, request, sample.moment)
            expect(quote == venue.quote(pool, request, sample.moment), "the same question has two answers")
            if isinstance(quote, Refusal):
                continue
            answered += 1
            told = f"{kind} {amount} of {sample.pool}: {quote}"
            expect((quote.input_mint, quote.output_mint) == (input_mint, output_mint), f"wrong mints: {told}")
            expect((quote.pool, quote.venue) == (sample.pool, venue.name), f"wrong pool: {told}")
            expect(0 < quote.amount_in <= U64_MAX and 0 <= quote.amount_out <= U64_MAX, f"no u64: {told}")
            expect(quote.amount_out <= reserves[output_mint], f"more than there is: {told}")
            expect(quote.price_impact_bps >= 0, f"a negative price impact: {told}")
            expect(0 <= quote.fee_in <= quote.amount_in and quote.fee_out >= 0, f"strange fees: {told}")
            expect(quote.slot <= sample.moment.slot, f"from the future: {told}")
            if kind is SwapKind.EXACT_IN:
                expect(quote.amount_in == amount, f"another amount than asked for: {told}")
            else:
                expect(quote.amount_out >= amount, f"less than asked for: {told}")
                if one_formula:
                    check_reverse(venue, sample, pool, quote)
            if previous is not None:
                expect(quote.amount_out >= previous.amount_out, f"more in gives less out: {told}")
                expect(quote.amount_in >= previous.amount_in, f"more out costs less: {told}")
            previous = quote
    expect(answered > 0, f"{sample.pool} quotes no amount at all")
    for amount in (0, -1, U64_MAX + 1):
        request = QuoteRequest(input_mint=input_mint, kind=SwapKind.EXACT_IN, amount=amount)
        expect(
            isinstance(venue.quote(pool, request, sample.moment), Refusal), f"an amount of {amount} is quoted"
        )
    stranger = QuoteRequest(input_mint=USER, kind=SwapKind.EXACT_IN, amount=1_000)
    expect(isinstance(venue.quote(pool, stranger, sample.moment), Refusal), "a mint that it lacks is quoted")


def check_reverse(venue: Venue[Any], sample: PoolSample, pool: Any, exact_out: Quote) -> None:
    """Paying what an exact-out quote asks for gives at least what it promises."""
    request = QuoteRequest(
        input_mint=exact_out.input_mint, kind=SwapKind.EXACT_IN, amount=exact_out.amount_in
    )
    paid = venue.quote(pool, request, sample.moment)
    expect(
        isinstance(paid, Quote) and paid.amount_out >= exact_out.amount_out, f"{exact_out} is not met: {paid}"
    )


def check_building(venue: Venue[Any], pool: Any, input_mint: Address) -> None:
    """Instructions name the user as their only signer, his accounts as writable, and the pool."""
    for kind in SwapKind:
        request = SwapRequest(
            kind=kind, input_mint=input_mint, amount=1_000, limit=1, user=USER,
            user_input_account=USER_INPUT, user_output_account=USER_OUTPUT,
        )  # fmt: skip
        call = venue.build(pool, request)
        expect(call == venue.build(pool, request), "the same request builds two instructions")
        check_call(call, pool=venue.header(pool).address)
        larger = msgspec.structs.replace(request, amount=1_001)
        expect(venue.build(pool, larger).data != call.data, "the amount is not in the data")


def check_call(call: InstructionCall, *, pool: Address) -> None:
    """Raises AssertionError where the accounts of a swap cannot be right."""
    address_bytes(call.program)
    expect(bool(call.data), "an instruction without data")
    metas = {meta.address: meta for meta in call.accounts}
    expect(pool in metas, "the pool is not among the accounts")
    expect(
        {meta.address for meta in call.accounts if meta.is_signer} == {USER}, "signers other than the user"
    )
    for address in (USER_INPUT, USER_OUTPUT):
        expect(address in metas and metas[address].is_writable, "the user's token accounts must be writable")


def check_strategy(
    make: Callable[[], Strategy],
    scene: Callable[[bool], Scene],
    *,
    bounded: bool = True,
) -> Rehearsal:
    """Raises AssertionError where a strategy breaks a promise of ports.strategy; the rehearsal that it played else.

    `scene(False)` is the story, `scene(True)` the same with another future; `make` makes a fresh strategy each time.
    `bounded`: whether each number among its parameters must say its range.
    """
    strategy = make()
    name = strategy.name
    expect(bool(re.fullmatch(r"[a-z][a-z0-9_]*", name)), f"{name!r} is no module name")
    check_parameters(strategy, bounded=bounded)
    check_senses(strategy)
    first, sizes = played(make(), scene(False))
    check_outputs(name, first)
    second, _ = played(make(), scene(False))
    expect(
        first.said == second.said,
        "the same story twice, and it said something else: chance, a clock or an order",
    )
    future = scene(True)
    third, _ = played(make(), future)
    before = [one for one in first.said if one.index < future.common]
    expect(
        before == [one for one in third.said if one.index < future.common],
        "another future, and it had decided otherwise before it: it looks ahead",
    )
    quarter = len(sizes) // 4
    later, late = sizes[-1] - sizes[-1 - quarter], sizes[-1 - quarter] - sizes[-1 - 2 * quarter]
    # what is bounded by the number of wallets or tokens fills up ever more slowly; what is not, does not
    expect(
        later + late <= 200 + first.index // 20 or later * 10 < late * 9,
        f"it remembers {later} more things after the last quarter of {first.index} events, and {late} after the one "
        "before: its state grows for ever",
    )
    return first


def check_parameters(strategy: Strategy, *, bounded: bool) -> None:
    """They are a frozen struct with defaults, each number with a range."""
    kind = getattr(strategy, "params_type", None)
    expect(
        isinstance(kind, type) and issubclass(kind, msgspec.Struct),
        "it has no `params_type`, a msgspec.Struct",
    )
    assert kind is not None
    expect(
        kind.__struct_config__.frozen, "its parameters can be changed behind the journal's back: frozen=True"
    )
    for field in msgspec.structs.fields(kind):
        expect(not field.required, f"the parameter {field.name} has no default")
        limits = [one for one in get_args(field.type)[1:] if isinstance(one, msgspec.Meta)]
        number = (get_args(field.type) or (field.type,))[0] in {int, float}
        told = any(one.ge is not None or one.gt is not None for one in limits) and any(
            one.le is not None or one.lt is not None for one in limits
        )
        expect(not bounded or not number or told, f"the parameter {field.name} has no range")


SENSES = frozenset(
    "asyncio datetime http io multiprocessing os pathlib random secrets socket sqlite3 subprocess threading time "
    "urllib aiohttp httpx requests websockets".split()
)
"""Modules by which a strategy would learn what no replay could tell it again."""


def check_senses(strategy: Strategy) -> None:
    """It imports no clock, no chance and no way out."""
    source = inspect.getsource(sys.modules[type(strategy).__module__])
    for node in ast.walk(ast.parse(source)):
        names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        bad = sorted({name.partition(".")[0] for name in names} & SENSES)
        expect(not bad, f"it imports {', '.join(bad)}: what it needs comes with the event and the context")
        called = (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in {"open", "input"}
        )
        expect(
            not called, "it opens a file or asks somebody: what it needs comes with the event and the context"
        )


def check_outputs(name: str, rehearsal: Rehearsal) -> None:
    """Every intent is limited, ends some time, is signed by it and has an id of its own."""
    ids: set[str] = set()
    for said in rehearsal.said:
        match said.output:
            case TradeIntent() as intent:
                told = f"an intent of event {said.index}: {intent}"
                expect(intent.source == name, f"signed by another: {told}")
                expect(intent.id not in ids, f"an id that was used before: {told}")
                ids.add(intent.id)
                expect(intent.amount > 0, f"of nothing: {told}")
                expect(0 <= intent.slippage_bps_max < BPS, f"without a limit: {told}")
                expect(0 < intent.ttl_ms <= LIFE_MS_MAX, f"without an expiry: {told}")
                expect(intent.created_at_ms == said.now_ms, f"made at another time than now: {told}")
                expect(bool(intent.reason), f"without a reason: {told}")
            case StrategyDecided() as decided:
                expect(decided.strategy == name, f"a word signed by another: {decided}")
                expect(bool(decided.code), f"a word without a code: {decided}")
            case SignalDropped():
                pass
            case other:
                expect(False, f"it returned a {type(other).__name__}")


def played(strategy: Strategy, scene: Scene) -> tuple[Rehearsal, list[int]]:
    """The rehearsal, and how much the strategy remembered on the way."""
    rehearsal = Rehearsal(strategy, scene)
    sizes = [remembered(strategy)]
    for index in rehearsal.run():
        if index % 250 == 0:
            sizes.append(remembered(strategy))
    return rehearsal, sizes


def remembered(thing: object, depth: int = 8, seen: set[int] | None = None) -> int:
    """How many elements the containers of an object hold, and those in them."""
    seen = set() if seen is None else seen
    if (
        depth == 0
        or id(thing) in seen
        or isinstance(thing, str | bytes | int | float | type | None.__class__)
    ):
        return 0
    seen.add(id(thing))
    if isinstance(thing, Mapping):
        inside: list[object] = [*thing.keys(), *thing.values()]
    elif isinstance(thing, list | tuple | set | frozenset | deque):
        inside = list(thing)
    else:
        kept = getattr(thing, "__dict__", None) or {
            slot: getattr(thing, slot, None) for slot in getattr(type(thing), "__struct_fields__", ())
        }
        return sum(remembered(one, depth - 1, seen) for one in kept.values())
    return len(inside) + sum(remembered(one, depth - 1, seen) for one in inside)


def check_signer(signer: Signer, messages: Sequence[bytes]) -> None:
    """Raises AssertionError where signatures do not verify or the signer shows more than its address."""
    from solders.pubkey import Pubkey  # noqa: PLC0415  # only whoever checks a signer needs the library
    from solders.signature import Signature as Ed25519  # noqa: PLC0415

    key = Pubkey.from_string(signer.address)
    expect(bool(messages), "no messages to check it with")
    for message in messages:
        signature = signer.sign(message)
        expect(len(signature) == 64, f"a signature of {len(signature)} bytes")
        expect(Ed25519(signature).verify(key, message), "a signature that does not verify")
        expect(not Ed25519(signature).verify(key, message + b"\x00"), "a signature that fits another message")
        expect(signer.sign(message) == signature, "Ed25519 is deterministic; this is not")
    exposed = [
        name for name in dir(signer) if re.search(r"secret|private|seed|export", name) and name[0] != "_"
    ]
    expect(not exposed, f"it has a way to get a key out: {exposed}")


def expect(kept: bool, broken: str) -> None:  # noqa: FBT001  # a condition is what it is about
    """Raises AssertionError(broken) unless the promise was kept; works under `python -O` too."""
    if not kept:
        raise AssertionError(broken)


def sample(accounts: Iterable[Account], pool: Address, moment: Moment) -> PoolSample:
    """A sample of loose accounts."""
    return PoolSample(pool=pool, accounts={account.address: account for account in accounts}, moment=moment)
