"""One call as a method sees it: its parameters, read with a node's own complaints, and the view to answer from.

Unknown fields of a configuration object are passed over, as a node does.
"""

from collections.abc import Mapping, Sequence

from solders.hash import Hash, ParseHashError
from solders.pubkey import Pubkey
from solders.signature import Signature

from chimera.domain.chain import Commitment
from chimera.localnet.chain import EmbeddedChain
from chimera.localnet.encode_account import DataSlice
from chimera.localnet.encode_bytes import base58_decode
from chimera.localnet.intercept import UNTOUCHED, FaultDecision
from chimera.localnet.rpc_errors import RpcError, invalid_params, min_context_slot_not_reached, refuse_type
from chimera.localnet.view import ChainView

API_VERSION = "3.0.10"  # the Agave release whose answers these are
U64_MAX = 2**64 - 1

_COMMITMENTS = {
    "processed": Commitment.PROCESSED,
    "confirmed": Commitment.CONFIRMED,
    "finalized": Commitment.FINALIZED,
    # Names of old, still in clients' type definitions.
    "recent": Commitment.PROCESSED,
    "single": Commitment.CONFIRMED,
    "singleGossip": Commitment.CONFIRMED,
    "root": Commitment.FINALIZED,
    "max": Commitment.FINALIZED,
}
ACCOUNT_ENCODINGS = ("binary", "base58", "base64", "jsonParsed", "base64+zstd")
TRANSACTION_ENCODINGS = ("binary", "base64", "base58", "json", "jsonParsed")

Config = Mapping[str, object]


class Call:
    def __init__(
        self, chain: EmbeddedChain, params: Sequence[object], *, decision: FaultDecision = UNTOUCHED
    ) -> None:
        self.chain, self.params, self.decision = chain, params, decision

    def value(self, place: int) -> object:
        """The parameter at that place. Raises RpcError when there is none."""
        if place >= len(self.params):
            raise invalid_params(
                f"Invalid params: invalid length {len(self.params)}, expected at least {place + 1} element(s)."
            )
        return self.params[place]

    def config(self, place: int) -> Config:
        """The configuration object at that place; empty when left out or null."""
        found = self.params[place] if place < len(self.params) else None
        if found is None:
            return {}
        if not isinstance(found, dict):
            refuse_type(found, "a configuration object")
        return found

    def text(self, place: int) -> str:
        found = self.value(place)
        if not isinstance(found, str):
            refuse_type(found, "a string")
        return found

    def u64(self, place: int) -> int:
        return u64(self.value(place))

    def pubkey(self, place: int) -> Pubkey:
        return pubkey(self.value(place))

    def items(self, place: int, *, limit: int) -> Sequence[object]:
        found = self.value(place)
        if not isinstance(found, list):
            refuse_type(found, "a sequence")
        if len(found) > limit:
            raise invalid_params(f"Too many inputs provided; max {limit}")
        return found

    def view(self, config: Config, *, default: Commitment = Commitment.FINALIZED) -> ChainView:
        """The chain at the call's commitment. Raises RpcError when it has not reached `minContextSlot`."""
        view = self.chain.view(commitment(config, default), stale_slots=self.decision.stale_slots)
        wanted = config.get("minContextSlot")
        if wanted is not None and u64(wanted) > view.slot:
            raise min_context_slot_not_reached(view.slot)
        return view


def in_context(view: ChainView, value: object) -> dict[str, object]:
    return {"context": {"slot": view.slot, "apiVersion": API_VERSION}, "value": value}


def commitment(config: Config, default: Commitment = Commitment.FINALIZED) -> Commitment:
    found = config.get("commitment")
    if found is None:
        return default
    if not isinstance(found, str):
        refuse_type(found, "a commitment level")
    known = _COMMITMENTS.get(found)
    if known is None:
        raise invalid_params(
            f"Invalid params: unknown variant `{found[:100]}`, "
            "expected one of `processed`, `confirmed`, `finalized`."
        )
    return known


def pubkey(found: object) -> Pubkey:
    if not isinstance(found, str):
        refuse_type(found, "a string")
    try:
        return Pubkey.from_string(found)
    except ValueError:
        raise _no_base58(found, "Invalid param") from None


def signature(found: object) -> Signature:
    if not isinstance(found, str):
        refuse_type(found, "a string")
    try:
        return Signature.from_string(found)
    except ValueError:
        raise _no_base58(found, "Invalid param") from None


def blockhash(found: object) -> Hash:
    if not isinstance(found, str):
        refuse_type(found, "a string")
    try:
        return Hash.from_string(found)
    except (ValueError, ParseHashError):
        raise _no_base58(found, "Invalid param") from None


def u64(found: object) -> int:
    if not isinstance(found, int) or isinstance(found, bool) or not 0 <= found <= U64_MAX:
        refuse_type(found, "u64")
    return found


def flag(config: Config, name: str) -> bool:
    found = config.get(name)
    if found is None:
        return False
    if not isinstance(found, bool):
        refuse_type(found, "a boolean")
    return found


def choice(config: Config, name: str, known: Sequence[str], default: str) -> str:
    found = config.get(name)
    if found is None:
        return default
    if not isinstance(found, str):
        refuse_type(found, "a string")
    if found not in known:
        names = ", ".join(f"`{one}`" for one in known)
        raise invalid_params(f"Invalid params: unknown variant `{found[:100]}`, expected one of {names}.")
    return found


def data_slice(config: Config) -> DataSlice | None:
    found = config.get("dataSlice")
    if found is None:
        return None
    if not isinstance(found, dict):
        refuse_type(found, "a data slice")
    return DataSlice(offset=u64(found.get("offset")), length=u64(found.get("length")))


def _no_base58(text: str, what: str) -> RpcError:
    if len(text) > 100:  # long enough to be wrong; decoding is quadratic
        return invalid_params(f"{what}: WrongSize")
    try:
        base58_decode(text)
    except ValueError:
        return invalid_params(f"{what}: Invalid")
    return invalid_params(f"{what}: WrongSize")
