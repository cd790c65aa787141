"""The embedded chain's admin port: faults, forks, airdrops and the pace of slots, over HTTP.

  GET    /status                 slots, clients, rules, what struck
  GET    /faults                 rules in force, counts by kind, the last hundred that struck
  POST   /faults                 a rule: {"kind": "rate_limit", "rate": 0.1} and the like (see localnet.faults)
  DELETE /faults  /faults/{id}   takes back all rules, or one
  POST   /fork                   {"slots": 2, "requeue": true}: forks now
  POST   /geyser/disconnect      ends every Geyser stream
  POST   /airdrop                {"address": "...", "lamports": 1000000000}
  GET    /slots                  {"slot", "duration_ms", "paused"}
  POST   /slots                  {"duration_ms": 50}
  POST   /slots/pause  /slots/resume
  POST   /slots/advance          {"count": 3}: at once, paused or not

It has no password, so it listens on the loopback interface only and answers only to a loopback host name, which
keeps web pages out that would talk to it through the user's browser. Errors are {"error": "..."}.
"""

import ipaddress
from typing import Protocol, TypeVar

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler
from solders.pubkey import Pubkey

from chimera.domain.errors import ConfigError
from chimera.localnet.chain import EmbeddedChain
from chimera.localnet.fault_driver import FaultDriver
from chimera.localnet.faults import Faults, FaultWish
from chimera.localnet.geyser import GeyserServer

BODY_BYTES_MAX = 16 * 1024
INJECTED_SHOWN = 100
ADVANCE_MAX = 1000
SLOT_MS_MIN, SLOT_MS_MAX = 5, 60_000
T = TypeVar("T")


class SlotPace(Protocol):
    """The slot clock, as far as it can be told what to do."""

    @property
    def duration_ms(self) -> int: ...

    @property
    def paused(self) -> bool: ...

    def set_duration_ms(self, duration_ms: int) -> None: ...

    def pause(self) -> None: ...

    def resume(self) -> None: ...


class AdminOptions(msgspec.Struct, frozen=True):
    host: str = "127.0.0.1"
    port: int = 8897
    """0 takes a free one."""


class ForkWish(msgspec.Struct, forbid_unknown_fields=True):
    slots: int
    requeue: bool = True


class AirdropWish(msgspec.Struct, forbid_unknown_fields=True):
    address: str
    lamports: int


class PaceWish(msgspec.Struct, forbid_unknown_fields=True):
    duration_ms: int


class AdvanceWish(msgspec.Struct, forbid_unknown_fields=True):
    count: int = 1


class AdminPort:
    def __init__(
        self,
        chain: EmbeddedChain,
        options: AdminOptions,
        *,
        faults: Faults,
        driver: FaultDriver,
        pace: SlotPace,
        geyser: GeyserServer | None = None,
    ) -> None:
        self._chain, self._options, self._faults = chain, options, faults
        self._driver, self._pace, self._geyser = driver, pace, geyser
        self._runner: web.AppRunner | None = None

    async def start(self) -> int:
        """The port. Raises ConfigError where it is taken, or the host is not a loopback address."""
        if not _is_loopback(self._options.host):
            raise ConfigError(
                f"the admin port has no password and serves 127.0.0.1, not {self._options.host}"
            )
        app = web.Application(client_max_size=BODY_BYTES_MAX, middlewares=[_guard])
        app.add_routes(
            [
                web.get("/status", self._status),
                web.get("/faults", self._list_faults),
                web.post("/faults", self._add_fault),
                web.delete("/faults", self._clear_faults),
                web.delete(r"/faults/{id:\d+}", self._clear_fault),
                web.post("/fork", self._fork),
                web.post("/geyser/disconnect", self._disconnect),
                web.post("/airdrop", self._airdrop),
                web.get("/slots", self._slots),
                web.post("/slots", self._set_pace),
                web.post("/slots/pause", self._pause),
                web.post("/slots/resume", self._resume),
                web.post("/slots/advance", self._advance),
            ]
        )
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await runner.setup()
        try:
            await web.TCPSite(runner, self._options.host, self._options.port).start()
        except OSError as error:
            await runner.cleanup()
            raise ConfigError(f"admin port {self._options.port} cannot be used: {error}") from None
        self._runner = runner
        return int(runner.addresses[0][1])

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _status(self, _request: web.Request) -> web.Response:
        return _json(
            {
                **self._shown_slots(),
                "root": self._chain.root,
                "transactions": self._chain.ledger.transactions_total,
                "geyser_clients": 0 if self._geyser is None else self._geyser.clients,
                "faults": len(self._faults.rules),
                "faults_struck": self._faults.counts.total(),
            }
        )

    async def _list_faults(self, _request: web.Request) -> web.Response:
        return _json(
            {
                "rules": self._faults.rules,
                "counts": {kind.value: count for kind, count in self._faults.counts.items()},
                "injected": list(self._faults.injected)[-INJECTED_SHOWN:],
            }
        )

    async def _add_fault(self, request: web.Request) -> web.Response:
        rule = self._faults.add(await _body(request, FaultWish))
        self._driver.keep_geyser()
        return _json(rule, status=201)

    async def _clear_faults(self, _request: web.Request) -> web.Response:
        cleared = self._faults.clear()
        self._driver.keep_geyser()
        return _json({"cleared": cleared})

    async def _clear_fault(self, request: web.Request) -> web.Response:
        number = int(request.match_info["id"])
        if not self._faults.clear(number):
            return _json({"error": f"no rule {number}"}, status=404)
        self._driver.keep_geyser()
        return _json({"cleared": 1})

    async def _fork(self, request: web.Request) -> web.Response:
        wish = await _body(request, ForkWish)
        if wish.slots < 0:
            raise ValueError("slots must be 0 or more")
        dead = self._driver.fork(wish.slots, requeue=wish.requeue)
        return _json({"dead": dead, "slot": self._chain.slot})

    async def _disconnect(self, _request: web.Request) -> web.Response:
        return _json({"disconnected": 0 if self._geyser is None else self._geyser.disconnect()})

    async def _airdrop(self, request: web.Request) -> web.Response:
        wish = await _body(request, AirdropWish)
        if not 0 < wish.lamports < 2**64:
            raise ValueError("lamports must be a positive u64")
        signature = self._chain.airdrop(Pubkey.from_string(wish.address), wish.lamports)
        record = self._chain.ledger.transaction(signature)
        failed = self._chain.dropped(signature) if record is None else record.error
        if failed is not None:
            raise ValueError(f"the airdrop failed: {failed.json}")
        return _json({"signature": str(signature)})

    async def _slots(self, _request: web.Request) -> web.Response:
        return _json(self._shown_slots())

    async def _set_pace(self, request: web.Request) -> web.Response:
        wish = await _body(request, PaceWish)
        if not SLOT_MS_MIN <= wish.duration_ms <= SLOT_MS_MAX:
            raise ValueError(f"duration_ms must be {SLOT_MS_MIN} to {SLOT_MS_MAX}")
        self._pace.set_duration_ms(wish.duration_ms)
        return _json(self._shown_slots())

    async def _pause(self, _request: web.Request) -> web.Response:
        self._pace.pause()
        return _json(self._shown_slots())

    async def _resume(self, _request: web.Request) -> web.Response:
        self._pace.resume()
        return _json(self._shown_slots())

    async def _advance(self, request: web.Request) -> web.Response:
        wish = await _body(request, AdvanceWish)
        if not 1 <= wish.count <= ADVANCE_MAX:
            raise ValueError(f"count must be 1 to {ADVANCE_MAX}")
        for _ in range(wish.count):
            self._chain.advance_slot()
        return _json(self._shown_slots())

    def _shown_slots(self) -> dict[str, object]:
        return {
            "slot": self._chain.slot,
            "duration_ms": self._pace.duration_ms,
            "paused": self._pace.paused,
        }


@web.middleware
async def _guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Loopback names only, and what a handler refuses told in its words."""
    try:
        host = request.url.host or ""
    except ValueError:
        host = ""
    if host != "localhost" and not _is_loopback(host):
        return _json({"error": f"unexpected host {request.host!r}"}, status=403)
    try:
        return await handler(request)
    except web.HTTPException as error:
        return _json({"error": error.reason}, status=error.status)
    except msgspec.ValidationError as error:
        return _json({"error": str(error)}, status=400)
    except msgspec.DecodeError as error:
        return _json({"error": f"not JSON: {error}"}, status=400)
    except ValueError as error:
        return _json({"error": str(error)}, status=400)


async def _body(request: web.Request, shape: type[T]) -> T:
    return msgspec.json.decode(await request.read() or b"{}", type=shape)


def _json(value: object, *, status: int = 200) -> web.Response:
    return web.Response(status=status, body=msgspec.json.encode(value), content_type="application/json")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
