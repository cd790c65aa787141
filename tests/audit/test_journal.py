"""The journal's lines: chained, readable by a shell, and any change to them is found."""

import subprocess
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chimera.audit.journal import GENESIS, BadLine, Chain, seal, verify_lines
from chimera.domain.messages import Entry, Noted


def written(count: int) -> list[bytes]:
    lines, previous = [], GENESIS
    for seq in range(1, count + 1):
        entry = Entry(
            seq=seq, at_ms=seq * 10, run_id="r", fact=Noted(what=f"n{seq}", data={"u64": 2**64 - 1})
        )
        previous, line = seal(previous, entry)
        lines.append(line)
    return lines


def test_a_line_comes_back_as_the_entry_that_was_sealed() -> None:
    entry = Entry(seq=1, at_ms=5, run_id="run", fact=Noted(what="x", data={"a": [1, "é\n"]}))
    digest, line = seal(GENESIS, entry)
    chain = Chain()
    assert chain.follow(line) == entry
    assert (chain.previous, chain.next_seq) == (digest, 2)
    assert line.count(b"\n") == 1


def test_the_hash_is_what_a_shell_computes() -> None:
    first, second = written(2)
    text = second[65:-1].decode()
    told = subprocess.run(
        ["sh", "-c", 'printf %s%s "$1" "$2" | sha256sum', "sh", first[:64].decode(), text],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()[0]
    assert told == second[:64].decode()


def test_a_whole_chain_verifies() -> None:
    lines = written(5)
    verdict = verify_lines([("a", lines[:3]), ("b", lines[3:])])
    assert verdict.ok and verdict.entries == 5 and verdict.last_hash == lines[-1][:64].decode()


@given(st.data())
def test_any_single_changed_bit_is_found_at_or_before_the_line_after_it(data: st.DataObject) -> None:
    lines = written(6)
    victim = data.draw(st.integers(0, 5))
    at = data.draw(st.integers(0, len(lines[victim]) - 2))
    bit = data.draw(st.integers(0, 7))
    changed = bytearray(lines[victim])
    changed[at] ^= 1 << bit
    whole = b"".join([*lines[:victim], bytes(changed), *lines[victim + 1 :]])
    verdict = verify_lines([("s", whole.splitlines(keepends=True) if b"\r" not in whole else [whole])])
    assert not verdict.ok
    assert verdict.first_bad_seq is not None and verdict.first_bad_seq <= victim + 1
    assert verdict.what


@pytest.mark.parametrize(
    "mangle",
    [
        lambda lines: lines[:1] + lines[2:],
        lambda lines: [lines[0], lines[2], lines[1]],
        lambda lines: [lines[0], lines[1], lines[1], lines[2]],
        lambda lines: [*lines[:2], lines[2][:-1]],
        lambda lines: [b"\n", *lines],
    ],
    ids=["removed", "swapped", "repeated", "cut", "inserted"],
)
def test_lines_out_of_place_are_found(mangle) -> None:  # type: ignore[no-untyped-def]
    assert not verify_lines([("s", mangle(written(3)))]).ok


def test_a_cleanly_cut_end_is_found_by_the_anchor_alone() -> None:
    lines = written(4)
    anchor = (4, lines[3][:64].decode())
    assert verify_lines([("s", lines)], anchor=anchor).ok
    assert verify_lines([("s", lines[:3])]).ok
    verdict = verify_lines([("s", lines[:3])], anchor=anchor)
    assert not verdict.ok and "missing" in verdict.what


def test_a_chain_rewritten_from_some_point_on_is_found_by_the_anchor() -> None:
    lines = written(3)
    digest, forged = seal(
        lines[0][:64].decode(), Entry(seq=2, at_ms=1, run_id="r", fact=Noted(what="forged"))
    )
    verdict = verify_lines([("s", [lines[0], forged])], anchor=(2, lines[1][:64].decode()))
    assert not verdict.ok and "rewritten" in verdict.what
    assert digest != lines[1][:64].decode()


def test_a_good_hash_over_nonsense_is_still_a_bad_line() -> None:
    text = b'{"seq":1}'
    line = sha256(GENESIS.encode() + text).hexdigest().encode() + b" " + text + b"\n"
    with pytest.raises(BadLine, match="cannot be read"):
        Chain().follow(line)
