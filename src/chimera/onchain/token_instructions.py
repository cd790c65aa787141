"""Instructions of the programs that every trade needs beside its venue: system, token, ATA, compute budget, memo.

Pure builders, byte for byte what the programs' own clients write (a test holds them against solders and spl).
Must not know venues, fees policy or who signs.
"""

from functools import lru_cache

from chimera.domain.chain import AccountMeta, InstructionCall
from chimera.domain.ids import (
    ATA_PROGRAM,
    COMPUTE_BUDGET_PROGRAM,
    SYSTEM_PROGRAM,
    TOKEN_2022_PROGRAM,
    TOKEN_PROGRAM,
    Address,
)
from chimera.onchain.keys import associated_token_address

MEMO_PROGRAM = Address("MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr")

# Tags: ComputeBudgetInstruction and SystemInstruction (solana-sdk), TokenInstruction (spl-token),
# AssociatedTokenAccountInstruction (spl-associated-token-account).
_SET_COMPUTE_UNIT_LIMIT = b"\x02"
_SET_COMPUTE_UNIT_PRICE = b"\x03"
_SYSTEM_TRANSFER = (2).to_bytes(4, "little")
_MINT_TO_CHECKED = b"\x0e"
_CLOSE_ACCOUNT = b"\x09"
_FREEZE_ACCOUNT = b"\x0a"
_TRANSFER_CHECKED = b"\x0c"
_SYNC_NATIVE = b"\x11"
_CREATE_IDEMPOTENT = b"\x01"
_HARVEST_WITHHELD = b"\x1a\x04"  # TransferFeeExtension, HarvestWithheldTokensToMint


@lru_cache(1_024)
def compute_unit_limit(units: int) -> InstructionCall:
    """Caps the transaction's compute units; the priority fee is charged on this cap, not on what is used."""
    return InstructionCall(COMPUTE_BUDGET_PROGRAM, (), _SET_COMPUTE_UNIT_LIMIT + units.to_bytes(4, "little"))


@lru_cache(1_024)
def compute_unit_price(micro_lamports: int) -> InstructionCall:
    """Priority fee per compute unit, in 1e-6 lamports."""
    data = _SET_COMPUTE_UNIT_PRICE + micro_lamports.to_bytes(8, "little")
    return InstructionCall(COMPUTE_BUDGET_PROGRAM, (), data)


@lru_cache(4_096)
def create_token_account(
    *, payer: Address, owner: Address, mint: Address, token_program: Address
) -> InstructionCall:
    """Creates the owner's associated token account, and does nothing where it is already there."""
    account = associated_token_address(owner=owner, mint=mint, token_program=token_program)
    metas = (
        AccountMeta(payer, is_signer=True, is_writable=True),
        AccountMeta(account, is_signer=False, is_writable=True),
        _read(owner),
        _read(mint),
        _read(SYSTEM_PROGRAM),
        _read(token_program),
    )
    return InstructionCall(ATA_PROGRAM, metas, _CREATE_IDEMPOTENT)


def system_transfer(*, source: Address, destination: Address, lamports: int) -> InstructionCall:
    """Moves native SOL; the source signs."""
    metas = (AccountMeta(source, is_signer=True, is_writable=True), _write(destination))
    return InstructionCall(SYSTEM_PROGRAM, metas, _SYSTEM_TRANSFER + lamports.to_bytes(8, "little"))


@lru_cache(1_024)
def sync_native(account: Address, *, token_program: Address = TOKEN_PROGRAM) -> InstructionCall:
    """Makes a wSOL account's token amount follow the lamports it was given."""
    return InstructionCall(token_program, (_write(account),), _SYNC_NATIVE)


@lru_cache(4_096)
def close_token_account(
    *, account: Address, destination: Address, owner: Address, token_program: Address
) -> InstructionCall:
    """Closes an empty token account, or a wSOL account with all it holds; its lamports go to `destination`."""
    metas = (_write(account), _write(destination), _sign(owner))
    return InstructionCall(token_program, metas, _CLOSE_ACCOUNT)


def harvest_withheld(*, mint: Address, sources: tuple[Address, ...]) -> InstructionCall:
    """Sends transfer fees that lie in Token-2022 accounts to their mint, which frees the accounts to be closed.

    Anybody may (spl-token-2022 `extension/transfer_fee/instruction.rs`, HarvestWithheldTokensToMint).
    """
    metas = (_write(mint), *(_write(source) for source in sources))
    return InstructionCall(TOKEN_2022_PROGRAM, metas, _HARVEST_WITHHELD)


def transfer_checked(
    *,
    source: Address,
    mint: Address,
    destination: Address,
    owner: Address,
    amount: int,
    decimals: int,
    token_program: Address,
) -> InstructionCall:
    """Moves tokens between token accounts; a Token-2022 transfer fee is kept back at the destination."""
    metas = (_write(source), _read(mint), _write(destination), _sign(owner))
    return InstructionCall(token_program, metas, _TRANSFER_CHECKED + _amount(amount, decimals))


def mint_to_checked(
    *,
    mint: Address,
    destination: Address,
    authority: Address,
    amount: int,
    decimals: int,
    token_program: Address,
) -> InstructionCall:
    """Makes new tokens; only the mint's authority may."""
    metas = (_write(mint), _write(destination), _sign(authority))
    return InstructionCall(token_program, metas, _MINT_TO_CHECKED + _amount(amount, decimals))


def freeze_token_account(
    *, account: Address, mint: Address, authority: Address, token_program: Address
) -> InstructionCall:
    """Stops all movement of a token account; only the mint's freeze authority may."""
    return InstructionCall(token_program, (_write(account), _read(mint), _sign(authority)), _FREEZE_ACCOUNT)


def memo(text: str, *signers: Address) -> InstructionCall:
    """Writes a text into the transaction's log; the signers named must sign."""
    return InstructionCall(MEMO_PROGRAM, tuple(_sign(signer) for signer in signers), text.encode())


def _amount(amount: int, decimals: int) -> bytes:
    return amount.to_bytes(8, "little") + decimals.to_bytes(1, "little")


def _read(address: Address) -> AccountMeta:
    return AccountMeta(address, is_signer=False, is_writable=False)


def _write(address: Address) -> AccountMeta:
    return AccountMeta(address, is_signer=False, is_writable=True)


def _sign(address: Address) -> AccountMeta:
    return AccountMeta(address, is_signer=True, is_writable=False)
