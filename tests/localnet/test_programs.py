"""The program at Raydium CPMM's id, held against the real one's recorded answers, and the build that makes it."""

import base64
import gzip
import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from solders.account import Account
from solders.compute_budget import set_compute_unit_limit
from solders.hash import Hash
from solders.instruction import AccountMeta, Instruction
from solders.litesvm import LiteSVM
from solders.message import MessageV0
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.transaction import VersionedTransaction

from chimera.domain.errors import DecodeError
from chimera.localnet.programs import PROGRAMS, build, program_elf
from chimera.localnet.programs.linker import link

RECORDED = Path(__file__).parents[3] / "shared" / "vectors" / "programs" / "raydium_cpmm.json.gz"
BUILT = json.loads((build.HERE / "built.json").read_text())


@pytest.mark.skipif(not RECORDED.exists(), reason="needs ../shared/vectors/programs/raydium_cpmm.json.gz")
def test_every_recorded_swap_ends_as_on_the_real_program() -> None:
    recorded = json.loads(gzip.decompress(RECORDED.read_bytes()))
    svm = LiteSVM().with_sigverify(False).with_blockhash_check(False).with_transaction_history(0)
    program, user = Pubkey.from_string(recorded["program_id"]), Pubkey.from_string(recorded["user"])
    svm.add_program(program, program_elf(PROGRAMS[recorded["program_id"]]))
    svm.warp_to_slot(recorded["slot"])
    clock = svm.get_clock()
    clock.unix_timestamp = recorded["unix_timestamp"]
    svm.set_clock(clock)
    for address, account in recorded["accounts"].items():
        data = base64.b64decode(account["data"])
        owner = Pubkey.from_string(account["owner"])
        svm.set_account(Pubkey.from_string(address), Account(account["lamports"], data, owner))
    svm.airdrop(user, 10**12)
    watched = [Pubkey.from_string(address) for address in recorded["watch"]]

    def balances() -> list[int]:
        return [int.from_bytes(svm.get_account(address).data[64:72], "little") for address in watched]

    assert len(recorded["steps"]) == 120
    for number, step in enumerate(recorded["steps"]):
        assert balances() == step["before"]
        metas = [AccountMeta(Pubkey.from_string(key), signs, writes) for key, signs, writes in step["metas"]]
        swap = Instruction(program, bytes.fromhex(step["data"]), metas)
        result = _send(svm, user, [set_compute_unit_limit(1_400_000 - number), swap])
        pool = bytes(svm.get_account(Pubkey.from_string(step["metas"][3][0])).data)
        assert (
            _error(result),
            balances(),
            hashlib.sha256(pool).hexdigest(),
            _events(result),
        ) == (step["err"], step["after"], step["state_sha256"], step["events"]), (number, step["label"])


def test_every_program_was_built_from_the_sources_beside_it() -> None:
    for name in PROGRAMS.values():
        assert BUILT[name]["sources"] == build.sources_digest(name), f"{name}: run the build again"
        assert BUILT[name]["elf"] == build.digest(program_elf(name))


def test_a_rebuild_gives_the_same_bytes() -> None:
    if shutil.which("clang") is None:
        pytest.skip("needs clang")
    for name in PROGRAMS.values():
        if build.version() != BUILT[name]["compiler"]:
            pytest.skip(f"bytes are comparable for {BUILT[name]['compiler']} only, here is {build.version()}")
        assert build.build(name) == program_elf(name)


def test_an_unknown_program_has_no_bytes() -> None:
    with pytest.raises(KeyError):
        program_elf("../../../etc/passwd")


def test_the_linker_refuses_what_is_no_object() -> None:
    with pytest.raises(DecodeError):
        link(program_elf("raydium_cpmm"))  # linked already


def _send(svm: LiteSVM, payer: Pubkey, instructions: list[Instruction]) -> Any:
    message = MessageV0.try_compile(payer, instructions, [], Hash.default())
    signatures = [Signature.default()] * message.header.num_required_signatures
    return svm.send_transaction(VersionedTransaction.populate(message, signatures))


def _error(result: Any) -> str | None:
    return str(result.err()) if hasattr(result, "err") else None


def _events(result: Any) -> list[str]:
    meta = result.meta() if hasattr(result, "meta") else result
    return [line.removeprefix("Program data: ") for line in meta.logs() if line.startswith("Program data: ")]
