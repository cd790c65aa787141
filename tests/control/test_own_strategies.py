"""A trader's own strategy is paused over HTTP by the key of its own section."""

from pathlib import Path
from typing import Any

from tests.wiring.test_steering_own import PLACE, given

from chimera.domain.commands import Answer
from chimera.ports.screens import StrategySeen
from chimera.wiring.steering import LiveSettings


class Seen:
    """`ports.screens.Screens` of one strategy."""

    def strategies(self) -> tuple[StrategySeen, ...]:
        return (StrategySeen(name="mine", running=True, paused=False, failed=None, params={}),)


async def test_it_is_paused_by_the_setting_that_switches_it(house_type: type, tmp_path: Path) -> None:
    house: Any = house_type(tmp_path)
    house.commands.answer = Answer(ok=True, after="9")
    live = LiveSettings(given(tmp_path / "own"))
    server = await house.start(configuration=live, screens=Seen())
    answered = await house.http.post(
        "/api/v1/strategies/mine/pause",
        json={"reason": "news"},
        headers={"Authorization": "Bearer operator-key"},
    )
    await house.stop(server)
    assert answered.status_code == 200
    (asked,) = house.commands.asked
    assert asked.changes == {f"{PLACE}enabled": False}
    assert live.plan(asked.changes)[0].new == "false"
