"""A control plane over a real journal, a real door and a real server; tables, keys and commands are told by hand."""

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import pytest
from prometheus_client import CollectorRegistry
from tests.control.people import People

from chimera.adapters.clocks import WallClock
from chimera.adapters.journal_file import JournalFile
from chimera.control.app import create_app
from chimera.control.deps import ControlDeps
from chimera.control.server import ControlServer, bind
from chimera.domain.commands import Answer, Command
from chimera.domain.live import LiveMessage
from chimera.domain.messages import Entry
from chimera.observe import Observer, Redactor, make_log
from chimera.ports.store import (
    ConfigAuditRow,
    DeadLetterRow,
    DecisionRow,
    FillRow,
    KeyHolder,
    Page,
    PositionRow,
    ReconciliationRow,
    ReconciliationState,
    Totals,
    TradeRow,
    WalletRow,
)
from chimera.risk.admission import Admission, AdmissionRules
from chimera.roles.inbox import SignalInbox
from chimera.roles.ingress import IngressDeps, IngressRole
from chimera.testing.surroundings import ACTIVE_WALLET, TableSurroundings

SECRET = b"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
KEYS = {
    f"{role}-key": KeyHolder(identifier=f"{role}-1", role=role) for role in ("readonly", "operator", "admin")
}


class TableReader:
    """`ports.store.Reader` over plain lists."""

    def __init__(self) -> None:
        self.position_rows: list[PositionRow] = []
        self.trade_rows: list[TradeRow] = []
        self.fill_rows: list[FillRow] = []
        self.wallet_rows: list[WalletRow] = []
        self.decision_rows: list[DecisionRow] = []
        self.letter_rows: list[DeadLetterRow] = []
        self.audit_rows: list[ConfigAuditRow] = []
        self.discrepancy_rows: list[ReconciliationRow] = []
        self.reconciled = ReconciliationState(
            unresolved=0, last_run_ms=None, last_positions=0, last_found=0, last_cause=""
        )
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.trouble: Exception | None = None
        self.seq = 10**9
        self.entries: Callable[[], Iterable[Entry]] = tuple

    def _page(self, name: str, rows: list[Any], **asked: Any) -> Page[Any]:
        self.asked.append((name, asked))
        if self.trouble is not None:
            raise self.trouble
        start = asked["offset"]
        return Page(items=tuple(rows[start : start + asked["limit"]]), total=len(rows))

    def last_seq(self) -> int:
        return self.seq

    def positions(self, *, state: str | None = None, limit: int = 100, offset: int = 0) -> Page[PositionRow]:
        rows = [row for row in self.position_rows if state in (None, row.state)]
        return self._page("positions", rows, state=state, limit=limit, offset=offset)

    def position(self, trade_uuid: str) -> PositionRow | None:
        return next((row for row in self.position_rows if row.trade_uuid == trade_uuid), None)

    def trades(self, *, limit: int = 100, offset: int = 0, **filters: Any) -> Page[TradeRow]:
        return self._page("trades", self.trade_rows, limit=limit, offset=offset, **filters)

    def trade(self, trade_uuid: str) -> TradeRow | None:
        return next((row for row in self.trade_rows if row.trade_uuid == trade_uuid), None)

    def fills(self, trade_uuid: str) -> tuple[FillRow, ...]:
        return tuple(row for row in self.fill_rows if row.trade_uuid == trade_uuid)

    def wallets(
        self, *, status: str | None = None, address: str | None = None, limit: int = 100, offset: int = 0
    ) -> Page[WalletRow]:
        rows = [row for row in self.wallet_rows if address in (None, row.address)]
        return self._page("wallets", rows, status=status, limit=limit, offset=offset)

    def decisions(
        self, *, before: int | None = None, outcome: str | None = None, limit: int = 50
    ) -> tuple[DecisionRow, ...]:
        rows = [
            row
            for row in self.decision_rows
            if (before is None or row.seq < before) and outcome in (None, row.outcome)
        ]
        return tuple(rows[:limit])

    def dead_letters(self, *, limit: int = 50, offset: int = 0) -> Page[DeadLetterRow]:
        return self._page("dead_letters", self.letter_rows, limit=limit, offset=offset)

    def dead_letter(self, wanted: str) -> DeadLetterRow | None:
        return next((row for row in self.letter_rows if wanted in (str(row.seq), row.trade_uuid)), None)

    def config_audit(self, *, limit: int = 50, offset: int = 0) -> Page[ConfigAuditRow]:
        return self._page("config_audit", self.audit_rows, limit=limit, offset=offset)

    def reconciliation(
        self, *, unresolved: bool = False, discrepancy: str | None = None, limit: int = 50, offset: int = 0
    ) -> Page[ReconciliationRow]:
        asked = {"unresolved": unresolved, "discrepancy": discrepancy, "limit": limit, "offset": offset}
        return self._page("reconciliation", self.discrepancy_rows, **asked)

    def reconciliation_state(self) -> ReconciliationState:
        return self.reconciled

    def totals(self, *, now_ms: int) -> Totals:
        raise NotImplementedError

    def realised_history(self, *, limit: int = 500) -> tuple[tuple[int, int], ...]:
        return ()

    def entries_about(self, wanted: str) -> tuple[Entry, ...]:
        return tuple(self.entries())

    def check(self) -> dict[str, str]:
        if self.trouble is not None:
            raise self.trouble
        return {"integrity": "ok"}


class TableKeys:
    def lookup(self, key: str) -> KeyHolder | None:
        return KEYS.get(key)

    def create_key(self, *, role: str, identifier: str, by: str, at_ms: int) -> str:
        raise NotImplementedError


class ToldCommands:
    """Keeps what was asked and answers what it was told to."""

    def __init__(self) -> None:
        self.asked: list[Command] = []
        self.answer = Answer(ok=True, before="OPEN", after="CLOSED")

    async def perform(self, command: Command) -> Answer:
        self.asked.append(command)
        return self.answer


class PushedStream:
    """`ports.runtime.LiveStream` that a test speaks through."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[Entry | LiveMessage] = asyncio.Queue()

    async def follow(self) -> AsyncIterator[Entry | LiveMessage]:
        while True:
            yield await self.queue.get()


class House:
    """Everything behind and around one served control plane."""

    def __init__(self, folder: Path) -> None:
        self.clock = WallClock()
        self.journal, _ = JournalFile.open(folder / "journal", clock=self.clock, run_id="run")
        self.around, self.queue = TableSurroundings(), SignalInbox()
        self.reader, self.keys, self.commands = TableReader(), TableKeys(), ToldCommands()
        self.reader.entries = self.journal.read
        self.stream = PushedStream()
        self.log_path = folder / "log"
        self._log = self.log_path.open("w")
        redactor = Redactor((SECRET.decode(), *KEYS))
        self.observer = Observer(
            make_log(level="debug", json=True, redactor=redactor, stream=self._log), CollectorRegistry()
        )
        self.journal.listen(self.stream.queue.put_nowait)
        self.journal.listen(self.observer.heard)
        self.ingress = IngressRole(
            IngressDeps(
                admission=Admission(AdmissionRules(secrets=(SECRET,)), self.around),
                journal=self.journal,
                queue=self.queue,
                clock=self.clock,
                observer=self.observer,
            )
        )
        self.deps = ControlDeps(
            ingress=self.ingress,
            reader=self.reader,
            keys=self.keys,
            commands=self.commands,
            stream=self.stream,
            history=self.journal.read,
            decimals=lambda _: 5,
            config=lambda: {
                "circuit_breakers": {"max_loss_24h_usd": 500},
                "rpc_status": {"primary": "http://127.0.0.1:1"},
            },
            clock=self.clock,
            observer=self.observer,
            label="localnet",
            journal_trouble=lambda: self.journal.broken,
            static=folder / "static",
        )
        self.url = ""
        self.http = httpx2.AsyncClient()

    async def start(self, **changes: Any) -> ControlServer:
        server = ControlServer(create_app(replace(self.deps, **changes)), bind("127.0.0.1", 0))
        await server.__aenter__()
        self.url = server.url
        self.http = httpx2.AsyncClient(base_url=self.url, timeout=20)
        return server

    async def stop(self, server: ControlServer) -> None:
        await self.http.aclose()
        await server.__aexit__(None, None, None)
        self.journal.close()
        self._log.close()

    def log(self) -> str:
        self._log.flush()
        return self.log_path.read_text()

    async def signal(
        self, body: bytes | None = None, *, headers: dict[str, str] | None = None, **changes: Any
    ) -> httpx2.Response:
        """Sends the documented call, signed, with changes to its body or its headers."""
        call = {
            "strategy": "SHIELD",
            "token": "BONK",
            "action": "BUY",
            "amount_sol": 0.1,
            "wallet_address": ACTIVE_WALLET,
        }
        raw = json.dumps({**call, **changes}).encode() if body is None else body
        stamp = str(self.clock.now_ms() // 1_000)
        signed = {
            "Content-Type": "application/json",
            "X-Timestamp": stamp,
            "X-Signature": hmac.new(SECRET, stamp.encode() + raw, hashlib.sha256).hexdigest(),
        }
        return await self.http.post("/api/v1/webhook", content=raw, headers={**signed, **(headers or {})})

    async def get(self, path: str, *, key: str | None = "readonly-key") -> httpx2.Response:
        return await self.http.get(path, headers={"Authorization": f"Bearer {key}"} if key else {})

    async def post(self, path: str, body: Any, *, key: str | None = "admin-key") -> httpx2.Response:
        return await self.http.post(
            path, json=body, headers={"Authorization": f"Bearer {key}"} if key else {}
        )


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    built = House(tmp_path)
    server = await built.start()
    yield built
    await built.stop(server)


@pytest.fixture
def house_type() -> type[House]:
    """For tests that need one started in another way."""
    return House


@pytest.fixture
async def people(house_type: type, tmp_path: Path) -> AsyncIterator[People]:
    house = house_type(tmp_path)
    found = People(house, tmp_path)
    server = await house.start(
        identity=found.identity, keys=found.keys, clock=found.clock, keys_asked_again_s=0.05
    )
    yield found
    await house.stop(server)
    found.engine.dispose()
