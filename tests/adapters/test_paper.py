"""The paper chain's own memory, and what it answers about a wallet that only exists there."""

import random
from pathlib import Path

import pytest

from chimera.adapters.paper import LandedFile, PaperChain, PaperPerformer
from chimera.domain.chain import Commitment, TokenBalance, TransactionUpdate
from chimera.domain.errors import ConfigError, InvariantBroken
from chimera.domain.ids import WSOL, Address, Signature, Slot
from chimera.execution.effects import HandedOver, Message, Send
from chimera.market.view import MarketView
from chimera.onchain.layouts import read_token_account
from chimera.sim.chain import SimulatedChain
from chimera.sim.landing import LandingModel
from chimera.testing.fakes import StandingClock

WALLET, MINT = Address("So11111111111111111111111111111111111111113"), WSOL


def transaction(name: str, *, slot: int, lamports: int, tokens: int) -> TransactionUpdate:
    return TransactionUpdate(
        signature=Signature(name),
        slot=Slot(slot),
        index=0,
        accounts=(WALLET,),
        instructions=(),
        fee_lamports=5_000,
        pre_lamports=(0,),
        post_lamports=(lamports,),
        pre_tokens=(),
        post_tokens=(TokenBalance(Address("t"), MINT, WALLET, tokens, 6),),
        logs=(),
        compute_units=1,
    )


def simulated(view: MarketView, kept: LandedFile) -> SimulatedChain:
    made = SimulatedChain(
        view, wallet=WALLET, lamports=kept.lamports, tip_account=WALLET, model=LandingModel(),
        rng=random.Random(1), landed=kept.keep,
    )  # fmt: skip
    for known in kept.past:
        made.restore(known)
    return made


def test_what_it_begins_with_is_there_again_tokens_too(tmp_path: Path) -> None:
    file = tmp_path / "chain.jsonl"
    assert LandedFile.open(file, lamports=100, tokens={MINT: 7}).tokens == {MINT: 7}
    again = LandedFile.open(file, lamports=5, tokens={})
    assert (again.lamports, again.tokens) == (100, {MINT: 7})


async def test_what_landed_is_there_after_a_crash_and_the_wallet_holds_what_it_left(tmp_path: Path) -> None:
    file = tmp_path / "chain.jsonl"
    kept = LandedFile.open(file, lamports=100)
    for number in (1, 2):
        kept.keep(transaction(f"s{number}", slot=number, lamports=100 - number, tokens=number))
    with file.open("ab") as torn:
        torn.write(b'{"type":"TransactionUpdate","signature":"s3"')

    again = LandedFile.open(file, lamports=999)  # a wish of the second start: it goes on with what is left
    assert again.lamports == 100 and [known.signature for known in again.past] == ["s1", "s2"]
    again.keep(transaction("s4", slot=4, lamports=90, tokens=7))
    assert [known.signature for known in LandedFile.open(file, lamports=1).past] == ["s1", "s2", "s4"]

    view = MarketView({})
    view.see_slot(Slot(40), 0)
    paper = PaperChain(
        simulated(view, LandedFile.open(file, lamports=1)),
        node=None,
        view=view,
        clock=StandingClock(),  # type: ignore[arg-type]
    )
    slot, (purse,) = await paper.accounts([WALLET])
    assert slot == 40 and purse is not None and purse.lamports == 90
    _, (account,) = await paper.token_accounts(WALLET)
    token = read_token_account(account)
    assert (token.mint, token.owner, token.amount) == (MINT, WALLET, 7)
    known, unknown = await paper.statuses([Signature("s4"), Signature("s3")])
    assert known is not None and known.commitment is Commitment.FINALIZED and unknown is None
    seen = await paper.transaction(Signature("s2"))
    assert seen is not None and seen.post_lamports == (98,)


@pytest.mark.parametrize("text", ["nonsense\n", '{"type":"TransactionUpdate"}\n'])
def test_a_broken_memory_is_told_and_not_overwritten(tmp_path: Path, text: str) -> None:
    file = tmp_path / "chain.jsonl"
    file.write_text(text)
    with pytest.raises(ConfigError, match=r"chain\.jsonl"):
        LandedFile.open(file, lamports=1)
    assert file.read_text() == text


async def test_bytes_for_a_real_chain_are_an_invariant_broken(tmp_path: Path) -> None:
    view = MarketView({})
    made = simulated(view, LandedFile.open(tmp_path / "chain.jsonl", lamports=1))
    paper = PaperChain(made, node=None, view=view, clock=StandingClock())  # type: ignore[arg-type]
    with pytest.raises(InvariantBroken, match="sends nothing"):
        await paper.send(b"bytes")
    with pytest.raises(InvariantBroken):
        await paper.simulate(b"bytes")


class Order:
    """A journal and a chain that say in which order they were asked."""

    def __init__(self) -> None:
        self.told: list[object] = []

    async def durable(self, seq: int) -> None:
        self.told.append(seq)

    def perform(self, effect: Send) -> Message:
        self.told.append(effect.leg_id)
        return HandedOver(effect.leg_id, "rpc", effect.attempt)


async def test_a_signature_is_on_disk_before_it_is_sent_on_paper_too() -> None:
    order = Order()
    performer = PaperPerformer(order, journal=order)  # type: ignore[arg-type]
    await performer.perform(Send("leg", Signature("s"), b"", 17, 1, False))
    assert order.told == [17, "leg"]
