"""What a coin calls itself is read as it stands, and can neither hide nor turn the writing around."""

import pytest

from chimera.onchain.token_names import own_names


def metadata(name: bytes, symbol: bytes, uri: bytes = b"") -> bytes:
    texts = b"".join(len(text).to_bytes(4, "little") + text for text in (name, symbol, uri))
    return bytes(64) + texts + bytes(4)


def test_name_and_symbol_are_read() -> None:
    assert own_names(metadata(b"Posaba Coin", b"POSABA", b"https://example.org/x.json")) == (
        "Posaba Coin",
        "POSABA",
    )


def test_markup_stays_the_text_that_it_is() -> None:
    assert own_names(metadata(b"<script>x</script>", b"<b>")) == ("<script>x</script>", "<b>")


@pytest.mark.parametrize("hidden", ["\u202e", "\u200b", "\u2066", "\x00", "\x1b", "\ufeff", "\ue000"])
def test_what_hides_or_turns_the_writing_is_left_out(hidden: str) -> None:
    assert own_names(metadata(f"US{hidden}DC".encode(), f"\n US{hidden}DC\t".encode())) == ("USDC", "USDC")


def test_a_long_name_is_cut() -> None:
    name, symbol = own_names(metadata(b"n" * 1000, b"s" * 1000))
    assert (len(name), len(symbol)) == (64, 16)


@pytest.mark.parametrize("length", range(0, 96, 5))
def test_bytes_that_end_too_soon_give_no_name_and_no_error(length: int) -> None:
    whole = metadata(b"Posaba Coin", b"POSABA")
    name, symbol = own_names(whole[:length])
    assert name in ("", "Posaba Coin")
    assert symbol in ("", "POSABA")


def test_a_length_beyond_the_data_gives_no_name() -> None:
    assert own_names(bytes(64) + b"\xff\xff\xff\xff" + b"abc") == ("", "")
    assert own_names(None) == ("", "")
