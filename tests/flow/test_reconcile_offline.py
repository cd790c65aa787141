"""Books held against the chain while no desk runs: by its journal, its tables and a node, without a key."""

import json
from pathlib import Path

from solders.keypair import Keypair
from tests.flow.running_desk import payload, soon
from tests.flow.test_bookkeeping import ROOT, Outside, quiet_house, shell

from chimera.adapters.journal_segments import verify
from chimera.adapters.signers.vault import VaultSigner
from chimera.domain.ids import TOKEN_PROGRAM, Address
from chimera.domain.messages import LegLanded, PositionsReconciled
from chimera.domain.trade import Fill
from chimera.onchain import token_instructions as make
from chimera.onchain.keys import associated_token_address

CHIMERA = str(ROOT / ".venv/bin/chimera")


async def test_without_a_desk_the_books_are_held_against_the_chain_by_themselves(tmp_path: Path) -> None:
    async with quiet_house(tmp_path) as (desk, thief):
        assert (await desk.post(payload())).status == 200
        (bought,) = await soon(lambda: desk.facts(LegLanded))
        config = str(desk.folder / "config.yaml")

        code, told = await shell(desk, CHIMERA, "reconcile", "--offline", "--config", config)
        assert code == 2 and "in use by another chimera process" in told, told
        await desk.child.stop()

        code, told = await shell(desk, "ops/reconcile.sh", "--url", desk.url, "--config", config)
        assert code == 0 and "1 open positions: 0 new discrepancies; books and wallet agree" in told, told

        await steal(desk.folder, desk.stage._passphrase, thief, desk.stage.wallet, bought.fill)
        code, told = await shell(desk, "ops/reconcile.sh", "--url", desk.url, "--config", config, "--json")
        assert code == 1, told
        found = json.loads(told[told.index('{"positions":{') :].splitlines()[0])
        assert [one["kind"] for one in found["positions"]["found"]] == ["STATE_MISMATCH"]
        assert found["wallet"]["token_differences"] == [[bought.fill.mint, bought.fill.token_delta, 0]]
        assert found["unresolved"] >= 1

        assert verify(desk.folder / "journal").ok
        causes = [fact.cause for fact in desk.facts(PositionsReconciled)]
        assert causes == ["at start", "cron, no desk", "cron, no desk"]


async def steal(folder: Path, passphrase: str, thief: Outside, wallet: Address, fill: Fill) -> None:
    """All of the tokens, signed with the house's own key."""
    signer = VaultSigner.open(folder / "vault.json", passphrase)
    mint, tokens, decimals = fill.mint, fill.token_delta, fill.decimals
    await thief.send(
        make.create_token_account(payer=wallet, owner=thief.address, mint=mint, token_program=TOKEN_PROGRAM),
        make.transfer_checked(
            source=associated_token_address(owner=wallet, mint=mint, token_program=TOKEN_PROGRAM),
            mint=mint,
            destination=associated_token_address(owner=thief.address, mint=mint, token_program=TOKEN_PROGRAM),
            owner=wallet,
            amount=tokens,
            decimals=decimals or 0,
            token_program=TOKEN_PROGRAM,
        ),
        key=Keypair.from_bytes(bytes(signer._secret)),
    )
