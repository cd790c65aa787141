"""The embedded chain on disk: killed at any byte it goes on as the same chain, and it takes no other's file."""

import random
from pathlib import Path

import pytest
from solders.keypair import Keypair
from solders.pubkey import Pubkey
from tests.localnet.test_chain import Clock, move, pay, signed

from chimera.domain.errors import ConfigError
from chimera.domain.ids import Address
from chimera.localnet.bank import GenesisAccount
from chimera.localnet.chain import ChainOptions, EmbeddedChain
from chimera.localnet.events import SlotChanged, SlotPhase
from chimera.localnet.genesis import genesis
from chimera.localnet.kept import ChainFile
from chimera.localnet.programs import PROGRAMS, program_elf
from chimera.localnet.stepped import BEGAN_UNIX_SECONDS, TICK_S, SteppedWorld

SEED, TICKS = 3, 60


def kept(path: Path, *, seed: int = SEED, clock: Clock | None = None) -> EmbeddedChain:
    """A chain as a process would have it: on a file of its own descriptor, which a kill lets go of."""
    return EmbeddedChain(
        ChainOptions(identity=f"stepped world {seed}".encode()),
        now=clock or Clock(),
        genesis=genesis(seed).accounts,
        programs={Address(address): program_elf(name) for address, name in PROGRAMS.items()},
        kept_in=ChainFile(path),
    )


def again(path: Path, file: ChainFile) -> EmbeddedChain:
    file.close()  # what the kernel does for a process that is killed
    chain = kept(path, clock=Clock())
    chain.resume()
    return chain


def played(chain: EmbeddedChain, clock: Clock) -> set[Pubkey]:
    """The accounts that some ticks of the world touched on the chain, forks and a bundle included."""
    chance, world, touched = random.Random(5), SteppedWorld(SEED), set[Pubkey]()
    for tick in range(TICKS):
        for one in world.step():
            if one.record is not None:
                chain.submit(one.record.wire)
                touched |= set(one.record.keys)
        clock.seconds = BEGAN_UNIX_SECONDS + (tick + 1) * TICK_S
        chain.advance_slot()
        if (
            chance.random() < 0.05
        ):  # the world on its own chain knows nothing of it: some of what it sends comes late
            chain.roll_back(chance.randrange(3))
    payer = Keypair.from_seed(b"p" * 32)
    chain.airdrop(payer.pubkey(), 10**10)
    latest = chain.blockhashes.latest(up_to_slot=chain.slot).blockhash
    for lamports in (10**9, 10**12):  # the second bundle fails as a whole
        chain.submit_bundle(
            [
                pay(chain, payer, Pubkey.from_bytes(b"a" * 32), 10**9),
                signed(latest, payer, [move(payer, Pubkey.from_bytes(b"b" * 32), lamports)]),
            ]
        )
    return touched | {payer.pubkey(), Pubkey.from_bytes(b"a" * 32), Pubkey.from_bytes(b"b" * 32)}


def same(one: EmbeddedChain, other: EmbeddedChain, touched: set[Pubkey]) -> bool:
    view, shown = one.view(), other.view()
    return (
        (one.slot, one.root, view.height) == (other.slot, other.root, shown.height)
        and [one.ledger.block(slot) for slot in one.ledger.blocks(0, one.slot)]
        == [other.ledger.block(slot) for slot in other.ledger.blocks(0, other.slot)]
        and one.blockhashes.newest_first(300) == other.blockhashes.newest_first(300)
        and all(view.account(key) == shown.account(key) for key in touched)
    )


def test_a_chain_that_was_killed_is_the_same_one_to_the_byte(tmp_path: Path) -> None:
    clock, path = Clock(), tmp_path / "chain"
    clock.seconds = BEGAN_UNIX_SECONDS
    chain = kept(path, clock=clock)
    chain.resume()
    touched = played(chain, clock)
    assert chain.slot > TICKS, "no fork was tried"
    assert chain._file is not None
    risen = again(path, chain._file)
    assert same(chain, risen, touched)
    for each in (chain, risen):  # and it goes on
        each.airdrop(Pubkey.from_bytes(b"c" * 32), 10**9)
    assert same(chain, risen, touched | {Pubkey.from_bytes(b"c" * 32)})


def small(path: Path) -> EmbeddedChain:
    return EmbeddedChain(ChainOptions(), now=Clock(), kept_in=ChainFile(path))


def test_a_write_that_a_kill_cut_short_is_forgotten_and_all_before_it_is_there(tmp_path: Path) -> None:
    path = tmp_path / "chain"
    chain = small(path)
    sizes = []
    for _ in range(4):
        chain.airdrop(Pubkey.new_unique(), 10**9)
        chain.advance_slot()
        sizes.append(path.stat().st_size)
    whole = path.read_bytes()
    for size in range(sizes[-2], sizes[-1], 29):
        cut = tmp_path / f"cut{size}"
        cut.write_bytes(whole[:size])
        risen = small(cut)
        risen.resume()
        assert risen.slot == 4
        risen.advance_slot()
        assert risen._file is not None
        risen._file.close()
        risen = small(cut)
        risen.resume()
        assert risen.slot == 5, "what came after the cut is not there"


def test_listeners_hear_of_what_was_kept_so_that_geyser_can_replay_it(tmp_path: Path) -> None:
    class Ear:
        def __init__(self) -> None:
            self.slots: list[int] = []

        def slot_changed(self, event: SlotChanged) -> None:
            self.slots += [event.slot] * (event.phase is SlotPhase.PROCESSED)

        def account_written(self, event: object) -> None: ...

        transaction_executed = block_sealed = account_written

    chain = small(tmp_path / "chain")
    for _ in range(3):
        chain.advance_slot()
    assert chain._file is not None
    chain._file.close()
    risen, ear = small(tmp_path / "chain"), Ear()
    risen.listeners.add(ear)
    risen.resume()
    assert ear.slots == [1, 2, 3]


def test_another_genesis_another_process_and_another_file_are_refused_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "chain"
    chain = small(path)
    with pytest.raises(ConfigError, match="another chain runs on"):
        ChainFile(path)
    assert chain._file is not None
    chain._file.close()
    richer = (GenesisAccount(Address(str(Pubkey.from_bytes(b"r" * 32))), 5, Address(str(Pubkey.default()))),)
    with pytest.raises(ConfigError, match="began with other accounts"):
        EmbeddedChain(ChainOptions(), now=Clock(), genesis=richer, kept_in=ChainFile(path))
    strange = tmp_path / "notes.txt"
    strange.write_text("no chain")
    with pytest.raises(ConfigError, match="no chain's file"):
        small(strange)
    assert strange.read_text() == "no chain", "it was changed"
    with pytest.raises(ConfigError, match="cannot use"):
        ChainFile(tmp_path)


def test_a_slot_that_comes_out_differently_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "chain"
    chain = small(path)
    chain.airdrop(Pubkey.new_unique(), 10**9)
    chain.advance_slot()
    assert chain._file is not None
    chain._file.close()
    poorer = EmbeddedChain(ChainOptions(faucet_lamports=1), now=Clock(), kept_in=ChainFile(path))
    with pytest.raises(ConfigError, match="comes out differently"):
        poorer.resume()
