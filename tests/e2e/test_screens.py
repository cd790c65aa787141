"""Positions, markets, strategies, configuration, operations and the palette, in a real browser over a demo."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest
from playwright.sync_api import Page, expect
from playwright.sync_api import TimeoutError as TookTooLong
from tests.e2e.test_dashboard import ROUND_TRIP_MS, enter, until

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(300)]

REASON = "Reason, kept in the journal"
TRIES = 5  # positions of the demo live for seconds: one may be gone before a person has typed


def with_a_position(page: Page, demo: Any, act: Callable[[str], bool]) -> str:
    """The id of the first open position that `act` could be done to while it was held."""
    for _ in range(TRIES):
        page.goto(f"{demo.url}#/trades")  # what was chosen before is forgotten
        page.goto(f"{demo.url}#/positions")
        table = page.get_by_role("table", name="Open positions")
        held = until(page, lambda: demo.get("/positions?state=ACTIVE")["items"])
        newest = held[0]
        try:
            table.get_by_role("link", name=newest["token_symbol"]).first.wait_for(timeout=30_000)
            page.goto(f"{demo.url}#/positions?at={newest['trade_uuid']}")
            if act(newest["trade_uuid"]):
                return newest["trade_uuid"]
        except (TookTooLong, AssertionError, HTTPError):
            pass  # gone, or being sold by the rules that held before
        page.keyboard.press("Escape")
    raise AssertionError(f"{TRIES} positions were gone before anything could be done")


def confirmed(page: Page, button: str, reason: str) -> bool:
    """Whether the dialog that is open was confirmed; False where the position was gone meanwhile."""
    box = page.get_by_role("dialog")
    box.get_by_label(REASON).fill(reason)
    box.get_by_role("button", name=button).click()
    alert = box.get_by_role("alert")
    until(page, lambda: not box.is_visible() or alert.count() and alert.is_visible(), 30_000)
    return not box.is_visible()


def test_a_stop_and_a_target_are_moved_and_a_part_is_sold(patient, desk):
    demo = patient
    page = enter(desk, demo)

    def moved(uuid: str) -> bool:
        page.get_by_role("button", name="Stop and target").click()
        page.get_by_label("Stop, %").fill("-60")
        page.get_by_label("Target, %").fill("400")
        if not confirmed(page, "Set now", "moved by a test"):
            return False
        panel = page.get_by_role("region", name=re.compile("^Position in "))
        expect(panel.get_by_text("by hand").first).to_be_visible()
        page.get_by_role("region", name=re.compile("^Position in ")).get_by_role(
            "button", name="Sell", exact=True
        ).click()
        page.get_by_role("button", name="25 %").click()
        return confirmed(page, "Sell now", "a quarter, by a test")

    uuid = with_a_position(page, demo, moved)
    exits = page.get_by_role("list", name="Entries and exits").locator("li").filter(has_text="SELL")
    expect(exits.first).to_be_visible(timeout=ROUND_TRIP_MS)
    fills = [fill for fill in demo.get(f"/trades/{uuid}")["fills"] if fill["side"] == "BUY"]
    first = next(fill for fill in demo.get(f"/trades/{uuid}")["fills"] if fill["side"] == "SELL")
    bought = sum(int(fill["amount_out"]) for fill in fills)
    assert int(first["amount_in"]) == -(-bought // 4)
    texts = [step["text"] for step in demo.get(f"/why/{uuid}")["steps"]]
    assert any("set a stop at -60 % and a target at +400 %" in text for text in texts)
    assert any("SELL 25 %" in text for text in texts)


def test_a_position_is_closed_by_hand_and_keeps_its_chart(patient, desk):
    demo = patient
    page = enter(desk, demo)

    def sold(uuid: str) -> bool:
        panel = page.get_by_role("region", name=re.compile("^Position in "))
        panel.get_by_role("button", name="Sell", exact=True).click()
        return confirmed(page, "Sell now", "closed by a test")

    uuid = with_a_position(page, demo, sold)
    panel = page.get_by_role("region", name=re.compile("^Position in "))
    expect(panel.get_by_text("Closed", exact=True).first).to_be_visible(timeout=ROUND_TRIP_MS)
    expect(panel.get_by_role("img", name=re.compile("with 1 entries and [12] exits"))).to_be_visible()
    page.get_by_role("button", name="Closed").click()
    expect(page.get_by_role("table", name="Closed positions").locator("tbody tr").first).to_be_visible()
    assert demo.get(f"/positions/{uuid}")["state"] == "CLOSED"


def test_a_stop_is_dragged_to_another_price_and_asked_about_first(patient, desk):
    page = enter(desk, patient)
    typed, near = [], {"stop_bps": -2_500, "target_bps": None}

    def dragged(uuid: str) -> bool:
        patient.put(f"/positions/{uuid}/levels", {**near, "reason": "near enough to be seen"})
        expect(page.get_by_text("by hand").first).to_be_visible()
        chart = page.get_by_role("img", name=re.compile("^Price of "))
        chart.locator("canvas").first.wait_for()
        box = chart.bounding_box()
        for up in range(8, int(box["height"]), 3):  # from below: the stop is the lowest line
            page.mouse.move(box["x"] + 200, box["y"] + box["height"] - up)
            if chart.evaluate("element => element.className.includes('ns-resize')"):
                break
        else:
            return False
        page.mouse.down()
        page.mouse.move(box["x"] + 200, box["y"] + box["height"] / 2, steps=3)
        page.mouse.up()
        stop = page.get_by_label("Stop, %")
        stop.wait_for()
        typed.append(stop.input_value())
        return True

    uuid = with_a_position(page, patient, dragged)
    assert -99 < float(typed[-1]) < 99
    page.get_by_role("button", name="Cancel").click()
    assert patient.get(f"/positions/{uuid}")["levels"] == near  # nothing was sent


def test_a_level_that_would_sell_at_once_is_refused_in_words(patient, desk):
    demo = patient
    page = enter(desk, demo)
    said = []

    def refused(uuid: str) -> bool:
        page.get_by_role("button", name="Stop and target").click()
        page.get_by_label("Stop, %").fill("900")
        page.get_by_label("Target, %").fill("")
        page.get_by_label(REASON).fill("a mistake")
        page.get_by_role("button", name="Set now").click()
        alert = page.get_by_role("dialog").get_by_role("alert")
        alert.wait_for()
        said.append(alert.inner_text())
        return "sell it at once" in said[-1]

    with_a_position(page, demo, refused)
    assert "now, so this would sell it at once; sell it instead" in said[-1]


def test_pools_are_listed_filtered_and_lead_to_a_tokens_safety_report(demo, desk):
    page = enter(desk, demo, "#/markets")
    rows = page.get_by_role("table", name="Pools").locator("tbody tr")
    expect(rows).to_have_count(min(50, demo.get("/markets?limit=1")["total"]))
    page.get_by_label("Venue").select_option("orca_whirlpool")
    wanted = demo.get("/markets?venue=orca_whirlpool&limit=50")["items"]
    expect(rows).to_have_count(max(len(wanted), 0))
    page.get_by_label("Venue").select_option("")
    token = next(pool["mint_b"] for pool in demo.get("/markets")["items"] if pool["symbol_b"] == "BONK")
    page.get_by_label("Token's address").fill(token)
    expect(rows).to_have_count(demo.get(f"/markets?mint={token}")["total"])
    rows.first.get_by_role("link", name="BONK").click()
    sheet = page.get_by_role("dialog", name="Token safety report")
    expect(sheet.get_by_role("list", name="Checks")).to_contain_text("nobody can freeze it")
    expect(sheet).to_contain_text("Shield yes")
    page.keyboard.press("Escape")
    expect(sheet).to_be_hidden()
    page.get_by_role("button", name="Clear filters").click()
    page.get_by_label("State", exact=True).select_option("doubtful")
    expect(page.get_by_text("No pool fits these filters").or_(rows.first)).to_be_visible()


def test_a_strategy_is_paused_and_started_again(demo, desk):
    page = enter(desk, demo, "#/strategies")
    panel = page.get_by_role("region", name="Copy trade")
    expect(panel).to_contain_text("Running")
    panel.get_by_role("button", name="Pause Copy trade").click()
    assert confirmed(page, "Pause now", "paused by a test")
    expect(panel).to_contain_text("Paused")
    seen = {one["name"]: one["paused"] for one in demo.get("/strategies")["items"]}
    assert seen["copy_trade"] is True
    panel.get_by_role("button", name="Start Copy trade").click()
    assert confirmed(page, "Start now", "started by a test")
    expect(panel).to_contain_text("Running")


def test_the_split_of_the_money_is_changed_in_one_step(demo, desk):
    page = enter(desk, demo, "#/strategies")
    page.get_by_role("button", name="Change the split").click()
    slider = page.get_by_label("Shield's share in percent")
    slider.focus()
    for _ in range(5):
        page.keyboard.press("ArrowLeft")
    assert confirmed(page, "Change now", "split by a test")
    expect(page.get_by_role("region", name="Allocation")).to_contain_text("Shield 65 %")
    assert demo.get("/config")["strategy_allocation"] == {"shield_percent": 65, "spear_percent": 35}


def test_a_setting_is_found_changed_and_put_back_from_its_history(demo, desk):
    page = enter(desk, demo, "#/configuration")
    page.get_by_label("Find a setting").fill("shield stop loss")
    key = "copy_trade.shield.stop_loss_bps"
    expect(page.get_by_role("button", name=re.compile("^Change "))).to_have_count(1)
    before = next(one for one in demo.get("/config/settings")["items"] if one["key"] == key)["value"]
    page.get_by_role("button", name=f"Change {key}").click()
    page.get_by_label("Stop loss", exact=True).fill("99999")
    expect(page.get_by_role("alert")).to_have_text("At most 10,000")
    expect(page.get_by_role("button", name="Review")).to_be_disabled()
    page.get_by_label("Stop loss", exact=True).fill("900")
    page.get_by_role("button", name="Review").click()
    assert confirmed(page, "Change now", "changed by a test")
    rows = page.get_by_role("table", name="Changes").get_by_role("row")
    change = rows.filter(has_text=key).filter(has_text="changed by a test")  # others changed it before
    change.first.get_by_role("button", name=f"Undo the change of {key}").click(timeout=ROUND_TRIP_MS)
    assert confirmed(page, "Put back", "undone by a test")
    until(
        page,
        lambda: (
            next(one for one in demo.get("/config/settings")["items"] if one["key"] == key)["value"] == before
        ),
    )


def test_a_bound_beyond_javascripts_numbers_keeps_its_last_digit(demo, desk):
    page = enter(desk, demo, "#/configuration")
    page.get_by_label("Find a setting").fill("risk position max")
    page.get_by_role("button", name="Change risk.position_lamports_max").click()
    field = page.get_by_label("Position max", exact=True)
    field.fill("9223372036.854775808")
    expect(page.get_by_role("alert")).to_have_text("At most 9,223,372,036.854775807")
    field.fill("9223372036.854775807")
    expect(page.get_by_role("alert")).to_have_count(0)


def test_operations_name_parts_queues_loops_and_the_age_of_secrets(demo, desk):
    page = enter(desk, demo, "#/operations")
    parts = page.get_by_role("table", name="Health checks")
    for check in demo.get("/operations/health-checks")["checks"]:
        expect(parts.get_by_role("row").filter(has_text=check["message"].split(",")[0]).first).to_be_visible()
        break
    expect(page.get_by_role("table", name="Queues")).to_contain_text("signals")
    expect(page.get_by_role("table", name="Latencies")).to_contain_text("getLatestBlockhash")
    expect(page.get_by_role("list", name="Loops")).to_contain_text("market stream")
    secrets = page.get_by_role("table", name="Secrets")
    expect(secrets).to_contain_text("vault with the trading key")
    expect(secrets).to_contain_text("today")
    expect(page.get_by_role("img", name=re.compile(r"^Memory: \d+ % in use"))).to_be_visible()


def test_the_palette_goes_where_a_few_letters_say(demo, desk):
    page = enter(desk, demo)
    page.keyboard.press("Control+k")
    page.get_by_role("combobox", name="Where to, or what to do").fill("oper")
    expect(page.get_by_role("option", selected=True)).to_have_text("Operations")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("#/operations$"))
    page.keyboard.press("Control+k")
    page.get_by_role("combobox").fill("light")
    page.keyboard.press("Enter")
    expect(page.locator("html")).to_have_attribute("data-theme", "light")
    page.keyboard.press("Control+k")
    page.get_by_role("combobox").fill("halt")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name="Halt trading?")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_on_a_phone_the_halt_is_in_the_thumbs_bar_and_every_screen_behind_more(demo, phone):
    page = enter(phone, demo)
    halt = page.get_by_role("button", name="Halt trading")
    box = halt.bounding_box()
    assert box is not None
    assert box["y"] > 844 - 80 and box["height"] >= 44
    page.get_by_role("button", name="More screens").click()
    page.get_by_role("dialog", name="All screens").get_by_role("link", name="Operations").click()
    expect(page.get_by_role("region", name="Parts of the house")).to_be_visible()
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.get_by_role("button", name="Halt trading").click()
    expect(page.get_by_role("dialog", name="Halt trading?")).to_be_visible()


def test_the_page_can_be_installed_and_opens_while_the_desk_is_away(demo, browser):
    context = browser.new_context()
    page = context.new_page()
    page.goto(demo.link)
    expect(page.get_by_role("region", name="Health")).to_be_visible()
    until(page, lambda: page.evaluate("navigator.serviceWorker.controller !== null"))
    page.reload()  # through the worker now, so that it keeps the page and its files
    expect(page.get_by_role("region", name="Health")).to_be_visible()
    manifest = page.evaluate("fetch('/manifest.webmanifest').then(answer => answer.json())")
    assert (manifest["display"], manifest["start_url"]) == ("standalone", "/")
    for icon in manifest["icons"]:
        assert page.request.get(demo.url + icon["src"].lstrip("/")).ok
    kept = page.evaluate("""async () => {
        const names = await caches.keys();
        const all = await Promise.all(names.map(async name => (await (await caches.open(name)).keys())));
        return all.flat().map(request => new URL(request.url).pathname);
    }""")
    assert "/" in kept and any(path.startswith("/assets/index-") for path in kept)
    assert not [path for path in kept if path.startswith("/api")]
    context.set_offline(True)
    page.reload()
    expect(page.get_by_text("The desk does not answer")).to_be_visible()
    context.close()


def test_the_exported_ledger_is_the_apis(demo, desk):
    page = enter(desk, demo, "#/trades")
    page.get_by_label("Status").select_option("CLOSED")
    page.locator("main tbody tr").first.wait_for(timeout=ROUND_TRIP_MS)
    for button, name in (("JSON, as the API has it", "trades.json"), ("Tax lots as JSON", "tax-lots.json")):
        page.get_by_role("button", name="Export").click()
        with page.expect_download() as saved:
            page.get_by_role("button", name=button).click()
        assert saved.value.suggested_filename == name
        rows = json.loads(Path(saved.value.path()).read_text())
        told = {one["trade_uuid"]: one for one in demo.get("/trades?status=CLOSED&limit=1000")["items"]}
        assert rows
        for row in rows:
            known = (
                told[row["trade_uuid"]] if name == "trades.json" else demo.get(f"/trades/{row['trade_uuid']}")
            )
            if name == "trades.json":
                # When it was last touched may be later by now: finality is noted after the closing.
                assert row | {"updated_at": 0} == known | {"updated_at": 0}
            else:
                assert row["disposed_signature"] in {fill["signature"] for fill in known["fills"]}


def test_several_wallets_are_changed_at_once(demo, desk):
    page = enter(desk, demo, "#/wallets")
    candidates = [one["address"] for one in demo.get("/wallets?status=CANDIDATE")["items"]]
    rejected = [one["address"] for one in demo.get("/wallets?status=REJECTED")["items"]]
    chosen = (candidates + rejected)[:2]
    page.get_by_role("button", name="Change several").click()
    box = page.get_by_role("dialog", name="Change several wallets")
    for address in chosen:
        box.get_by_label(re.compile(f"^{address[:4]}…{address[-4:]}")).check()
    box.get_by_label("Becomes").select_option("CANDIDATE")
    assert confirmed(page, f"Make {len(chosen)} CANDIDATE", "looked at again by a test")
    assert {demo.get(f"/wallets/{address}")["status"] for address in chosen} == {"CANDIDATE"}
