"""`chimera`: what people type. Parses, calls, prints; decides nothing.

Exit codes: 0 done · 1 it ran and the answer is no (a journal that fails, a demo without a round trip) ·
2 wrong usage or settings · 3 the house stopped itself (disk full, an invariant broken) · 130 Ctrl-C.
"""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Iterable
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from chimera.commands.backups import backup_commands
from chimera.commands.blacklist import blacklist_commands
from chimera.commands.landing import Landing
from chimera.commands.options import ConfigFiles, DataDir
from chimera.commands.paperwork import add_paperwork
from chimera.commands.people import admins_commands, keys_commands
from chimera.commands.quant import add_quant
from chimera.commands.recordings import add_record, recordings_commands
from chimera.commands.research import add_research
from chimera.commands.risk import add_risk
from chimera.commands.running import run_paper, run_roles
from chimera.commands.steering import add_steering
from chimera.commands.storms import add_storms
from chimera.commands.strategy import strategy_commands
from chimera.commands.trades import run_trades
from chimera.commands.vault import config_commands, vault_commands
from chimera.commands.venue import venue_commands
from chimera.domain.errors import ChimeraError, ConfigError, InvariantBroken

app = typer.Typer(
    name="chimera",
    help="Automated trading on Solana. `chimera demo` shows it, without keys, money or a network.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
journal_app = typer.Typer(help="The journal: everything that ever happened, chained.", no_args_is_help=True)
app.add_typer(journal_app, name="journal")

CasesFile = Annotated[Path, typer.Option("--cases", help="Rows as JSON lines, plain or .gz.", metavar="FILE")]
DEMO_DATA = Path("data/demo")
LATEST = "latest"


def main() -> None:
    """The entry point: errors that people can act on become one line and an exit code, never a trace."""
    try:
        app()
    except ConfigError as error:
        _fail(str(error), 2)
    except InvariantBroken as error:
        _fail(f"stopped: {error}", 3)
    except ChimeraError as error:
        _fail(str(error), 1)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


def _fail(text: str, code: int) -> NoReturn:
    try:
        print(f"chimera: {text}", file=sys.stderr, flush=True)
    except OSError:
        # standard error is a file on the disk that is full: what it still holds is let go, and the code tells
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())
    sys.exit(code)


# running


@app.command()
def demo(
    *,
    seed: Annotated[int, typer.Option(help="Which world: the same seed decides the same.", min=0)] = 7,
    for_s: Annotated[
        float | None, typer.Option("--for", help="End by itself after so many seconds.", min=1)
    ] = None,
    headless: Annotated[
        bool, typer.Option(help="No live view, a line an event; so it is, too, where no terminal watches.")
    ] = False,
    port: Annotated[int, typer.Option(help="Of the dashboard; 0 picks one.", min=0, max=65_535)] = 8080,
    data_dir: Annotated[Path, typer.Option(help="Where runs are kept.", metavar="DIR")] = DEMO_DATA,
    json_: Annotated[bool, typer.Option("--json", help="A summary as the last line.")] = False,
) -> None:
    """Start the embedded chain, its world and the desk; trade; show it. Needs no key and no network."""
    from chimera.demo.show import Wishes, show

    lines = headless or json_ or not sys.stdout.isatty()
    wishes = Wishes(seed=seed, for_s=for_s, headless=lines, port=port, data_dir=data_dir)
    summary = _run(lambda stop: show(wishes, environ=dict(os.environ), stop=stop))
    if json_:
        print(json.dumps(summary.shown()), flush=True)
    raise typer.Exit(0 if summary.proved else 1)


@app.command()
def run(
    *,
    roles: Annotated[
        str,
        typer.Option(help="all; some of market, strategy, execution, control; or trades, for Grafana."),
    ] = "all",
    strategies: Annotated[
        str, typer.Option(help="With --roles strategy: only these, by name; others may run elsewhere.")
    ] = "",
    paper: Annotated[
        bool, typer.Option("--paper", help="The live market, simulated trades, own books, no key.")
    ] = False,
    capital: Annotated[
        str, typer.Option(help="With --paper: SOL to begin with; later runs go on with what is left.")
    ] = "20",
    dollars: Annotated[
        int, typer.Option(help="With --paper: USDC to begin with, for the rebalancer.", min=0, max=10**12)
    ] = 0,
    landing: Landing = None,
    config: ConfigFiles = None,
    data_dir: DataDir = None,
) -> None:
    """Run the desk against a chain: the embedded one by default, mainnet with `mode: live`."""
    from chimera import wiring

    settings = _settings(config, data_dir)
    if paper or landing:
        run_paper(settings, roles, capital, landing, dollars=dollars, paper=paper, run=_run)
        return
    if roles == "trades":
        run_trades(settings, _run)
        return
    if roles != "all":
        run_roles(settings, roles, strategies, reread=lambda: _settings(config, data_dir), run=_run)
        return
    if strategies:
        raise ConfigError("--strategies: with --roles strategy alone; else the settings say which run")
    signer = wiring.open_signer(settings)

    async def trade(stop: asyncio.Event) -> None:
        house = wiring.build(settings, signer, observer=wiring.observing(settings))
        await wiring.run(house, stop=stop, started=started)

    def started(port: int) -> None:
        said = {
            "dashboard": f"{wiring.api_url(settings, port)}/",
            "wallet": signer.address,
            "mode": settings.mode,
        }
        print(json.dumps(said), flush=True)

    _run(trade)


@app.command()
def chain(
    *,
    seed: Annotated[int, typer.Option(min=0, help="Which world it begins with.")] = 7,
    slot_ms: Annotated[int, typer.Option(min=20, max=10_000)] = 400,
    port: Annotated[int, typer.Option(help="JSON-RPC; the others follow their defaults.", min=0)] = 8899,
    ws_port: Annotated[int, typer.Option(min=0)] = 8900,
    geyser_port: Annotated[int, typer.Option(min=0)] = 10_000,
    jito_port: Annotated[int, typer.Option(min=0)] = 8901,
    admin_port: Annotated[int, typer.Option(min=0)] = 8902,
    empty: Annotated[bool, typer.Option(help="No tokens, pools or traders at genesis.")] = False,
    keep: Annotated[
        Path | None,
        typer.Option(help="Go on with the chain in that file, or begin it there.", metavar="FILE"),
    ] = None,
) -> None:
    """Run the embedded chain: JSON-RPC, WebSocket, Geyser and a block engine on 127.0.0.1."""
    from chimera.localnet.genesis import genesis
    from chimera.localnet.node import NodeOptions, run_node

    options = NodeOptions(
        slot_ms=slot_ms,
        rpc_port=port,
        ws_port=ws_port,
        geyser_port=geyser_port,
        jito_port=jito_port,
        admin_port=admin_port,
        seed=seed,
        kept_in=keep,
    )
    accounts = () if empty else genesis(seed).accounts

    def started(endpoints: dict[str, str]) -> None:
        print(json.dumps(endpoints), flush=True)

    _run(lambda stop: _until(stop, run_node(options, genesis=accounts, started=started)))


@app.command()
def world(
    *,
    rpc_url: Annotated[str, typer.Option(help="Of the embedded chain.")] = "http://127.0.0.1:8899",
    seed: Annotated[int, typer.Option(min=0, help="The same as the chain's.")] = 7,
    tick_ms: Annotated[int, typer.Option(min=20)] = 400,
) -> None:
    """Let the embedded chain's traders trade."""
    from chimera.localnet.world_runner import run_world

    _run(lambda stop: _until(stop, run_world(seed, rpc_url, tick_ms=tick_ms)))


# looking


@app.command()
def why(
    id_: Annotated[str, typer.Argument(metavar="ID", help="Of a signal, intent, trade or transaction.")],
    *,
    data_dir: DataDir = None,
    json_: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Tell the chain of decisions behind a signal, intent or trade, from the journal."""
    from chimera.adapters.journal_segments import read_folder
    from chimera.audit.why import explain

    told = explain(read_folder(_data(data_dir) / "journal"), id_)
    if json_:
        import msgspec

        print(msgspec.json.encode(told).decode())
    elif told.found:
        for step in told.steps:
            print(f"{step.seq:>6}  {_time(step.at_ms)}  {step.text}")
    else:
        _fail(f"nothing in the journal of {_data(data_dir)} bears the id {id_}", 1)


@journal_app.command("verify")
def journal_verify(*, data_dir: DataDir = None) -> None:
    """Check the whole chain; tell the first entry that was changed."""
    from chimera.adapters.journal_segments import verify

    verdict = verify(_data(data_dir) / "journal")
    if verdict.ok:
        print(f"ok: {verdict.entries} entries, chain unbroken")
        return
    place = f"{verdict.segment} at byte {verdict.offset}"
    _fail(f"journal: entry {verdict.first_bad_seq} in {place}: {verdict.what}", 1)


@app.command("replay")
def replay_(*, data_dir: DataDir = None) -> None:
    """Decide the whole journal again from its own records, and tell the first difference."""
    from chimera.adapters.journal_segments import read_folder
    from chimera.audit.replay import replay

    done = replay(read_folder(_data(data_dir) / "journal"))
    if not done.differences:
        print(f"ok: {done.entries} entries, {done.decisions} decisions made again, none came out differently")
        return
    first = done.differences[0]
    _fail(
        f"entry {first.seq}, {first.what} {first.id}: journal says {first.journal}, replay {first.replay}", 1
    )


@app.command()
def whatif(
    *,
    set_: Annotated[
        list[str], typer.Option("--set", help="A risk limit, as in open_positions_max=3.", metavar="K=V")
    ],
    data_dir: DataDir = None,
) -> None:
    """Tell which decisions of the journal another risk limit would have changed."""
    from chimera.adapters.journal_segments import read_folder
    from chimera.audit.replay import replay

    changes = dict(part.partition("=")[::2] for part in set_)
    done = replay(read_folder(_data(data_dir) / "journal"), changes=changes)
    for difference in done.differences:
        print(f"{difference.seq:>6}  {difference.id}  was {difference.journal}, would be {difference.replay}")
    print(f"{len(done.differences)} of {done.decisions} decisions would have been others")


@app.command()
def doctor(
    *,
    json_: Annotated[bool, typer.Option("--json", help="One JSON object a finding.")] = False,
    config: ConfigFiles = None,
    data_dir: DataDir = None,
) -> None:
    """Check settings, disk, vault, journal, database, nodes, clock, stream, bus and the running desk.

    Exit code 1 where something must be mended before the desk can trade.
    """
    from chimera.wiring.doctor import examine

    settings = _settings(config, data_dir)
    findings = asyncio.run(examine(settings))
    for finding in findings:
        if json_:
            said = {"check": finding.name, "status": finding.status, "said": finding.said}
            print(json.dumps(said))
        else:
            print(f"{finding.status:<5} {finding.name:<13} {finding.said}")
    raise typer.Exit(1 if any(finding.status == "fail" for finding in findings) else 0)


@app.command()
def quote(*, cases: CasesFile) -> None:
    """Quote rows as in a file of cases: one JSON line each."""
    from chimera.cases import run_quote_cases
    from chimera.plugins import venues

    _print_lines(run_quote_cases(cases, venues()))


@app.command()
def instruction(*, cases: CasesFile) -> None:
    """Build swap instructions for rows of a file of cases: one JSON line each."""
    from chimera.cases import run_instruction_cases
    from chimera.plugins import venues

    _print_lines(run_instruction_cases(cases, venues()))


# shared


def _settings(files: list[Path] | None, folder: Path | None) -> Any:
    """Layers: files given, else config.yaml where there is one; `.env`; the environment; --data-dir."""
    from chimera.config import load

    default = Path("config.yaml")
    paths = files or ([default] if default.exists() else [])
    environ = dict(os.environ)
    if folder is not None:
        environ["CHIMERA_DATA_DIR"] = str(folder)
    return load(paths, environ, dotenv=Path(".env"))


def _data(folder: Path | None) -> Path:
    """The folder asked for; else the settings' own, or the last demo's where that has none."""
    if folder is not None:
        return folder / LATEST if (folder / LATEST).exists() else folder
    own = Path(_settings(None, None).data_dir)
    return own if (own / "journal").exists() else DEMO_DATA / LATEST


def _print_lines(lines: Iterable[str]) -> None:
    try:
        for line in lines:
            print(line)
    except (OSError, EOFError) as error:
        if isinstance(error, BrokenPipeError):
            raise
        _fail(f"--cases: {error}", 2)


def _time(at_ms: int) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%H:%M:%S.%f")[:-3]


def _run(work: Callable[[asyncio.Event], Coroutine[Any, Any, Any]]) -> Any:
    """Runs a loop until it ends; the first Ctrl-C or SIGTERM asks it to stop, the second cancels it."""
    import uvloop

    async def guarded() -> Any:
        stop = asyncio.Event()
        task = asyncio.ensure_future(work(stop))
        loop = asyncio.get_running_loop()

        def asked() -> None:
            if stop.is_set():
                task.cancel()
            stop.set()

        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, asked)
        try:
            return await task
        except asyncio.CancelledError:
            sys.exit(130)

    return uvloop.run(guarded())


async def _until(stop: asyncio.Event, work: Coroutine[Any, Any, object]) -> None:
    """Runs something that does not end by itself until it is asked to stop."""
    task = asyncio.ensure_future(work)
    asked = asyncio.ensure_future(stop.wait())
    await asyncio.wait({task, asked}, return_when=asyncio.FIRST_COMPLETED)
    asked.cancel()
    if task.done():
        await task
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


add_paperwork(app, _run, _settings)
app.add_typer(blacklist_commands(_run), name="blacklist")
add_steering(app, _run)
app.add_typer(vault_commands(_settings), name="vault")
app.add_typer(config_commands(_settings), name="config")
app.add_typer(backup_commands(_settings), name="backup")
app.add_typer(keys_commands(_settings), name="keys")
app.add_typer(admins_commands(_settings), name="admins")
app.add_typer(venue_commands(_settings), name="venue")
app.add_typer(strategy_commands(_settings, _run), name="strategy")
app.add_typer(recordings_commands(), name="recordings")
add_record(app, _settings, _run)
add_quant(app, _run)
add_research(app)
add_storms(app)
add_risk(app, _run)

if __name__ == "__main__":
    main()
