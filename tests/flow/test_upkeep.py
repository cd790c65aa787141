"""The wallet's chores on the embedded chain: stray wrapped SOL comes back, useless accounts give back their rent."""

import os
from pathlib import Path
from typing import Any

from tests.flow.running_desk import RunningDesk, soon
from tests.flow.test_bookkeeping import Outside, QuietStage, equal
from tests.flow.test_forks import _admin

from chimera.adapters.rpc import RpcChain, RpcOptions
from chimera.domain.chain import InstructionCall
from chimera.domain.ids import TOKEN_PROGRAM, WSOL, Address
from chimera.domain.messages import CapitalMoved, KillSwitchMoved, UpkeepLanded, UpkeepPlanned
from chimera.domain.upkeep import Chore
from chimera.localnet.tokens import BY_SYMBOL
from chimera.onchain import token_instructions as make
from chimera.onchain.keys import associated_token_address

SOL = 10**9


class TidyStage(QuietStage):
    """A house that looks every second and waits for nothing."""

    def _settings(self) -> dict[str, Any]:
        upkeep = {"every_s": 1, "close_every_s": 1, "empty_for_s": 0}
        return {**super()._settings(), "upkeep": upkeep}


async def test_what_was_left_wrapped_and_what_nobody_needs_comes_back_and_is_booked(tmp_path: Path) -> None:
    stage = TidyStage(seed=7, port=0, data_dir=tmp_path, environ=os.environ)
    async with stage:
        child, url = await stage.desk()
        desk = RunningDesk(stage, child, url)
        await _admin(stage, "slots", {"duration_ms": 100})  # chores are booked when they are final
        async with RpcChain(stage.endpoints["rpc"], options=RpcOptions(requests_per_second_max=200)) as rpc:
            somebody = Outside(rpc)
            await somebody.confirmed(await rpc.airdrop(somebody.address, 100 * SOL))
            wallet, before = stage.wallet, (await stage.holdings())[0]
            kite, moss = BY_SYMBOL["KITE"].mint, BY_SYMBOL["MOSS"].mint
            base = associated_token_address(owner=wallet, mint=WSOL, token_program=TOKEN_PROGRAM)

            def account(mint: Address) -> InstructionCall:
                return make.create_token_account(
                    payer=somebody.address, owner=wallet, mint=mint, token_program=TOKEN_PROGRAM
                )

            await somebody.send(
                account(WSOL),
                make.system_transfer(source=somebody.address, destination=base, lamports=2 * SOL),
                make.sync_native(base),
                account(kite),
                account(moss),
            )

            def done() -> list[UpkeepLanded]:
                return [fact for fact in desk.facts(UpkeepLanded) if fact.error is None]

            def accounts_closed() -> int:
                chores = [fact.upkeep for fact in desk.facts(UpkeepPlanned)]
                closed = [chore for chore in chores if chore.chore is Chore.CLOSE]
                return sum(len(chore.accounts) for chore in closed) if len(done()) >= len(chores) else 0

            await soon(lambda: accounts_closed() == 2, within_s=60)
            await equal(desk)
            _, left = await rpc.token_accounts(wallet)
            assert left == ()
            rent = 3 * await rpc.rent_exempt_minimum(165)
            fees = sum(fact.fee_lamports for fact in done())
            assert sum(fact.rent_lamports for fact in done()) == -rent
            assert (await stage.holdings())[0] == before + 2 * SOL + rent - fees
            assert desk.facts(UpkeepPlanned)[0].upkeep.chore is Chore.UNWRAP
            (gift,) = [fact for fact in desk.facts(CapitalMoved) if fact.signature]
            assert (gift.lamports, gift.tokens) == (0, ((WSOL, 2 * SOL),))
            assert desk.facts(KillSwitchMoved) == []  # our own chores are no stranger's work
