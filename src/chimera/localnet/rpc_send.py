"""JSON-RPC methods that run transactions: simulate, send (with its preflight), airdrop."""

import asyncio

from solders.account import Account
from solders.hash import Hash
from solders.message import Message, MessageV0
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.transaction import VersionedTransaction

from chimera.localnet.bank import Simulated
from chimera.localnet.blockhashes import Known
from chimera.localnet.chain import EmbeddedChain, Landed
from chimera.localnet.encode_account import encode_account
from chimera.localnet.encode_bytes import base58_decode, base64_decode
from chimera.localnet.encode_error import error_text
from chimera.localnet.encode_transaction import encode_inner, encode_return_data, encode_token_balances
from chimera.localnet.events import AccountWritten, BlockSealed, SlotChanged, SlotPhase, TransactionExecuted
from chimera.localnet.intercept import SendFault
from chimera.localnet.ledger import TransactionError
from chimera.localnet.rpc_call import ACCOUNT_ENCODINGS, Call, Config, choice, flag, in_context, pubkey, u64
from chimera.localnet.rpc_errors import (
    internal_error,
    invalid_params,
    preflight_failure,
    refuse_type,
    signature_verification_failure,
)
from chimera.localnet.view import ChainView
from chimera.localnet.wire import TRANSACTION_BYTES_MAX, WireError, parse_transaction

BASE58_CHARS_MAX = 1683  # the longest base58 of 1,232 bytes; the node refuses more before decoding
BASE64_CHARS_MAX = 1644
SIMULATED_ACCOUNTS_MAX = 128
_TYPE = "solana_transaction::versioned::VersionedTransaction"


def send_transaction(call: Call) -> object:
    config = call.config(1)
    wire, transaction = _transaction(call.text(0), config)
    if config.get("maxRetries") is not None:
        u64(config["maxRetries"])  # nothing gets lost between this node and its leader, so none is made
    if not flag(config, "skipPreflight"):
        _preflight(call, config, transaction)
    elif config.get("minContextSlot") is not None:
        call.view(config)
    match call.decision.send:
        case SendFault.LOST:
            pass
        case SendFault.LATE:
            LateLanding(call.chain, wire, after_slots=max(1, call.decision.land_after_slots))
        case SendFault.TWICE:
            call.chain.submit(wire)
            call.chain.submit(wire)
        case SendFault.NONE:
            call.chain.submit(wire)
    return str(transaction.signatures[0])


def simulate_transaction(call: Call) -> object:
    config = call.config(1)
    _, transaction = _transaction(call.text(0), config)
    verify, replace = flag(config, "sigVerify"), flag(config, "replaceRecentBlockhash")
    if verify and replace:
        raise invalid_params("sigVerify may not be used with replaceRecentBlockhash")
    view = call.view(config)
    replacement = None
    if replace:
        replacement = call.chain.blockhashes.latest(up_to_slot=view.slot)
        transaction = _with_blockhash(transaction, replacement.blockhash)
    elif verify and not all(transaction.verify_with_results()):
        raise signature_verification_failure()
    refused = None if replace else call.chain.check_age(transaction, view=view)
    found = None
    if refused is None:
        found = call.chain.simulate(transaction, view=view, verify_signatures=False)
    value = _simulation_shown(
        found, refused, inner=flag(config, "innerInstructions"), replacement=replacement
    )
    value["accounts"] = _wanted_accounts(config, found, view)
    return in_context(view, value)


def request_airdrop(call: Call) -> object:
    to, lamports = call.pubkey(0), call.u64(1)
    call.config(2)
    outcome = call.chain.execute_airdrop(to, lamports)
    if not isinstance(outcome, Landed) or outcome.record.error is not None:
        error = outcome.record.error if isinstance(outcome, Landed) else outcome.error
        assert error is not None, "a dropped or failed airdrop has its reason"
        raise internal_error(f"Internal error: airdrop failed: {error_text(error.json)}")
    return str(outcome.record.signature)


class LateLanding:
    """A transaction that is on its way for some slots; it listens to the chain until its time has come."""

    def __init__(self, chain: EmbeddedChain, wire: bytes, *, after_slots: int) -> None:
        self._chain, self._wire = chain, wire
        self._lands_in = chain.slot + after_slots
        chain.listeners.add(self)

    def slot_changed(self, event: SlotChanged) -> None:
        if event.phase is SlotPhase.CREATED and event.slot >= self._lands_in:
            self._chain.listeners.remove(self)
            # The chain is in the middle of its tick: it takes transactions again right after.
            asyncio.get_running_loop().call_soon(self._chain.submit, self._wire)

    def account_written(self, event: AccountWritten) -> None:
        """Of no interest."""

    def transaction_executed(self, event: TransactionExecuted) -> None:
        """Of no interest."""

    def block_sealed(self, event: BlockSealed) -> None:
        """Of no interest."""


def _preflight(call: Call, config: Config, transaction: VersionedTransaction) -> None:
    """Raises RpcError unless the transaction would succeed at its preflight commitment."""
    if not all(transaction.verify_with_results()):
        raise signature_verification_failure()
    view = call.view(
        {"commitment": config.get("preflightCommitment"), "minContextSlot": config.get("minContextSlot")}
    )
    refused = call.chain.check_age(transaction, view=view)
    if refused is not None:
        shown = _simulation_shown(None, refused, inner=False, replacement=None)
        raise preflight_failure(error_text(refused.json), shown)
    found = call.chain.simulate(transaction, view=view, verify_signatures=False)
    if found.error is not None:
        shown = _simulation_shown(found, None, inner=False, replacement=None)
        raise preflight_failure(error_text(found.error.json), shown)


def _simulation_shown(
    found: Simulated | None, refused: TransactionError | None, *, inner: bool, replacement: Known | None
) -> dict[str, object]:
    error = refused if found is None else found.error
    shown: dict[str, object] = {
        "err": None if error is None else error.json,
        "logs": [] if found is None else found.logs,
        "accounts": None,
        "unitsConsumed": 0 if found is None else found.compute_units,
        "loadedAccountsDataSize": 0,
        "returnData": None,
        "innerInstructions": None,
        "replacementBlockhash": None,
        "fee": None,
        "loadedAddresses": None,
        "preBalances": None,
        "postBalances": None,
        "preTokenBalances": None,
        "postTokenBalances": None,
    }
    if replacement is not None:
        shown["replacementBlockhash"] = {
            "blockhash": str(replacement.blockhash),
            "lastValidBlockHeight": replacement.last_valid_height,
        }
    if found is None:
        return shown
    after = tuple(found.after.get(key, was) for key, was in zip(found.keys.all, found.before, strict=True))
    shown["loadedAccountsDataSize"] = sum(
        len(account.data) for account in found.before if account is not None
    )
    shown["returnData"] = encode_return_data(found.return_program, found.return_data)
    shown["fee"] = found.fee
    shown["loadedAddresses"] = {
        "writable": [str(key) for key in found.keys.loaded_writable],
        "readonly": [str(key) for key in found.keys.loaded_readonly],
    }
    shown["preBalances"] = [_lamports(account) for account in found.before]
    shown["postBalances"] = [_lamports(account) for account in after]
    shown["preTokenBalances"] = encode_token_balances(found.pre_token_balances)
    shown["postTokenBalances"] = encode_token_balances(found.post_token_balances)
    if inner:
        shown["innerInstructions"] = encode_inner(found.inner, found.keys.all, parsed=True)
    return shown


def _wanted_accounts(config: Config, found: Simulated | None, view: ChainView) -> object:
    wanted = config.get("accounts")
    if wanted is None:
        return None
    if not isinstance(wanted, dict):
        refuse_type(wanted, "an accounts configuration")
    encoding = choice(wanted, "encoding", ACCOUNT_ENCODINGS, "base64")
    if encoding in ("binary", "base58"):
        raise invalid_params("base58 encoding not supported")
    addresses = wanted.get("addresses")
    if not isinstance(addresses, list):
        refuse_type(addresses, "a sequence")
    if len(addresses) > SIMULATED_ACCOUNTS_MAX:
        raise invalid_params(f"Too many accounts provided; max {SIMULATED_ACCOUNTS_MAX}")
    keys = [pubkey(one) for one in addresses]
    if found is None or found.error is not None:
        return [None] * len(keys)

    def read(key: Pubkey) -> Account | None:
        account = found.after.get(key) if found is not None else None
        return view.account(key) if account is None else account

    accounts = [read(key) for key in keys]
    return [
        None
        if account is None or account.lamports == 0
        else encode_account(account, encoding=encoding, data_slice=None, read=read)
        for account in accounts
    ]


def _transaction(text: str, config: Config) -> tuple[bytes, VersionedTransaction]:
    encoding = choice(config, "encoding", ("base58", "base64", "binary"), "base58")
    name, chars_max = ("base64", BASE64_CHARS_MAX) if encoding == "base64" else ("base58", BASE58_CHARS_MAX)
    if len(text) > chars_max:
        raise invalid_params(
            f"{name} encoded {_TYPE} too large: {len(text)} bytes "
            f"(max: encoded/raw {chars_max}/{TRANSACTION_BYTES_MAX})"
        )
    try:
        wire = base64_decode(text) if name == "base64" else base58_decode(text)
    except ValueError as error:
        raise invalid_params(f"invalid {name} encoding: {error}") from None
    try:
        return wire, parse_transaction(wire)
    except WireError as error:
        raise invalid_params(str(error)) from None


def _with_blockhash(transaction: VersionedTransaction, blockhash: Hash) -> VersionedTransaction:
    """The same transaction under another blockhash; its signatures no longer fit and must not be checked."""
    message = transaction.message
    if isinstance(message, MessageV0):
        changed: Message | MessageV0 = MessageV0(
            message.header,
            message.account_keys,
            blockhash,
            message.instructions,
            message.address_table_lookups,
        )
    else:
        header = message.header
        changed = Message.new_with_compiled_instructions(
            header.num_required_signatures,
            header.num_readonly_signed_accounts,
            header.num_readonly_unsigned_accounts,
            message.account_keys,
            blockhash,
            message.instructions,
        )
    return VersionedTransaction.populate(changed, list(transaction.signatures) or [Signature.default()])


def _lamports(account: Account | None) -> int:
    return 0 if account is None else account.lamports


METHODS = {
    "requestAirdrop": request_airdrop,
    "sendTransaction": send_transaction,
    "simulateTransaction": simulate_transaction,
}
