"""Addresses and signatures between base58 text and bytes, and the addresses that programs derive.

Text is what the house speaks; bytes are what goes into messages. Conversions and derivations are pure, so they
are cached: base58 costs 1 µs and the search for a bump 40 µs, and a hot path that repeats one must not pay twice.
Must not know RPC, venues, or who owns which key.
"""

from functools import lru_cache

from solders.hash import Hash, ParseHashError
from solders.pubkey import Pubkey
from solders.signature import Signature as RawSignature

from chimera.domain.errors import DecodeError
from chimera.domain.ids import ATA_PROGRAM, TOKEN_PROGRAM, Address, Signature

REMEMBERED = 65_536  # entries a cache, about 10 MB full; a busy stream names some 10,000 accounts a minute

_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_DIGITS = {letter: value for value, letter in enumerate(_ALPHABET)}


def associated_token_address(
    owner: Address, mint: Address, token_program: Address = TOKEN_PROGRAM
) -> Address:
    """Where `owner` keeps `mint` by convention; differs between Token and Token-2022."""
    # Seeds as spl-associated-token-account's get_associated_token_address_with_program_id.
    return derived_address(
        ATA_PROGRAM, address_bytes(owner), address_bytes(token_program), address_bytes(mint)
    )


def derived_address(program: Address, *seeds: bytes) -> Address:
    """The program-derived address of the seeds, at its canonical bump."""
    return find_program_address(seeds, program)[0]


@lru_cache(REMEMBERED)
def find_program_address(seeds: tuple[bytes, ...], program: Address) -> tuple[Address, int]:
    """(address, bump) that the program derives from the seeds."""
    found, bump = Pubkey.find_program_address(list(seeds), pubkey(program))
    return Address(str(found)), bump


@lru_cache(REMEMBERED)
def pubkey(address: Address) -> Pubkey:
    """The address for solders; raises DecodeError where it is not 32 bytes of base58."""
    try:
        return Pubkey.from_string(address)
    except ValueError as error:
        raise DecodeError(f"not an address: {str(address)[:60]!r} ({error})") from None


@lru_cache(REMEMBERED)
def address_bytes(address: Address) -> bytes:
    """32 bytes; raises DecodeError where the text is no address."""
    return bytes(pubkey(address))


@lru_cache(REMEMBERED)
def address_text(key: bytes) -> Address:
    """The base58 text of 32 bytes; raises DecodeError for any other length."""
    if len(key) != 32:
        raise DecodeError(f"an address has 32 bytes, not {len(key)}")
    return Address(str(Pubkey.from_bytes(key)))


@lru_cache(256)
def blockhash_bytes(blockhash: str) -> bytes:
    """32 bytes; raises DecodeError where the text is no hash."""
    try:
        return bytes(Hash.from_string(blockhash))
    except (ValueError, ParseHashError) as error:
        raise DecodeError(f"not a blockhash: {blockhash[:60]!r} ({error})") from None


def signature_text(raw: bytes) -> Signature:
    """The base58 text of 64 bytes; raises DecodeError for any other length."""
    if len(raw) != 64:
        raise DecodeError(f"a signature has 64 bytes, not {len(raw)}")
    return Signature(str(RawSignature.from_bytes(raw)))


def base58_decode(text: str) -> bytes:
    """Bytes of any length, as nodes write instruction data. Quadratic: callers bound the length."""
    number = 0
    try:
        for letter in text:
            number = number * 58 + _DIGITS[letter]
    except KeyError as error:
        raise DecodeError(f"not base58: {error.args[0]!r} in {text[:60]!r}") from None
    zeros = len(text) - len(text.lstrip("1"))
    return bytes(zeros) + number.to_bytes((number.bit_length() + 7) // 8, "big")


def base58_encode(raw: bytes) -> str:
    """Base58 text of bytes of any length. Quadratic: callers bound the length."""
    number = int.from_bytes(raw, "big")
    letters = []
    while number:
        number, digit = divmod(number, 58)
        letters.append(_ALPHABET[digit])
    zeros = len(raw) - len(raw.lstrip(b"\0"))
    return "1" * zeros + "".join(reversed(letters))
