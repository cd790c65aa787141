"""A house on paper: the live market, a simulated chain for our own trades, books of its own, and no key.

Everything else is the live house. What it could not do without a wallet on the chain is switched off here.
"""

import random
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

import msgspec

from chimera.adapters.paper import LandedFile, PaperChain
from chimera.config import Settings
from chimera.domain.errors import ConfigError
from chimera.domain.ids import USDC, Address
from chimera.domain.messages import Entry
from chimera.market.view import MarketView
from chimera.onchain.keys import address_text
from chimera.onchain.tips import TIP_ACCOUNTS
from chimera.ports.chain import Chain
from chimera.ports.runtime import Clock
from chimera.sim.chain import SimulatedChain
from chimera.sim.landing import LandingModel

LABEL = "paper"
FOLDER = "paper"
WALLET = Address(address_text(sha256(b"the wallet of desks on paper").digest()))
"""Nobody has its key."""


class Paper(msgspec.Struct, frozen=True):
    """In the place of a key: whose the simulated money is, and how much there is to begin with."""

    lamports: int
    micro_usd: int = 0
    """Dollars, as USDC."""
    address: Address = WALLET
    landing: LandingModel = LandingModel()


def paper_settings(settings: Settings) -> Settings:
    """The trader's settings for a desk on paper. Raises ConfigError where a key is within its reach (wall 2)."""
    if settings.security.vault_passphrase:
        raise ConfigError(
            "security.vault_passphrase: a desk on paper signs nothing, so it must not be able to; unset it"
        )
    replace = msgspec.structs.replace
    return replace(
        settings,
        data_dir=str(Path(settings.data_dir) / FOLDER),
        # chores are real transactions over real accounts, and wrapped SOL is SOL in the simulation
        upkeep=replace(settings.upkeep, enabled=False, sell_dust=False, standing_wsol=0),
        # routes through markets that we do not speak cannot be simulated
        jupiter=replace(settings.jupiter, url=""),
        # a recording is of the market without us
        recording=replace(settings.recording, enabled=False),
    )


def open_paper(
    paper: Paper, *, folder: Path, past: Iterable[Entry], node: Chain, view: MarketView, clock: Clock
) -> PaperChain:
    """The chain as the last run left it; what was under way there is sent again by the desk."""
    tokens = {USDC: paper.micro_usd} if paper.micro_usd else {}
    kept = LandedFile.open(folder / "chain.jsonl", lamports=paper.lamports, tokens=tokens)
    simulated = SimulatedChain(
        view,
        wallet=paper.address,
        lamports=kept.lamports,
        tip_account=TIP_ACCOUNTS[0],
        model=paper.landing,
        rng=random.Random(),  # noqa: S311 - chance, no secret
        landed=kept.keep,
    )
    simulated.tokens = dict(kept.tokens)
    for transaction in kept.past:
        simulated.restore(transaction)
    for entry in past:
        simulated.hear(entry)
    return PaperChain(simulated, node=node, view=view, clock=clock)
