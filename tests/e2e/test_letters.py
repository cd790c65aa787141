"""A dead letter is let in again by a person at the page: real journal, door, clerk, tables and control plane.

A whole demo does not lose a signal on purpose, so only what a letter passes through stands here.
"""

import json
from pathlib import Path

import pytest
from tests.control.conftest import House
from tests.e2e.conftest import BUILT, FLAGS

from chimera.adapters.store import SqlTables
from chimera.adapters.store_engine import open_engine
from chimera.adapters.store_reader import SqlReader
from chimera.control.deps import STATIC
from chimera.domain.commands import RetryDeadLetter
from chimera.domain.ids import SignalId
from chimera.domain.intent import Signal
from chimera.domain.messages import SignalRefused
from chimera.domain.risk import Reason, Refusal
from chimera.portfolio import Ledger
from chimera.roles.clerk import ClerkRole, Switchboard
from chimera.testing.surroundings import ACTIVE_WALLET, BONK

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(120)]

LOST = {
    "strategy": "SHIELD",
    "token": "BONK",
    "action": "BUY",
    "amount_sol": 0.1,
    "wallet_address": ACTIVE_WALLET,
}


async def test_a_signal_that_met_a_full_queue_is_let_in_again_from_the_page(
    chromium: str, tmp_path: Path
) -> None:
    if not BUILT.is_file():
        pytest.skip("needs the built dashboard: make setup")
    playwright = pytest.importorskip("playwright.async_api")
    house = House(tmp_path)
    engine = open_engine(tmp_path / "chimera.db")
    tables = SqlTables(engine)
    clerk = ClerkRole(ingress=house.ingress, ledger=Ledger(), journal=house.journal, clock=house.clock)
    house.journal.listen(clerk.fold)
    house.journal.listen(lambda entry: tables.fold([entry]))
    house.journal.append(
        SignalRefused(
            SignalId("first"), Refusal(Reason.QUEUE_FULL), json.dumps(LOST), "webhook", dead_letter=True
        )
    )
    server = await house.start(
        reader=SqlReader(engine),
        commands=Switchboard({RetryDeadLetter: clerk.perform}, otherwise=house.commands),
        static=STATIC,
    )
    try:
        async with playwright.async_playwright() as started:
            browser = await started.chromium.launch(executable_path=chromium, args=FLAGS)
            page = await (await browser.new_context(reduced_motion="reduce")).new_page()
            await page.goto(f"{house.url}/#key=operator-key")
            await page.get_by_role("region", name="Health").wait_for()
            await page.goto(f"{house.url}/#/incidents")
            row = page.get_by_role("table", name="Dead letters").get_by_role("row", name="The queue was full")
            await row.get_by_role("button", name="Retry").click()
            box = page.get_by_role("dialog")
            await playwright.expect(box).to_contain_text('"token": "BONK"')
            await box.get_by_label("Reason, kept in the journal").fill("the queue is short again")
            await box.get_by_role("button", name="Retry").click()
            await playwright.expect(row).to_contain_text("Dealt with", timeout=30_000)
            await playwright.expect(row.get_by_role("button")).to_have_count(0)
            await page.get_by_role("link", name="See what becomes of it").click()
            await page.get_by_role("heading", name="Why").wait_for()
            await browser.close()
        signal = await house.queue.get()
        assert isinstance(signal, Signal)
        assert (signal.mint, signal.amount_lamports) == (BONK.mint, 100_000_000)
        assert "operator-1: the queue is short again" in signal.note
    finally:
        await house.stop(server)
        engine.dispose()
