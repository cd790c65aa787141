"""DLMM states made for tests: a pair's accounts as bytes, and the same pair as the venue's own values."""

from collections.abc import Mapping, Sequence
from struct import pack_into

from chimera.domain.chain import Account
from chimera.domain.ids import TOKEN_PROGRAM, Address, Slot
from chimera.domain.pool import Moment
from chimera.onchain.keys import address_bytes, address_text
from chimera.venues.meteora_dlmm.book import DlmmPool
from chimera.venues.meteora_dlmm.layout import (
    BIN_ARRAY,
    BITMAP_EXTENSION,
    LB_PAIR,
    PROGRAM,
    Bin,
    BinArray,
    Extension,
    State,
    Vault,
    bin_array_address,
    extension_address,
)
from chimera.venues.meteora_dlmm.prices import bin_price

NOW = Moment(unix_timestamp=1_790_000_000, slot=Slot(500), epoch=1_050)


def key(number: int) -> Address:
    return address_text(number.to_bytes(32, "big"))


X, Y, PAIR, RESERVE_X, RESERVE_Y, ORACLE = (key(number) for number in range(1, 7))


def state(**changes: object) -> State:
    """A pair at bin 0 of step 10, base fee 0.1 %, calm, its arrays 0 and -1 with liquidity."""
    fields: dict[str, object] = {
        "slot": 9, "base_factor": 10_000, "filter_period": 30, "decay_period": 600, "reduction_factor": 5_000,
        "variable_fee_control": 40_000, "max_volatility_accumulator": 350_000, "base_fee_power_factor": 0,
        "function_type": 0, "collect_fee_mode": 0, "volatility_accumulator": 0, "volatility_reference": 0,
        "index_reference": 0, "last_update_timestamp": NOW.unix_timestamp - 10_000, "pair_type": 3,
        "active_id": 0, "bin_step": 10, "status": 0, "activation_type": 0, "mint_x": X, "mint_y": Y,
        "reserve_x": RESERVE_X, "reserve_y": RESERVE_Y, "has_rewards": False, "oracle": ORACLE,
        "bitmap": bitmap([-1, 0]), "activation_point": 0, "program_x": TOKEN_PROGRAM,
        "program_y": TOKEN_PROGRAM,
    }  # fmt: skip
    return State(**(fields | changes))  # type: ignore[arg-type]


def bitmap(indexes: Sequence[int]) -> int:
    return sum(1 << index + 512 for index in set(indexes))


def held(bin_id: int, x: int = 0, y: int = 0, *, step: int = 10, processed: int = 0, waiting: int = 0,
         sell_x: bool = False) -> Bin:  # fmt: skip
    price = bin_price(bin_id, step)
    assert price is not None
    return Bin(bin_id, price, x, y, processed, waiting, sell_x)


def pool(
    bins: Sequence[Bin], *, slot: int = 9, extension: Extension | None = None, **changes: object
) -> DlmmPool:
    """A complete pool with these bins; its bitmap tells of their arrays unless `bitmap` is given."""
    arrays: dict[int, list[Bin]] = {}
    for found in sorted(bins, key=lambda found: found.bin_id):
        arrays.setdefault(found.bin_id // 70, []).append(found)
    near = [index for index in arrays if -512 <= index < 512]
    return DlmmPool(
        address=PAIR,
        state=state(**({"bitmap": bitmap(near)} | changes)),
        reserve_x=Vault(9, 2**63, frozen=False),
        reserve_y=Vault(9, 2**63, frozen=False),
        extension=extension,
        arrays=tuple(BinArray(slot, index, tuple(arrays[index])) for index in sorted(arrays)),
    )


def accounts_of(made: DlmmPool, edits: Mapping[int, int] | None = None) -> dict[str, Account]:
    """The pool's accounts by role, byte for byte; `edits` sets single bytes of the pair's own."""
    told = {
        "pool": Account(made.address, PROGRAM, 1, pair_bytes(made.state, edits or {})),
        "reserve_x": vault_account(RESERVE_X, X),
        "reserve_y": vault_account(RESERVE_Y, Y),
    }
    for array in made.arrays:
        address = bin_array_address(made.address, array.index)
        told[f"bin_array_{array.index}"] = Account(address, PROGRAM, 1, array_bytes(array, made.address))
    if made.extension is not None and made.extension.exists:
        address = extension_address(made.address)
        data = extension_bytes(made.extension, made.address)
        told["bitmap_extension"] = Account(address, PROGRAM, 1, data)
    return told


def pair_bytes(made: State, edits: Mapping[int, int]) -> bytes:
    data = bytearray(904)
    data[:8] = LB_PAIR
    pack_into("<HHHHII", data, 8, made.base_factor, made.filter_period, made.decay_period, made.reduction_factor,
              made.variable_fee_control, made.max_volatility_accumulator)  # fmt: skip
    data[34], data[35], data[36] = made.base_fee_power_factor, made.function_type, made.collect_fee_mode
    pack_into("<IIi", data, 40, made.volatility_accumulator, made.volatility_reference, made.index_reference)
    pack_into("<q", data, 56, made.last_update_timestamp)
    data[75] = made.pair_type
    pack_into("<iHB", data, 76, made.active_id, made.bin_step, made.status)
    data[86] = made.activation_type
    for at, address in ((88, X), (120, Y), (152, RESERVE_X), (184, RESERVE_Y), (552, ORACLE)):
        data[at : at + 32] = address_bytes(address)
    data[264] = made.has_rewards
    data[584:712] = made.bitmap.to_bytes(128, "little")
    pack_into("<Q", data, 816, made.activation_point)
    for at, value in edits.items():
        data[at] = value
    return bytes(data)


def array_bytes(made: BinArray, pair: Address) -> bytes:
    data = bytearray(10_136)
    data[:8] = BIN_ARRAY
    pack_into("<q", data, 8, made.index)
    data[24:56] = address_bytes(pair)
    for found in made.bins:
        at = 56 + 144 * (found.bin_id - 70 * made.index)
        low, high = found.price & (2**64 - 1), found.price >> 64
        pack_into("<QQQQ", data, at, found.x, found.y, low, high)
        pack_into("<QQQIB", data, at + 112, found.waiting, 0, found.processed, 0, found.orders_sell_x)
    return bytes(data)


def extension_bytes(made: Extension, pair: Address) -> bytes:
    below = int(f"{made.below:06144b}"[::-1], 2)
    return (
        BITMAP_EXTENSION
        + address_bytes(pair)
        + made.above.to_bytes(768, "little")
        + below.to_bytes(768, "little")
    )


def vault_account(address: Address, mint: Address, amount: int = 2**63) -> Account:
    owner = address_bytes(PAIR)
    data = address_bytes(mint) + owner + amount.to_bytes(8, "little") + bytes(36) + b"\x01" + bytes(56)
    return Account(address, TOKEN_PROGRAM, 1, data)
