"""One fuzz case: something damaged, shown to a venue, and what the venue made of it judged.

A case is known by venue, seed and number alone, so that any of them can be run again. Refusing is right at any time;
what is accepted must make sense: addresses that are addresses, amounts that fit u64, no more out than there is, no
negative impact, no gain from selling at once what was bought.
"""

from collections.abc import Mapping
from random import Random
from typing import Any

from tests.fuzz.material import Material
from tests.fuzz.mutation import damaged_account, damaged_transaction

from chimera.domain.errors import DecodeError
from chimera.domain.ids import Address, Slot
from chimera.domain.pool import Moment, Quote, QuoteRequest, SwapKind, SwapRequest
from chimera.domain.risk import Refusal
from chimera.domain.units import U64_MAX
from chimera.onchain.keys import address_bytes
from chimera.ports.venue import MintTeller
from chimera.testing.contracts import USER, USER_INPUT, USER_OUTPUT, expect

AMOUNTS = (1, 2, 1_000, 999_983, 10**9, 3 * 10**11 + 5, 10**14, U64_MAX)
TRANSACTIONS_SHARE = 0.2


def run_case(material: Material, *, seed: int, number: int) -> str:
    """What became of it: `refused`, `read`, `quoted`, `unquoted`, `swaps` or `no swaps`.

    Raises AssertionError for accepted nonsense; anything else that comes out is a crash.
    """
    chance = Random(f"{seed}/{material.venue.name}/{number}")
    try:
        if chance.random() < TRANSACTIONS_SHARE:
            return _transaction_case(material, chance)
        return _account_case(material, chance)
    except DecodeError:
        return "refused"


def _account_case(material: Material, chance: Random) -> str:
    venue = material.venue
    which = chance.randrange(len(material.samples))
    known, pool = material.samples[which], material.pools[which]
    slot = int(known.moment.slot)
    roles = [role for role, address in venue.roles(pool).items() if address in known.accounts]
    donors = [known.accounts[venue.roles(pool)[role]].data for role in roles]
    header = venue.header(pool)
    addresses = (header.mint_a, header.mint_b, *venue.roles(pool).values())
    names = [address_bytes(address) for address in addresses]
    for _ in range(chance.choice((1, 1, 1, 2))):
        role = "pool" if chance.random() < 0.3 else chance.choice(roles)
        victim = known.accounts[venue.roles(material.pools[which])[role]]
        shown = damaged_account(victim, chance, [one for one in donors if one], names)
        venue.recognise(shown)
        if role == "pool" and chance.random() < 0.5:
            pool = _folded(venue, shown, known.accounts, slot)
        else:
            pool = venue.apply(pool, role, shown, slot=slot)
    return judge(venue, pool, known.moment, chance)


def _folded(venue: Any, own: Any, accounts: Mapping[Address, Any], slot: int) -> Any:
    """A damaged pool met first, then whatever of its accounts is known."""
    pool = venue.decode(own, slot=slot)
    if isinstance(venue, MintTeller):
        for address in accounts:
            try:
                pool = venue.with_mint(pool, address)
                break
            except DecodeError:
                continue
    for role, address in venue.roles(pool).items():
        if address in accounts and role != "pool":
            pool = venue.apply(pool, role, accounts[address], slot=slot)
    return pool


def judge(venue: Any, pool: Any, moment: Moment, chance: Random) -> str:
    """Raises AssertionError where the pool, its quotes or its instruction make no sense."""
    header = venue.header(pool)
    expect(header.venue == venue.name, f"its header says {header.venue}")
    for address in (header.address, header.mint_a, header.mint_b, *venue.roles(pool).values()):
        address_bytes(address)
    expect(header.mint_a != header.mint_b, "it trades a mint against itself")
    expect(set(venue.missing(pool)) <= set(venue.roles(pool)), "roles are missing that do not exist")
    known = venue.reserves(pool)
    expect(known is None or min(known) >= 0, f"negative reserves {known}")
    held = known if not hasattr(venue, "held") else venue.held(pool)
    mints = [header.mint_a, header.mint_b]
    chance.shuffle(mints)
    kind, amount = chance.choice(list(SwapKind)), chance.choice(AMOUNTS)
    request = QuoteRequest(mints[0], kind, amount)
    quote = venue.quote(pool, request, moment)
    expect(isinstance(quote, Quote | Refusal), f"neither a quote nor a refusal: {quote}")
    try:
        call = venue.build(pool, SwapRequest(kind, mints[0], amount, 1, USER, USER_INPUT, USER_OUTPUT))
        expect(call.program == venue.program and bool(call.data), "an instruction for another program")
    except ValueError:
        call = None  # what an instruction needs is not known
    if isinstance(quote, Refusal):
        return "unquoted"
    # Whose reserves are not all known may still serve one direction (DLMM: the other's nearest bins are missing).
    expect(held is not None or bool(venue.missing(pool)), f"it quotes without knowing what there is: {quote}")
    reserve_out = U64_MAX if held is None else held[mints[1] == header.mint_b]
    check_quote(quote, request, mints[1], reserve_out, moment)
    back = venue.quote(pool, QuoteRequest(mints[1], SwapKind.EXACT_IN, quote.amount_out), moment)
    if isinstance(back, Quote):
        expect(back.amount_out <= quote.amount_in, f"there and back again is a gain: {quote} {back}")
    return "quoted"


def check_quote(
    quote: Quote, request: QuoteRequest, output_mint: Address, reserve_out: int, moment: Moment
) -> None:
    told = f"{request}: {quote}"
    expect((quote.input_mint, quote.output_mint) == (request.input_mint, output_mint), f"wrong mints: {told}")
    expect(0 < quote.amount_in <= U64_MAX and 0 <= quote.amount_out <= U64_MAX, f"no u64: {told}")
    expect(quote.amount_out <= reserve_out, f"more than the {reserve_out} there are: {told}")
    expect(quote.price_impact_bps >= 0, f"a negative price impact: {told}")
    expect(0 <= quote.fee_in <= quote.amount_in and quote.fee_out >= 0, f"strange fees: {told}")
    expect(0 <= quote.slot <= moment.slot, f"from another time: {told}")
    if request.kind is SwapKind.EXACT_IN:
        expect(quote.amount_in == request.amount, f"another amount than asked for: {told}")
    else:
        expect(quote.amount_out >= request.amount, f"less than asked for: {told}")


def _transaction_case(material: Material, chance: Random) -> str:
    venue, first = material.venue, chance.choice(material.transactions)
    donors = [call.data for call in first.instructions if call.data] or [b"\0"]
    shown = damaged_transaction(first, chance, donors)
    if isinstance(venue, MintTeller):
        try:
            for pool, mint in venue.mints(shown).items():
                address_bytes(pool), address_bytes(mint)
        except DecodeError:
            pass  # a trade that cannot be read may still tell nothing of mints; the swaps are judged below
    swaps = venue.decode_transaction(shown)
    for swap in swaps:
        expect(swap.venue == venue.name and swap.signature == shown.signature, f"another's swap: {swap}")
        expect(swap.slot == Slot(4) and 0 <= swap.position < len(shown.instructions), f"nowhere: {swap}")
        expect(0 <= swap.amount_in <= U64_MAX and 0 <= swap.amount_out <= U64_MAX, f"no u64: {swap}")
        expect(swap.input_mint != swap.output_mint, f"a mint for itself: {swap}")
        for address in (swap.pool, swap.user, swap.input_mint, swap.output_mint):
            address_bytes(address)
    return "swaps" if swaps else "no swaps"
