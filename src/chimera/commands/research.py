"""`chimera backtest` and `chimera compare`: what a strategy would have done, and several answers side by side."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from chimera.commands.landing import Landing, landing_model, pairs
from chimera.commands.recordings import Moment, moment_ms
from chimera.domain.errors import ConfigError
from chimera.domain.units import lamports_from_sol, sol_text

ConfigFiles = Annotated[
    list[Path] | None, typer.Option("-c", "--config", help="A settings file; later ones win.", metavar="FILE")
]
Strategies = Annotated[
    list[str], typer.Option(help="Which strategies run; give it again for several.", metavar="NAME")
]
Data = Annotated[str, typer.Option(help="A recording's folder, or world:SEED[:MINUTES].", metavar="DATA")]
REPORT, RESULT, JOURNAL = "report.html", "result.json", "journal.jsonl"


def add_research(app: typer.Typer) -> None:
    @app.command()
    def backtest(
        *,
        strategy: Strategies,
        data: Data,
        from_: Annotated[
            str | None,
            typer.Option("--from", help="Trade from here on: UTC time or Unix seconds.", metavar="TIME"),
        ] = None,
        to: Moment = None,
        set_: Annotated[
            list[str] | None,
            typer.Option(
                "--set", help="A setting, as in momentum.slippage_bps_max=100.", metavar="KEY=VALUE"
            ),
        ] = None,
        landing: Landing = None,
        seed: Annotated[int, typer.Option(help="Of the chances: landing, resampling.", min=0)] = 7,
        capital: Annotated[str, typer.Option(help="SOL to begin with.", metavar="SOL")] = "20",
        out: Annotated[
            Path, typer.Option(help="Where report.html, result.json and journal.jsonl go.", metavar="DIR")
        ] = Path("data/backtest"),
        name: Annotated[str, typer.Option(help="What the run is called in reports.")] = "",
        as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
        config: ConfigFiles = None,
    ) -> None:
        """Run strategies over a recording or a generated world, with the same engine, gate and desk as live."""
        import msgspec

        from chimera.sim.report import page
        from chimera.wiring.backtest import Wish
        from chimera.wiring.backtest import backtest as run

        model = landing_model(landing)
        try:
            lamports = lamports_from_sol(capital)
        except ValueError as error:
            raise ConfigError(f"--capital {capital}: {error}") from None
        wish = Wish(
            strategies=tuple(strategy),
            data=data,
            from_ms=moment_ms(from_),
            to_ms=moment_ms(to),
            changed=pairs("--set", set_),
            seed=seed,
            lamports=lamports,
            landing=model,
            name=name,
        )
        _folder(out)  # before the run: it may take hours
        result, journal = run(wish, files=config or (), environ=os.environ)
        try:
            (out / REPORT).write_text(page(result), "utf-8")
            (out / RESULT).write_bytes(msgspec.json.format(msgspec.json.encode(result)))
            with (out / JOURNAL).open("wb") as lines:
                lines.writelines(journal.lines())
        except OSError as error:
            raise ConfigError(f"--out {out}: {error.strerror}") from None
        for line in _figures(result, out) if not as_json else [json.dumps(_numbers(result, out))]:
            print(line)

    @app.command()
    def optimise(
        *,
        strategy: Strategies,
        data: Data,
        param: Annotated[
            list[str],
            typer.Option(
                help="What is looked for, as in momentum.stop_loss_bps=500:3000:100.", metavar="KEY=LOW:HIGH"
            ),
        ],
        trials: Annotated[int, typer.Option(help="Parameter sets a fold.", min=1, max=10_000)] = 30,
        folds: Annotated[int, typer.Option(help="Stretches that are tested.", min=1, max=50)] = 3,
        embargo: Annotated[float, typer.Option(help="Seconds between learning and testing.", min=0)] = 30,
        set_: Annotated[
            list[str] | None, typer.Option("--set", help="A setting that stays.", metavar="KEY=VALUE")
        ] = None,
        seed: Annotated[int, typer.Option(help="Of the search and of the chances.", min=0)] = 7,
        out: Annotated[Path, typer.Option(help="Where report.html and found.json go.", metavar="DIR")] = Path(
            "data/optimise"
        ),
        config: ConfigFiles = None,
    ) -> None:
        """Look for parameters on one stretch and judge them on the next; only what was judged is reported."""
        import msgspec

        from chimera.sim.report import page
        from chimera.wiring.backtest import Wish
        from chimera.wiring.optimise import optimise as look
        from chimera.wiring.optimise import ranges_of

        wish = Wish(strategies=tuple(strategy), data=data, changed=pairs("--set", set_), seed=seed)
        ranges = ranges_of(param)
        _folder(out)
        found = look(
            wish,
            ranges,
            trials=trials,
            folds=folds,
            embargo_ms=round(embargo * 1_000),
            files=config or (),
            environ=os.environ,
            told=print,
        )
        try:
            (out / REPORT).write_text(page(found.result), "utf-8")
            (out / RESULT).write_bytes(msgspec.json.format(msgspec.json.encode(found.result)))
            (out / "found.json").write_bytes(msgspec.json.format(msgspec.json.encode(found.folds)))
        except OSError as error:
            raise ConfigError(f"--out {out}: {error.strerror}") from None
        for line in _figures(found.result, out):
            print(line)

    @app.command()
    def lookahead(
        *,
        strategy: Strategies,
        data: Data,
        samples: Annotated[int, typer.Option(help="At how many decisions the data are cut.", min=1)] = 8,
        set_: Annotated[
            list[str] | None, typer.Option("--set", help="A setting.", metavar="KEY=VALUE")
        ] = None,
        seed: Annotated[int, typer.Option(help="Of the chances.", min=0)] = 7,
        config: ConfigFiles = None,
    ) -> None:
        """Tell whether a strategy decides by what it cannot know yet: exit code 1 where it does."""
        from chimera.wiring.backtest import Wish
        from chimera.wiring.lookahead import lookahead as look

        wish = Wish(strategies=tuple(strategy), data=data, changed=pairs("--set", set_), seed=seed)
        verdict = look(wish, samples=samples, files=config or (), environ=os.environ)
        if not verdict.decisions:
            raise ConfigError(
                f"{', '.join(strategy)} decided nothing on {data}: there is nothing to hold it to"
            )
        found = verdict.difference
        if found is None:
            print(
                f"{verdict.decisions} decisions; cut at {len(verdict.looked_at)} of them the data gave the same ones"
            )
            return
        print(f"LOOKS AHEAD: with the data cut at {found.until_ms} it decides otherwise")
        for name, intent in (("with all data", found.whole), ("with the data cut", found.cut)):
            said = f"{intent.side} {intent.amount} of {intent.mint}: {intent.reason}" if intent else "nothing"
            print(f"  {name}: {said}")
        raise typer.Exit(1)

    @app.command()
    def gap(
        ours: Annotated[
            Path, typer.Argument(metavar="OURS", help="Data folder of a desk, or of a backtest.")
        ],
        theirs: Annotated[Path, typer.Argument(metavar="THEIRS", help="What it is held against.")],
        *,
        as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
    ) -> None:
        """Tell why one run earned other than another, in parts that add up to the lamport."""
        import msgspec

        from chimera.sim.gap import MEANING, waterfall

        found = waterfall(_journal(ours), _journal(theirs))
        if as_json:
            print(msgspec.json.encode(found).decode())
            return
        print(f"{theirs}: {found.theirs_lamports / 1e9:+.9f} SOL on closed round trips")
        for step in found.steps:
            if step.lamports or step.round_trips:
                words = f"{MEANING[step.part]}, {step.round_trips} of them"
                print(f"  {step.part:<9} {step.lamports / 1e9:+15.9f}  {words}")
        print(f"{ours}: {found.ours_lamports / 1e9:+.9f} SOL")
        for trade_id, symbol, why in found.missed[:20]:
            print(f"  missed {symbol} {trade_id[:8]}: {why}")

    @app.command()
    def compare(
        runs: Annotated[list[Path], typer.Argument(metavar="DIR...", help="Folders of backtests.")],
        *,
        out: Annotated[Path, typer.Option(help="The page that is written.", metavar="FILE")] = Path(
            "data/compare.html"
        ),
    ) -> None:
        """Set backtests side by side on one page."""
        import msgspec

        from chimera.sim.report import comparison
        from chimera.sim.result import Result

        results = []
        for run in runs:
            path = run / RESULT if run.is_dir() else run
            try:
                results.append(msgspec.json.decode(path.read_bytes(), type=Result))
            except FileNotFoundError:
                raise ConfigError(f"{path}: there is none; wanted are --out folders of backtests") from None
            except OSError as error:
                raise ConfigError(f"{path}: {error.strerror}") from None
            except msgspec.DecodeError as error:
                raise ConfigError(f"{path} is no backtest's result: {error}") from None
        try:
            out.parent.mkdir(parents=True, exist_ok=True)
            out.write_text(comparison(results), "utf-8")
        except OSError as error:
            raise ConfigError(f"--out {out}: {error.strerror}") from None
        print(out)


def _folder(out: Path) -> None:
    """Makes it, and finds out whether files can be put there."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"--out {out}: {error.strerror}") from None
    if not os.access(out, os.W_OK):
        raise ConfigError(f"--out {out}: nothing can be written there")


def _journal(folder: Path) -> Iterator[Any]:
    """Entries of a desk's journal, or of a backtest's."""
    import msgspec

    from chimera.adapters.journal_segments import read_folder
    from chimera.domain.messages import Entry

    lines = folder / JOURNAL if folder.is_dir() else folder
    if lines.is_file():
        try:
            with lines.open("rb") as file:
                for line in file:
                    yield msgspec.json.decode(line, type=Entry)
        except (OSError, msgspec.DecodeError) as error:
            raise ConfigError(f"{lines} is no backtest's journal: {error}") from None
    elif (folder / "journal").is_dir():
        yield from read_folder(folder / "journal")
    else:
        raise ConfigError(f"{folder}: neither a desk's data folder nor a backtest's --out")


def _figures(result: Any, out: Path) -> list[str]:
    profit = result.end_lamports - result.start_lamports
    won = sum(trip.profit_lamports > 0 for trip in result.closed)
    counts = result.counts
    lines = [
        f"{result.strategy} on {result.data}: {sol_text(profit)} SOL on {sol_text(result.start_lamports)}",
        f"  {len(result.closed)} round trips closed ({won} won), {len(result.trips) - len(result.closed)} open",
        f"  {counts.emitted} intents, {counts.refused} refused; of their legs {counts.landed} landed,",
        f"  {counts.reverted} reverted, {counts.expired} expired, {counts.dropped} dropped",
    ]
    sharpe = result.evidence.sharpe
    lines.append(
        f"  Sharpe ratio of a round trip {sharpe.value:.2f} ({sharpe.low:.2f} to {sharpe.high:.2f})"
        if sharpe
        else f"  not enough data for more: {result.evidence.trades} closed round trips"
    )
    lines += [f"  note: {word}" for word in result.told]
    return [*lines, f"  journal {result.journal_hash}", f"  {out / REPORT}"]


def _numbers(result: Any, out: Path) -> dict[str, Any]:
    return {
        "strategy": result.strategy,
        "data": result.data,
        "profit_lamports": str(result.end_lamports - result.start_lamports),
        "closed": len(result.closed),
        "won": sum(trip.profit_lamports > 0 for trip in result.closed),
        "landed": result.counts.landed,
        "events": result.counts.events,
        "journal_hash": result.journal_hash,
        "report": str(out / REPORT),
    }
