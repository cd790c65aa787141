"""Ten simulated minutes of ten worlds, each strategy by itself: `python -m tests.sim.seasons [--seeds N] [--jobs N]`.

Says what each earned after all costs and on which kinds of token, and ends with 1 where one of them did what it must
not. `--into FILE` puts the table between the marker lines of a document.
"""

import argparse
import platform
import tempfile
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from chimera.domain.ids import Address
from chimera.domain.messages import SignalAccepted, SignalDropped
from chimera.domain.risk import Reason
from chimera.localnet.coins import SEASON_TICKS, TRAPS, Nature
from chimera.localnet.genesis import genesis
from chimera.localnet.traders import Role, with_role
from chimera.localnet.world import World
from chimera.plugins import strategies
from chimera.sim.result import Result, RoundTrip
from chimera.wiring.backtest import Wish, backtest

SWITCHED_ON = {"arbitrage": {"arbitrage.live": "true"}}
"""What a strategy needs to trade that watches only, by its defaults."""
FILE = Path(__file__).parents[2] / "config" / "young-tokens.yaml"
"""Settings for worlds in which tokens live minutes; it says why, and docs/reentry.md where the values come from."""
SEASON_MINUTES = SEASON_TICKS * 0.4 / 60
FORBIDDEN = TRAPS - {Nature.CASHED_OUT}
"""What momentum, re-entry and the sniper must not buy. Who is sold out after graduating shows nothing before it."""
GAINS = ("arbitrage", "copy_trade")
"""Those that must gain in each world."""
TRENDS = ("momentum", "reentry")
"""Those that must find what trends."""
COLUMNS = ("strategy", "SOL, all worlds", "gained in", "worst, best world", "closed, won",
           "trending", "other sound", "thin, fading", "cashed out", "traps")  # fmt: skip
BEGIN, END = "<!-- made by tests/sim/seasons.py: begin -->", "<!-- made by tests/sim/seasons.py: end -->"


class Season(msgspec.Struct):
    """One strategy in one world."""

    strategy: str
    seed: int
    result: Result
    dropped: dict[str, int] = {}
    """Of copy trading: buys that were declined since the wallet's gains may be chance, by the wallet's role."""

    @property
    def profit_lamports(self) -> int:
        return self.result.end_lamports - self.result.start_lamports

    @property
    def won(self) -> int:
        return sum(trip.profit_lamports > 0 for trip in self.result.closed)


def season(strategy: str, seed: int, *others: str) -> Season:
    """`others`: strategies that run beside it, where a test has no time for two worlds."""
    with tempfile.TemporaryDirectory() as folder:
        names = Path(folder) / "names.yaml"
        names.write_bytes(_names(seed))
        result, journal = backtest(
            Wish(
                strategies=(strategy, *others),
                data=f"world:{seed}:{SEASON_MINUTES:g}",
                changed=SWITCHED_ON.get(strategy, {}),
                name=f"{strategy}, world {seed}",
            ),
            files=(FILE, names),
        )
    made, known, dropped = {}, copied(seed), Counter[str]()
    for entry in journal.read():
        if isinstance(entry.fact, SignalAccepted):
            made[entry.fact.signal.id] = entry.fact.signal.wallet
        elif isinstance(entry.fact, SignalDropped) and entry.fact.refusal.reason is Reason.UNPROVEN_WALLET:
            dropped[known[made[entry.fact.signal_id]]] += 1
    return Season(strategy, seed, result, dict(dropped))


def copied(seed: int) -> dict[Address, Role]:
    """Whom the copier follows: those who know the plan, and as many who look good in hindsight."""
    return {one.address: role for role in (Role.FORESIGHT, Role.LUCKY) for one in with_role(seed, role)}


def by_role(found: Season) -> dict[Role, list[RoundTrip]]:
    """Closed copies by what their wallet is; their entry begins with its address."""
    known = copied(found.seed)
    told: dict[Role, list[RoundTrip]] = {Role.FORESIGHT: [], Role.LUCKY: []}
    for trip in found.result.closed:
        told[known[Address(trip.entry.partition(" ")[0])]].append(trip)
    return told


def natures(result: Result, seed: int, strategy: str = "") -> Counter[Nature]:
    """How often each kind of token was traded; of cycles it is the first token on the way."""
    known = World(seed).natures(SEASON_TICKS)
    for token in genesis(seed).tokens:
        if known.get(token.mint) is Nature.TAXED:
            del known[token.mint]  # its tax of 1 % is within the house's limit of 5 %: no trap, a cost
    trips = (trip for trip in result.trips if strategy in {"", trip.strategy})
    return Counter(known[Address(trip.mint)] for trip in trips if trip.mint in known)


def wrong(strategy: str, result: Result, seed: int) -> list[str]:
    """What a season shows that must not be."""
    faults = []
    profit = result.end_lamports - result.start_lamports
    if strategy in GAINS and profit <= 0:
        faults.append(f"{strategy} lost {-profit} lamports")
    if strategy in {"momentum", "reentry", "sniper"}:
        seen = natures(result, seed, strategy)
        if traps := {kind: count for kind, count in seen.items() if kind in FORBIDDEN}:
            faults.append(f"{strategy} bought {traps}")
    return faults


def wrong_together(found: list[Season]) -> list[str]:
    """What all worlds together do not show and must."""
    faults = []
    for name in TRENDS:
        told = [natures(one.result, one.seed) for one in found if one.strategy == name]
        if told and not sum(kinds[Nature.TRENDING] for kinds in told):
            faults.append(f"{name} traded no trending token in any world")
    copies = [one for one in found if one.strategy == "copy_trade"]
    if any(one.dropped.get(Role.FORESIGHT) for one in copies):
        faults.append("copy_trade dropped a wallet that knows the plan")
    if copies and not any(one.dropped.get(Role.LUCKY) for one in copies):
        faults.append("copy_trade dropped no lucky wallet in any world")
    return faults


# for people


def line(one: Season) -> str:
    kinds = ", ".join(f"{count} {kind}" for kind, count in natures(one.result, one.seed).most_common())
    dropped = "".join(f"; {count} of {role} dropped" for role, count in one.dropped.items())
    return (
        f"{one.strategy:<10} seed {one.seed:>2}: {one.profit_lamports / 1e9:+9.4f} SOL, {len(one.result.closed):>3} "
        f"closed, {one.won:>3} won; {kinds or 'nothing traded'}{dropped}"
    )


def table(found: list[Season]) -> str:
    """What `--into` puts into a document."""
    worlds = len({one.seed for one in found})
    when = f"{datetime.now(UTC):%Y-%m-%d}, Python {platform.python_version()} on {platform.machine()}"
    rows = [
        f"`make seasons` on {when}; {worlds} worlds of {SEASON_MINUTES:g} simulated minutes, 20 SOL each.",
        "",
        f"| {' | '.join(COLUMNS)} |",
        "|---" * len(COLUMNS) + "|",
    ]
    for name in dict.fromkeys(one.strategy for one in found):
        mine = [one for one in found if one.strategy == name]
        profits = [one.profit_lamports / 1e9 for one in mine]
        kinds = sum((natures(one.result, one.seed) for one in mine), Counter[Nature]())
        sound = sum(kinds[kind] for kind in (Nature.STEADY, Nature.HONEST, Nature.GRADUATING))
        rows.append(
            f"| {name} | {sum(profits):+.3f} | {sum(profit > 0 for profit in profits)} of {len(mine)} "
            f"| {min(profits):+.3f}, {max(profits):+.3f} | {sum(len(one.result.closed) for one in mine)}, "
            f"{sum(one.won for one in mine)} | {kinds[Nature.TRENDING]} | {sound} "
            f"| {kinds[Nature.THIN] + kinds[Nature.FADING]} | {kinds[Nature.CASHED_OUT]} "
            f"| {sum(count for kind, count in kinds.items() if kind in FORBIDDEN)} |"
        )
    if copies := [one for one in found if one.strategy == "copy_trade"]:
        rows += [
            "",
            "| copied wallets | closed copies, won | SOL | buys declined as `SINGLE_WALLET_UNPROVEN` |",
        ]
        rows += ["|---|---|---|---|"]
        for role in (Role.FORESIGHT, Role.LUCKY):
            trips = [trip for one in copies for trip in by_role(one)[role]]
            won, profit = (
                sum(trip.profit_lamports > 0 for trip in trips),
                sum(t.profit_lamports for t in trips),
            )
            dropped = sum(one.dropped.get(role, 0) for one in copies)
            rows.append(f"| {role} | {len(trips)}, {won} | {profit / 1e9:+.3f} | {dropped} |")
    return "\n".join(rows)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seeds", type=int, default=10, help="how many worlds, from seed 1 on")
    parser.add_argument("--strategy", action="append", help="only this one; may be given again")
    parser.add_argument("--jobs", type=int, default=1, help="how many worlds at a time")
    parser.add_argument("--into", type=Path, help="a document to put the table into")
    given = parser.parse_args()
    names = given.strategy or sorted(set(strategies()) - {"rebalancer"})
    asked = [(name, seed) for name in names for seed in range(1, given.seeds + 1)]
    found, faults = [], 0
    with ProcessPoolExecutor(given.jobs) as pool:
        for one in pool.map(season, *zip(*asked, strict=True)):
            found.append(one)
            print(line(one), flush=True)
            for fault in wrong(one.strategy, one.result, one.seed):
                faults += 1
                print(f"           WRONG: {fault}", flush=True)
    for fault in wrong_together(found):
        faults += 1
        print(f"WRONG: {fault}")
    print(table(found))
    if given.into is not None:
        before, begin, rest = given.into.read_text().partition(BEGIN)
        _, end, after = rest.partition(END)
        if not begin or not end:
            raise SystemExit(f"{given.into}: the marker lines are missing")
        given.into.write_text(f"{before}{BEGIN}\n\n{table(found)}\n\n{END}{after}")
    print(f"{faults} things wrong")
    return 1 if faults else 0


def _names(seed: int) -> bytes:
    """Settings with the world's tokens and the wallets that are copied."""
    return msgspec.json.encode(
        {
            "tokens": [{"symbol": token.symbol, "mint": token.mint} for token in genesis(seed).tokens],
            "wallets": [{"address": wallet, "status": "ACTIVE"} for wallet in copied(seed)],
        }
    )


if __name__ == "__main__":
    raise SystemExit(main())
