"""Parameters looked for on one stretch of the data, and judged on the stretch after it, which they never saw.

What is reported is only ever the sum of the tested stretches, and the figure that says how much to believe takes
every set that was tried into account.
"""

import random
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from statistics import stdev
from typing import Any

import msgspec
import optuna

from chimera.adapters.journal_memory import ChainedMemoryJournal
from chimera.domain.errors import ConfigError
from chimera.sim.evidence import TRADES_MIN, evidence, sharpe
from chimera.sim.result import Counts, EquityPoint, Result
from chimera.sim.splits import Split, walk_forward
from chimera.wiring.backtest import Wish, backtest
from chimera.wiring.changed import laid_over

Run = Callable[[Wish], tuple[Result, ChainedMemoryJournal]]


class Range(msgspec.Struct, frozen=True):
    """What values a setting may be given."""

    key: str
    low: int
    high: int
    step: int = 1


class Fold(msgspec.Struct, frozen=True):
    split: Split
    best: dict[str, str]
    learnt_lamports: int
    """Profit where it was looked for: of no worth as a promise."""
    tested_lamports: int
    """Profit where it was judged."""


class Found(msgspec.Struct, frozen=True):
    folds: tuple[Fold, ...]
    trials: int
    result: Result
    """The tested stretches, one after the other."""


def optimise(
    wish: Wish,
    ranges: list[Range],
    *,
    trials: int,
    folds: int,
    embargo_ms: int,
    files: Iterable[Path] = (),
    environ: Mapping[str, str] | None = None,
    told: Callable[[str], None] = lambda _: None,
) -> Found:
    """Looks for the parameters with the highest equity at the end of each learning stretch.

    The same seed tries the same sets. Raises ConfigError for ranges or data that cannot be run.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    files = list(files)

    def run(one: Wish) -> tuple[Result, ChainedMemoryJournal]:
        return backtest(one, files=files, environ=dict(environ or {}))

    for one in ranges:  # before anything runs for hours
        for end in (one.low, one.high):
            wished = {**wish.changed, one.key: str(end)}
            laid_over(wished, files, environ or {}, option="--param")
    whole, _ = run(wish)  # also tells what cannot be run at all, before hours are spent
    splits = walk_forward(whole.from_ms, whole.to_ms, folds=folds, embargo_ms=embargo_ms)
    ratios: list[float] = []
    done: list[Fold] = []
    tested: list[Result] = []
    for number, split in enumerate(splits, start=1):
        best, learnt = _learn(wish, ranges, split, trials=trials, run=run, ratios=ratios)
        result, _ = run(_with(wish, best, split.test_from_ms, split.test_to_ms))
        tested.append(result)
        gain = result.end_lamports - result.start_lamports
        done.append(Fold(split, best, learnt, gain))
        told(f"fold {number}: {_words(best)}: {learnt / 1e9:+.6f} SOL learnt, {gain / 1e9:+.6f} SOL tested")
    tried = trials * folds
    spread = stdev(ratios) if len(ratios) > 1 else None
    return Found(tuple(done), tried, _joined(wish, tested, trials=tried, spread=spread))


def _learn(
    wish: Wish, ranges: list[Range], split: Split, *, trials: int, run: Run, ratios: list[float]
) -> tuple[dict[str, str], int]:
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=wish.seed))

    def score(trial: optuna.Trial) -> float:
        wished = {
            one.key: str(trial.suggest_int(one.key, one.low, one.high, step=one.step)) for one in ranges
        }
        result, _ = run(_with(wish, wished, split.learn_from_ms, split.learn_to_ms))
        profits = [trip.profit_lamports for trip in result.closed]
        if len(profits) >= TRADES_MIN:
            ratios.append(sharpe(profits))
        return float(result.end_lamports - result.start_lamports)

    study.optimize(score, n_trials=trials)
    return {key: str(value) for key, value in study.best_params.items()}, round(study.best_value)


def _with(wish: Wish, changed: Mapping[str, str], from_ms: int, to_ms: int) -> Wish:
    return msgspec.structs.replace(wish, changed={**wish.changed, **changed}, from_ms=from_ms, to_ms=to_ms)


def _joined(wish: Wish, tested: list[Result], *, trials: int, spread: float | None) -> Result:
    """One result of several that follow each other; equity goes on from where the one before ended."""
    shift = 0
    points: list[EquityPoint] = []
    for result in tested:
        points += (
            msgspec.structs.replace(point, equity_lamports=point.equity_lamports + shift)
            for point in result.equity
        )
        shift += result.end_lamports - result.start_lamports
    trips = tuple(trip for result in tested for trip in result.trips)
    closed = [trip.profit_lamports for trip in trips if trip.closed_at_ms is not None]
    refusals: dict[str, int] = {}
    for result in tested:
        for reason, count in result.refusals.items():
            refusals[reason] = refusals.get(reason, 0) + count
    counted: dict[str, Any] = {
        name: sum(getattr(result.counts, name) for result in tested) for name in Counts.__struct_fields__
    }
    first, last = tested[0], tested[-1]
    return msgspec.structs.replace(
        first,
        name=wish.name or f"{first.strategy} on {wish.data}, tested stretches only",
        to_ms=last.to_ms,
        settings=dict(wish.changed),
        journal_hash="+".join(result.journal_hash[:16] for result in tested),
        end_lamports=first.start_lamports + shift,
        counts=Counts(**counted),
        refusals=refusals,
        trips=trips,
        equity=tuple(points),
        evidence=evidence(
            closed,
            random.Random(wish.seed),  # noqa: S311 - chance that can be had again is wanted
            trials=trials,
            trials_deviation=spread,
        ),
        told=(
            f"{trials} parameter sets were tried; what was found on one stretch was run on the next one",
            *dict.fromkeys(word for result in tested for word in result.told),
        ),
    )


def ranges_of(texts: Iterable[str]) -> list[Range]:
    """`key=low:high[:step]`, whole numbers; raises ConfigError."""
    found = []
    for text in texts:
        key, _, bounds = text.partition("=")
        try:
            numbers = [int(part) for part in bounds.split(":")]
        except ValueError:
            numbers = []
        if (
            not key
            or len(numbers) not in (2, 3)
            or numbers[0] >= numbers[1]
            or any(step <= 0 for step in numbers[2:])
        ):
            raise ConfigError(f"--param {text}: wanted is KEY=LOW:HIGH or KEY=LOW:HIGH:STEP, whole numbers")
        found.append(Range(key, *numbers))
    if not found:
        raise ConfigError("--param: name at least one setting to look for")
    return found


def _words(best: Mapping[str, str]) -> str:
    return ", ".join(f"{key}={value}" for key, value in best.items())
