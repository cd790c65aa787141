"""Answers kept over a restart: found again, forgotten in time, and nobody else's to read."""

import stat
from pathlib import Path

import pytest

from chimera.adapters.kept_answers import AnswerFile
from chimera.domain.errors import Unreachable
from chimera.ports.answers import KeptAnswer


def answer(at_ms: int, body: bytes = b"{}") -> KeptAnswer:
    return KeptAnswer(b"print", at_ms, 200, "application/json", body)


def test_an_answer_is_found_by_the_next_process(tmp_path: Path) -> None:
    first = AnswerFile(tmp_path / "answers.db")
    first.keep(b"a", answer(5, b'{"x":1}'), forget_before_ms=0)
    first.close()
    second = AnswerFile(tmp_path / "answers.db")
    assert second.find(b"a") == answer(5, b'{"x":1}')
    assert second.find(b"b") is None
    second.close()


def test_old_ones_are_forgotten_with_the_next_that_is_kept(tmp_path: Path) -> None:
    kept = AnswerFile(tmp_path / "answers.db")
    kept.keep(b"old", answer(5), forget_before_ms=0)
    kept.keep(b"new", answer(50), forget_before_ms=10)
    assert (kept.find(b"old"), kept.find(b"new")) == (None, answer(50))
    kept.close()


def test_nobody_else_reads_them(tmp_path: Path) -> None:
    path = tmp_path / "answers.db"
    path.touch(mode=0o644)
    AnswerFile(path).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_file_that_fails_says_so(tmp_path: Path) -> None:
    kept = AnswerFile(tmp_path / "answers.db")
    kept.close()
    with pytest.raises(Unreachable):
        kept.find(b"a")
