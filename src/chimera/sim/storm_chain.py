"""A chain of a few thousand lines of history that forks, loses, delays and lies: what a desk is tried against.

A pure model in virtual time: blocks every 400 ms, blockhashes that expire, commitments, a memory pool, two nodes
that may be behind, silent or untruthful. All chance comes from the seed. It knows transactions as the storm's own
messages (`Order`), not programs; prices move with the slot.
"""

import hashlib

import msgspec

from chimera.domain.chain import Blockhash, Commitment, SignatureStatus, TokenBalance, TransactionUpdate
from chimera.domain.ids import Address, Signature, Slot
from chimera.domain.intent import Side
from chimera.sim.dice import Dice

SLOT_MS = 400
CONFIRMED_LAG, FINALIZED_LAG = 2, 32
HASH_LIVES_BLOCKS = 150
FEE_LAMPORTS = 5_000
TOKENS_A_LAMPORT = 10


class Order(msgspec.Struct, frozen=True):
    """What a transaction of the storm says."""

    intent: str
    trade: str
    side: Side
    mint: Address
    amount: int
    number: int
    """Makes each message another one."""
    blockhash: str
    last_valid_block_height: int


class Faults(msgspec.Struct, frozen=True):
    """Chances, of one call or of one block; 0 for none."""

    send_lost: float = 0.0
    send_answer_lost: float = 0.0
    send_late_ms: int = 0
    duplicated: float = 0.0
    passed_over: float = 0.0
    """Of each block, to leave a waiting transaction out."""
    forked: float = 0.0
    fork_blocks_max: int = 2
    rebroadcast: float = 0.5
    """Whether what a fork undid is sent again by the cluster."""
    reverted: float = 0.0
    simulation_failed: float = 0.0
    simulation_lost: float = 0.0
    node_silent: float = 0.0
    node_behind_blocks: int = 0
    node_lies: float = 0.0
    """One of the two says that it does not know what it knows."""
    killed: float = 0.0
    """Of each step."""
    clock_jumps: float = 0.0
    halted: float = 0.0
    """Of each step, that a person halts trading; some seconds later it goes on."""


class Outcome(msgspec.Struct, frozen=True):
    error: str | None
    lamports: int
    tokens: int
    before: tuple[int, int]
    """The wallet's lamports, and its tokens of that mint."""


class Block(msgspec.Struct):
    slot: int
    height: int
    landed: list[Signature]


class StormChain:
    def __init__(self, rng: Dice, faults: Faults, *, wallet: Address, lamports: int) -> None:
        self._rng, self.faults = rng, faults
        self.wallet, self._opening = wallet, lamports
        self._reverted = faults.reverted  # of what has happened, the end of the storm changes nothing
        self.blocks = [Block(1, 1, [])]
        self.slot = 1
        self._places = {1: 0}
        """Which block each slot of the live fork is."""
        self._final = 1
        """So many blocks, from the first on, no fork undoes any more."""
        self._pool: dict[Signature, int] = {}
        """Waiting transactions and from which time on they may land."""
        self.orders: dict[Signature, Order] = {}
        self._where: dict[Signature, int] = {}
        self._known: dict[Signature, Outcome] = {}
        """What each landed transaction did; empty until somebody asks after something has changed."""
        self._succeeded: tuple[Signature, ...] | None = None

    # time

    def advance(self, now_ms: int) -> None:
        """One slot: perhaps a fork, then a block of what waits."""
        self.slot += 1
        if self._rng.random() < self.faults.forked:
            self._fork(self._rng.randint(1, self.faults.fork_blocks_max))
        block = Block(self.slot, self.blocks[-1].height + 1, [])
        for signature, ready_ms in list(self._pool.items()):
            order = self.orders[signature]
            if int(order.blockhash) not in self._places or block.height > order.last_valid_block_height:
                del self._pool[signature]
            elif ready_ms <= now_ms and self._rng.random() >= self.faults.passed_over:
                del self._pool[signature]
                self._where[signature] = block.slot
                block.landed.append(signature)
        self._places[block.slot] = len(self.blocks)
        self.blocks.append(block)
        if block.landed:
            self._forget()
        self._final = max(self._final, len(self.blocks) - FINALIZED_LAG)

    def _fork(self, count: int) -> None:
        for _ in range(count):
            if len(self.blocks) <= self._final:
                return
            block = self.blocks.pop()
            del self._places[block.slot]
            if block.landed:
                self._forget()
            for signature in block.landed:
                del self._where[signature]
                if self._rng.random() < self.faults.rebroadcast:
                    self._pool[signature] = 0

    def _forget(self) -> None:
        self._known.clear()
        self._succeeded = None

    # what a node is asked

    def blockhash(self) -> Blockhash:
        block = self.blocks[max(len(self.blocks) - 1 - CONFIRMED_LAG, 0)]
        return Blockhash(str(block.slot), block.height + HASH_LIVES_BLOCKS, Slot(block.slot))

    def take(self, signature: Signature, order: Order, now_ms: int) -> None:
        """The bytes arrive; a signature that is on chain or waits already changes nothing."""
        self.orders[signature] = order
        if signature not in self._where:
            late = self._rng.randint(0, self.faults.send_late_ms)
            self._pool.setdefault(signature, now_ms + late)

    def statuses(
        self, signatures: list[Signature]
    ) -> tuple[int, dict[Signature, SignatureStatus | None]] | None:
        """(block height, statuses) as two nodes together say: None only where both cleanly know nothing; what a
        silent node might know is left out. None where nobody answers.
        """
        views = [self._view() for _ in range(2)]
        heard = [view for view in views if view is not None]
        if not heard:
            return None
        height = min(max(view - 1 - CONFIRMED_LAG, 0) for view in heard)
        known: dict[Signature, SignatureStatus | None] = {}
        for signature in signatures:
            liar = self._rng.randrange(2) if self._rng.random() < self.faults.node_lies else None
            said = [
                None if place == liar else self._status(signature, view) for place, view in enumerate(heard)
            ]
            found = [one for one in said if one is not None]
            if found:
                known[signature] = max(found, key=lambda one: list(Commitment).index(one.commitment))
            elif len(heard) == len(views):
                known[signature] = None
        return self.blocks[0].height + height, known

    def _view(self) -> int | None:
        """How many blocks a node has; None where it says nothing."""
        if self._rng.random() < self.faults.node_silent:
            return None
        behind = self._rng.randint(0, self.faults.node_behind_blocks)
        return max(len(self.blocks) - behind, 1)

    def _status(self, signature: Signature, view: int) -> SignatureStatus | None:
        where = self._where.get(signature)
        place = self._places[where] if where is not None else view
        if where is None or place >= view:
            return None
        depth = view - 1 - place
        level = Commitment.PROCESSED
        if depth >= FINALIZED_LAG:
            level = Commitment.FINALIZED
        elif depth >= CONFIRMED_LAG:
            level = Commitment.CONFIRMED
        confirmations = None if level is Commitment.FINALIZED else depth
        error = self._outcomes()[signature].error
        return SignatureStatus(Slot(where), level, error, confirmations)

    def transaction(self, signature: Signature) -> TransactionUpdate | None:
        """With its metadata, as every node keeps it once it is confirmed."""
        where = self._where.get(signature)
        if where is None:
            return None
        done, (before, held) = self._outcomes()[signature], self._outcomes()[signature].before
        order = self.orders[signature]
        account = Address(f"ata of {order.mint}")
        return TransactionUpdate(
            signature=signature,
            slot=Slot(where),
            index=0,
            accounts=(self.wallet, account),
            instructions=(),
            fee_lamports=FEE_LAMPORTS,
            pre_lamports=(before, 2_039_280),
            post_lamports=(before + done.lamports, 2_039_280),
            pre_tokens=(TokenBalance(account, order.mint, self.wallet, held, 6),),
            post_tokens=(TokenBalance(account, order.mint, self.wallet, held + done.tokens, 6),),
            logs=(),
            compute_units=50_000,
            error=done.error,
        )

    # the truth

    def balances(self) -> tuple[int, dict[Address, int]]:
        """(lamports, tokens by mint) of the wallet on the live fork."""
        lamports, tokens = self._opening, dict[Address, int]()
        for signature, done in self._outcomes().items():
            mint = self.orders[signature].mint
            lamports, tokens[mint] = lamports + done.lamports, tokens.get(mint, 0) + done.tokens
        return lamports, {mint: count for mint, count in tokens.items() if count}

    def succeeded(self) -> tuple[Signature, ...]:
        """On the live fork, without an error; the same object as long as nothing changes."""
        if self._succeeded is None:
            outcomes = self._outcomes().items()
            self._succeeded = tuple(signature for signature, done in outcomes if done.error is None)
        return self._succeeded

    def _outcomes(self) -> dict[Signature, Outcome]:
        if not self._known:
            lamports, tokens = self._opening, dict[Address, int]()
            for block in self.blocks:
                for signature in block.landed:
                    mint = self.orders[signature].mint
                    before = (lamports, tokens.get(mint, 0))
                    error, change, count = self._effect(signature, tokens)
                    self._known[signature] = Outcome(error, change, count, before)
                    lamports, tokens[mint] = lamports + change, tokens.get(mint, 0) + count
        return self._known

    def _effect(self, signature: Signature, tokens: dict[Address, int]) -> tuple[str | None, int, int]:
        """(error, change of lamports, change of tokens); chance that hangs on signature and slot alone."""
        order = self.orders[signature]
        draw = hashlib.sha256(f"{signature}{self._where[signature]}".encode()).digest()
        share = int.from_bytes(draw[:4], "big") / 2**32
        price = 950 + draw[5] % 100
        if share < self._reverted:
            return "InstructionError(3, Custom(6000))", -FEE_LAMPORTS, 0
        if order.side is Side.BUY:
            return None, -order.amount - FEE_LAMPORTS, order.amount * TOKENS_A_LAMPORT * 1_000 // price
        if tokens.get(order.mint, 0) < order.amount:
            return "InstructionError(3, Custom(1))", -FEE_LAMPORTS, 0
        gained = order.amount * price // (1_000 * TOKENS_A_LAMPORT)
        return None, gained - FEE_LAMPORTS, -order.amount
