"""A chore becomes one transaction. Must not know who signs or how it is sent."""

from collections.abc import Mapping

import msgspec

from chimera.domain.chain import Blockhash, InstructionCall, TransactionUpdate
from chimera.domain.ids import TOKEN_2022_PROGRAM, TOKEN_PROGRAM, WSOL, Address
from chimera.domain.messages import UpkeepLanded
from chimera.domain.risk import Reason, Refusal
from chimera.domain.upkeep import Chore, Upkeep
from chimera.execution.janitor import Held
from chimera.execution.outcomes import lamports_delta, token_changes
from chimera.onchain.keys import associated_token_address
from chimera.onchain.token_instructions import (
    close_token_account,
    compute_unit_limit,
    compute_unit_price,
    create_token_account,
    harvest_withheld,
    sync_native,
    system_transfer,
    transfer_checked,
)
from chimera.onchain.transaction import compile_v0, oversize

COMPUTE_UNITS = 80_000  # of creating, filling and syncing an account; no less on mainnet's programs
COMPUTE_UNITS_AN_ACCOUNT = 12_000  # of harvesting and closing one
CU_PRICE_MICRO_LAMPORTS = 1_000  # no hurry: a chore that expires is decided anew


class UpkeepPlan(msgspec.Struct, frozen=True):
    message: bytes
    last_valid_block_height: int
    upkeep: Upkeep
    """With the accounts that fit into the transaction: the first ones."""
    accounts_at: tuple[Address | None, ...]
    """Which account each instruction is about, to name the one that a simulation fails at."""


def plan_upkeep(
    upkeep: Upkeep,
    held: Mapping[Address, Held],
    *,
    wallet: Address,
    decimals: int | None,
    blockhash: Blockhash,
) -> UpkeepPlan | Refusal:
    """The chore's transaction; `decimals` are those of the token that is merged.

    An account that is not among the `held` any more is left out; a chore of which nothing is left is refused.
    """
    known = [held[address] for address in upkeep.accounts if address in held]
    while True:
        if upkeep.chore in {Chore.CLOSE, Chore.MERGE} and not known:
            return Refusal(Reason.NOT_READY, observed="none of its accounts is there any more")
        if upkeep.chore is Chore.MERGE and decimals is None:
            return Refusal(Reason.NOT_READY, observed="the token's decimals are not known")
        work = _work(upkeep, known, wallet, decimals or 0)
        units = COMPUTE_UNITS + COMPUTE_UNITS_AN_ACCOUNT * len(known)
        calls = [compute_unit_limit(units), compute_unit_price(CU_PRICE_MICRO_LAMPORTS)]
        message = compile_v0(
            [*calls, *(call for call, _ in work)], payer=wallet, blockhash=blockhash.blockhash
        )
        too_large = oversize(message)
        if too_large is None:
            break
        if len(known) < 2:
            return too_large
        known = known[:-1]
    accounts = tuple(one.account.address for one in known)
    return UpkeepPlan(
        message=message,
        last_valid_block_height=blockhash.last_valid_block_height,
        upkeep=msgspec.structs.replace(upkeep, accounts=accounts),
        accounts_at=(None, None, *(address for _, address in work)),
    )


def landed_of(upkeep_id: str, transaction: TransactionUpdate, *, wallet: Address) -> UpkeepLanded:
    """What the chore's transaction really did, from its metadata."""
    rent, changes = token_changes(transaction, wallet)
    failed = transaction.error is not None
    return UpkeepLanded(
        upkeep_id=upkeep_id,
        signature=transaction.signature,
        slot=transaction.slot,
        lamports_delta=lamports_delta(transaction, wallet),
        fee_lamports=transaction.fee_lamports,
        rent_lamports=0 if failed else rent,
        tokens=() if failed else tuple(sorted((mint, change) for mint, change in changes.items() if change)),
        error=transaction.error,
    )


Step = tuple[InstructionCall, Address | None]


def _work(upkeep: Upkeep, known: list[Held], wallet: Address, decimals: int) -> list[Step]:
    match upkeep.chore:
        case Chore.WRAP:
            return _wrap(wallet, upkeep.lamports)
        case Chore.UNWRAP:
            base = associated_token_address(owner=wallet, mint=WSOL, token_program=TOKEN_PROGRAM)
            # all of it, and back what shall stay: a part alone cannot be unwrapped
            return [
                (_close(base, TOKEN_PROGRAM, wallet), base),
                *(_wrap(wallet, upkeep.lamports) if upkeep.lamports else []),
            ]
        case Chore.CLOSE:
            return [step for one in known for step in _closing(one, wallet)]
        case Chore.MERGE:
            return [
                step for one in known for step in (*_merging(one, wallet, decimals), *_closing(one, wallet))
            ]
        case Chore.SELL:
            return []  # planned by `sales`, which knows the pools


def _wrap(wallet: Address, lamports: int) -> list[Step]:
    base = associated_token_address(owner=wallet, mint=WSOL, token_program=TOKEN_PROGRAM)
    calls = (
        create_token_account(payer=wallet, owner=wallet, mint=WSOL, token_program=TOKEN_PROGRAM),
        system_transfer(source=wallet, destination=base, lamports=lamports),
        sync_native(base),
    )
    return [(call, base) for call in calls]


def _merging(one: Held, wallet: Address, decimals: int) -> list[Step]:
    account = one.account
    target = associated_token_address(owner=wallet, mint=account.mint, token_program=account.program)
    calls = (
        create_token_account(payer=wallet, owner=wallet, mint=account.mint, token_program=account.program),
        transfer_checked(
            source=account.address,
            mint=account.mint,
            destination=target,
            owner=wallet,
            amount=account.amount,
            decimals=decimals,
            token_program=account.program,
        ),
    )
    return [(call, account.address) for call in calls]


def _closing(one: Held, wallet: Address) -> list[Step]:
    account = one.account
    steps: list[Step] = []
    if one.withheld and account.program == TOKEN_2022_PROGRAM:
        steps.append((harvest_withheld(mint=account.mint, sources=(account.address,)), account.address))
    return [*steps, (_close(account.address, account.program, wallet), account.address)]


def _close(account: Address, program: Address, wallet: Address) -> InstructionCall:
    return close_token_account(account=account, destination=wallet, owner=wallet, token_program=program)
