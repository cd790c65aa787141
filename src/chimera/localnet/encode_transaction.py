"""Transactions and their metadata as JSON-RPC shows them."""

from collections.abc import Sequence

from solders.message import MessageV0
from solders.pubkey import Pubkey
from solders.transaction_metadata import InnerInstruction

from chimera.localnet.encode_bytes import base58_encode, base64_encode
from chimera.localnet.encode_instruction import parse_instruction
from chimera.localnet.encode_token import ui_amount
from chimera.localnet.keys import AnyMessage
from chimera.localnet.ledger import TokenBalance, TransactionRecord

LEGACY = "legacy"


def transaction_version(message: AnyMessage) -> int | str:
    return 0 if isinstance(message, MessageV0) else LEGACY


def encode_record(record: TransactionRecord, *, encoding: str, show_version: bool) -> dict[str, object]:
    """{"transaction", "meta"} and, where the client speaks versions, "version"."""
    found: dict[str, object] = {
        "transaction": encode_transaction(record, encoding),
        "meta": encode_meta(record, parsed=encoding == "jsonParsed"),
    }
    if show_version:
        found["version"] = transaction_version(record.transaction.message)
    return found


def encode_transaction(record: TransactionRecord, encoding: str) -> object:
    match encoding:
        case "base64":
            return [base64_encode(record.wire), "base64"]
        case "base58":
            return [base58_encode(record.wire), "base58"]
        case "binary":
            return base58_encode(record.wire)
        case "jsonParsed":
            message = _parsed_message(record)
        case _:
            message = _raw_message(record.transaction.message)
    return {"signatures": [str(one) for one in record.transaction.signatures], "message": message}


def encode_accounts_only(record: TransactionRecord, *, show_version: bool) -> dict[str, object]:
    """The `accounts` level of getBlock's transactionDetails."""
    found: dict[str, object] = {
        "transaction": {
            "signatures": [str(one) for one in record.transaction.signatures],
            "accountKeys": parsed_keys(record),
        },
        "meta": {
            "err": record.error.json if record.error else None,
            "status": {"Err": record.error.json} if record.error else {"Ok": None},
            "fee": record.fee,
            "preBalances": record.pre_balances,
            "postBalances": record.post_balances,
            "preTokenBalances": encode_token_balances(record.pre_token_balances),
            "postTokenBalances": encode_token_balances(record.post_token_balances),
        },
    }
    if show_version:
        found["version"] = transaction_version(record.transaction.message)
    return found


def encode_meta(record: TransactionRecord, *, parsed: bool) -> dict[str, object]:
    meta: dict[str, object] = {
        "err": record.error.json if record.error else None,
        "status": {"Err": record.error.json} if record.error else {"Ok": None},
        "fee": record.fee,
        "preBalances": record.pre_balances,
        "postBalances": record.post_balances,
        "innerInstructions": encode_inner(record.inner, record.keys, parsed=parsed),
        "logMessages": record.logs,
        "preTokenBalances": encode_token_balances(record.pre_token_balances),
        "postTokenBalances": encode_token_balances(record.post_token_balances),
        "rewards": [],
        "computeUnitsConsumed": record.compute_units,
        "costUnits": record.compute_units,
    }
    if not parsed:  # jsonParsed lists them among the account keys instead
        meta["loadedAddresses"] = {
            "writable": [str(key) for key in record.loaded_writable],
            "readonly": [str(key) for key in record.loaded_readonly],
        }
    returned = encode_return_data(record.return_program, record.return_data)
    if returned is not None:
        meta["returnData"] = returned
    return meta


def encode_return_data(program: Pubkey | None, data: bytes) -> dict[str, object] | None:
    if program is None:
        return None
    return {"programId": str(program), "data": [base64_encode(data), "base64"]}


def encode_token_balances(balances: Sequence[TokenBalance]) -> list[dict[str, object]]:
    return [
        {
            "accountIndex": balance.account_index,
            "mint": str(balance.mint),
            "uiTokenAmount": ui_amount(balance.amount, balance.decimals),
            "owner": str(balance.owner),
            "programId": str(balance.program),
        }
        for balance in balances
    ]


def encode_inner(
    inner: Sequence[tuple[int, Sequence[InnerInstruction]]], keys: Sequence[Pubkey], *, parsed: bool
) -> list[dict[str, object]]:
    return [
        {
            "index": index,
            "instructions": [
                _instruction(
                    keys,
                    program=call.instruction().program_id_index,
                    accounts=call.instruction().accounts,
                    data=call.instruction().data,
                    stack_height=call.stack_height(),
                    parsed=parsed,
                )
                for call in calls
            ],
        }
        for index, calls in inner
    ]


def parsed_keys(record: TransactionRecord) -> list[dict[str, object]]:
    message = record.transaction.message
    header = message.header
    static = len(message.account_keys)
    signers = header.num_required_signatures
    writable_signers = signers - header.num_readonly_signed_accounts
    writable_others = static - header.num_readonly_unsigned_accounts
    loaded_writable_to = static + len(record.loaded_writable)
    return [
        {
            "pubkey": str(key),
            "signer": place < signers,
            "source": "transaction" if place < static else "lookupTable",
            "writable": place < writable_signers
            or signers <= place < writable_others
            or static <= place < loaded_writable_to,
        }
        for place, key in enumerate(record.keys)
    ]


def _raw_message(message: AnyMessage) -> dict[str, object]:
    header = message.header
    found: dict[str, object] = {
        "header": {
            "numRequiredSignatures": header.num_required_signatures,
            "numReadonlySignedAccounts": header.num_readonly_signed_accounts,
            "numReadonlyUnsignedAccounts": header.num_readonly_unsigned_accounts,
        },
        "accountKeys": [str(key) for key in message.account_keys],
        "recentBlockhash": str(message.recent_blockhash),
        "instructions": [
            _instruction(
                (),
                program=call.program_id_index,
                accounts=call.accounts,
                data=call.data,
                stack_height=1,
                parsed=False,
            )
            for call in message.instructions
        ],
    }
    if isinstance(message, MessageV0):
        found["addressTableLookups"] = _lookups(message)
    return found


def _parsed_message(record: TransactionRecord) -> dict[str, object]:
    message = record.transaction.message
    found: dict[str, object] = {
        "accountKeys": parsed_keys(record),
        "recentBlockhash": str(message.recent_blockhash),
        "instructions": [
            _instruction(
                record.keys,
                program=call.program_id_index,
                accounts=call.accounts,
                data=call.data,
                stack_height=1,
                parsed=True,
            )
            for call in message.instructions
        ],
    }
    if isinstance(message, MessageV0):
        found["addressTableLookups"] = _lookups(message)
    return found


def _lookups(message: MessageV0) -> list[dict[str, object]]:
    return [
        {
            "accountKey": str(lookup.account_key),
            "writableIndexes": list(lookup.writable_indexes),
            "readonlyIndexes": list(lookup.readonly_indexes),
        }
        for lookup in message.address_table_lookups
    ]


def _instruction(
    keys: Sequence[Pubkey],
    *,
    program: int,
    accounts: bytes,
    data: bytes,
    stack_height: int | None,
    parsed: bool,
) -> dict[str, object]:
    if not parsed:
        return {
            "programIdIndex": program,
            "accounts": list(accounts),
            "data": base58_encode(data),
            "stackHeight": stack_height,
        }
    named = [keys[place] for place in accounts if place < len(keys)]
    found = parse_instruction(keys[program], named, data)
    if found is None:
        found = {
            "programId": str(keys[program]),
            "accounts": [str(key) for key in named],
            "data": base58_encode(data),
        }
    return {**found, "stackHeight": stack_height}
