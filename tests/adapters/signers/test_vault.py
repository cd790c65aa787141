"""The vault: opens with its passphrase alone, shows its key to nobody, and is never overwritten."""

import json
import os
import pickle
import stat
from pathlib import Path

import msgspec
import pytest
from nacl.signing import VerifyKey
from solders.keypair import Keypair
from solders.pubkey import Pubkey

from chimera.adapters.signers import vault
from chimera.adapters.signers.vault import VaultSigner, create, find_passphrase, import_key, show
from chimera.domain.errors import ConfigError
from chimera.ports.signer import Signer

PASSPHRASE = "correct horse battery"


@pytest.fixture(autouse=True)
def _cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """The real parameters are tried once below; 64 MiB a test would only cost time."""
    monkeypatch.setattr(vault, "MEMORY_KIB", 64)
    monkeypatch.setattr(vault, "ITERATIONS", 1)


def test_what_it_signs_verifies_for_its_address(tmp_path: Path) -> None:
    address = create(tmp_path / "v", PASSPHRASE)
    signer: Signer = VaultSigner.open(tmp_path / "v", PASSPHRASE)
    assert signer.address == address == show(tmp_path / "v")
    for message in (b"", b"m", os.urandom(1232)):
        signature = signer.sign(message)
        VerifyKey(bytes(Pubkey.from_string(address))).verify(message, signature)


def test_it_signs_byte_for_byte_as_solders_does(tmp_path: Path) -> None:
    pair = Keypair()
    import_key(tmp_path / "v", key_text=str(list(bytes(pair))), passphrase=PASSPHRASE)
    signer = VaultSigner.open(tmp_path / "v", PASSPHRASE)
    for size in (0, 1, 300, 1232):
        message = os.urandom(size)
        assert signer.sign(message) == bytes(pair.sign_message(message))


def test_keys_come_in_as_json_or_base58(tmp_path: Path) -> None:
    pair = Keypair()
    assert import_key(tmp_path / "a", key_text=f" {list(bytes(pair))}\n", passphrase=PASSPHRASE) == str(
        pair.pubkey()
    )
    assert import_key(tmp_path / "b", key_text=f"{pair}\n", passphrase=PASSPHRASE) == str(pair.pubkey())


@pytest.mark.parametrize(
    "text",
    ["", "[]", "[1,2,3]", "[999]", "not base58 0OIl", "5" * 200, str([0] * 64), "{}", "[" * 5000],
)
def test_what_is_no_key_is_refused_without_being_repeated(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match="that is no key") as told:
        import_key(tmp_path / "v", key_text=text, passphrase=PASSPHRASE)
    assert not text or text not in str(told.value)
    assert not (tmp_path / "v").exists()


def test_a_pair_whose_halves_do_not_belong_together_is_refused(tmp_path: Path) -> None:
    mixed = bytes(Keypair())[:32] + bytes(Keypair())[32:]
    with pytest.raises(ConfigError, match="that is no key"):
        import_key(tmp_path / "v", key_text=str(list(mixed)), passphrase=PASSPHRASE)


def test_a_wrong_passphrase_is_told_without_a_trace_of_it(tmp_path: Path) -> None:
    create(tmp_path / "v", PASSPHRASE)
    with pytest.raises(ConfigError, match="wrong passphrase") as told:
        VaultSigner.open(tmp_path / "v", "not the passphrase")
    assert "not the passphrase" not in str(told.value) and told.value.__suppress_context__


@pytest.mark.parametrize(
    "field", ["address", "salt", "nonce", "memory_kib", "iterations", "lanes", "ciphertext"]
)
def test_a_changed_field_opens_nothing(tmp_path: Path, field: str) -> None:
    path = tmp_path / "v"
    create(path, PASSPHRASE)
    told = json.loads(path.read_text())
    other = tmp_path / "other"
    create(other, PASSPHRASE)
    part = told if field == "ciphertext" else told["header"]
    spare = json.loads(other.read_text())
    part[field] = part[field] * 2 if isinstance(part[field], int) else (spare | spare["header"])[field]
    path.write_text(json.dumps(told))
    with pytest.raises(ConfigError, match=r"wrong passphrase|damaged|another address"):
        VaultSigner.open(path, PASSPHRASE)


def test_the_file_is_for_its_owner_alone_and_opens_for_nobody_else(tmp_path: Path) -> None:
    path = tmp_path / "v"
    create(path, PASSPHRASE)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        VaultSigner.open(path, PASSPHRASE)


def test_it_is_never_overwritten_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "v"
    address = create(path, PASSPHRASE)
    for again in (
        lambda: create(path, PASSPHRASE),
        lambda: import_key(path, key_text=str(Keypair()), passphrase=PASSPHRASE),
    ):
        with pytest.raises(ConfigError, match="exists already"):
            again()
    assert show(path) == address and list(tmp_path.iterdir()) == [path]


def test_neither_file_nor_repr_nor_pickle_gives_the_key_away(tmp_path: Path) -> None:
    pair = Keypair()
    path = tmp_path / "v"
    import_key(path, key_text=str(pair), passphrase=PASSPHRASE)
    signer = VaultSigner.open(path, PASSPHRASE)
    seed = bytes(pair)[:32]
    for text in (path.read_bytes(), repr(signer).encode()):
        assert (
            seed not in text and str(pair).encode() not in text and str(list(seed))[1:-1].encode() not in text
        )
        assert msgspec.json.encode(seed)[1:-2] not in text
    with pytest.raises(TypeError, match="stays in its process"):
        pickle.dumps(signer)
    assert not hasattr(signer, "__dict__")


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff\xfe", b"[1,2,3]", b'{"header":{},"ciphertext":""}'])
def test_a_file_that_is_no_vault_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "v"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(ConfigError, match=f"{path} is not a vault"):
        VaultSigner.open(path, PASSPHRASE)


def test_a_vault_of_another_version_and_a_greedy_one_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "v"
    create(path, PASSPHRASE)
    sound = json.loads(path.read_text())
    path.write_text(json.dumps(sound | {"header": sound["header"] | {"version": 2}}))
    with pytest.raises(ConfigError, match="of a kind"):
        VaultSigner.open(path, PASSPHRASE)
    path.write_text(json.dumps(sound | {"header": sound["header"] | {"memory_kib": 2**31}}))
    with pytest.raises(ConfigError, match="is not a vault"):
        VaultSigner.open(path, PASSPHRASE)


def test_a_missing_vault_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="chimera vault init"):
        show(tmp_path / "gone")
    with pytest.raises(ConfigError, match="shorter than 8"):
        create(tmp_path / "v", "short")
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot write"):
        create(tmp_path / "file" / "v", PASSPHRASE)


def test_the_passphrase_is_looked_for_in_order(tmp_path: Path) -> None:
    file = tmp_path / "p"
    file.write_text("from file\r\nsecond line")
    assert find_passphrase("given", file=file, ask=lambda: "asked") == "given"
    assert find_passphrase("", file=file, ask=lambda: "asked") == "from file"
    assert find_passphrase("", ask=lambda: "asked") == "asked"
    with pytest.raises(ConfigError, match="CHIMERA_SECURITY__VAULT_PASSPHRASE"):
        find_passphrase("", ask=lambda: "")
    with pytest.raises(ConfigError, match="cannot read the passphrase"):
        find_passphrase("", file=tmp_path / "gone")


def test_the_real_parameters_are_those_of_rfc_9106(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert (vault.MEMORY_KIB, vault.ITERATIONS, vault.LANES) == (65_536, 3, 4)
    create(tmp_path / "v", PASSPHRASE)
    VaultSigner.open(tmp_path / "v", PASSPHRASE)
