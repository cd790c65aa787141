"""A whole house that asks an engine with its key, and leaves word of what it made of it in its journal."""

import asyncio
import json
import os
import time
from pathlib import Path

from tests.flow.running_desk import RunningDesk

from chimera.adapters.quant import PATH
from chimera.control.quant_server import QuantServer
from chimera.control.server import ControlServer, bind
from chimera.demo.stage import Stage
from chimera.domain.messages import StrategyDecided
from chimera.wiring.rebalancing import ranking_of

KEY = "a key of the engine's"
DAILY = {"trades": 60, "weights_bps": {}}


async def test_a_started_house_asks_the_engine_and_writes_down_what_came_of_it(tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    wallets = ("11111111111111111111111111111112", "11111111111111111111111111111113")
    told = [{"trader": one, "daily": [0.01, 0.02 * place] * 45, **DAILY} for place, one in enumerate(wallets)]
    figures.write_text(json.dumps(told))
    async with ControlServer(
        QuantServer(lambda: ranking_of(figures), key=KEY).app(), bind("127.0.0.1", 0)
    ) as engine:
        assert PATH == "/api/v1/ranking"
        stage = Stage(
            seed=7,
            port=0,
            data_dir=tmp_path / "house",
            environ={
                **os.environ,
                "CHIMERA_REBALANCER__ENABLED": "true",
                "CHIMERA_REBALANCER__URL": f"http://127.0.0.1:{engine.port}",
                "CHIMERA_REBALANCER__KEY": KEY,
            },
        )
        async with stage:
            child, url = await stage.desk()
            desk = RunningDesk(stage, child, url)
            ends = time.monotonic() + 20
            while not (said := [one for one in desk.facts(StrategyDecided) if one.strategy == "rebalancer"]):
                assert time.monotonic() < ends
                await asyncio.sleep(0.2)
            # the best of two whose records are steady: nothing is held but SOL, so nothing is to be done
            assert said[0].code in {"within_band", "nobody_trusted"}
            assert KEY not in (desk.folder / "desk.log").read_text()
