"""A venue of bare constant products: for tests of whoever goes through pools.

A pool is two reserves and a fee; its account is the pool's whole state. It computes like the real ones (exact in,
fee rounded up, output rounded down), but no program stands behind it: what it builds is good for sizes alone.
"""

from collections.abc import Mapping

import msgspec

from chimera.domain.chain import Account, AccountMeta, AccountUpdate, InstructionCall, TransactionUpdate
from chimera.domain.errors import DecodeError
from chimera.domain.ids import TOKEN_PROGRAM, Address, Slot
from chimera.domain.pool import Moment, PoolHeader, Quote, QuoteRequest, Swap, SwapKind, SwapRequest
from chimera.domain.risk import Reason, Refusal
from chimera.domain.units import BPS, U64_MAX, mul_div_ceil
from chimera.ports.venue import AccountFilter, Prefilter, Venue
from chimera.testing.builders import address

PROGRAM = address("a program of bare products")
ACCOUNTS_A_SWAP = 13  # as many as Raydium's CPMM names


class Product(msgspec.Struct, frozen=True):
    address: Address
    mint_a: Address
    mint_b: Address
    reserve_a: int
    reserve_b: int
    fee_bps: int = 25
    slot: int = 0


class Products:
    name = "products"
    program = PROGRAM
    prefilter = Prefilter((AccountFilter(PROGRAM),), (PROGRAM,))

    def recognise(self, account: Account) -> bool:
        return account.owner == PROGRAM

    def decode(self, account: Account, *, slot: int) -> Product:
        try:
            return msgspec.structs.replace(msgspec.json.decode(account.data, type=Product), slot=slot)
        except msgspec.MsgspecError as error:
            raise DecodeError(f"no product: {error}") from error

    def decode_transaction(self, transaction: TransactionUpdate) -> tuple[Swap, ...]:  # noqa: ARG002
        return ()

    def header(self, pool: Product) -> PoolHeader:
        return PoolHeader(self.name, pool.address, pool.mint_a, pool.mint_b)

    def roles(self, pool: Product) -> Mapping[str, Address]:
        return {"pool": pool.address}

    def apply(self, pool: Product, role: str, account: Account, *, slot: int) -> Product:  # noqa: ARG002
        return self.decode(account, slot=slot) if slot >= pool.slot else pool

    def missing(self, pool: Product) -> tuple[str, ...]:  # noqa: ARG002
        return ()

    def quote(self, pool: Product, request: QuoteRequest, moment: Moment) -> Quote | Refusal:  # noqa: ARG002
        if request.kind is not SwapKind.EXACT_IN:
            return Refusal(Reason.QUOTE_UNAVAILABLE, observed="exact in alone")
        if not 0 < request.amount <= U64_MAX:
            return Refusal(Reason.AMOUNT_OUT_OF_RANGE, observed=str(request.amount))
        forwards = request.input_mint == pool.mint_a
        x, y = (pool.reserve_a, pool.reserve_b) if forwards else (pool.reserve_b, pool.reserve_a)
        fee = mul_div_ceil(request.amount, pool.fee_bps, BPS)
        traded = request.amount - fee
        out = traded * y // (x + traded) if traded > 0 else 0
        if out <= 0:
            return Refusal(Reason.AMOUNT_OUT_OF_RANGE, observed="nothing out")
        return Quote(
            pool=pool.address,
            venue=self.name,
            input_mint=request.input_mint,
            output_mint=pool.mint_b if forwards else pool.mint_a,
            amount_in=request.amount,
            amount_out=out,
            fee_in=fee,
            fee_out=0,
            price_impact_bps=mul_div_ceil(traded, BPS, x + traded),
            slot=Slot(pool.slot),
        )

    def reserves(self, pool: Product) -> tuple[int, int] | None:
        return pool.reserve_a, pool.reserve_b

    def token_program(self, pool: Product, mint: Address) -> Address | None:  # noqa: ARG002
        return TOKEN_PROGRAM

    def build(self, pool: Product, request: SwapRequest) -> InstructionCall:
        others = [address(f"{pool.address} {number}") for number in range(ACCOUNTS_A_SWAP - 4)]
        named = (pool.address, request.user_input_account, request.user_output_account, *others)
        return InstructionCall(
            program=PROGRAM,
            accounts=tuple(AccountMeta(one, is_signer=False, is_writable=True) for one in named),
            data=request.amount.to_bytes(8, "little") + request.limit.to_bytes(8, "little"),
        )


VENUE: Venue[Product] = Products()


def product(
    label: str, mints: tuple[Address, Address], reserves: tuple[int, int], *, fee_bps: int = 25
) -> Product:
    """A pool whose address depends on the label alone."""
    return Product(address(f"pool {label}"), *mints, *reserves, fee_bps=fee_bps)


def update(pool: Product, *, slot: int = 5) -> AccountUpdate:
    """What the stream would bring of it."""
    return AccountUpdate(Account(pool.address, PROGRAM, 1, msgspec.json.encode(pool)), Slot(slot), 1)
