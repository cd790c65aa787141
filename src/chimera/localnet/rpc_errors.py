"""Errors of the JSON-RPC front: codes and sentences of a Solana node (rpc-client-api custom_error, jsonrpc-core)."""

from typing import NoReturn


class RpcError(Exception):
    """An answer in place of a result."""

    def __init__(self, code: int, message: str, data: object = None) -> None:
        super().__init__(message)
        self.code, self.message, self.data = code, message, data

    def shown(self) -> dict[str, object]:
        found: dict[str, object] = {"code": self.code, "message": self.message}
        if self.data is not None:
            found["data"] = self.data
        return found


def parse_error() -> RpcError:
    return RpcError(-32700, "Parse error")


def invalid_request(message: str = "Invalid request") -> RpcError:
    return RpcError(-32600, message)


def method_not_found() -> RpcError:
    return RpcError(-32601, "Method not found")


def invalid_params(message: str) -> RpcError:
    return RpcError(-32602, message)


def internal_error(message: str = "Internal error") -> RpcError:
    return RpcError(-32603, message)


def block_cleaned_up(slot: int, first_available: int) -> RpcError:
    return RpcError(
        -32001,
        f"Block {slot} cleaned up, does not exist on node. First available block: {first_available}",
    )


def preflight_failure(reason: str, simulation: dict[str, object]) -> RpcError:
    return RpcError(-32002, f"Transaction simulation failed: {reason}", simulation)


def signature_verification_failure() -> RpcError:
    return RpcError(-32003, "Transaction signature verification failure")


def block_not_available(slot: int) -> RpcError:
    return RpcError(-32004, f"Block not available for slot {slot}")


def node_unhealthy(slots_behind: int | None) -> RpcError:
    message = "Node is unhealthy" if slots_behind is None else f"Node is behind by {slots_behind} slots"
    return RpcError(-32005, message, {"numSlotsBehind": slots_behind})


def slot_skipped(slot: int) -> RpcError:
    return RpcError(-32007, f"Slot {slot} was skipped, or missing due to ledger jump to recent snapshot")


def long_term_slot_skipped(slot: int) -> RpcError:
    return RpcError(-32009, f"Slot {slot} was skipped, or missing in long-term storage")


def unsupported_version(version: int) -> RpcError:
    return RpcError(
        -32015,
        f"Transaction version ({version}) is not supported by the requesting client. "
        "Please try the request again with the following configuration parameter: "
        f'"maxSupportedTransactionVersion": {version}',
    )


def min_context_slot_not_reached(context_slot: int) -> RpcError:
    return RpcError(-32016, "Minimum context slot has not been reached", {"contextSlot": context_slot})


def refuse_type(found: object, expected: str) -> NoReturn:
    """Raises the answer to a parameter of the wrong type, in serde's words."""
    raise invalid_params(f"Invalid params: invalid type: {_kind(found)}, expected {expected}.")


def _kind(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return f"boolean `{str(value).lower()}`"
        case int():
            return f"integer `{value}`"
        case float():
            return f"floating point `{value}`"
        case str():
            return f'string "{value[:200]}"'
        case list():
            return "sequence"
        case _:
            return "map"
