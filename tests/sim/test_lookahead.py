from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from typer.testing import CliRunner

from chimera.cli import app
from chimera.strategies.copy_trade import CopyTrade
from chimera.wiring import rules
from chimera.wiring.backtest import Wish, backtest
from chimera.wiring.lookahead import lookahead

WISH = Wish(strategies=("copy_trade",), data="world:7:0.8")


def test_an_honest_strategy_decides_the_same_when_the_rest_is_missing() -> None:
    verdict = lookahead(WISH, samples=3)
    assert verdict.difference is None and len(verdict.looked_at) == 3 and verdict.decisions > 3


class Seer:
    """Copies only while it knows that the data go on for long: what no live strategy can know."""

    name, params_type = "copy_trade", CopyTrade.params_type

    def __init__(self, params: Any) -> None:
        self._inner, self.last_ms = CopyTrade(params), Seer.knows_until

    knows_until = 0

    def on_event(self, event: Any, context: Any) -> Sequence[Any]:
        made = self._inner.on_event(event, context)
        return made if context.now_ms < self.last_ms - 5_000 else []

    def levels(self, position: Any) -> tuple[int | None, int | None]:
        return self._inner.levels(position)


def test_a_strategy_that_knows_the_end_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    whole, _ = backtest(WISH)
    built = rules.built_strategies

    def seers(settings: Any) -> Iterator[Any]:
        yield from (Seer(one.params) for one in built(settings))  # type: ignore[attr-defined]

    def with_end(wish: Wish, **kwargs: Any) -> Any:
        Seer.knows_until = wish.to_ms or whole.to_ms
        return backtest(wish, **kwargs)

    monkeypatch.setattr(rules, "built_strategies", seers)
    monkeypatch.setattr("chimera.wiring.lookahead.backtest", with_end)
    verdict = lookahead(WISH, samples=3)
    assert verdict.difference is not None
    assert verdict.difference.whole is not None and verdict.difference.cut is None


def test_the_command_says_so_in_words_and_by_its_exit_code() -> None:
    told = CliRunner().invoke(
        app,
        ["lookahead", "--strategy", "copy_trade", "--data", WISH.data, "--samples", "2"],
        catch_exceptions=False,
    )
    assert told.exit_code == 0 and "cut at 2 of them the data gave the same ones" in told.stdout
