"""A laboratory: LiteSVM with our CPMM program, mints and accounts made to measure, pools made by the program itself."""

import hashlib
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import settings
from solders.account import Account as RawAccount
from solders.compute_budget import set_compute_unit_limit
from solders.hash import Hash
from solders.instruction import AccountMeta as RawMeta
from solders.instruction import Instruction as RawInstruction
from solders.litesvm import LiteSVM
from solders.message import MessageV0
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.transaction import VersionedTransaction

from chimera.domain.chain import Account, InstructionCall
from chimera.domain.ids import TOKEN_2022_PROGRAM, TOKEN_PROGRAM, Address
from chimera.localnet.programs import PROGRAMS, cpmm_pools, program_elf
from chimera.onchain.keys import address_bytes, address_text, associated_token_address

settings.register_profile("venues", deadline=None)  # a stall of a shared machine is no failure
settings.load_profile("venues")

NOW = 1_790_000_000
EPOCH = 1_050
PLENTY = 10**15


def name(label: str) -> Address:
    """An address that depends on the label alone."""
    return address_text(hashlib.sha256(label.encode()).digest())


class Lab:
    def __init__(self) -> None:
        self.svm = LiteSVM().with_sigverify(False).with_blockhash_check(False).with_transaction_history(0)
        for program, elf in PROGRAMS.items():
            self.svm.add_program(Pubkey.from_string(program), program_elf(elf))
        self.at(NOW)
        self._sent = 0

    def at(self, unix_timestamp: int) -> None:
        clock = self.svm.get_clock()
        clock.unix_timestamp, clock.epoch = unix_timestamp, EPOCH
        self.svm.set_clock(clock)

    def put(self, account: Account) -> None:
        owner = Pubkey.from_string(account.owner)
        self.svm.set_account(
            Pubkey.from_string(account.address), RawAccount(account.lamports, account.data, owner)
        )

    def account(self, address: Address) -> Account:
        raw = self.svm.get_account(Pubkey.from_string(address))
        assert raw is not None, f"no account {address}"
        return Account(address, Address(str(raw.owner)), raw.lamports, bytes(raw.data))

    def rates(self, rates: cpmm_pools.Rates, index: int = 0) -> Address:
        config, receiver = cpmm_pools.genesis_accounts(rates, index=index)
        self.put(config)
        self.put(receiver)
        return config.address

    def person(self, label: str) -> Address:
        self.put(Account(name(label), Address("1" * 32), PLENTY, b""))
        return name(label)

    def mint(
        self, label: str, *, decimals: int = 6, fee: tuple[int, int] | None = None, extra: bytes = b""
    ) -> tuple[Address, Address]:
        """(mint, token program); Token-2022 where there is a fee (bps, maximum) or another extension."""
        data = bytes(36) + (2**63).to_bytes(8, "little") + bytes((decimals, 1)) + bytes(36)
        program = TOKEN_PROGRAM
        if fee is not None or extra:
            program = TOKEN_2022_PROGRAM
            data += bytes(165 - 82) + b"\x01"
        if fee is not None:
            bps, maximum = fee
            later = (EPOCH + 1).to_bytes(8, "little") + bytes(8) + (9_999).to_bytes(2, "little")
            now = bytes(8) + maximum.to_bytes(8, "little") + bps.to_bytes(2, "little")
            data += (1).to_bytes(2, "little") + (108).to_bytes(2, "little") + bytes(72) + now + later
        self.put(Account(name(label), program, 10**9, data + extra))
        return name(label), program

    def fund(self, owner: Address, mint: tuple[Address, Address], amount: int) -> Address:
        """The owner's associated account, holding `amount`."""
        address, program = mint
        data = address_bytes(address) + address_bytes(owner) + amount.to_bytes(8, "little")
        data += bytes(36) + b"\x01" + bytes(12 + 44)
        if program == TOKEN_2022_PROGRAM and len(self.account(address).data) >= 166 + 112:
            data += b"\x02" + (2).to_bytes(2, "little") + (8).to_bytes(2, "little") + bytes(8)
        account = associated_token_address(owner, address, program)
        self.put(Account(account, program, 10**9, data))
        return account

    def balance(self, account: Address) -> int:
        return int.from_bytes(self.account(account).data[64:72], "little")

    def send(self, payer: Address, calls: Sequence[InstructionCall]) -> Any:
        self._sent += 1  # equal transactions would be duplicates
        raw = [set_compute_unit_limit(1_400_000 - self._sent)]
        for call in calls:
            metas = [
                RawMeta(Pubkey.from_string(m.address), m.is_signer, m.is_writable) for m in call.accounts
            ]
            raw.append(RawInstruction(Pubkey.from_string(call.program), call.data, metas))
        message = MessageV0.try_compile(Pubkey.from_string(payer), raw, [], Hash.default())
        signatures = [Signature.default()] * message.header.num_required_signatures
        return self.svm.send_transaction(VersionedTransaction.populate(message, signatures))

    def must(self, payer: Address, call: InstructionCall) -> list[str]:
        """The logs of a transaction that has to succeed."""
        result = self.send(payer, [call])
        assert not hasattr(result, "err"), f"{result.err()}: {result.meta().logs()}"
        return list(result.logs())

    def refused(self, payer: Address, call: InstructionCall) -> str:
        """The error of a transaction that has to fail."""
        result = self.send(payer, [call])
        assert hasattr(result, "err"), result.logs()
        return str(result.err())


@pytest.fixture
def lab() -> Lab:
    return Lab()
