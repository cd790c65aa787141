"""Play money stays play money: a desk whose nodes are of another cluster than its mode says does not start."""

import asyncio
import io

import pytest
from prometheus_client import CollectorRegistry

from chimera.domain.errors import ConfigError, OutsideError, Unreachable
from chimera.observe import Observer, Redactor, make_log
from chimera.wiring import cluster
from chimera.wiring.cluster import MAINNET, ClusterWatch, judge_cluster

OURS = "HPR4pcqQ1jzQNiVr7U4Vbu6wfyoKFnmQrMiiy8VbEYVn"


class Nodes:
    def __init__(self, **told: str | OutsideError) -> None:
        self.told, self.asked = told, 0

    async def genesis_hashes(self) -> dict[str, str | OutsideError]:
        self.asked += 1
        return dict(self.told)


AWAY = Unreachable("fallback", "no answer")


def watch(nodes: Nodes, mode: str, stream: io.StringIO | None = None) -> ClusterWatch:
    log = make_log(level="INFO", json=True, redactor=Redactor(), stream=stream or io.StringIO())
    return ClusterWatch(nodes, mode=mode, observer=Observer(log, CollectorRegistry()))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("mode", "told", "refused"),
    [
        ("localnet", {"primary": OURS}, None),
        ("live", {"primary": MAINNET, "fallback": MAINNET}, None),
        ("localnet", {"primary": MAINNET}, "where money is real"),
        ("localnet", {"primary": OURS, "fallback": MAINNET}, "different clusters"),
        ("live", {"primary": MAINNET, "fallback": OURS}, "different clusters"),
    ],
)
def test_what_the_mode_promises_is_what_the_nodes_are(
    mode: str, told: dict[str, str], refused: str | None
) -> None:
    if refused is None:
        assert judge_cluster(mode, told) == ""
    else:
        with pytest.raises(ConfigError, match=refused):
            judge_cluster(mode, told)


async def test_live_on_another_cluster_is_told_and_goes_on() -> None:
    log = io.StringIO()
    assert await watch(Nodes(primary=OURS), "live", log).look()
    assert "is worth nothing" in log.getvalue()


async def test_a_node_that_was_away_is_judged_when_it_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    nodes = Nodes(primary=OURS, fallback=AWAY)
    watching = watch(nodes, "localnet")
    assert not await watching.look(), "the fallback has not told yet"
    monkeypatch.setattr(cluster, "AGAIN_EVERY_S", 0.0)
    running = asyncio.create_task(watching.run())
    while nodes.asked < 3:
        await asyncio.sleep(0)
    nodes.told["fallback"] = MAINNET
    with pytest.raises(ConfigError, match="different clusters"):
        await asyncio.wait_for(running, 5)


async def test_without_any_answer_nothing_is_decided() -> None:
    with pytest.raises(Unreachable):
        await watch(Nodes(primary=AWAY, fallback=AWAY), "localnet").look()
