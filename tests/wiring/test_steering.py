"""Settings changed while the house runs: in force at once, kept over a restart, undone as they were made."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from chimera.adapters.clocks import SteppedClock
from chimera.adapters.journal_file import JournalFile
from chimera.config import Settings
from chimera.config.live import ADMIN, LOOSENS, OPERATOR, changeable
from chimera.domain.commands import Answer, ChangeConfig, UndoConfig
from chimera.domain.errors import ConfigError
from chimera.domain.intent import Style
from chimera.domain.messages import ConfigChanged
from chimera.execution.books import Books
from chimera.execution.surroundings import HouseSurroundings
from chimera.market.view import MarketView
from chimera.risk.gate import Gate
from chimera.risk.roster import Roster
from chimera.roles.configuration import ConfigurationRole
from chimera.wiring import rules
from chimera.wiring.steering import BY_SETTINGS, LiveSettings, steer

GIVEN = Settings()
ALLOCATION = {"allocation.shield_percent": 40, "allocation.spear_percent": 60}


class Steered:
    """The rooms that decide by settings, over a real journal."""

    def __init__(self, folder: Path, given: Settings = GIVEN) -> None:
        self.journal, _ = JournalFile.open(folder, clock=SteppedClock(1_000), run_id="run")
        self.live = LiveSettings(given)
        for entry in self.journal.read():
            self.live.fold(entry)
        self.journal.listen(self.live.fold)
        self.edited = self.live.edited()
        for fact in self.edited:
            self.journal.append(fact)
        self.live.adopt()
        limits = rules.risk_limits(given)
        self.gate = Gate(limits)
        self.books = Books(loss=rules.loss_limits(given), tokens=limits.tokens)
        view = MarketView({})
        self.surroundings = HouseSurroundings(
            books=self.books, view=view, roster=Roster(), limits=limits, tokens=[]
        )
        self.strategies: list[Any] = list(rules.built_strategies(given))
        steer(
            self.live,
            gate=self.gate,
            books=self.books,
            surroundings=self.surroundings,
            strategies=self.strategies,
        )
        self.role = ConfigurationRole(
            configuration=self.live, journal=self.journal, clock=SteppedClock(5_000)
        )

    async def change(self, changes: dict[str, Any], **others: Any) -> Answer:
        return await self.role.perform(ChangeConfig(changes=changes, cause="test", by="ann", **others))

    async def undo(self, entry: int) -> Answer:
        return await self.role.perform(UndoConfig(entry=entry, cause="back", by="ann"))

    def facts(self) -> list[ConfigChanged]:
        return [entry.fact for entry in self.journal.read() if isinstance(entry.fact, ConfigChanged)]

    def shown(self, key: str) -> Any:
        return next(one.value for one in self.live.settings() if one.key == key)


@pytest.fixture
def steered(tmp_path: Path) -> Iterator[Steered]:
    made = Steered(tmp_path / "journal")
    yield made
    made.journal.close()


async def test_a_change_reaches_every_room_that_decides_by_it(steered: Steered) -> None:
    done = await steered.change(
        {
            "risk.position_lamports_max": "0.5 SOL",
            "risk.max_consecutive_losses": 3,
            "token_safety.liquidity_shield_usd_min": 20_000,
            "copy_trade.shield.stop_loss_bps": 700,
            **ALLOCATION,
        }
    )
    assert done.ok, done
    assert steered.gate.limits.position_lamports_max == 500_000_000
    assert steered.gate.limits.shield_bps == 4_000
    assert steered.surroundings.limits is steered.gate.limits
    assert steered.books.breaker.limits.losses_in_row_max == 3
    assert steered.books.reports.limits.liquidity_min(Style.SHIELD) == 20_000_000_000
    copier = next(strategy for strategy in steered.strategies if strategy.name == "copy_trade")
    assert copier.params.shield.stop_loss_bps == 700
    assert {fact.by for fact in steered.facts()} == {"ann"} and len(steered.facts()) == 6


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"risk.open_positions_max": 0}, "risk.open_positions_max"),
        ({"risk.open_positions_max": "many"}, "risk.open_positions_max"),
        ({"risk.open_positions_max": True}, "risk.open_positions_max"),
        ({"risk.open_positions_max": 2.5}, "risk.open_positions_max"),
        ({"risk.open_positions_max": 1e300}, "risk.open_positions_max"),
        ({"risk.open_positions_max": float("nan")}, "risk.open_positions_max"),
        ({"risk.open_positions_max": None}, "risk.open_positions_max"),
        ({"risk.position_lamports_max": "-1"}, "risk.position_lamports_max"),
        ({"risk.position_lamports_max": "0.0000000001 SOL"}, "risk.position_lamports_max"),
        ({"copy_trade.copy_sells": "perhaps"}, "copy_trade.copy_sells"),
        ({"allocation.shield_percent": 40}, "allocation.shield_percent"),
        ({"copy_trade.spear.size_lamports_min": 2**62}, "copy_trade.spear.size_lamports_min"),
        ({"rpc.primary_url": "http://evil"}, "rpc.primary_url"),
        ({"copy_trade.watch_wallets": False}, "copy_trade.watch_wallets"),
        ({"security.webhook_secret": "x"}, "security.webhook_secret"),
        ({"risk": {}}, "risk"),
        ({"": 1}, ""),
    ],
)
async def test_a_wrong_value_is_refused_by_name_and_nothing_of_it_happens(
    steered: Steered, changes: dict[str, Any], names: str
) -> None:
    done = await steered.change({"risk.slippage_bps_max": 100, **changes})
    assert (done.ok, done.code) == (False, "VALIDATION_FAILED")
    assert done.message.startswith(names)
    assert steered.facts() == [] and steered.gate.limits == rules.risk_limits(GIVEN)


async def test_a_change_of_nothing_is_no_news(steered: Steered) -> None:
    assert (await steered.change({"risk.open_positions_max": GIVEN.risk.open_positions_max})).ok
    assert steered.facts() == []


async def test_a_change_outlives_a_restart(tmp_path: Path) -> None:
    first = Steered(tmp_path / "journal")
    await first.change(ALLOCATION)
    first.journal.close()
    again = Steered(tmp_path / "journal")
    assert again.gate.limits.spear_bps == 6_000 and again.edited == []
    assert again.live.version == first.live.version
    again.journal.close()


async def test_a_file_edited_afterwards_wins_and_the_journal_says_so(tmp_path: Path) -> None:
    first = Steered(tmp_path / "journal")
    await first.change({"risk.open_positions_max": 3, "risk.slippage_bps_max": 111})
    first.journal.close()
    edited = msgspec.structs.replace(GIVEN, risk=msgspec.structs.replace(GIVEN.risk, open_positions_max=7))
    for _ in range(2):  # a second start finds nothing new to say
        again = Steered(tmp_path / "journal", edited)
        assert again.gate.limits.open_positions_max == 7
        assert again.gate.limits.slippage_bps_max == 111
        again.journal.close()
    told = [fact for fact in again.facts() if fact.by == BY_SETTINGS]
    assert [(fact.key, fact.old, fact.new) for fact in told] == [("risk.open_positions_max", "3", "7")]


async def test_changes_that_contradict_an_edited_file_give_way_together(tmp_path: Path) -> None:
    first = Steered(tmp_path / "journal")
    await first.change(ALLOCATION)
    first.journal.close()
    allocation = msgspec.structs.replace(GIVEN.allocation, shield_percent=55, spear_percent=45)
    half = msgspec.structs.replace(GIVEN, allocation=allocation)
    again = Steered(tmp_path / "journal", half)
    assert (again.gate.limits.shield_bps, again.gate.limits.spear_bps) == (5_500, 4_500)
    again.journal.close()


async def test_a_journal_of_another_version_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    first = Steered(tmp_path / "journal")
    for key, new in (("risk.gone", "1"), ("risk.open_positions_max", "0"), ("rpc.active", '"fallback"')):
        first.journal.append(ConfigChanged(key, "12", new, "then", "ann"))
    await first.journal.durable(first.journal.last_seq)
    first.journal.close()
    again = Steered(tmp_path / "journal")
    assert again.gate.limits.open_positions_max == GIVEN.risk.open_positions_max
    again.journal.close()


async def test_a_change_is_undone_as_a_whole(steered: Steered) -> None:
    await steered.change(ALLOCATION)
    first = next(entry.seq for entry in steered.journal.read() if isinstance(entry.fact, ConfigChanged))
    assert (await steered.undo(first)).ok
    assert steered.gate.limits.shield_bps == GIVEN.allocation.shield_percent * 100
    assert len(steered.facts()) == 4, "an undo is a change of its own"


async def test_a_change_of_lamports_is_undone_too(steered: Steered) -> None:
    await steered.change({"risk.position_lamports_max": 7})
    assert (await steered.undo(steered.live.version)).ok
    assert steered.gate.limits.position_lamports_max == GIVEN.risk.position_lamports_max


async def test_what_was_changed_again_since_is_not_undone(steered: Steered) -> None:
    await steered.change({"risk.open_positions_max": 3})
    first = steered.live.version
    await steered.change({"risk.open_positions_max": 4})
    done = await steered.undo(first)
    assert (done.code, steered.gate.limits.open_positions_max) == ("CONFLICT", 4)


@pytest.mark.parametrize("entry", [0, 1, 999])
async def test_an_entry_that_changed_nothing_cannot_be_undone(steered: Steered, entry: int) -> None:
    steered.journal.append(ConfigChanged("wallets.x", "a", "b", "then", "ann"))
    assert (await steered.undo(entry)).code == "UNKNOWN"


async def test_who_thought_of_an_older_version_is_told(steered: Steered) -> None:
    await steered.change({"risk.open_positions_max": 3})
    done = await steered.change({"risk.open_positions_max": 5}, version=0)
    assert (done.code, steered.gate.limits.open_positions_max) == ("CONFLICT", 3)
    assert (await steered.change({"risk.open_positions_max": 5}, version=steered.live.version)).ok


async def test_a_paused_strategy_may_not_buy_and_goes_on_selling(steered: Steered) -> None:
    await steered.change({"copy_trade.enabled": False})
    assert "copy_trade" in steered.gate.limits.paused
    assert "copy_trade" in [strategy.name for strategy in steered.strategies]
    await steered.change({"copy_trade.enabled": True})
    assert "copy_trade" not in steered.gate.limits.paused


async def test_what_the_settings_switch_off_is_not_switched_on_by_hand(tmp_path: Path) -> None:
    off = msgspec.structs.replace(GIVEN, copy_trade=msgspec.structs.replace(GIVEN.copy_trade, enabled=False))
    steered = Steered(tmp_path / "journal", off)
    assert (await steered.change({"copy_trade.enabled": True})).code == "VALIDATION_FAILED"
    steered.journal.close()


def test_every_breaker_and_limit_is_an_admins_and_says_which_way_it_loosens() -> None:
    known = {one.key: one for one in changeable()}
    guarded = {key for key in known if key.startswith(("risk.", "token_safety."))}
    assert guarded == set(LOOSENS)
    assert {known[key].role for key in guarded} == {ADMIN}
    assert {known[key].role for key in set(known) - guarded} == {OPERATOR}


def test_plans_know_what_gives_more_room_to_lose() -> None:
    live = LiveSettings(GIVEN)
    looser = {"risk.open_positions_max": 100, "risk.cool_down_minutes": 1, "token_safety.report_ttl_s": 9_999}
    tighter = {"risk.open_positions_max": 1, "risk.cool_down_minutes": 999, "copy_trade.copy_sells": False}
    assert all(one.loosens for one in live.plan(looser))
    assert not any(one.loosens for one in live.plan(tighter))
    with pytest.raises(ConfigError, match="no such setting"):
        live.plan({"x" * 5_000: 1})
