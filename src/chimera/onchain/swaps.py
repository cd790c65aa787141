"""Swaps as instructions and events tell them, checked before anyone believes them. Must not know any venue."""

from chimera.domain.errors import DecodeError
from chimera.domain.pool import Swap
from chimera.domain.units import U64_MAX


def believable(swap: Swap) -> Swap:
    """The same swap. Raises DecodeError where no program could have done it.

    What a transaction tells is put together from parts (a vault's payment less a fee, an instruction's accounts), and
    parts that do not belong together can make a payment below zero or a token sold for itself.
    """
    if not (0 <= swap.amount_in <= U64_MAX and 0 <= swap.amount_out <= U64_MAX):
        raise DecodeError(f"{swap.signature}: a swap of {swap.amount_in} for {swap.amount_out}")
    if swap.input_mint == swap.output_mint:
        raise DecodeError(f"{swap.signature}: a swap of {swap.input_mint} for itself")
    return swap
