"""A stepped world's feed says what Geyser's wire says, item for item."""

from chimera.adapters.geyser_wire import item as read_item
from chimera.domain.chain import AccountUpdate, BlockUpdate, FeedItem, SlotUpdate, TransactionUpdate
from chimera.localnet.events import AccountWritten, BlockSealed, SlotChanged, TransactionExecuted
from chimera.localnet.geyser_messages import AccountMessage, BlockMessage, SlotMessage, TransactionMessage
from chimera.localnet.stepped import SteppedWorld
from chimera.localnet.tokens import invented_address
from chimera.localnet.world_feed import WorldFeed

SEED = 3
TICKS = 160  # with the first graduate-to-be and both kinds of launch


class Wire:
    """What the embedded chain's Geyser front would send, read back by the desk's adapter."""

    def __init__(self) -> None:
        self.items: list[FeedItem] = []

    def account_written(self, event: AccountWritten) -> None:
        self._read(AccountMessage(event, 0).body())

    def transaction_executed(self, event: TransactionExecuted) -> None:
        self._read(TransactionMessage(event.record, 0).body())

    def block_sealed(self, event: BlockSealed) -> None:
        message = BlockMessage(event.block, accounts=(), transactions=(), created_ns=0)
        self._read(message.meta_body())

    def slot_changed(self, event: SlotChanged) -> None:
        self._read(SlotMessage(event, 0).body())

    def _read(self, body: bytes) -> None:
        read = read_item(body)
        if isinstance(read, AccountUpdate | TransactionUpdate | SlotUpdate | BlockUpdate):
            self.items.append(read)


def test_every_item_is_the_one_that_the_wire_brings() -> None:
    world, wire = SteppedWorld(SEED), Wire()
    feed = WorldFeed(world)
    world.chain.listeners.add(wire)
    told = list(feed.run(TICKS))
    assert [item for item, _ in told] == wire.items
    kinds = {type(item) for item, _ in told}
    assert kinds == {AccountUpdate, TransactionUpdate, SlotUpdate, BlockUpdate}
    assert any(isinstance(item, TransactionUpdate) and item.error is not None for item, _ in told)


def test_time_goes_by_as_the_world_plays_and_not_as_it_is_run() -> None:
    world = SteppedWorld(SEED)
    times = [at_ms for _, at_ms in WorldFeed(world).run(50)]
    assert times == sorted(times)
    assert times[-1] - times[0] == 49 * 400


def test_accounts_are_read_as_a_node_answers() -> None:
    world = SteppedWorld(SEED)
    feed = WorldFeed(world)
    nowhere = invented_address("nobody at all")
    there, gone = feed.read([world.genesis.accounts[0].address, nowhere])
    assert there.account.data == world.genesis.accounts[0].data and there.write_version == 0
    assert gone.account.lamports == 0
