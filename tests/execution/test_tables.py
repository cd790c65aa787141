"""Address lookup tables: read as the program keeps them, used where they help, carried out by the embedded chain."""

import msgspec
import pytest
from tests.execution.theatre import SOL, Theatre, mint_of, theatre

from chimera.domain.chain import Account, AccountMeta, InstructionCall
from chimera.domain.errors import DecodeError
from chimera.domain.ids import SYSTEM_PROGRAM, Address
from chimera.domain.intent import Side
from chimera.execution.costs import Costs
from chimera.execution.planner import Planner
from chimera.execution.tables import Tables
from chimera.localnet.bank import GenesisAccount
from chimera.onchain.keys import address_bytes
from chimera.onchain.lookup_tables import IN_USE, META_BYTES, PROGRAM, read_lookup_table
from chimera.onchain.transaction import compile_v0, oversize, signed_size
from chimera.testing.builders import address, intent

PAYER, TABLE = address("payer"), address("table")
BLOCKHASH = str(address("blockhash"))


def account(*addresses: Address, ends: int = IN_USE, extended: int = 5, start: int = 0) -> Account:
    meta = (1).to_bytes(4, "little") + ends.to_bytes(8, "little") + extended.to_bytes(8, "little")
    meta += bytes((start,)) + b"\x01" + address_bytes(PAYER) + bytes(2)
    assert len(meta) == META_BYTES
    return Account(TABLE, PROGRAM, 10**7, meta + b"".join(map(address_bytes, addresses)))


def call(count: int) -> InstructionCall:
    metas = tuple(
        AccountMeta(address(f"a{n}"), is_signer=False, is_writable=n % 2 == 0) for n in range(count)
    )
    return InstructionCall(address("program"), metas, b"\x01" * 24)


def test_a_table_is_read_without_what_was_added_too_lately() -> None:
    both = (address("one"), address("two"))
    assert read_lookup_table(account(*both, extended=5), slot=6).addresses == both
    assert read_lookup_table(account(*both, extended=6, start=1), slot=6).addresses == both[:1]


@pytest.mark.parametrize(
    "wrong",
    [
        account(address("one"), ends=7),
        msgspec.structs.replace(account(address("one")), owner=SYSTEM_PROGRAM),
        msgspec.structs.replace(account(address("one")), data=bytes(META_BYTES)),
        msgspec.structs.replace(account(address("one")), data=account(address("one")).data[:-1]),
        msgspec.structs.replace(account(), data=b"\x01"),
    ],
)
def test_what_is_no_table_or_is_going_away_is_refused(wrong: Account) -> None:
    with pytest.raises(DecodeError):
        read_lookup_table(wrong, slot=9)


def test_what_fits_without_a_table_goes_without_and_what_does_not_fit_is_looked_up() -> None:
    tables = Tables()
    assert tables.see([account(*(address(f"a{n}") for n in range(40)))], slot=9) == {}
    small, large = [call(10)], [call(38)]
    assert tables.compiled(small, payer=PAYER, blockhash=BLOCKHASH) == compile_v0(
        small, payer=PAYER, blockhash=BLOCKHASH
    )
    assert oversize(compile_v0(large, payer=PAYER, blockhash=BLOCKHASH)) is not None
    written = tables.compiled(large, payer=PAYER, blockhash=BLOCKHASH)
    assert oversize(written) is None and signed_size(written) < 500


def test_a_table_that_is_deactivated_is_not_used_any_more() -> None:
    tables, addresses = Tables(), [address(f"a{n}") for n in range(40)]
    tables.see([account(*addresses)], slot=9)
    assert list(tables.see([account(*addresses, ends=8)], slot=9)) == [TABLE]
    assert oversize(tables.compiled([call(38)], payer=PAYER, blockhash=BLOCKHASH)) is not None


def test_a_table_that_holds_nothing_of_it_changes_nothing() -> None:
    tables = Tables()
    tables.see([account(address("a0"), address("elsewhere"))], slot=9)
    plain = compile_v0([call(38)], payer=PAYER, blockhash=BLOCKHASH)
    assert tables.compiled([call(38)], payer=PAYER, blockhash=BLOCKHASH) == plain


async def test_a_plan_that_looks_its_accounts_up_lands_and_its_books_are_exact() -> None:
    """The table holds every account of the route's pools; the message shrinks, and does the same."""
    async with theatre("raydium_cpmm") as probe:
        pools = sorted({str(one) for one in probe.view.addresses})
    table = account(*map(Address, pools[:250]), extended=0)
    made = GenesisAccount(table.address, table.lamports, table.owner, table.data)
    async with theatre("raydium_cpmm", more=(made,)) as stage:
        wanted = intent(mint=mint_of("PLUM"), amount=SOL // 2, slippage_bps_max=500)
        plain = await stage.planned(wanted)
        await give_tables(stage, table.address)
        looked_up = await stage.plan(wanted)
        assert looked_up.expected_out == plain.expected_out
        assert len(looked_up.message) < len(plain.message) - 200
        landed = await stage.land(looked_up)
        fill = stage.fill(landed, wanted.mint, Side.BUY)
        assert fill.swap_lamports == SOL // 2 and fill.token_delta >= looked_up.minimum_out


async def give_tables(stage: Theatre, *addresses: Address) -> None:
    tables = Tables(accounts_max=12)  # a route of two hops names some twenty
    slot, found = await stage.rpc.accounts(list(addresses))
    assert tables.see(found, slot=slot) == {}
    stage.planner = Planner(stage.view, wallet=stage.wallet, costs=Costs(), tables=tables)
