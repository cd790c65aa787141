"""The market plane apart: reads the chain once, for everybody on the bus. Nothing here decides or signs."""

from chimera.adapters.geyser import GeyserFeed
from chimera.adapters.rpc import RpcChain, RpcOptions
from chimera.adapters.signers import vault
from chimera.config import Settings
from chimera.domain.ids import Address
from chimera.observe import Observer
from chimera.ports.apart import WalletTouched
from chimera.roles.market import MarketRole
from chimera.roles.pool_sharing import PoolGiver
from chimera.roles.signal_sharing import FactOfferer
from chimera.roles.topics import WALLET_TOUCHED
from chimera.wiring.around import Around
from chimera.wiring.motion import READY_WITHIN_S
from chimera.wiring.outside import vault_path
from chimera.wiring.recording import NOBODY, keeping, recording_beside

COMPONENT = "market-data"


async def start_market(around: Around) -> None:
    """Returns once every known pool is complete and the stream runs; raises ConfigError where that takes too long."""
    settings, bus, view = around.settings, around.bus, around.view
    rpc = settings.rpc
    options = RpcOptions(timeout_s=rpc.timeout_ms / 1_000, requests_per_second_max=rpc.rate_per_s)
    chain = await around.stack.enter_async_context(RpcChain(rpc.primary_url, who="primary", options=options))
    facts = FactOfferer(bus=bus, clock=around.clock, component=COMPONENT, run_id=around.maker.run_id)
    recording = recording_beside(
        settings,
        view=view,
        bus=bus,
        clock=around.clock,
        observer=around.observer,
        run_id=around.maker.run_id,
    )
    market = MarketRole(
        feed=GeyserFeed(settings.geyser.url, x_token=settings.geyser.token.reveal() or None),
        chain=chain,
        view=view,
        bus=bus,
        clock=around.clock,
        observer=around.observer,
        wallet=_watched_wallet(settings, around.observer),
        touched=lambda signature: bus.publish(WALLET_TOUCHED, WalletTouched(signature)),
        record=facts.append,
        keep=keeping(recording),
    )
    giver = PoolGiver(view=view, cache=around.cache, bus=bus, clock=around.clock, observer=around.observer)
    around.check("stream", lambda: "" if market.state == "connected" else f"the stream is {market.state}")
    if recording is not None:
        around.stack.push_async_callback(recording.close)
        around.loops.start("recording", recording.run(market.ready))
    heard_last = await giver.remember()
    around.loops.start("market", market.run())
    around.loops.start("market health", market.report())
    around.loops.start("pool giver", giver.run())
    await around.loops.first_of(market.ready.wait(), READY_WITHIN_S)
    giver.tell_absence(heard_last)
    await giver.doubt_the_missing()


def _watched_wallet(settings: Settings, observer: Observer) -> Address:
    """Whose balances are told: the vault's address, which its file says without a passphrase."""
    path = vault_path(settings)
    if path.exists():
        return vault.show(path)
    observer.told("no vault: balances of no wallet are told", path=str(path))
    return NOBODY
