"""The dashboard in a real browser, over a demo that trades on the embedded chain."""

import re
from collections.abc import Callable
from time import monotonic

import pytest
from playwright.sync_api import Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(240)]

ROUND_TRIP_MS = 120_000  # a minute on an idle machine; tests share theirs
SCREENS = [
    "#/",
    "#/positions",
    "#/trades",
    "#/decisions",
    "#/wallets",
    "#/markets",
    "#/strategies",
    "#/risk",
    "#/incidents",
    "#/configuration",
    "#/operations",
]


def enter(watched, demo, screen: str = "") -> Page:
    page = watched.page
    page.goto(demo.link)
    expect(page.get_by_role("region", name="Health")).to_be_visible()
    if screen:
        page.goto(demo.url + screen)
    return page


def until(page: Page, told: Callable[[], object], within_ms: int = ROUND_TRIP_MS) -> object:
    """What `told` says once it says something. Asked from here: the page's policy forbids it to poll a text."""
    ends = monotonic() + within_ms / 1_000
    while not (answer := told()):
        assert monotonic() < ends, "it did not happen in time"
        page.wait_for_timeout(100)
    return answer


def first_closed_trade(page: Page) -> None:
    """Opens the newest closed trade's sheet, waiting for the demo's first round trip where there is none yet."""
    page.get_by_label("Status").select_option("CLOSED")
    row = page.locator("main tbody tr").first
    row.wait_for(timeout=ROUND_TRIP_MS)
    row.click()


def test_the_printed_link_signs_in_and_leaves_no_key_in_the_address(demo, desk):
    page = enter(desk, demo)
    assert demo.key not in page.url
    page.go_back()
    assert demo.key not in page.url
    page.goto(demo.url)
    expect(page.get_by_role("region", name="Health")).to_be_visible()


def test_every_page_says_that_no_real_money_is_at_stake(demo, desk):
    for screen in SCREENS:
        page = enter(desk, demo, screen)
        expect(page.get_by_test_id("mode")).to_contain_text("localnet", ignore_case=True)
        expect(page.get_by_test_id("mode")).to_contain_text("no real money")


def test_the_slot_moves_without_a_reload(demo, desk):
    page = enter(desk, demo)
    expect(page.get_by_test_id("link")).to_have_text("Live")
    slot = page.get_by_role("region", name="Health").get_by_text(re.compile(r"^[\d,]+$")).first
    before = slot.inner_text()
    expect(slot).not_to_have_text(before)


def test_a_closed_round_trip_shows_its_fills_its_profit_and_its_reasons(demo, desk):
    page = enter(desk, demo, "#/trades")
    first_closed_trade(page)
    uuid = re.search(r"trade=([\w-]+)", page.url).group(1)
    told = demo.get(f"/trades/{uuid}")
    sheet = page.get_by_role("dialog")
    profit = (
        sheet.locator("dt", has_text="Profit").locator("xpath=following-sibling::dd[1]").locator("span").first
    )
    expect(profit).to_have_attribute("title", re.compile(rf"= {told['realised_pnl_lamports']} lamports$"))
    fills = sheet.get_by_role("region", name="Fills on the chain").locator("li")
    expect(fills).to_have_count(len(told["fills"]))
    assert {fill["side"] for fill in told["fills"]} == {"BUY", "SELL"}
    steps = sheet.get_by_role("list", name="Steps").locator("> li")
    expect(steps).to_have_count(len(demo.get(f"/why/{uuid}")["steps"]))
    page.keyboard.press("Escape")
    expect(sheet).to_be_hidden()


def test_the_equity_shown_is_the_equity_told(demo, desk):
    page = enter(desk, demo)
    shown = (
        page.get_by_role("region", name="Equity").locator("[title$=lamports]").first.get_attribute("title")
    )
    lamports = int(re.search(r"= (\d+) lamports", shown).group(1))
    told = demo.get("/overview")
    # Prices move between the two readings; another unit or a lost digit would be far outside.
    assert abs(lamports - int(told["equity_lamports"])) < int(told["equity_lamports"]) // 10


def test_a_decision_leads_to_its_chain_of_reasons(demo, desk):
    page = enter(desk, demo)
    page.get_by_role("list", name="Latest decisions").get_by_role("link").first.click(timeout=ROUND_TRIP_MS)
    expect(page.get_by_role("heading", name="Why")).to_be_visible()
    expect(page.get_by_role("list", name="Steps").locator("> li").first).to_be_visible()


def test_refused_decisions_are_found_and_lead_to_their_reasons(demo, desk):
    page = enter(desk, demo, "#/decisions")
    page.get_by_label("Outcome").select_option("refused")
    rows = page.get_by_role("table", name="Decisions").locator("tbody tr")
    rows.first.wait_for(timeout=ROUND_TRIP_MS)
    told = until(page, lambda: demo.get("/decisions?outcome=refused&limit=1")["items"])[0]
    expect(rows.filter(has_text=told["reason"]).first).to_be_visible()
    assert set(rows.locator("td:nth-child(3)").all_inner_texts()) == {"Refused"}
    rows.first.locator("td:nth-child(4) a").click()
    expect(page.get_by_role("list", name="Steps").locator("> li").first).to_be_visible()


def test_a_wallet_is_promoted_for_a_time_and_the_change_is_on_record(demo, desk):
    page = enter(desk, demo, "#/wallets")
    candidate = demo.get("/wallets?status=CANDIDATE")["items"][0]["address"]
    page.get_by_role("button", name=f"Change wallet {candidate}").click()
    page.get_by_label("Active for, in hours").fill("12")
    page.get_by_label("Reason, kept in the journal").fill("promoted by a test")
    page.get_by_role("button", name="Make it ACTIVE").click()
    expect(page.get_by_role("row").filter(has_text=candidate[:6])).to_contain_text(
        re.compile("ACTIVE1[12] h .* left")
    )
    page.goto(f"{demo.url}#/incidents")
    change = page.get_by_role("table", name="Changes").get_by_role("row", name="promoted by a test")
    expect(change).to_contain_text("CANDIDATE → ACTIVE", timeout=30_000)
    assert demo.get(f"/wallets/{candidate}")["status"] == "ACTIVE"


def test_a_signal_that_got_lost_is_seen_and_put_away(demo, desk):
    assert demo.signal(b"this is no JSON") == 400
    page = enter(desk, demo, "#/incidents")
    row = page.get_by_role("table", name="Dead letters").get_by_role("row", name="It could not be read")
    expect(row).to_contain_text("Waiting")
    row.get_by_role("button", name="Discard").click()
    box = page.get_by_role("dialog")
    expect(box).to_contain_text("this is no JSON")
    box.get_by_label("Reason, kept in the journal").fill("a test's garbage")
    box.get_by_role("button", name="Discard").click()
    expect(row).to_contain_text("Dealt with")
    assert demo.get("/incidents/dead-letter")["items"][0]["processed_at"] is not None


def test_a_new_position_appears_without_a_reload(demo, desk):
    page = enter(desk, demo)
    expect(page.get_by_test_id("mode")).to_be_visible()  # the snapshot is here
    trades = """() => [...document.querySelectorAll('section[aria-label="Live positions"] a')]
        .map(link => link.href.match(/trade=([\\w-]+)/)?.[1]).filter(Boolean)"""
    known = set(page.evaluate(trades))
    page.evaluate("window.notReloaded = true")
    new = until(page, lambda: set(page.evaluate(trades)) - known)
    assert page.evaluate("window.notReloaded")
    until(page, lambda: new <= {item["trade_uuid"] for item in demo.get("/positions")["items"]})


WATCH = """() => {
    window.worth = {};
    const read = () => {
        for (const row of document.querySelectorAll('section[aria-label="Live positions"] tbody tr')) {
            const id = row.querySelector('a')?.href.match(/trade=([\\w-]+)/)?.[1];
            if (id) (window.worth[id] ??= new Set()).add(row.cells[3].innerText);
        }
    };
    new MutationObserver(read).observe(document.body, { subtree: true, childList: true, characterData: true });
}"""
ROUND_TRIPS = """() => {
    const live = new Set([...document.querySelectorAll('section[aria-label="Live positions"] a')]
        .map(link => link.href.match(/trade=([\\w-]+)/)?.[1]));
    const closed = new Set([...document.querySelectorAll('section[aria-label="Closed lately"] tbody a')]
        .map(link => link.href.match(/trade=([\\w-]+)/)?.[1]));
    return Object.keys(window.worth).filter(id => window.worth[id].size > 2 && !live.has(id) && closed.has(id));
}"""


def test_a_position_opens_moves_and_closes_before_ones_eyes(demo, desk):
    page = enter(desk, demo)
    expect(page.get_by_test_id("mode")).to_be_visible()
    page.evaluate(WATCH)
    (seen, *_) = until(page, lambda: page.evaluate(ROUND_TRIPS))
    assert demo.get(f"/positions/{seen}")["state"] == "CLOSED"
    profit = (
        page.get_by_role("region", name="Closed lately")
        .locator("tbody tr")
        .filter(has=page.locator(f"a[href*='{seen}']"))
    )
    told = demo.get(f"/trades/{seen}")["realised_pnl_lamports"]
    expect(profit.locator(f"[title$='= {told} lamports']")).to_have_count(1)


def test_development_mode_is_marked_on_every_screen(demo, desk):
    """The desk says so in its health; here a word of it is changed on its way."""

    def between(socket):
        desk_side = socket.connect_to_server()
        desk_side.on_message(lambda text: socket.send(text.replace('"dev_mode":false', '"dev_mode":true')))

    desk.page.route_web_socket("**/api/v1/ws", between)
    page = enter(desk, demo)
    for screen in SCREENS:
        page.goto(demo.url + screen)
        expect(page.get_by_text("Development mode.")).to_be_visible()


def test_the_equity_chart_is_drawn(demo, desk):
    page = enter(desk, demo)
    page.get_by_role("region", name="Equity").locator("canvas").wait_for(timeout=ROUND_TRIP_MS)
    colours = """() => {
        const canvas = document.querySelector('section[aria-label="Equity"] canvas');
        const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
        const seen = new Set();
        for (let at = 0; at < data.length; at += 4) if (data[at + 3] > 128) seen.add(data.slice(at, at + 3).join());
        return seen.size > 3;
    }"""
    assert until(page, lambda: page.evaluate(colours))  # a line, its fill, the axes


def test_a_limit_is_changed_and_what_does_not_fit_is_refused_in_words(demo, desk):
    page = enter(desk, demo, "#/risk")
    page.get_by_role("button", name="Change allocation.shield_percent").click()
    page.get_by_label("Shield", exact=True).fill("60")
    page.get_by_role("button", name="Review").click()
    page.get_by_label("Reason, kept in the journal").fill("changed by a test")
    page.get_by_role("button", name="Change now").click()
    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("not 100")
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Change allocation.spear_percent").click()
    page.get_by_label("Spear", exact=True).fill("40")
    page.get_by_role("button", name="Review").click()
    page.get_by_label("Reason, kept in the journal").fill("changed by a test")
    page.get_by_role("button", name="Change now").click()
    expect(page.get_by_role("dialog")).to_be_hidden()
    assert demo.get("/config")["strategy_allocation"] == {"shield_percent": 60, "spear_percent": 40}


def test_buys_can_be_halted_and_resumed(demo, desk):
    page = enter(desk, demo)
    page.get_by_role("button", name="Halt", exact=True).click()
    page.get_by_label("Reason, kept in the journal").fill("an end-to-end test")
    page.get_by_role("button", name="Halt now").click()
    expect(page.get_by_text("Kill switch on: no new buys")).to_be_visible()
    assert demo.get("/health")["kill_switch"] == {
        "active": True,
        "mode": "halt_buys",
        "reason": "an end-to-end test",
    }
    page.get_by_role("button", name="Resume trading").click()
    page.get_by_label("Reason, kept in the journal").fill("done")
    page.get_by_role("dialog").get_by_role("button", name="Resume trading").click()
    expect(page.get_by_text("Kill switch on: no new buys")).to_be_hidden()
    assert demo.get("/health")["kill_switch"]["active"] is False


def test_a_wrong_key_is_refused_in_words(demo, desk):
    page = desk.page
    page.goto(demo.url)
    page.get_by_label("Access key").fill("not-a-key")
    page.get_by_role("button", name="Open the dashboard").click()
    expect(page.get_by_role("alert")).to_have_text("This key is not known to the desk.")


@pytest.mark.parametrize("screen", SCREENS)
def test_nothing_breaks_the_content_policy_or_the_screen_of_a_phone(demo, phone, screen):
    page = enter(phone, demo, screen)
    expect(page.get_by_role("navigation", name="Screens")).to_be_visible()
    until(page, lambda: page.evaluate("document.fonts.status === 'loaded'"))
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert phone.complaints == []


def test_the_page_is_served_under_a_strict_policy(demo, desk):
    answer = desk.page.goto(demo.url)
    assert "default-src 'self'" in answer.headers["content-security-policy"]
    assert "unsafe-inline" not in answer.headers["content-security-policy"]
