"""What a token's maker calls it: name and symbol of Token-2022's metadata extension, made harmless for the eye.

Nobody checks these words: anyone may call a coin USDC. They are for people who read, never for a decision, and the
address that comes with them (`uri`) is not read at all, let alone fetched.

Layout: spl-token-metadata-interface `TokenMetadata` (borsh): update authority 32, mint 32, then texts with u32 lengths.
"""

import unicodedata

TOKEN_METADATA = 19
TEXTS_AT = 64
NAME_CHARACTERS_MAX, SYMBOL_CHARACTERS_MAX = 64, 16  # the interface sets no limit but the account's size
UTF8_BYTES_MAX = 4  # of a character


def own_names(metadata: bytes | None) -> tuple[str, str]:
    """(name, symbol), each empty where there is none or the bytes do not hold it."""
    if metadata is None:
        return "", ""
    name, after = _text(metadata, TEXTS_AT)
    symbol, _ = _text(metadata, after)
    return _harmless(name, NAME_CHARACTERS_MAX), _harmless(symbol, SYMBOL_CHARACTERS_MAX)


def _text(data: bytes, at: int) -> tuple[bytes, int]:
    """The text that begins at `at` and where it ends; empty where its length reaches beyond the data."""
    end = at + 4 + int.from_bytes(data[at : at + 4], "little")
    return (data[at + 4 : end], end) if at + 4 <= len(data) and end <= len(data) else (b"", len(data))


def _harmless(text: bytes, longest: int) -> str:
    """Characters that are seen, and single spaces: what turns the writing's direction around or hides is left out."""
    seen = "".join(
        one if unicodedata.category(one)[0] not in "CZ" else " " if one.isspace() else ""
        for one in text[: longest * UTF8_BYTES_MAX].decode(errors="replace")
    )
    return " ".join(seen.split())[:longest]
