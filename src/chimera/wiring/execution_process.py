"""The execution plane apart: the only key, the journal, the door of signals; no table, no screen, no strategy's loop.

Commands and webhooks come sealed over the bus, intents by their stream, pools from the cache.
"""

from collections.abc import Callable

from chimera.adapters.signers.vault import VaultSigner
from chimera.config import Settings
from chimera.domain.commands import Answer
from chimera.domain.errors import ConfigError
from chimera.ports.apart import WalletTouched
from chimera.roles.journal_sharing import JournalGiver
from chimera.roles.remote_desk import DeskDoor
from chimera.roles.signal_sharing import SignalGiver
from chimera.roles.topics import TRADES_CAPACITY, WALLET_TOUCHED
from chimera.wiring.around import Around
from chimera.wiring.desk import DeskParts, build_desk
from chimera.wiring.motion import close_desk, open_books, start_desk
from chimera.wiring.rebalancing import rebalancing

COMPONENT = "execution-engine"


def build_execution(around: Around, signer: VaultSigner) -> DeskParts:
    """With its books folded from the journal; nothing moves yet. Raises ConfigError."""
    desk = build_desk(
        around.settings,
        signer,
        bus=around.bus,
        view=around.view,
        clock=around.clock,
        observer=around.observer,
    )
    around.stack.push_async_callback(close_desk, desk, around.observer)
    return desk


async def start_execution(around: Around, desk: DeskParts, *, reread: Callable[[], Settings]) -> None:
    """Returns once the desk trades; what the last run left under way is taken up first."""
    bus, clock, observer, loops = around.bus, around.clock, around.observer, around.loops
    giver = JournalGiver(journal=desk.journal, bus=bus, clock=clock)
    desk.journal.listen(giver.hear)
    signals = SignalGiver(
        queue=desk.queue,
        room=desk.execution.room,
        concurrency=around.settings.execution.concurrency,
        ingress=desk.ingress,
        journal=desk.journal,
        bus=bus,
        clock=clock,
        observer=observer,
    )
    desk.journal.listen(signals.fold)
    door = DeskDoor(
        commands=desk.commands,
        ingress=desk.ingress,
        reload=lambda by: read_again(desk, reread, by),
        bus=bus,
        sealer=around.sealer(),
        clock=clock,
        observer=observer,
    )
    around.check("journal", lambda: desk.journal.broken or "")
    loops.start("journal giver", giver.run())
    loops.start("touched", _follow_touched(around, desk))
    await loops.first_of(open_books(desk, clock, observer), None)
    start_desk(loops, desk, around.settings)
    if around.settings.rebalancer.enabled:
        rebalancer = rebalancing(
            desk, settings=around.settings, view=around.view, bus=bus, clock=clock, observer=observer
        )
        loops.start("rebalancing", (await around.stack.enter_async_context(rebalancer)).run())
    loops.start("signals", signals.give())
    loops.start("signals looked after", signals.look_after())
    loops.start("facts", signals.write_down())
    loops.start("copied wallets", signals.watch_market())
    loops.start("control requests", door.run())
    loops.start("legacy subjects", door.follow_legacy())


def read_again(desk: DeskParts, reread: Callable[[], Settings], by: str) -> Answer:
    """What became of reading the settings' files again: other values are in force and on record, or none are."""
    try:
        facts = desk.live.read_again(reread())
    except ConfigError as error:
        return Answer(ok=False, code="VALIDATION_FAILED", message=str(error))
    for fact in facts:
        desk.journal.append(fact)
    desk.live.adopt()
    told = ", ".join(f"{fact.key}: {fact.old} -> {fact.new}" for fact in facts)
    return Answer(ok=True, message=f"{by}: {told or 'nothing that may change while it runs is different'}")


async def _follow_touched(around: Around, desk: DeskParts) -> None:
    """Signatures that the stream tells elsewhere; whatever is lost here the wallet's history brings."""
    touched = around.bus.subscribe(WALLET_TOUCHED, capacity=TRADES_CAPACITY)
    async for told in touched:
        if isinstance(told, WalletTouched):
            desk.papers.capital.heard(told.signature)
