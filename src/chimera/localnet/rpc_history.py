"""JSON-RPC methods about what has happened: signatures, transactions, blocks."""

from collections.abc import Callable

from chimera.domain.chain import Commitment
from chimera.localnet.encode_instruction import memo_text
from chimera.localnet.encode_transaction import (
    LEGACY,
    encode_accounts_only,
    encode_record,
    transaction_version,
)
from chimera.localnet.ledger import Block, TransactionRecord
from chimera.localnet.rpc_call import (
    TRANSACTION_ENCODINGS,
    Call,
    Config,
    choice,
    commitment,
    flag,
    in_context,
    u64,
)
from chimera.localnet.rpc_call import signature as read_signature
from chimera.localnet.rpc_errors import (
    block_cleaned_up,
    block_not_available,
    invalid_params,
    long_term_slot_skipped,
    refuse_type,
    slot_skipped,
    unsupported_version,
)

STATUSES_MAX = 256
STATUS_CACHE_BLOCKS = 300  # without searchTransactionHistory a node looks no further back
SIGNATURES_MAX = 1_000
BLOCKS_MAX = 500_000


def get_signature_statuses(call: Call) -> object:
    signatures = [read_signature(found) for found in call.items(0, limit=STATUSES_MAX)]
    whole_history = flag(call.config(1), "searchTransactionHistory")
    view = call.view({}, default=Commitment.PROCESSED)
    found: list[object] = []
    oldest = 0 if whole_history else view.slot - STATUS_CACHE_BLOCKS
    for signature in signatures:
        record = call.chain.ledger.transaction(signature)
        known = record is not None and oldest <= record.slot <= view.slot
        found.append(_status(call, record, view.slot) if record is not None and known else None)
    return in_context(view, found)


def get_transaction(call: Call) -> object:
    signature, config = read_signature(call.value(0)), _encoding_config(call, 1)
    level = _at_least_confirmed(config)
    record = call.chain.ledger.transaction(signature)
    if record is None or record.slot > call.view({}, default=level).slot:
        return None
    encoding = choice(config, "encoding", TRANSACTION_ENCODINGS, "json")
    show_version = _check_version(config, record)
    block = call.chain.ledger.block(record.slot)
    return {
        "slot": record.slot,
        **encode_record(record, encoding=encoding, show_version=show_version),
        "blockTime": block.time if block else None,
    }


def get_signatures_for_address(call: Call) -> object:
    address, config = call.pubkey(0), call.config(1)
    level = _at_least_confirmed(config)
    view = call.view(config, default=level)
    limit = SIGNATURES_MAX if config.get("limit") is None else u64(config["limit"])
    if not 1 <= limit <= SIGNATURES_MAX:
        raise invalid_params(f"Invalid limit; max {SIGNATURES_MAX}")
    before = read_signature(config["before"]) if config.get("before") is not None else None
    until = read_signature(config["until"]) if config.get("until") is not None else None
    found: list[object] = []
    started = before is None or call.chain.ledger.transaction(before) is None
    for record in call.chain.ledger.newest_first(address):
        if record.signature == until or len(found) >= limit:
            break
        if not started:
            started = record.signature == before
        elif record.slot <= view.slot:
            found.append(_signature_info(call, record))
    return found


def get_block(call: Call) -> object:
    slot, config = call.u64(0), _encoding_config(call, 1)
    block = _block(call, slot, _at_least_confirmed(config))
    details = choice(config, "transactionDetails", ("full", "signatures", "none", "accounts"), "full")
    encoding = choice(config, "encoding", TRANSACTION_ENCODINGS, "json")
    shown: dict[str, object] = {
        "previousBlockhash": str(block.previous_blockhash),
        "blockhash": str(block.blockhash),
        "parentSlot": block.parent,
        "blockTime": block.time,
        "blockHeight": block.height,
    }
    if details == "signatures":
        shown["signatures"] = [str(record.signature) for record in block.transactions]
    elif details != "none":
        shown["transactions"] = [
            _encoder(config, record, details, encoding)(record) for record in block.transactions
        ]
    if config.get("rewards") is None or flag(config, "rewards"):
        shown["rewards"] = []
    return shown


def get_blocks(call: Call) -> object:
    first = call.u64(0)
    second = call.params[1] if len(call.params) > 1 else None
    last = u64(second) if isinstance(second, int) else None
    newest = call.view(
        call.config(2 if last is not None or second is None else 1), default=Commitment.CONFIRMED
    )
    last = newest.slot if last is None else min(last, newest.slot)
    if last - first > BLOCKS_MAX:
        raise invalid_params(f"Slot range too large; max {BLOCKS_MAX}")
    return call.chain.ledger.blocks(first, last)


def get_blocks_with_limit(call: Call) -> object:
    first, limit = call.u64(0), call.u64(1)
    if limit > BLOCKS_MAX:
        raise invalid_params(f"Limit too large; max {BLOCKS_MAX}")
    newest = call.view(call.config(2), default=Commitment.CONFIRMED)
    return call.chain.ledger.blocks(first, newest.slot)[:limit]


def get_block_time(call: Call) -> object:
    return _block(call, call.u64(0), Commitment.CONFIRMED).time


def get_first_available_block(call: Call) -> object:
    return call.chain.ledger.first_slot


def _status(call: Call, record: TransactionRecord, now: int) -> dict[str, object]:
    level = call.chain.commitment_of(record.slot)
    error = record.error.json if record.error else None
    return {
        "slot": record.slot,
        # Null once it is rooted: nothing is left to count.
        "confirmations": None if level is Commitment.FINALIZED else now - record.slot,
        "err": error,
        "status": {"Ok": None} if error is None else {"Err": error},
        "confirmationStatus": level.value,
    }


def _signature_info(call: Call, record: TransactionRecord) -> dict[str, object]:
    message = record.transaction.message
    calls = [(record.keys[one.program_id_index], one.data) for one in message.instructions]
    block = call.chain.ledger.block(record.slot)
    return {
        "signature": str(record.signature),
        "slot": record.slot,
        "err": record.error.json if record.error else None,
        "memo": memo_text(calls),
        "blockTime": block.time if block else None,
        "confirmationStatus": call.chain.commitment_of(record.slot).value,
        "transactionIndex": record.index,
    }


def _block(call: Call, slot: int, level: Commitment) -> Block:
    ledger = call.chain.ledger
    if slot > call.view({}, default=level).slot:
        raise block_not_available(slot)
    block = ledger.block(slot)
    if block is not None:
        return block
    if slot < ledger.first_slot:
        raise block_cleaned_up(slot, ledger.first_slot)
    raise slot_skipped(slot) if slot <= call.chain.root else long_term_slot_skipped(slot)


def _encoder(
    config: Config, record: TransactionRecord, details: str, encoding: str
) -> Callable[[TransactionRecord], object]:
    show_version = _check_version(config, record)
    if details == "accounts":
        return lambda one: encode_accounts_only(one, show_version=show_version)
    return lambda one: encode_record(one, encoding=encoding, show_version=show_version)


def _check_version(config: Config, record: TransactionRecord) -> bool:
    """Whether the answer shows the version. Raises RpcError where the client can't read the transaction's."""
    highest = config.get("maxSupportedTransactionVersion")
    version = transaction_version(record.transaction.message)
    if highest is None:
        if version != LEGACY:
            raise unsupported_version(int(version))
        return False
    if not isinstance(highest, int) or isinstance(highest, bool) or not 0 <= highest <= 255:
        refuse_type(highest, "u8")
    return True


def _encoding_config(call: Call, place: int) -> Config:
    """The configuration; its old form is the encoding alone."""
    found = call.params[place] if place < len(call.params) else None
    return {"encoding": found} if isinstance(found, str) else call.config(place)


def _at_least_confirmed(config: Config) -> Commitment:
    level = commitment(config)
    if level is Commitment.PROCESSED:
        raise invalid_params("Method does not support commitment below `confirmed`")
    return level


METHODS = {
    "getBlock": get_block,
    "getBlockTime": get_block_time,
    "getBlocks": get_blocks,
    "getBlocksWithLimit": get_blocks_with_limit,
    "getFirstAvailableBlock": get_first_available_block,
    "getSignatureStatuses": get_signature_statuses,
    "getSignaturesForAddress": get_signatures_for_address,
    "getTransaction": get_transaction,
}
