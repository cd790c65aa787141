"""Strategies apart: they see events, pools and the books as the journal tells them; intents are all that leaves.

One process may run all of them, or a few by name while others run elsewhere. Keyless, like everything but the desk.
"""

from collections.abc import Awaitable, Callable, Sequence

from chimera.domain.errors import ConfigError
from chimera.domain.messages import ConfigChanged, Entry, RunStarted, StrategyMoved
from chimera.engine import PARKED, RUNNING
from chimera.ports.store import History
from chimera.ports.strategy import Remembers, Strategy
from chimera.risk.roster import Roster
from chimera.roles.inbox import SignalInbox
from chimera.roles.room import Room
from chimera.roles.signal_sharing import FactOfferer, NoWatch, SignalTaker
from chimera.roles.strategy import StrategyRole
from chimera.wiring import rules
from chimera.wiring.around import Around
from chimera.wiring.steering import LiveSettings, think

COMPONENT = "strategies"
UNLIMITED = Room(1, lambda: 0)  # where the journal is, signals are held back until the desk has room


def build_strategy(around: Around, history: History, *, only: Sequence[str]) -> Callable[[], Awaitable[None]]:
    """How to start them; raises ConfigError for a name in `only` that the settings do not enable."""
    settings = around.settings
    books, live, roster = rules.books(settings), LiveSettings(settings), Roster()
    enabled = list(rules.built_strategies(settings))
    strategies = _chosen(enabled, only)
    elsewhere = {one.name for one in enabled} - {one.name for one in strategies}
    live.on_change(lambda now: rules.tune(strategies, now))

    engine = think(live, strategies, elsewhere=elsewhere)
    queue = SignalInbox(settings.webhook.queue_capacity)
    taker = SignalTaker(queue=queue, bus=around.bus)
    facts = FactOfferer(
        bus=taker, clock=around.clock, component=around.maker.component, run_id=around.maker.run_id
    )
    parked: dict[str, StrategyMoved] = {}

    def fold(entry: Entry) -> None:
        live.fold(entry)
        books.fold(entry)
        roster.apply(entry.fact)
        match entry.fact:
            case ConfigChanged():
                live.adopt()
            case StrategyMoved(name, _, after) as moved:
                parked.pop(name, None)
                if after == PARKED:
                    parked[name] = moved
            case RunStarted():
                # the desk forgets at its start who was parked; whoever still is says so again
                parked.clear()
                for name, cause in engine.parked.items():
                    facts.append(StrategyMoved(name, RUNNING, PARKED, cause, "engine"))
            case _:
                pass

    around.folds.append(fold)
    role = StrategyRole(
        engine=engine,
        queue=queue,
        ingress=NoWatch(),
        ledger=books.ledger,
        view=around.view,
        journal=facts,
        bus=taker,
        clock=around.clock,
        observer=around.observer,
        room=UNLIMITED,
        wallets=roster,
    )

    async def start() -> None:
        for one in strategies:
            if isinstance(one, Remembers):
                one.recall(history.read())
        for name, moved in parked.items():
            engine.park(name, moved.cause, moved.by)
        around.loops.start("trades", role.follow_trades())
        around.loops.start("market events", role.follow_market())
        around.loops.start("signals", role.follow_signals())
        around.loops.start("marks", role.mark())
        around.loops.start("offered signals", taker.take())

    return start


def _chosen(built: list[Strategy], only: Sequence[str]) -> list[Strategy]:
    known = {one.name for one in built}
    if missing := sorted(set(only) - known):
        there = ", ".join(sorted(known)) or "none"
        raise ConfigError(f"--strategies {','.join(missing)}: not enabled in the settings; enabled: {there}")
    return [one for one in built if not only or one.name in only]
