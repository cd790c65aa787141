"""The rebalancer with a real engine over HTTP and a real node: asked with a key, read from the chain, proposed once."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import structlog
from aiohttp import web
from prometheus_client import CollectorRegistry

from chimera.adapters.quant import PATH, QuantClient
from chimera.adapters.quant_figures import read_figures
from chimera.adapters.rpc import RpcChain
from chimera.control.quant_server import QuantServer
from chimera.control.server import ControlServer, bind
from chimera.domain.allocation import Profile, Ranking
from chimera.domain.errors import ConfigError, Garbled, RateLimited, Rejected, Unreachable
from chimera.domain.ids import TOKEN_PROGRAM, USDC, WSOL, Address, Signature, Slot, derived_id
from chimera.domain.intent import Side, Style, TradeIntent
from chimera.domain.messages import CapitalMoved, IntentEmitted, LegExpired, LegPlanned, StrategyDecided
from chimera.domain.trade import LegRef
from chimera.localnet.chain import ChainOptions, EmbeddedChain
from chimera.localnet.genesis_accounts import associated, purse
from chimera.localnet.rpc import RpcFront
from chimera.localnet.rpc_http import RpcHttp, RpcHttpOptions
from chimera.observe import Observer
from chimera.onchain.keys import address_text
from chimera.portfolio import Ledger
from chimera.roles.rebalancing import RebalancingRole, Trading, Worths
from chimera.testing.fakes import MemoryJournal, StandingClock
from chimera.treasury.rebalance import RebalanceRules
from chimera.wiring.rebalancing import ranking_of

KEY = "a key of the engine's"
JUP = Address("JUPyiwrYJFskUPiHa7hkeR8VUtAeFoSYbKedZNsDvCN")
BONK = Address("DezXAZ8z7PnrnRJjz3wXBoRgixCa6xjnB7YaB1pPB263")
WALLET, ANN, BOB = (address_text(bytes([place]) * 32) for place in (1, 2, 3))
WHOLE_USDC = 987_654_321


def record(trader: Address, *daily: float, weights: dict[Address, int] | None = None) -> dict[str, Any]:
    return {"trader": trader, "daily": list(daily) * 45, "trades": 60, "weights_bps": weights or {}}


@pytest.fixture
def figures(tmp_path: Path) -> Path:
    """Ann is the best and is all in JUP."""
    file = tmp_path / "figures.json"
    file.write_text(json.dumps([record(BOB, 0.01, -0.02), record(ANN, 0.02, 0.01, weights={JUP: 10_000})]))
    return file


@asynccontextmanager
async def engine(figures: Path) -> AsyncIterator[str]:
    async with ControlServer(
        QuantServer(lambda: ranking_of(figures), key=KEY).app(), bind("127.0.0.1", 0)
    ) as server:
        yield f"http://127.0.0.1:{server.port}"


@asynccontextmanager
async def node(**held: int) -> AsyncIterator[RpcChain]:
    """A chain on which the wallet holds USDC and what else is said."""
    mints = {"usdc": USDC, "bonk": BONK, "wsol": WSOL}
    accounts = [
        associated(WALLET, mint=mints[name], amount=amount, program=TOKEN_PROGRAM)
        for name, amount in held.items()
    ]
    chain = EmbeddedChain(
        ChainOptions(), now=lambda: 1_700_000_000.0, genesis=(purse(WALLET, 10**9), *accounts)
    )
    http = RpcHttp(RpcFront(chain), RpcHttpOptions(port=0))
    port = await http.start()
    try:
        async with RpcChain(f"http://127.0.0.1:{port}") as rpc:
            yield rpc
    finally:
        await http.stop()


class House:
    """Journal, clock and prices by hand; BONK is worth a lamport a unit, a SOL 200 dollars."""

    def __init__(
        self, asked: Any, chain: Any, *, at_ms: int, journal: MemoryJournal | None = None,
        booked: dict[Address, int] | None = None, trades: bool = False,
    ) -> None:  # fmt: skip
        self.clock = StandingClock(at_ms)
        self.journal = journal or MemoryJournal(self.clock)
        self.ledger = Ledger()
        self.intents: list[TradeIntent] = []
        self.bonk: int | None = 1
        self.role = RebalancingRole(
            engine=asked, chain=chain, wallet=WALLET,
            worths=Worths(
                lamports_of=lambda mint, amount: None if self.bonk is None else amount * self.bonk,
                sol_micro_usd=lambda: 200_000_000,
            ),
            ledger=self.ledger, symbol_of={JUP: "JUP"}.get,
            trading=Trading(
                submit=self.intents.append, slippage_bps_max=100, ttl_ms=120_000, token_program_of=lambda _: TOKEN_PROGRAM,
            ) if trades else None,
            rules=RebalanceRules(), profile=Profile.CONSERVATIVE, cycle_s=1, run_s_max=1, ranking_s_max=90_000,
            journal=self.journal, clock=self.clock, observer=Observer(structlog.get_logger(), CollectorRegistry()),
        )  # fmt: skip
        self.journal.listeners += [self.ledger.apply, self.role.fold]
        for entry in self.journal.read():
            self.ledger.apply(entry)
            self.role.fold(entry)
        if booked:
            self.books(booked)

    def books(self, booked: dict[Address, int]) -> None:
        """What the books say that the wallet holds."""
        self.journal.append(CapitalMoved(10**9, Slot(1), "opening balance", tokens=tuple(booked.items())))

    @property
    def said(self) -> list[StrategyDecided]:
        return [one.fact for one in self.journal.read() if isinstance(one.fact, StrategyDecided)]


def now_ms(figures: Path) -> int:
    return read_figures(figures)[1] + 1_000


async def test_all_in_jup_with_only_usdc_on_the_chain_proposes_one_swap_of_the_whole_of_it(
    figures: Path,
) -> None:
    async with engine(figures) as url, QuantClient(url, key=KEY) as asked, node(usdc=WHOLE_USDC) as chain:
        house = House(asked, chain, at_ms=now_ms(figures), booked={USDC: WHOLE_USDC})
        (swap,) = await house.role.cycle()
    assert (swap.input_mint, swap.output_mint, swap.amount) == (USDC, JUP, WHOLE_USDC)
    whole, said = house.said
    assert (said.verdict, said.mint, said.data["amount"]) == ("SHADOW", JUP, str(WHOLE_USDC))
    assert (said.data["trader"], said.data["trust"], said.data["key"]) == (ANN, 10_000, swap.key)
    assert (whole.verdict, whole.code, whole.data["swaps"]) == ("SHADOW", "cycle", [swap.key])
    assert whole.data["held"] == {USDC: {"amount": str(WHOLE_USDC), "micro_usd": str(WHOLE_USDC)}}
    assert whole.data["target_bps"] == {JUP: 10_000}
    assert house.intents == [], "nobody has let it trade"


async def test_where_it_may_trade_the_same_swap_is_one_intent_whose_id_is_its_key_s(figures: Path) -> None:
    async with engine(figures) as url, QuantClient(url, key=KEY) as asked, node(usdc=WHOLE_USDC) as chain:
        house = House(asked, chain, at_ms=now_ms(figures), booked={USDC: WHOLE_USDC}, trades=True)
        (swap,) = await house.role.cycle()
    (intent,) = house.intents
    assert (intent.side, intent.pay_mint, intent.mint, intent.amount) == (Side.SWAP, USDC, JUP, WHOLE_USDC)
    assert intent.id == intent.trade_id == derived_id("rebalancer", swap.key)
    assert (intent.source, intent.style, intent.slippage_bps_max) == ("rebalancer", Style.SHIELD, 100)
    assert intent.created_at_ms + intent.ttl_ms == house.clock.now_ms() + 120_000
    assert [(said.verdict, said.code) for said in house.said] == [("TRADE", "cycle"), ("TRADE", "swap")]
    assert house.said[1].data["intent_id"] == intent.id
    assert intent.reason == f"rebalances 987.65 USD of USDC into JUP, which {ANN} holds"


async def test_no_cycle_begins_before_the_last_one_s_swaps_have_an_end_over_a_restart_too(
    figures: Path,
) -> None:
    async with engine(figures) as url, QuantClient(url, key=KEY) as asked, node(usdc=WHOLE_USDC) as chain:
        house = House(asked, chain, at_ms=now_ms(figures), booked={USDC: WHOLE_USDC}, trades=True)
        await house.role.cycle()
        assert await house.role.cycle() == ()
        house.journal.append(IntentEmitted(house.intents[0]))
        # the process ends here; the next one knows of it from the journal alone
        again = House(asked, chain, at_ms=house.clock.now_ms(), journal=house.journal, trades=True)
        assert await again.role.cycle() == ()
        leg = LegRef("leg", again.ledger.intents[house.intents[0].id].id, house.intents[0].trade_id)
        again.journal.append(LegPlanned(leg, (), WHOLE_USDC, 1, 1, Slot(1), 1, 1, 0))
        again.clock.forward(600_000)
        assert await again.role.cycle() == (), "a leg is under way, however long that takes"
        again.journal.append(LegExpired(leg, Signature("s"), 1))
        assert len(await again.role.cycle()) == 1
    assert [one.code for one in again.said].count("under_way") == 3
    assert len(again.intents) == 1
    assert again.intents[0].id != house.intents[0].id


async def test_an_intent_that_nobody_ever_heard_of_holds_things_up_no_longer_than_its_time(
    figures: Path,
) -> None:
    async with engine(figures) as url, QuantClient(url, key=KEY) as asked, node(usdc=WHOLE_USDC) as chain:
        house = House(asked, chain, at_ms=now_ms(figures), booked={USDC: WHOLE_USDC}, trades=True)
        await house.role.cycle()
        house.clock.forward(119_999)
        assert await house.role.cycle() == ()
        house.clock.forward(300_000)
        assert len(await house.role.cycle()) == 1


async def test_a_swap_is_proposed_once_in_its_five_minutes_over_a_restart_too_and_again_later(
    figures: Path,
) -> None:
    async with engine(figures) as url, QuantClient(url, key=KEY) as asked, node(usdc=WHOLE_USDC) as chain:
        at_ms = now_ms(figures) // 300_000 * 300_000 + 300_000
        house = House(asked, chain, at_ms=at_ms, booked={USDC: WHOLE_USDC})
        assert len(await house.role.cycle()) == 1
        assert await house.role.cycle() == ()
        again = House(asked, chain, at_ms=at_ms + 299_999, journal=house.journal)
        assert await again.role.cycle() == ()
        assert [one.code for one in house.said] == ["cycle", "swap", "asked_already", "asked_already"]
        again.clock.forward(1)
        assert len(await again.role.cycle()) == 1


async def test_a_chain_that_has_less_than_the_books_is_waited_for_and_more_is_left_alone(
    figures: Path,
) -> None:
    async with engine(figures) as url, QuantClient(url, key=KEY) as asked, node(usdc=WHOLE_USDC) as chain:
        house = House(asked, chain, at_ms=now_ms(figures), booked={USDC: WHOLE_USDC + 1})
        assert await house.role.cycle() == ()
        assert [one.code for one in house.said] == ["books_differ"]
        less = House(asked, chain, at_ms=now_ms(figures), booked={USDC: WHOLE_USDC - 1})
        (swap,) = await less.role.cycle()
    assert swap.amount == WHOLE_USDC - 1


async def test_what_is_wanted_and_nobody_can_value_ends_a_cycle(figures: Path) -> None:
    figures.write_text(json.dumps([record(BOB, 0.01, -0.02), record(ANN, 0.02, 0.01, weights={BONK: 9_000})]))
    async with engine(figures) as url, QuantClient(url, key=KEY) as asked, node(usdc=10**9, bonk=5) as chain:
        house = House(asked, chain, at_ms=now_ms(figures), booked={USDC: 10**9, BONK: 5})
        house.bonk = None
        assert await house.role.cycle() == ()
    assert [one.code for one in house.said] == ["worth_unknown"]


async def test_a_stale_ranking_one_from_the_future_and_nobody_trusted_are_not_followed(figures: Path) -> None:
    async with engine(figures) as url, QuantClient(url, key=KEY) as asked, node(usdc=WHOLE_USDC) as chain:
        for at_ms in (now_ms(figures) + 90_000_000, now_ms(figures) - 70_000):
            house = House(asked, chain, at_ms=at_ms)
            assert await house.role.cycle() == ()
            assert [one.code for one in house.said] == ["ranking_stale"]
        written = figures.stat()
        figures.write_text(json.dumps([record(ANN, 0.02, 0.01)]))  # alone, he stands out from nobody
        os.utime(figures, ns=(written.st_atime_ns, written.st_mtime_ns))
        house = House(asked, chain, at_ms=now_ms(figures))
        assert await house.role.cycle() == ()
        assert [one.code for one in house.said] == ["nobody_trusted"]


class Answering:
    """An engine that answers at once, not at all, or never."""

    def __init__(self, *answers: Exception | Ranking | None) -> None:
        self.answers, self.asked = list(answers), 0

    async def ranking(self) -> Ranking:
        self.asked += 1
        answer = self.answers[min(self.asked, len(self.answers)) - 1]
        if answer is None:
            await asyncio.Event().wait()
        if isinstance(answer, Exception):
            raise answer
        assert answer is not None
        return answer


async def test_it_polls_on_its_schedule_whatever_went_wrong_and_breaks_off_what_takes_too_long() -> None:
    asked = Answering(Unreachable("engine", "away"), None, Ranking(0, ()))
    house = House(asked, None, at_ms=0)
    task = asyncio.create_task(house.role.run())
    async with asyncio.timeout(20):
        while asked.asked < 4:
            await asyncio.sleep(0.05)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert [one.code for one in house.said][:3] == ["unreachable", "cycle_too_long", "nobody_trusted"]


# the engine's door


async def test_without_its_key_the_engine_says_nothing(figures: Path) -> None:
    async with engine(figures) as url:
        async with QuantClient(url, key="another key that is long") as asked:
            with pytest.raises(Rejected, match="401"):
                await asked.ranking()
        figures.write_text("nonsense")
        async with QuantClient(url, key=KEY) as asked:
            with pytest.raises(Unreachable, match="503"):
                await asked.ranking()


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (200, "[]", Garbled),
        (200, "\xff", Garbled),
        (200, '{"generated_at_ms": 1, "traders": [{"trader": "x", "trust_score": 1, "allocation_bps": {}}]}', Garbled),
        (200, f'{{"generated_at_ms": 1, "traders": [{{"trader": "{ANN}", "trust_score": 101, "allocation_bps": {{}}}}]}}', Garbled),
        (
            200,
            (
                f'{{"generated_at_ms": 1, "traders": [{{"trader": "{ANN}", "trust_score": 1, '
                f'"allocation_bps": {{"{JUP}": 9000, "{BONK}": 1001}}}}]}}'
            ),
            Garbled,
        ),
        (200, " " * (1024 * 1024 + 1), Garbled),
        (302, "", Rejected),
        (403, "", Rejected),
        (429, "", RateLimited),
        (500, "", Unreachable),
    ],
)  # fmt: skip
async def test_what_an_engine_may_answer_wrong(status: int, body: str, error: type[Exception]) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(
            status=status, text=body, headers={"Location": "http://127.0.0.1:1/"} if status == 302 else {}
        )

    app = web.Application()
    app.router.add_get(PATH, answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        async with QuantClient(f"http://127.0.0.1:{runner.addresses[0][1]}", key=KEY) as asked:
            with pytest.raises(error):
                await asked.ranking()
    finally:
        await runner.cleanup()


async def test_an_engine_that_hangs_or_is_away_is_unreachable() -> None:
    async def silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silence, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with QuantClient(f"http://127.0.0.1:{port}", key=KEY, timeout_s=0.1) as asked:
        with pytest.raises(Unreachable, match="no answer within"):
            await asked.ranking()
    server.close()
    await server.wait_closed()
    async with QuantClient(f"http://127.0.0.1:{port}", key=KEY) as asked:
        with pytest.raises(Unreachable):
            await asked.ranking()


@pytest.mark.parametrize(
    ("url", "key", "told"),
    [
        ("ftp://127.0.0.1", KEY, "must be http"),
        ("http://engine.example.org", KEY, "over https alone"),
        ("http://127.0.0.1:1", "", "CHIMERA_REBALANCER__KEY"),
    ],
)
def test_a_client_that_would_give_its_key_away_is_not_made(url: str, key: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        QuantClient(url, key=key)


def test_a_key_that_could_be_guessed_and_figures_that_are_none_are_refused(
    figures: Path, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="at least 16"):
        QuantServer(lambda: ranking_of(figures), key="short")
    with pytest.raises(ConfigError, match=r"none\.json"):
        QuantServer(lambda: ranking_of(tmp_path / "none.json"), key=KEY)
