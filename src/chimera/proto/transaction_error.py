"""Reads the runtime's TransactionError from bincode, as Geyser brings it, into the JSON that RPC shows.

Bincode writes an enum as its u32 index and then its fields. The order of the two name lists below *is* the wire
format: it is the declaration order in `solana-transaction-error` and `solana-instruction-error` (Agave 3.x),
which only ever grows at the end.
"""

import json

JsonError = str | dict[str, object]
"""What RPC says: "BlockhashNotFound", {"InstructionError": [0, {"Custom": 6000}]} and the like."""


def error_text(data: bytes) -> str:
    """Compact JSON of the error, exactly as RPC shows it, so that both ways of learning of it read the same.

    An error newer than our lists keeps its number: {"Unknown": 40}. Raises ValueError for bytes that end early.
    """
    return json.dumps(decode(data), separators=(",", ":"))


def decode(data: bytes) -> JsonError:
    """The JSON value of bincode bytes; raises ValueError where they are too short."""
    index = _u32(data, 0)
    if index >= len(TRANSACTION_ERRORS):
        return {"Unknown": index}
    name = TRANSACTION_ERRORS[index]
    if name == "InstructionError":
        return {name: [_u8(data, 4), _decode_instruction(data, 5)]}
    if name == "DuplicateInstruction":
        return {name: _u8(data, 4)}
    if name in WITH_ACCOUNT_INDEX:
        return {name: {"account_index": _u8(data, 4)}}
    return name


def _decode_instruction(data: bytes, at: int) -> JsonError:
    index = _u32(data, at)
    if index >= len(INSTRUCTION_ERRORS):
        return {"Unknown": index}
    name = INSTRUCTION_ERRORS[index]
    if name == "Custom":
        return {name: _u32(data, at + 4)}
    if name == "BorshIoError" and len(data) >= at + 12:
        # Up to Agave 2.x it carries a text, later none.
        length = int.from_bytes(data[at + 4 : at + 12], "little")
        return {name: data[at + 12 : at + 12 + length].decode(errors="replace")}
    return name


def _u8(data: bytes, at: int) -> int:
    if len(data) <= at:
        raise ValueError(f"transaction error ends early: {data.hex()}")
    return data[at]


def _u32(data: bytes, at: int) -> int:
    if len(data) < at + 4:
        raise ValueError(f"transaction error ends early: {data.hex()}")
    return int.from_bytes(data[at : at + 4], "little")


WITH_ACCOUNT_INDEX = ("InsufficientFundsForRent", "ProgramExecutionTemporarilyRestricted")

TRANSACTION_ERRORS = (
    "AccountInUse",
    "AccountLoadedTwice",
    "AccountNotFound",
    "ProgramAccountNotFound",
    "InsufficientFundsForFee",
    "InvalidAccountForFee",
    "AlreadyProcessed",
    "BlockhashNotFound",
    "InstructionError",
    "CallChainTooDeep",
    "MissingSignatureForFee",
    "InvalidAccountIndex",
    "SignatureFailure",
    "InvalidProgramForExecution",
    "SanitizeFailure",
    "ClusterMaintenance",
    "AccountBorrowOutstanding",
    "WouldExceedMaxBlockCostLimit",
    "UnsupportedVersion",
    "InvalidWritableAccount",
    "WouldExceedMaxAccountCostLimit",
    "WouldExceedAccountDataBlockLimit",
    "TooManyAccountLocks",
    "AddressLookupTableNotFound",
    "InvalidAddressLookupTableOwner",
    "InvalidAddressLookupTableData",
    "InvalidAddressLookupTableIndex",
    "InvalidRentPayingAccount",
    "WouldExceedMaxVoteCostLimit",
    "WouldExceedAccountDataTotalLimit",
    "DuplicateInstruction",
    "InsufficientFundsForRent",
    "MaxLoadedAccountsDataSizeExceeded",
    "InvalidLoadedAccountsDataSizeLimit",
    "ResanitizationNeeded",
    "ProgramExecutionTemporarilyRestricted",
    "UnbalancedTransaction",
    "ProgramCacheHitMaxLimit",
    "CommitCancelled",
)

INSTRUCTION_ERRORS = (
    "GenericError",
    "InvalidArgument",
    "InvalidInstructionData",
    "InvalidAccountData",
    "AccountDataTooSmall",
    "InsufficientFunds",
    "IncorrectProgramId",
    "MissingRequiredSignature",
    "AccountAlreadyInitialized",
    "UninitializedAccount",
    "UnbalancedInstruction",
    "ModifiedProgramId",
    "ExternalAccountLamportSpend",
    "ExternalAccountDataModified",
    "ReadonlyLamportChange",
    "ReadonlyDataModified",
    "DuplicateAccountIndex",
    "ExecutableModified",
    "RentEpochModified",
    "NotEnoughAccountKeys",
    "AccountDataSizeChanged",
    "AccountNotExecutable",
    "AccountBorrowFailed",
    "AccountBorrowOutstanding",
    "DuplicateAccountOutOfSync",
    "Custom",
    "InvalidError",
    "ExecutableDataModified",
    "ExecutableLamportChange",
    "ExecutableAccountNotRentExempt",
    "UnsupportedProgramId",
    "CallDepth",
    "MissingAccount",
    "ReentrancyNotAllowed",
    "MaxSeedLengthExceeded",
    "InvalidSeeds",
    "InvalidRealloc",
    "ComputationalBudgetExceeded",
    "PrivilegeEscalation",
    "ProgramEnvironmentSetupFailure",
    "ProgramFailedToComplete",
    "ProgramFailedToCompile",
    "Immutable",
    "IncorrectAuthority",
    "BorshIoError",
    "AccountNotRentExempt",
    "InvalidAccountOwner",
    "ArithmeticOverflow",
    "UnsupportedSysvar",
    "IllegalOwner",
    "MaxAccountsDataAllocationsExceeded",
    "MaxAccountsExceeded",
    "MaxInstructionTraceLengthExceeded",
    "BuiltinProgramsMustConsumeComputeUnits",
)
