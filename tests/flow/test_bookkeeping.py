"""Books and chain in a real house: gifts found at once and after a night, a stolen key, reconciliation, dead letters."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from solders.keypair import Keypair
from tests.flow.running_desk import RunningDesk, payload, soon

from chimera.adapters.rpc import RpcChain, RpcOptions
from chimera.adapters.signers.vault import VaultSigner
from chimera.demo.processes import Child
from chimera.demo.stage import Stage
from chimera.domain.chain import Commitment, InstructionCall
from chimera.domain.discrepancy import Mismatch
from chimera.domain.ids import TOKEN_PROGRAM, Address, Signature
from chimera.domain.intent import Side
from chimera.domain.messages import (
    CapitalMoved,
    DeadLetterHandled,
    DiscrepancyResolved,
    KillSwitchMoved,
    LegLanded,
    PositionsReconciled,
    Reconciled,
)
from chimera.onchain import token_instructions as make
from chimera.onchain.keys import associated_token_address
from chimera.onchain.transaction import attach_signatures, compile_v0, signature_in

ROOT = Path(__file__).parents[2]
SOL = 10**9


class Nobody:
    """In the place of a process that does not run: nobody trades beside us."""


class QuietStage(Stage):
    async def _child(self, name: str, arguments: list[str], environ: Mapping[str, str]) -> Child:
        if name == "world":
            return Nobody()  # type: ignore[return-value]
        return await super()._child(name, arguments, environ)


class Outside:
    """Somebody with a purse of his own, and a way to put transactions on the chain."""

    def __init__(self, rpc: RpcChain) -> None:
        self.rpc, self.key = rpc, Keypair()
        self.address = Address(str(self.key.pubkey()))

    async def confirmed(self, signature: Signature) -> Signature:
        async with asyncio.timeout(60):
            while True:
                (status,) = await self.rpc.statuses([signature])
                if status is not None and status.commitment is not Commitment.PROCESSED:
                    assert status.error is None, status.error
                    return signature
                await asyncio.sleep(0.1)

    async def send(self, *calls: InstructionCall, key: Keypair | None = None) -> Signature:
        signer = key or self.key
        blockhash = (await self.rpc.latest_blockhash()).blockhash
        message = compile_v0(calls, payer=Address(str(signer.pubkey())), blockhash=blockhash)
        transaction = attach_signatures(message, [bytes(signer.sign_message(message))])
        await self.rpc.send(transaction)
        return await self.confirmed(signature_in(transaction))

    async def give(self, to: Address, lamports: int) -> Signature:
        return await self.send(make.system_transfer(source=self.address, destination=to, lamports=lamports))


@asynccontextmanager
async def quiet_house(folder: Path) -> AsyncIterator[tuple[RunningDesk, Outside]]:
    stage = QuietStage(seed=7, port=0, data_dir=folder, environ=os.environ)
    async with stage:
        child, url = await stage.desk()
        async with RpcChain(stage.endpoints["rpc"], options=RpcOptions(requests_per_second_max=200)) as rpc:
            somebody = Outside(rpc)
            await somebody.confirmed(await rpc.airdrop(somebody.address, 100 * SOL))
            yield RunningDesk(stage, child, url), somebody


def moved(desk: RunningDesk, signature: Signature) -> list[CapitalMoved]:
    return [fact for fact in desk.facts(CapitalMoved) if fact.signature == signature]


async def equal(desk: RunningDesk) -> None:
    """The screen says that ledger and chain agree."""
    async with asyncio.timeout(60):
        while True:
            overview = (await desk.ask("GET", "/api/v1/overview")).json
            lamports, _ = await desk.stage.holdings()
            if overview["ledger_matches_chain"] and overview["balance_lamports"] == str(lamports):
                return
            await asyncio.sleep(0.3)


async def shell(desk: RunningDesk, *words: str) -> tuple[int, str]:
    environ = {**os.environ, "CHIMERA_API_KEY": desk.stage.key}
    process = await asyncio.create_subprocess_exec(
        *words, env=environ, cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    told, _ = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode or 0, told.decode()


async def test_gifts_become_capital_whether_the_house_watches_or_sleeps(tmp_path: Path) -> None:
    async with quiet_house(tmp_path) as (desk, somebody):
        wallet = desk.stage.wallet
        seen = await somebody.give(wallet, 3 * SOL)
        (fact,) = await soon(lambda: moved(desk, seen))
        assert (fact.lamports, fact.cause) == (3 * SOL, "sent by somebody else")
        await equal(desk)

        await desk.child.stop()
        overnight = [await somebody.give(wallet, 11), await somebody.give(wallet, 1 * SOL)]
        child, url = await desk.stage.desk()
        again = RunningDesk(desk.stage, child, url)
        for signature, lamports in zip(overnight, (11, SOL), strict=True):
            (fact,) = await soon(lambda signature=signature: moved(again, signature))
            assert fact.lamports == lamports
        await equal(again)
        assert len(moved(again, seen)) == 1  # it was in the books before the night
        assert again.facts(KillSwitchMoved) == []
        # nothing was ever told as a difference between books and chain
        assert all(fact.expected_lamports == fact.actual_lamports for fact in again.facts(Reconciled))


async def test_a_stolen_key_halts_buying_and_its_loot_is_a_discrepancy(tmp_path: Path) -> None:
    async with quiet_house(tmp_path) as (desk, thief):
        assert (await desk.post(payload())).status == 200
        (bought,) = await soon(lambda: [f for f in desk.facts(LegLanded) if f.fill.side is Side.BUY])
        wallet, mint, tokens = desk.stage.wallet, bought.fill.mint, bought.fill.token_delta
        code, told = await shell(desk, "ops/reconcile.sh", "--url", desk.url)
        assert code == 0, told

        signer = VaultSigner.open(desk.folder / "vault.json", desk.stage._passphrase)
        stolen = Keypair.from_bytes(bytes(signer._secret))
        signature = await thief.send(
            make.create_token_account(
                payer=wallet, owner=thief.address, mint=mint, token_program=TOKEN_PROGRAM
            ),
            make.transfer_checked(
                source=associated_token_address(owner=wallet, mint=mint, token_program=TOKEN_PROGRAM),
                mint=mint,
                destination=associated_token_address(
                    owner=thief.address, mint=mint, token_program=TOKEN_PROGRAM
                ),
                owner=wallet,
                amount=tokens,
                decimals=bought.fill.decimals or 0,
                token_program=TOKEN_PROGRAM,
            ),
            key=stolen,
        )
        (halted,) = await soon(lambda: desk.facts(KillSwitchMoved))
        assert (halted.scope, halted.by) == ("halt_buys", "capital watch") and signature in halted.cause
        (fact,) = moved(desk, signature)
        assert fact.tokens == ((mint, -tokens),) and fact.lamports < 0
        loud = [line for line in desk.log() if "used by somebody else" in line["event"]]
        assert [(line["level"], line["signature"]) for line in loud] == [("error", signature)]
        assert (await desk.post(payload(amount_sol=0.2))).status == 503

        code, told = await shell(desk, "ops/reconcile.sh", "--url", desk.url)
        assert code == 1 and "STATE_MISMATCH" in told, told
        listed = (await desk.ask("GET", "/api/v1/reconciliation?unresolved=true")).json
        (row,) = [row for row in listed["items"] if row["discrepancy"] == Mismatch.STATE]
        assert (row["expected_state"], row["actual_on_chain"]) == ("ACTIVE", "CLOSED")
        assert listed["unresolved"] == listed["total"] == 1
        alerts = [line for line in desk.log() if line["event"] == "discrepancy"]
        assert [line["level"] for line in alerts] == ["error"]
        metrics = (await desk.ask("GET", "/metrics")).text
        assert (
            "chimera_reconciliation_unresolved 1.0" in metrics and "chimera_key_misused_total 1.0" in metrics
        )

        resolved = await desk.ask(
            "POST", f"/api/v1/reconciliation/{row['id']}/resolve", json={"note": "the key was stolen"}
        )
        assert resolved.status == 200
        await soon(lambda: desk.facts(DiscrepancyResolved))
        assert (await desk.ask("GET", "/api/v1/reconciliation")).json["last_cause"] == "demo: cron"
        runs = desk.facts(PositionsReconciled)
        assert runs[0].cause == "at start" and runs[0].positions == 0


async def test_dead_letters_are_dealt_with_and_the_desk_is_halted_and_resumed_from_the_shell(
    tmp_path: Path,
) -> None:
    async with quiet_house(tmp_path) as (desk, _):
        assert (await desk.post(b"{")).status == 400
        chimera = str(ROOT / ".venv/bin/chimera")

        async def letters() -> list[dict[str, Any]]:
            code, told = await shell(desk, chimera, "dead-letters", "list", "--json", "--url", desk.url)
            assert code == 0, told
            return list(json.loads(told)["items"])

        async with asyncio.timeout(60):
            while not (waiting := await letters()):
                await asyncio.sleep(0.1)
        (letter,) = waiting
        assert (letter["reason"], letter["processed_at"]) == ("PARSE_ERROR", None)
        because = ("--because", "a test of the sender's", "--url", desk.url)
        code, told = await shell(desk, chimera, "dead-letters", "retry", str(letter["id"]), *because)
        assert code == 1 and "can be discarded" in told
        code, told = await shell(desk, chimera, "dead-letters", "discard", str(letter["id"]), *because)
        assert code == 0, told
        (handled,) = desk.facts(DeadLetterHandled)
        assert (handled.outcome, handled.by, handled.cause) == ("discarded", "demo", "a test of the sender's")
        audit = (await desk.ask("GET", "/api/v1/incidents/config-audit")).json["items"]
        async with asyncio.timeout(60):
            while not any(row["key"] == f"dead_letter.{letter['id']}" for row in audit):
                await asyncio.sleep(0.1)
                audit = (await desk.ask("GET", "/api/v1/incidents/config-audit")).json["items"]
        code, told = await shell(desk, chimera, "kill", "--cause", "a look around", "--url", desk.url)
        assert code == 0, told
        code, told = await shell(desk, chimera, "status", "--url", desk.url)
        assert code == 1 and "halted (halt_all): a look around" in told
        code, told = await shell(desk, chimera, "resume", *because)
        assert code == 0, told
        code, told = await shell(desk, chimera, "status", "--url", desk.url)
        assert "localnet, trading" in told and desk.stage.wallet in told
        code, told = await shell(desk, chimera, "positions", "--url", desk.url)
        assert (code, told.strip()) == (0, "nothing is held")
