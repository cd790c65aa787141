"""Which lookup tables are of no use is said once, and a node that is away changes nothing."""

import io

from prometheus_client import CollectorRegistry

from chimera.domain.chain import Account
from chimera.domain.errors import Unreachable
from chimera.domain.ids import SYSTEM_PROGRAM, Address
from chimera.execution.tables import Tables
from chimera.observe import Observer, Redactor, make_log
from chimera.roles.tables import TablesRole
from chimera.testing.builders import address

ODD, GONE = address("odd"), address("gone")


class Node:
    def __init__(self) -> None:
        self.away = False

    async def accounts(self, addresses: tuple[Address, ...]) -> tuple[int, tuple[Account | None, ...]]:
        if self.away:
            raise Unreachable("node", "away")
        return 9, tuple(Account(one, SYSTEM_PROGRAM, 1, b"") if one == ODD else None for one in addresses)


async def test_a_table_that_is_none_is_told_once_and_a_silent_node_is_told_as_such() -> None:
    node, stream = Node(), io.StringIO()
    log = make_log(level="DEBUG", json=True, redactor=Redactor(), stream=stream)
    role = TablesRole(
        tables=Tables(),
        addresses=(ODD, GONE),
        chain=node,  # type: ignore[arg-type]
        observer=Observer(log, CollectorRegistry()),
    )
    await role.read()
    told = stream.getvalue()
    assert told.count(ODD) == 2 and "no lookup table" in told, "its name, and the reason that names it"
    assert told.count(GONE) == 1 and "no such account" in told
    await role.read()
    assert stream.getvalue() == told
    node.away = True
    await role.read()
    assert "away" in stream.getvalue().removeprefix(told)
