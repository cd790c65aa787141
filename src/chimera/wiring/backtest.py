"""A backtest plugged together: the same engine, gate and desk as live, over a recording or a generated world.

Mode backtest of the house: Feed = records, Clock = stepped, Chain = simulated, Signer = none.
"""

import random
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec

from chimera import __version__
from chimera.adapters.journal_memory import ChainedMemoryJournal
from chimera.adapters.recording_folder import RecordingFolder
from chimera.config import Settings, load
from chimera.config.tree import CopiedWallet, Token
from chimera.domain.errors import ConfigError
from chimera.domain.ids import Address
from chimera.domain.messages import RunStarted
from chimera.domain.recording import Recorded
from chimera.domain.token import TokenListing
from chimera.engine import Engine, EngineLimits
from chimera.execution.costs import Costs
from chimera.execution.cycles import CyclePlanner
from chimera.execution.desk import Desk
from chimera.execution.planner import Planner
from chimera.execution.surroundings import HouseSurroundings
from chimera.localnet.genesis import genesis
from chimera.localnet.stepped import TICK_S, SteppedWorld
from chimera.localnet.world_feed import WorldFeed
from chimera.market.replay import MarketReplay
from chimera.onchain.keys import address_text
from chimera.onchain.tips import TIP_ACCOUNTS
from chimera.plugins import venues
from chimera.ports.recording import Wanted
from chimera.risk.admission import Admission
from chimera.risk.gate import Gate
from chimera.risk.roster import Roster
from chimera.risk.watcher import WalletWatcher
from chimera.sim.chain import SimulatedChain
from chimera.sim.evidence import evidence
from chimera.sim.landing import LandingModel
from chimera.sim.result import Result
from chimera.sim.runner import Parts, Runner, SteppedClock
from chimera.sim.trips import Trips
from chimera.wiring import rules
from chimera.wiring.changed import laid_over

WORLD = "world:"
WORLD_MINUTES = 10
WALLET = Address(address_text(sha256(b"the wallet of backtests").digest()))
"""Nobody has its key."""
VARIABLE = "CHIMERA_"
BREAKS_TOLD = 5


class Wish(msgspec.Struct, frozen=True):
    """What a person asks to be run."""

    strategies: tuple[str, ...]
    data: str
    """A recording's folder, or `world:SEED[:MINUTES]`."""
    from_ms: int | None = None
    to_ms: int | None = None
    changed: Mapping[str, str] = {}
    """Settings by key, as text."""
    seed: int = 7
    lamports: int = 20_000_000_000
    landing: LandingModel = LandingModel()
    name: str = ""
    trials: int = 1
    """Parameter sets that were tried before; they make luck likelier."""


def backtest(
    wish: Wish, *, files: Iterable[Path] = (), environ: Mapping[str, str] | None = None
) -> tuple[Result, ChainedMemoryJournal]:
    """Runs it to the end of the data.

    Raises ConfigError for what cannot be run, Garbled for data that cannot be read.
    """
    settings = settings_of(wish, list(files), dict(environ or {}))
    if wish.from_ms is not None and wish.to_ms is not None and wish.from_ms >= wish.to_ms:
        raise ConfigError("--to: it must be later than --from")
    replay = MarketReplay(venues(), keep_raw=True)
    records = _records(wish, replay)
    runner, journal, trips, parts = _plugged(wish, settings, replay)
    runner.run(records)
    runner.finish()
    if not runner.events:
        raise ConfigError(f"--data {wish.data}: nothing in it {_span_wished(wish)}")
    found = trips.trips()
    closed = [trip.profit_lamports for trip in found if trip.closed_at_ms is not None]
    return (
        Result(
            name=wish.name or f"{'+'.join(wish.strategies)} on {wish.data}",
            strategy="+".join(wish.strategies),
            data=wish.data,
            seed=wish.seed,
            from_ms=runner.first_ms,
            to_ms=runner.last_ms,
            settings=dict(wish.changed),
            journal_hash=journal.hash,
            start_lamports=wish.lamports,
            end_lamports=runner.equity[-1].equity_lamports if runner.equity else wish.lamports,
            counts=trips.counts(runner.events),
            refusals=dict(sorted(trips.refusals.items())),
            trips=found,
            equity=tuple(runner.equity),
            evidence=evidence(closed, random.Random(wish.seed), trials=wish.trials),  # noqa: S311 - no secret
            told=tuple(_told(parts, replay)),
        ),
        journal,
    )


def _plugged(
    wish: Wish, settings: Settings, replay: MarketReplay
) -> tuple[Runner, ChainedMemoryJournal, Trips, Parts]:
    clock = SteppedClock()
    view, limits = replay.view, rules.risk_limits(settings)
    journal = ChainedMemoryJournal(clock, run_id=f"backtest-{wish.seed}")
    books, roster = rules.books(settings), Roster()
    costs = Costs(
        rules.fee_policy(settings),
        tips=rules.tip_policy(settings),
        prices=rules.price_policy(settings),
        slippage=rules.slippage_policy(settings),
    )
    surroundings = HouseSurroundings(
        books=books,
        view=view,
        roster=roster,
        limits=limits,
        tokens=[TokenListing(token.symbol, Address(token.mint)) for token in settings.tokens],
    )
    gate, strategies = Gate(limits), list(rules.built_strategies(settings))
    chain = SimulatedChain(
        view,
        wallet=WALLET,
        lamports=wish.lamports,
        tip_account=TIP_ACCOUNTS[0],
        model=wish.landing,
        rng=random.Random(wish.seed),  # noqa: S311 - chance that can be had again is wanted
    )
    desk = Desk(
        gate=gate,
        planner=Planner(
            view,
            wallet=WALLET,
            costs=costs,
            tip_accounts=TIP_ACCOUNTS,
            exclusions=books.exclusions,
        ),
        cycles=CyclePlanner(view, wallet=WALLET, costs=costs, tip_accounts=TIP_ACCOUNTS),
        books=books,
        view=view,
        limits=rules.desk_limits(settings, bundles=True),
        wallet=WALLET,
        tip_accounts=frozenset(TIP_ACCOUNTS),
        record=journal.append,
    )
    parts = Parts(
        clock=clock,
        replay=replay,
        engine=Engine(strategies, limits=EngineLimits(correlate=limits.correlates)),
        desk=desk,
        books=books,
        chain=chain,
        record=journal.append,
        admission=Admission(rules.admission_rules(settings), surroundings),
        watcher=WalletWatcher(
            wallet=roster.get, symbol_of=surroundings.symbol_of, lamports_of=surroundings.lamports_of
        )
        if settings.copy_trade.enabled and settings.copy_trade.watch_wallets
        else None,
        wallets=roster,
    )
    runner, trips = Runner(parts, trades_from_ms=wish.from_ms or 0), Trips(chain.impact_lamports)
    for listener in (books.fold, lambda entry: roster.apply(entry.fact), costs.apply, chain.hear):
        journal.listen(listener)
    journal.listen(trips.fold)
    journal.listen(runner.hear)
    journal.append(RunStarted(f"backtest-{wish.seed}", __version__, WALLET, msgspec.to_builtins(limits)))
    for wallet in rules.listed_wallets(settings, roster):
        journal.append(wallet)
    return runner, journal, trips, parts


def settings_of(wish: Wish, files: list[Path], environ: dict[str, str]) -> Settings:
    """The trader's own settings, with what is wished for laid over them; only the wished strategies run."""
    load(files, environ)  # what is wrong without the wishes is not told as theirs
    environ = laid_over(wish.changed, files, environ, option="--set")
    known = {section.name for section in rules.strategy_sections_of(load(files, environ))}
    for name in wish.strategies:
        if name not in known:
            raise ConfigError(
                f"--strategy {name}: there is none of that name; known: {', '.join(sorted(known))}"
            )
    for name in known:
        environ[f"{VARIABLE}{name.upper()}__ENABLED"] = "true" if name in wish.strategies else "false"
    settings = load(files, environ)
    if wish.data.startswith(WORLD) and not settings.tokens:
        settings = _with_world(settings, _world_of(wish.data)[0])
    return msgspec.structs.replace(settings, dev_mode=True)  # nobody signs a webhook here


def _with_world(settings: Settings, seed: int) -> Settings:
    """The names of a generated world's tokens, and whom its demo copies."""
    world = genesis(seed)
    told: dict[str, Any] = {
        "tokens": [{"symbol": token.symbol, "mint": token.mint} for token in world.tokens],
        "wallets": [
            {
                "address": wallet.address,
                "status": str(wallet.status),
                "strategy": str(wallet.strategy),
                "notes": wallet.notes,
            }
            for wallet in world.wallets
        ],
    }
    sections = msgspec.convert(told, _Names)
    return msgspec.structs.replace(settings, tokens=sections.tokens, wallets=sections.wallets)


class _Names(msgspec.Struct):
    """The sections of the settings that a generated world fills."""

    tokens: tuple[Token, ...]
    wallets: tuple[CopiedWallet, ...]


# data


def _span_wished(wish: Wish) -> str:
    """In words, with what there is to be had of a recording."""
    ends = (("from", wish.from_ms), ("to", wish.to_ms))
    wished = (
        " ".join(f"{word} {_moment(at)}" for word, at in ends if at is not None) or "that could be traded"
    )
    if wish.data.startswith(WORLD):
        return wished
    info = RecordingFolder(Path(wish.data)).info()
    return f"{wished}; it spans {_moment(info.first_ms)} to {_moment(info.last_ms)}"


def _moment(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _records(wish: Wish, replay: MarketReplay) -> Iterator[Recorded]:
    if wish.data.startswith(WORLD):
        seed, minutes = _world_of(wish.data)
        return _world_records(seed, minutes, replay, wish.to_ms)
    folder = Path(wish.data)
    return RecordingFolder(folder).read(wanted=Wanted.RAW, from_ms=wish.from_ms, to_ms=wish.to_ms)


def _world_of(data: str) -> tuple[int, float]:
    seed, _, minutes = data.removeprefix(WORLD).partition(":")
    try:
        wished = int(seed), float(minutes or WORLD_MINUTES)
    except ValueError:
        raise ConfigError(f"--data {data}: wanted is world:SEED or world:SEED:MINUTES") from None
    if wished[0] < 0 or not 0 < wished[1] <= 24 * 60:
        raise ConfigError(f"--data {data}: a seed from 0 on, and up to 1440 minutes")
    return wished


def _world_records(seed: int, minutes: float, replay: MarketReplay, to_ms: int | None) -> Iterator[Recorded]:
    feed = WorldFeed(SteppedWorld(seed))
    for seq, observed in enumerate(
        feed.observed(round(minutes * 60 / TICK_S), wanted=lambda: replay.view.wanted), start=1
    ):
        if to_ms is not None and observed.at_ms > to_ms:
            return
        yield Recorded(seq, observed.at_ms, observed.item)


def _told(parts: Parts, replay: MarketReplay) -> Iterator[str]:
    """What somebody who reads the result must know."""
    impact = parts.chain.impact
    if impact.forgotten:
        yield (
            f"{len(impact.forgotten)} pools of venues that cannot say what a swap leaves behind: there our own impact "
            "lasted only until the next recorded trade"
        )
    if impact.traces.lost:
        yield (
            f"{len(impact.traces.lost)} pools where a recorded swap could not be done again on the price that we left: "
            "there it moved the price as it had without us"
        )
    if impact.clipped:
        yield f"{impact.clipped} recorded writes left a vault with less than we had taken from it"
    if not replay.in_step:
        yield "the recording has holes: pools that were not seen again since stayed in doubt"
    if parts.engine.parked:
        yield "; ".join(f"{name} was parked: {why}" for name, why in parts.engine.parked.items())
    yield "a tax that only a token's own program knows does not show in quotes: such tokens look sellable here"
