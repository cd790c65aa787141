"""Bytes as JSON-RPC writes and reads them: base58, base64, base64+zstd. Knows no account and no transaction."""

import base64
import binascii

import zstandard

_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_VALUE = {letter: value for value, letter in enumerate(_ALPHABET)}
_CHUNK_DIGITS = 10
_CHUNK = 58**_CHUNK_DIGITS  # below 2**63: the small divisions stay cheap
_ZSTD_LEVEL = 0  # the library's default, as a node uses


def base58_encode(data: bytes) -> str:
    number = int.from_bytes(data, "big")
    digits: list[str] = []
    while number:
        number, rest = divmod(number, _CHUNK)
        for _ in range(_CHUNK_DIGITS):
            rest, digit = divmod(rest, 58)
            digits.append(_ALPHABET[digit])
    zeros = len(data) - len(data.lstrip(b"\0"))
    return "1" * zeros + "".join(reversed(digits)).lstrip("1")


def base58_decode(text: str) -> bytes:
    """The bytes. Raises ValueError at the first letter that base58 does not have, in a node's words."""
    number = 0
    for place, letter in enumerate(text):
        value = _VALUE.get(letter)
        if value is None:
            raise ValueError(f"InvalidCharacter {{ character: {letter!r}, index: {place} }}")
        number = number * 58 + value
    zeros = len(text) - len(text.lstrip("1"))
    return bytes(zeros) + number.to_bytes((number.bit_length() + 7) // 8, "big")


def base64_encode(data: bytes) -> str:
    return base64.b64encode(data).decode()


def base64_decode(text: str) -> bytes:
    """The bytes. Raises ValueError where it is not canonical base64."""
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from None


def zstd_base64_encode(data: bytes) -> str:
    return base64_encode(zstandard.ZstdCompressor(level=_ZSTD_LEVEL).compress(data))
