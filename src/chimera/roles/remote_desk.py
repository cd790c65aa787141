"""Operators and webhooks in one process, the desk in another: requests there, answers back, both sealed.

A request is repeated until it is answered and performed once: its id says which one it is. An answer that does not
come is unknown, never "no". Holds no rule about commands.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable

from chimera.domain.commands import Answer, Command, Kill
from chimera.domain.errors import InvariantBroken
from chimera.domain.risk import Reason, Refusal
from chimera.observe import Observer
from chimera.ports.apart import Answered, Asked, ControlRequest, ControlResponse, LegacySaid, Sealer
from chimera.ports.bus import Bus
from chimera.ports.ingress import Ingress, WebhookAnswer, WebhookRequest
from chimera.ports.runtime import Clock, Commands
from chimera.risk.kill_switch import HALT_ALL, HALT_BUYS
from chimera.roles.topics import (
    CONTROL_CAPACITY,
    CONTROL_REQUESTS,
    CONTROL_RESPONSES,
    LEGACY_COMMANDS,
    LEGACY_KILL,
    LEGACY_RELOAD,
)

COMMAND_WITHIN_S = 10.0  # below the fifteen seconds after which the control plane gives a request up
WEBHOOK_WITHIN_S = 5.0  # whoever sends signals gives up after ten
ASK_AGAIN_S = 1.0
FRESH_MS = 60_000
"""A request older or younger than this is somebody's recording of one."""
HALTS = {
    "": HALT_ALL,
    "kill": HALT_ALL,
    "stop": HALT_ALL,
    "halt": HALT_ALL,
    "halt_all": HALT_ALL,
    "pause": HALT_BUYS,
    "halt_buys": HALT_BUYS,
}
"""What an unsealed message may ask for, by its word."""
REMEMBERED = 20_000  # more than the door lets in within that time
UNDER_WAY_MAX = 1_000


class RemoteDesk:
    """`ports.runtime.Commands` and `ports.ingress.Ingress`, for the process that people and webhooks reach."""

    def __init__(self, *, bus: Bus, sealer: Sealer, clock: Clock, new_id: Callable[[], str]) -> None:
        self._bus, self._sealer, self._clock, self._new_id = bus, sealer, clock, new_id
        self._responses = bus.subscribe(CONTROL_RESPONSES, capacity=CONTROL_CAPACITY)
        self._waiting: dict[str, asyncio.Future[Answered]] = {}

    async def run(self) -> None:
        """Hears answers until cancelled."""
        async for response in self._responses:
            if not isinstance(response, ControlResponse):
                continue
            waiting = self._waiting.get(response.request_id)
            if waiting is None or waiting.done():
                continue
            answered = self._sealer.open_response(response)
            if answered is not None:
                waiting.set_result(answered)

    async def perform(self, command: Command) -> Answer:
        found = await self._ask(Asked(command=command), within_s=COMMAND_WITHIN_S)
        if found is not None and found.answer is not None:
            return found.answer
        if found is not None:
            return Answer(ok=False, code="UNREACHABLE", message=found.trouble)
        return Answer(
            ok=False,
            code="UNREACHABLE",
            message="the execution process has not answered: whether it was done is unknown; look before asking again",
        )

    async def receive(self, request: WebhookRequest) -> WebhookAnswer:
        found = await self._ask(Asked(webhook=request), within_s=WEBHOOK_WITHIN_S)
        if found is not None and found.webhook is not None:
            return found.webhook
        observed = found.trouble if found is not None else "the execution process has not answered"
        return WebhookAnswer(None, Refusal(Reason.NOT_READY, observed=observed), 0, 0, 0)

    async def _ask(self, asked: Asked, *, within_s: float) -> Answered | None:
        request_id = self._new_id()
        answer: asyncio.Future[Answered] = asyncio.get_running_loop().create_future()
        self._waiting[request_id] = answer
        try:
            async with asyncio.timeout(within_s):
                while True:
                    now = self._clock.now_ms()
                    self._bus.publish(
                        CONTROL_REQUESTS, self._sealer.request(asked, request_id=request_id, at_ms=now)
                    )
                    done, _ = await asyncio.wait({answer}, timeout=ASK_AGAIN_S)
                    if done:
                        return answer.result()
        except TimeoutError:
            return None
        finally:
            del self._waiting[request_id]


class DeskDoor:
    """In the process that has the journal: performs what others ask, once each."""

    def __init__(
        self,
        *,
        commands: Commands,
        ingress: Ingress,
        reload: Callable[[str], Answer],
        bus: Bus,
        sealer: Sealer,
        clock: Clock,
        observer: Observer,
    ) -> None:
        """`reload` reads the settings again, for whom the argument names."""
        self._commands, self._ingress, self._reload = commands, ingress, reload
        self._bus, self._sealer, self._clock, self._observer = bus, sealer, clock, observer
        self._requests = bus.subscribe(CONTROL_REQUESTS, capacity=CONTROL_CAPACITY)
        self._legacy = bus.subscribe(LEGACY_KILL, LEGACY_COMMANDS, LEGACY_RELOAD, capacity=CONTROL_CAPACITY)
        self._known: OrderedDict[str, Answered | None] = OrderedDict()
        """None: under way."""
        self._tasks: set[asyncio.Task[None]] = set()
        self.refused = 0
        """Requests whose seal or time was wrong."""

    async def run(self) -> None:
        """Answers until cancelled."""
        async for request in self._requests:
            if isinstance(request, ControlRequest):
                self._take(request)

    def _take(self, request: ControlRequest) -> None:
        asked = self._sealer.open_request(request)
        if asked is None or abs(self._clock.now_ms() - request.at_ms) > FRESH_MS:
            self.refused += 1
            self._observer.told("control request refused", request_id=request.request_id[:64])
            return
        if request.request_id in self._known:
            known = self._known[request.request_id]
            if known is not None:
                self._answer(request.request_id, known)
            return
        if len(self._tasks) >= UNDER_WAY_MAX:
            self._answer(request.request_id, Answered(trouble=f"{UNDER_WAY_MAX} requests are under way"))
            return
        self._remember(request.request_id, None)
        task = asyncio.create_task(self._perform(request.request_id, asked))
        self._tasks.add(task)
        task.add_done_callback(self._done)

    async def _perform(self, request_id: str, asked: Asked) -> None:
        answered = Answered(trouble="neither a command nor a webhook")
        try:
            if asked.command is not None:
                answered = Answered(answer=await self._commands.perform(asked.command))
            elif asked.webhook is not None:
                answered = Answered(webhook=await self._ingress.receive(asked.webhook))
        except InvariantBroken as broken:
            # the journal said no: nothing is promised, and this process is about to stop
            answered = Answered(trouble=str(broken))
        self._remember(request_id, answered)
        self._answer(request_id, answered)

    def _answer(self, request_id: str, answered: Answered) -> None:
        response = self._sealer.response(answered, request_id=request_id, at_ms=self._clock.now_ms())
        self._bus.publish(CONTROL_RESPONSES, response)

    def _remember(self, request_id: str, answered: Answered | None) -> None:
        self._known[request_id] = answered
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._observer.role_failed(role="control door", error=error)

    # legacy subjects: unsealed, so they may stop trading and never start it

    async def follow_legacy(self) -> None:
        """`ironcrab.control.kill`, `.commands` and `.config.reload`, as old tools send them."""
        async for said in self._legacy:
            if isinstance(said, LegacySaid):
                await self._obey(said)

    async def _obey(self, said: LegacySaid) -> None:
        by = f"bus: {said.by}" if said.by else "bus"
        cause = said.reason or f"asked on {said.subject}"
        word = said.command.lower().replace("-", "_")
        if said.subject == LEGACY_RELOAD or word == "reload_config":
            done = self._reload(by)
        elif said.subject == LEGACY_KILL or (word and word in HALTS):
            done = await self._commands.perform(Kill(HALTS.get(word, HALT_ALL), cause, by))
        else:
            done = Answer(ok=False, code="UNSUPPORTED", message="an unsealed message may only stop trading")
        self._observer.command_performed(
            command=f"{said.subject} {said.command[:32]}".strip(), by=by, ok=done.ok, code=done.code
        )
