"""Whose money it is: the nodes must be of the cluster that the mode promises, and all of the same one.

`mode: localnet` is what the banner shows, what lets the webhook go unsigned in development, and what a trader takes for
play money. A node of mainnet behind it would make all of that a lie, so that desk does not start.
"""

import asyncio
from collections.abc import Mapping

from chimera.adapters.rpc_nodes import RpcNodes
from chimera.domain.errors import ConfigError, OutsideError
from chimera.observe import Observer

MAINNET = "5eykt4UsFv8P8NJdTREpY1vzqKqZKvdpKuc147dw2N9d"
"""The genesis hash of mainnet-beta (docs.anza.xyz/clusters/available)."""
AGAIN_EVERY_S = 30.0


def judge_cluster(mode: str, told: Mapping[str, str]) -> str:
    """What to warn of, or nothing; `told` are genesis hashes by node.

    Raises ConfigError where play money would be real, or two nodes are of different chains.
    """
    if len(set(told.values())) > 1:
        shown = ", ".join(f"rpc.{name}_url is of {hash_}" for name, hash_ in sorted(told.items()))
        raise ConfigError(f"the nodes are of different clusters: {shown}; name nodes of one")
    real = MAINNET in told.values()
    if real and mode != "live":
        raise ConfigError(
            f"mode: {mode}, but the node is of mainnet, where money is real: set mode: live, or name another node"
        )
    if told and not real and mode == "live":
        return "mode: live, but the node is not of mainnet: what is traded there is worth nothing"
    return ""


class ClusterWatch:
    """Asks every node once which cluster it is of, and those that were away again until they have said it."""

    def __init__(self, nodes: RpcNodes, *, mode: str, observer: Observer) -> None:
        self._nodes, self._mode, self._observer = nodes, mode, observer

    async def look(self) -> bool:
        """Whether every node has told. Raises as `judge_cluster` does, and OutsideError where no node answers."""
        told = await self._nodes.genesis_hashes()
        known = {name: answer for name, answer in told.items() if isinstance(answer, str)}
        if not known:
            raise next(answer for answer in told.values() if isinstance(answer, OutsideError))
        if warning := judge_cluster(self._mode, known):
            self._observer.told("cluster", warning=warning)
        return len(known) == len(told)

    async def run(self) -> None:
        """Until cancelled; a node that turns out to be of another cluster ends it with ConfigError."""
        while True:
            try:
                if await self.look():
                    await asyncio.Event().wait()
            except OutsideError:
                pass  # the failover watches that
            await asyncio.sleep(AGAIN_EVERY_S)
