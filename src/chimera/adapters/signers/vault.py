"""The trading key in a file: Ed25519 seed under AES-256-GCM, its key from a passphrase by Argon2id.

Everything in the file but the ciphertext is authenticated with it, so a changed address, salt or parameter
opens nothing. There is no way to get the key out again: no function exports it, and repr and pickle refuse.
Python cannot wipe memory; the process that opens the vault is the one that may hold the key (wall 2).

Signing uses libsodium through PyNaCl: 20 µs a message here, against 41 µs in solders and 32 µs in OpenSSL.
"""

import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, NoReturn

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from msgspec import Meta
from nacl.bindings import crypto_sign, crypto_sign_seed_keypair
from solders.keypair import Keypair
from solders.pubkey import Pubkey

from chimera.domain.errors import ConfigError
from chimera.domain.ids import Address

# RFC 9106, second recommended option: 64 MiB, 3 passes, 4 lanes; some 0.1 s here.
MEMORY_KIB, ITERATIONS, LANES = 65_536, 3, 4
SALT_LENGTH, NONCE_LENGTH, SEED_LENGTH = 16, 12, 32
PASSPHRASE_LENGTH_MIN = 8
PRIVATE = 0o600


class Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is needed to open the vault; authenticated, not secret."""

    format: str
    version: int
    address: Address
    kdf: str
    memory_kib: Annotated[int, Meta(ge=8, le=1_048_576)]
    """At most 1 GiB: a forged file must not take the machine down."""
    iterations: Annotated[int, Meta(ge=1, le=64)]
    lanes: Annotated[int, Meta(ge=1, le=64)]
    salt: bytes
    cipher: str
    nonce: bytes


class VaultFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    header: Header
    ciphertext: bytes


class VaultSigner:
    """Implements `ports.signer.Signer`. Made by `open` alone."""

    __slots__ = ("_secret", "address")

    address: Address

    def __init__(self, seed: bytes) -> None:
        public, self._secret = crypto_sign_seed_keypair(seed)
        self.address = Address(str(Pubkey.from_bytes(public)))

    @classmethod
    def open(cls, path: Path, passphrase: str) -> "VaultSigner":
        """The signer of a vault; raises ConfigError for a wrong passphrase or a file that is not sound."""
        file = _read(path)
        try:
            seed = AESGCM(_derive(passphrase, file.header)).decrypt(
                file.header.nonce, file.ciphertext, _bound(file.header)
            )
        except InvalidTag:
            raise ConfigError(f"vault: wrong passphrase for {path}, or the file was changed") from None
        signer = cls(seed)
        if signer.address != file.header.address:
            raise ConfigError(f"vault: {path} holds the key of another address than it says")
        return signer

    def sign(self, message: bytes) -> bytes:
        """64 bytes of Ed25519 over the message."""
        return crypto_sign(message, self._secret)[:64]

    def __repr__(self) -> str:
        return f"VaultSigner({self.address})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a signer stays in its process")


def create(path: Path, passphrase: str) -> Address:
    """The address of a new key, kept in a new vault; raises ConfigError where the file exists."""
    return _seal(path, passphrase, secrets.token_bytes(SEED_LENGTH))


def import_key(path: Path, *, key_text: str, passphrase: str) -> Address:
    """The address of a key given as text, kept in a new vault.

    Understood: the JSON array of 64 numbers that solana-keygen writes, and the base58 text that wallets export.
    Raises ConfigError, without repeating any of it, for anything else.
    """
    return _seal(path, passphrase, _seed_of(key_text.strip()))


def show(path: Path) -> Address:
    """The address of a vault, as its header says; no passphrase needed, nothing proven."""
    return _read(path).header.address


def find_passphrase(
    given: str = "", *, file: Path | None = None, ask: Callable[[], str] | None = None
) -> str:
    """The passphrase from the settings (environment or .env), else a file's first line, else by asking.

    Never from the command line, where every process of the machine can read it.
    Raises ConfigError where there is none.
    """
    if given:
        return given
    if file is not None:
        try:
            found = file.read_text("utf-8").split("\n", 1)[0].rstrip("\r")
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or "not text"
            raise ConfigError(f"vault: cannot read the passphrase from {file}: {why}") from None
        if found:
            return found
    if ask is not None and (told := ask()):
        return told
    raise ConfigError(
        "vault: no passphrase; set CHIMERA_SECURITY__VAULT_PASSPHRASE in the environment or .env, "
        "name a file that holds it, or start from a terminal to be asked"
    )


def _seal(path: Path, passphrase: str, seed: bytes) -> Address:
    if len(passphrase) < PASSPHRASE_LENGTH_MIN:
        raise ConfigError(f"vault: the passphrase is shorter than {PASSPHRASE_LENGTH_MIN} characters")
    header = Header(
        format="chimera-vault",
        version=1,
        address=VaultSigner(seed).address,
        kdf="argon2id",
        memory_kib=MEMORY_KIB,
        iterations=ITERATIONS,
        lanes=LANES,
        salt=secrets.token_bytes(SALT_LENGTH),
        cipher="aes-256-gcm",
        nonce=secrets.token_bytes(NONCE_LENGTH),
    )
    sealed = AESGCM(_derive(passphrase, header)).encrypt(header.nonce, seed, _bound(header))
    _write_new(path, msgspec.json.format(msgspec.json.encode(VaultFile(header, sealed)), indent=2) + b"\n")
    return header.address


def _derive(passphrase: str, header: Header) -> bytes:
    return Argon2id(
        salt=header.salt,
        length=32,
        iterations=header.iterations,
        lanes=header.lanes,
        memory_cost=header.memory_kib,
    ).derive(passphrase.encode("utf-8", "surrogateescape"))


def _bound(header: Header) -> bytes:
    return msgspec.json.encode(header, order="sorted")


def _read(path: Path) -> VaultFile:
    try:
        permissions = path.stat().st_mode
        text = path.read_bytes()
    except FileNotFoundError:
        raise ConfigError(f"vault: there is none at {path}; make one with `chimera vault init`") from None
    except OSError as error:
        raise ConfigError(f"vault: cannot read {path}: {error.strerror}") from None
    if permissions & 0o077:
        raise ConfigError(f"vault: others may read {path}; run chmod 600 on it")
    try:
        file = msgspec.json.decode(text, type=VaultFile)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise ConfigError(f"vault: {path} is not a vault") from None
    header = file.header
    known = (header.format, header.version, header.kdf, header.cipher)
    if known != ("chimera-vault", 1, "argon2id", "aes-256-gcm"):
        raise ConfigError(f"vault: {path} is of a kind that this version does not know")
    fits = len(header.nonce) == NONCE_LENGTH and len(header.salt) >= SALT_LENGTH
    if not fits or header.memory_kib < 8 * header.lanes:
        raise ConfigError(f"vault: {path} is damaged")
    return file


def _write_new(path: Path, content: bytes) -> None:
    """Puts a file in place whole or not at all, for its owner alone, and never over another."""
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"vault: cannot write into {path.parent}: {error.strerror}") from None
    try:
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.link(fresh, path)  # unlike rename it refuses to replace
        finally:
            fresh.unlink(missing_ok=True)
        folder = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except FileExistsError:
        raise ConfigError(
            f"vault: {path} exists already and is never overwritten; choose another path"
        ) from None
    except OSError as error:
        raise ConfigError(f"vault: cannot write {path}: {error.strerror}") from None


def _seed_of(text: str) -> bytes:
    try:
        if text.startswith("["):
            pair = Keypair.from_bytes(bytes(msgspec.json.decode(text, type=list[int])))
        else:
            pair = Keypair.from_base58_string(text)
    except (ValueError, msgspec.MsgspecError, TypeError):
        pair = None
    whole = bytes(pair) if pair is not None else b""
    if pair is None or crypto_sign_seed_keypair(whole[:SEED_LENGTH])[0] != whole[SEED_LENGTH:]:
        raise ConfigError(
            "vault: that is no key; give solana-keygen's JSON array or a base58 secret key on stdin"
        )
    return whole[:SEED_LENGTH]
