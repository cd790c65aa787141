"""A desk that cannot start says why in one line, with the documented exit code, and shows neither trace nor secret."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from chimera.adapters.clocks import WallClock
from chimera.adapters.journal_file import JournalFile
from chimera.adapters.signers.vault import create
from chimera.domain.messages import Noted

PASSPHRASE = "correct horse battery staple"
SECRET = "a1b2" * 16
pytestmark = [pytest.mark.slow, pytest.mark.timeout(150)]


class House:
    """A folder with settings and a vault, and no chain behind it: far enough to be refused."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.settings: dict[str, object] = {"data_dir": str(folder), "api": {"port": 0}}
        create(folder / "vault.json", PASSPHRASE)

    def chimera(self, *arguments: str, passphrase: str = PASSPHRASE) -> subprocess.CompletedProcess[str]:
        config = self.folder / "config.yaml"
        config.write_text(yaml.safe_dump(self.settings))
        environ = {
            **os.environ,
            "CHIMERA_SECURITY__VAULT_PASSPHRASE": passphrase,
            "CHIMERA_SECURITY__WEBHOOK_SECRET": SECRET,
        }
        done = subprocess.run(
            [sys.executable, "-m", "chimera", *arguments],
            capture_output=True, text=True, timeout=120, check=False, env=environ, cwd=self.folder,
        )  # fmt: skip
        for said in (done.stdout, done.stderr):
            assert "Traceback" not in said
            assert SECRET not in said
            assert PASSPHRASE not in said
        return done

    def run(self, **named: str) -> tuple[int, str]:
        """(exit code, last line on standard error) of `chimera run`."""
        done = self.chimera("run", "-c", str(self.folder / "config.yaml"), **named)
        return done.returncode, done.stderr.strip().splitlines()[-1]

    def write_journal(self, entries: int = 5) -> Path:
        journal, _ = JournalFile.open(self.folder / "journal", clock=WallClock(), run_id="test")
        for number in range(entries):
            journal.append(Noted("entry", {"number": str(number)}))
        journal.close()
        return next((self.folder / "journal").glob("*.jsonl"))


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def test_an_unknown_key_is_refused_with_the_nearest_known_one(house: House) -> None:
    house.settings["risk"] = {"open_position_max": 3}
    code, said = house.run()
    assert code == 2
    assert "risk.open_position_max" in said
    assert "open_positions_max" in said.replace("risk.open_position_max", "")


def test_a_value_of_the_wrong_kind_is_refused_by_its_key(house: House) -> None:
    house.settings["risk"] = {"open_positions_max": "many"}
    code, said = house.run()
    assert code == 2
    assert "risk.open_positions_max" in said


def test_settings_that_are_no_yaml_are_refused(house: House) -> None:
    (house.folder / "broken.yaml").write_text("risk: [1\n")
    done = house.chimera("run", "-c", str(house.folder / "broken.yaml"))
    assert done.returncode == 2
    assert "broken.yaml" in done.stderr


def test_a_busy_port_is_named_with_what_to_do(house: House) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        house.settings["api"] = {"port": port}
        code, said = house.run()
    assert code == 2
    assert f"127.0.0.1:{port}" in said
    assert "choose another port" in said


def test_a_wrong_passphrase_opens_nothing(house: House) -> None:
    code, said = house.run(passphrase="correct horse battery stable")
    assert code == 2
    assert "wrong passphrase" in said
    assert "stable" not in said


def test_a_missing_vault_is_named_with_what_to_do(house: House) -> None:
    (house.folder / "vault.json").unlink()
    code, said = house.run()
    assert code == 2
    assert "chimera vault init" in said


def test_a_vault_that_others_may_read_is_refused(house: House) -> None:
    (house.folder / "vault.json").chmod(0o644)
    code, said = house.run()
    assert code == 2
    assert "chmod 600" in said


def test_a_changed_vault_opens_nothing(house: House) -> None:
    vault = house.folder / "vault.json"
    changed = json.loads(vault.read_text())
    changed["header"]["iterations"] += 1
    vault.write_text(json.dumps(changed))
    code, said = house.run()
    assert code == 2
    assert "the file was changed" in said


def test_a_second_desk_on_the_same_books_is_refused(house: House) -> None:
    journal, _ = JournalFile.open(house.folder / "journal", clock=WallClock(), run_id="first")
    try:
        code, said = house.run()
    finally:
        journal.close()
    assert code == 2
    assert "in use by another chimera process" in said


def test_a_folder_that_cannot_be_made_is_named(house: House) -> None:
    (house.folder / "file").write_text("")
    house.settings["data_dir"] = str(house.folder / "file" / "data")
    house.settings["security"] = {"vault_path": str(house.folder / "vault.json")}
    code, said = house.run()
    assert code == 2
    assert str(house.folder / "file" / "data") in said


# the journal


def test_a_changed_byte_is_named_by_verify_and_keeps_the_desk_from_starting(house: House) -> None:
    segment = house.write_journal()
    whole = segment.read_bytes()
    third = sum(len(line) for line in whole.splitlines(keepends=True)[:2])
    changed = bytearray(whole)
    changed[third + 100] ^= 1
    segment.write_bytes(bytes(changed))
    verified = house.chimera("journal", "verify", "--data-dir", str(house.folder))
    assert verified.returncode == 1
    assert f"entry 3 in {segment.name} at byte {third}" in verified.stderr
    code, said = house.run()
    assert code == 2
    assert "entry 3" in said
    assert "chimera journal verify" in said
    assert segment.read_bytes() == bytes(changed)  # evidence is never repaired away


def test_a_torn_tail_is_named_by_verify_and_cut_at_the_next_start(house: House) -> None:
    segment = house.write_journal()
    whole = segment.read_bytes()
    last = whole.splitlines(keepends=True)[-1]
    segment.write_bytes(whole + last[: len(last) // 2])
    verified = house.chimera("journal", "verify", "--data-dir", str(house.folder))
    assert verified.returncode == 1
    assert "entry 6" in verified.stderr
    with socket.socket() as taken:  # lets it come as far as the journal, and no further
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        house.settings["api"] = {"port": taken.getsockname()[1]}
        done = house.chimera("run", "-c", str(house.folder / "config.yaml"))
    assert done.returncode == 2
    assert "bytes of an interrupted write cut" in done.stderr
    assert segment.read_bytes().startswith(whole)
    (kept,) = segment.parent.glob("journal.torn-*")
    assert kept.read_bytes() == last[: len(last) // 2]
    assert house.chimera("journal", "verify", "--data-dir", str(house.folder)).returncode == 0


def test_a_journal_that_is_not_there_is_said(house: House) -> None:
    verified = house.chimera("journal", "verify", "--data-dir", str(house.folder / "nowhere"))
    assert verified.returncode == 2
    assert "there is none" in verified.stderr
