"""The transactions of chores, executed by the real token programs: withheld fees, twenty accounts at once, merging."""

import time

import pytest
from solders.account import Account as SvmAccount
from solders.keypair import Keypair
from solders.pubkey import Pubkey

from chimera.domain.chain import Account, Blockhash
from chimera.domain.ids import TOKEN_2022_PROGRAM, TOKEN_PROGRAM, WSOL, Address, Slot
from chimera.domain.upkeep import Chore, Upkeep
from chimera.execution.janitor import Held, held_of
from chimera.execution.upkeep import UpkeepPlan, plan_upkeep
from chimera.localnet import genesis_accounts as made
from chimera.localnet.bank import GenesisAccount
from chimera.localnet.chain import ChainOptions, EmbeddedChain, Landed
from chimera.onchain import token_instructions as make
from chimera.onchain.keys import associated_token_address
from chimera.onchain.transaction import attach_signatures, compile_v0

SOL = 10**9


class Purse:
    """A wallet on a chain of its own, with a fee token and as many others as asked for."""

    def __init__(self) -> None:
        self.chain = EmbeddedChain(ChainOptions(), now=time.time)
        self.key = Keypair()
        self.wallet = Address(str(self.key.pubkey()))
        self.chain.airdrop(self.key.pubkey(), 100 * SOL)
        self.accounts: list[Address] = []

    def put(self, account: GenesisAccount) -> Address:
        state = SvmAccount(account.lamports, account.data, Pubkey.from_string(account.owner))
        self.chain.bank.put(Pubkey.from_string(account.address), state)
        return account.address

    def mint(self, *, program: Address = TOKEN_PROGRAM, extensions: bytes = b"") -> Address:
        address = Address(str(Pubkey.new_unique()))
        return self.put(made.mint(address, supply=10**12, decimals=6, program=program, extensions=extensions))

    def hold(
        self,
        mint: Address,
        amount: int = 0,
        *,
        program: Address = TOKEN_PROGRAM,
        extensions: bytes = b"",
        associated: bool = True,
    ) -> Address:
        at = associated_token_address(owner=self.wallet, mint=mint, token_program=program)
        address = at if associated else Address(str(Pubkey.new_unique()))
        account = made.token_account(
            address, mint=mint, owner=self.wallet, amount=amount, program=program, extensions=extensions
        )
        self.accounts.append(self.put(account))
        return address

    def taxed(self, *, withheld: int) -> Address:
        """An empty account of a token with a transfer fee, some of which lies in it."""
        mint = self.mint(
            program=TOKEN_2022_PROGRAM,
            extensions=made.transfer_fee_config(self.wallet, bps=100, maximum=10**9),
        )
        extensions = made.transfer_fee_amount()[:-8] + withheld.to_bytes(8, "little")
        return self.hold(mint, program=TOKEN_2022_PROGRAM, extensions=extensions)

    def read(self, address: Address) -> Account | None:
        found = self.chain.bank.account(Pubkey.from_string(address))
        if found is None or not found.lamports:
            return None
        return Account(address, Address(str(found.owner)), found.lamports, bytes(found.data))

    def held(self) -> dict[Address, Held]:
        found = [account for address in self.accounts if (account := self.read(address)) is not None]
        return {one.account.address: one for one in held_of(found, self.wallet)}

    def plan(self, chore: Chore, *accounts: Address, lamports: int = 0) -> UpkeepPlan:
        upkeep = Upkeep(id="u", chore=chore, reason="", accounts=accounts, lamports=lamports)
        newest = self.chain.blockhashes.latest(up_to_slot=self.chain.slot).blockhash
        blockhash = Blockhash(str(newest), 200, Slot(self.chain.slot))
        plan = plan_upkeep(upkeep, self.held(), wallet=self.wallet, decimals=6, blockhash=blockhash)
        assert isinstance(plan, UpkeepPlan), plan
        return plan

    def execute(self, message: bytes) -> Landed:
        outcome = self.chain.execute(attach_signatures(message, [bytes(self.key.sign_message(message))]))
        assert isinstance(outcome, Landed), outcome
        return outcome

    def lamports(self) -> int:
        account = self.read(self.wallet)
        assert account is not None
        return account.lamports


@pytest.fixture
def purse() -> Purse:
    return Purse()


def test_withheld_fees_are_harvested_before_their_account_is_closed(purse: Purse) -> None:
    account = purse.taxed(withheld=777)
    assert purse.held()[account].withheld == 777
    newest = purse.chain.blockhashes.latest(up_to_slot=purse.chain.slot).blockhash
    bare = make.close_token_account(
        account=account, destination=purse.wallet, owner=purse.wallet, token_program=TOKEN_2022_PROGRAM
    )
    alone = purse.execute(compile_v0([bare], payer=purse.wallet, blockhash=str(newest)))
    assert alone.record.error is not None, "the program itself refuses while fees lie in the account"
    before, rent = purse.lamports(), purse.held()[account].lamports
    done = purse.execute(purse.plan(Chore.CLOSE, account).message)
    assert done.record.error is None and purse.read(account) is None
    assert purse.lamports() == before + rent - done.record.fee


def test_twenty_empty_accounts_are_closed_in_one_transaction(purse: Purse) -> None:
    accounts = [purse.hold(purse.mint()) for _ in range(20)]
    plan = purse.plan(Chore.CLOSE, *accounts)
    assert plan.upkeep.accounts == tuple(accounts)
    done = purse.execute(plan.message)
    assert done.record.error is None
    assert all(purse.read(account) is None for account in accounts)


def test_taxed_accounts_take_more_room_and_the_rest_waits(purse: Purse) -> None:
    accounts = [purse.taxed(withheld=5) for _ in range(20)]
    plan = purse.plan(Chore.CLOSE, *accounts)
    assert 0 < len(plan.upkeep.accounts) < 20
    assert purse.execute(plan.message).record.error is None
    assert {purse.read(account) for account in plan.upkeep.accounts} == {None}
    assert all(purse.read(account) for account in accounts[len(plan.upkeep.accounts) :])


def test_an_account_that_was_filled_meanwhile_is_not_closed(purse: Purse) -> None:
    account = purse.hold(purse.mint())
    plan = purse.plan(Chore.CLOSE, account)
    held = purse.read(account)
    assert held is not None
    data = bytearray(held.data)
    data[64:72] = (9).to_bytes(8, "little")
    filled = SvmAccount(held.lamports, bytes(data), Pubkey.from_string(held.owner))
    purse.chain.bank.put(Pubkey.from_string(account), filled)
    assert purse.execute(plan.message).record.error is not None
    assert purse.held()[account].account.amount == 9


def test_a_second_account_is_merged_and_its_rent_comes_back(purse: Purse) -> None:
    mint = purse.mint()
    first, second = purse.hold(mint, 5), purse.hold(mint, 9, associated=False)
    before, rent = purse.lamports(), purse.held()[second].lamports
    done = purse.execute(purse.plan(Chore.MERGE, second).message)
    assert done.record.error is None and purse.read(second) is None
    assert purse.held()[first].account.amount == 14
    assert purse.lamports() == before + rent - done.record.fee


def test_sol_is_wrapped_and_all_or_a_part_of_it_unwrapped(purse: Purse) -> None:
    purse.put(made.mint(WSOL, supply=0, decimals=9))
    base = associated_token_address(owner=purse.wallet, mint=WSOL, token_program=TOKEN_PROGRAM)
    purse.accounts.append(base)
    assert purse.execute(purse.plan(Chore.WRAP, lamports=3 * SOL).message).record.error is None
    assert purse.held()[base].account.amount == 3 * SOL
    assert purse.execute(purse.plan(Chore.UNWRAP, lamports=SOL).message).record.error is None
    assert purse.held()[base].account.amount == SOL
    assert purse.execute(purse.plan(Chore.UNWRAP).message).record.error is None
    assert purse.read(base) is None
