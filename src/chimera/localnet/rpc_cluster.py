"""JSON-RPC methods about the cluster itself: health, slots, epochs, blockhashes, fees."""

from solders.message import from_bytes_versioned
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.transaction import VersionedTransaction

from chimera.domain.chain import Commitment
from chimera.localnet.bank import SLOTS_PER_EPOCH
from chimera.localnet.encode_bytes import base64_decode
from chimera.localnet.priority import micro_lamports_per_unit
from chimera.localnet.rpc_call import API_VERSION, Call, blockhash, in_context, pubkey
from chimera.localnet.rpc_errors import invalid_params

FEE_SLOTS = 150  # of getRecentPrioritizationFees: the node's cache
FEE_ACCOUNTS_MAX = 128
FEATURE_SET = 2_406_600_000  # any fixed number: clients only print it


def get_health(_call: Call) -> object:
    return "ok"


def get_version(_call: Call) -> object:
    return {"solana-core": API_VERSION, "feature-set": FEATURE_SET}


def get_genesis_hash(call: Call) -> object:
    return str(call.chain.genesis_hash)


def get_identity(call: Call) -> object:
    return {"identity": str(call.chain.faucet.address)}


def get_slot_leader(call: Call) -> object:
    call.view(call.config(0))
    return str(call.chain.faucet.address)


def get_slot(call: Call) -> object:
    return call.view(call.config(0)).slot


def get_block_height(call: Call) -> object:
    return call.view(call.config(0)).height


def get_transaction_count(call: Call) -> object:
    call.view(call.config(0))
    return call.chain.ledger.transactions_total


def get_epoch_info(call: Call) -> object:
    view = call.view(call.config(0))
    epoch, index = divmod(view.slot, SLOTS_PER_EPOCH)
    return {
        "absoluteSlot": view.slot,
        "blockHeight": view.height,
        "epoch": epoch,
        "slotIndex": index,
        "slotsInEpoch": SLOTS_PER_EPOCH,
        "transactionCount": call.chain.ledger.transactions_total,
    }


def get_epoch_schedule(_call: Call) -> object:
    return {
        "slotsPerEpoch": SLOTS_PER_EPOCH,
        "leaderScheduleSlotOffset": SLOTS_PER_EPOCH,
        "warmup": False,
        "firstNormalEpoch": 0,
        "firstNormalSlot": 0,
    }


def get_latest_blockhash(call: Call) -> object:
    view = call.view(call.config(0))
    latest = call.chain.blockhashes.latest(up_to_slot=view.slot)
    value = {"blockhash": str(latest.blockhash), "lastValidBlockHeight": latest.last_valid_height}
    return in_context(view, value)


def is_blockhash_valid(call: Call) -> object:
    wanted, view = blockhash(call.value(0)), call.view(call.config(1))
    return in_context(view, call.chain.blockhashes.valid(wanted, at_height=view.height, at_slot=view.slot))


def get_fee_for_message(call: Call) -> object:
    text, view = call.text(0), call.view(call.config(1))
    try:
        message = from_bytes_versioned(base64_decode(text))
    except ValueError as error:
        raise invalid_params(f"Invalid param: {error}") from None
    if not call.chain.blockhashes.valid(message.recent_blockhash, at_height=view.height, at_slot=view.slot):
        return in_context(view, None)
    unsigned = [Signature.default()] * message.header.num_required_signatures
    transaction = VersionedTransaction.populate(message, unsigned)
    found = call.chain.simulate(transaction, view=view, verify_signatures=False)
    return in_context(view, found.fee)


def get_recent_prioritization_fees(call: Call) -> object:
    """The least price of a compute unit that landed, slot by slot; of those that locked the named accounts."""
    keys: set[Pubkey] = set()
    if call.params and call.params[0] is not None:
        keys = {pubkey(found) for found in call.items(0, limit=FEE_ACCOUNTS_MAX)}
    now = call.chain.view(Commitment.PROCESSED).slot
    found = []
    for slot in call.chain.ledger.blocks(now - FEE_SLOTS, now):
        block = call.chain.ledger.block(slot)
        if block is None:
            continue
        prices = [
            micro_lamports_per_unit(record.transaction)
            for record in block.transactions
            if keys.issubset(record.keys)
        ]
        found.append({"slot": slot, "prioritizationFee": min(prices, default=0)})
    return found


def minimum_ledger_slot(call: Call) -> object:
    return call.chain.ledger.first_slot


METHODS = {
    "getBlockHeight": get_block_height,
    "getEpochInfo": get_epoch_info,
    "getEpochSchedule": get_epoch_schedule,
    "getFeeForMessage": get_fee_for_message,
    "getGenesisHash": get_genesis_hash,
    "getHealth": get_health,
    "getIdentity": get_identity,
    "getLatestBlockhash": get_latest_blockhash,
    "getRecentPrioritizationFees": get_recent_prioritization_fees,
    "getSlot": get_slot,
    "getSlotLeader": get_slot_leader,
    "getTransactionCount": get_transaction_count,
    "getVersion": get_version,
    "isBlockhashValid": is_blockhash_valid,
    "minimumLedgerSlot": minimum_ledger_slot,
}
