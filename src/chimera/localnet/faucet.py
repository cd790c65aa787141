"""The chain's own purse, for airdrops. Its key is worth nothing anywhere else."""

import hashlib

from solders.compute_budget import set_compute_unit_limit
from solders.hash import Hash
from solders.keypair import Keypair
from solders.message import Message
from solders.pubkey import Pubkey
from solders.system_program import TransferParams, transfer
from solders.transaction import VersionedTransaction


class Faucet:
    def __init__(self, identity: bytes) -> None:
        self._key = Keypair.from_seed(hashlib.sha256(b"faucet" + identity).digest())
        self._count = 0

    @property
    def address(self) -> Pubkey:
        return self._key.pubkey()

    def transfer(self, to: Pubkey, lamports: int, blockhash: Hash) -> VersionedTransaction:
        """A signed transfer that differs from every other one."""
        # Two equal transfers under one blockhash would be one transaction; the limit tells them apart.
        self._count += 1
        limit = set_compute_unit_limit(10_000 + self._count % 1_000_000)
        pay = transfer(TransferParams(from_pubkey=self.address, to_pubkey=to, lamports=lamports))
        message = Message.new_with_blockhash([limit, pay], self.address, blockhash)
        return VersionedTransaction(message, [self._key])
