"""Which legs go by bundle: the styles that the settings name, while the block engine is there; fixed for each leg."""

import pytest
from tests.execution.test_desk import FINE, House, bought

from chimera.domain.ids import IntentId, Signature
from chimera.domain.intent import Side, Style
from chimera.execution.desk import DeskLimits
from chimera.execution.effects import Arrived, Send, SignedBytes, Simulated, Ticked
from chimera.testing.builders import intent

PRIMARY = DeskLimits(bundled=frozenset({Style.SHIELD, Style.SPEAR}))


def house() -> House:
    made = House()
    made.desk._limits = PRIMARY
    return made


@pytest.mark.parametrize("style", [Style.SHIELD, Style.SPEAR])
def test_on_the_primary_shield_and_spear_go_by_bundle(style: Style) -> None:
    assert house().to_signed(intent(style=style, amount=10**6)).bundle


def test_in_fallback_they_go_by_the_standard_lane() -> None:
    made = house()
    made.desk.standard_lane = True
    assert not made.to_signed().bundle


def test_exits_go_the_quickest_way() -> None:
    made = house()
    bought(made)
    sell = intent(id=IntentId("x"), side=Side.SELL, style=Style.EXIT, amount=1_000)
    assert not made.to_signed(sell, "sig2").bundle


@pytest.mark.parametrize("before", [True, False])
def test_a_leg_keeps_its_lane_when_the_house_switches_in_the_middle(before: bool) -> None:
    made = house()
    made.desk.standard_lane = before
    (simulate,) = made.effects(Arrived(intent()))
    made.desk.standard_lane = not before
    (sign,) = made.effects(Simulated(simulate.leg_id, FINE))
    (send,) = made.effects(SignedBytes(sign.leg_id, Signature("sig1"), b"bytes"))
    assert send.bundle is not before
    made.now += 1_200
    (again,) = made.effects(Ticked())
    assert isinstance(again, Send)
    assert (again.bundle, again.transaction) == (send.bundle, send.transaction)
