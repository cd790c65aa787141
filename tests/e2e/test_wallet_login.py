"""Logging in by wallet in a real browser: a wallet of the Wallet Standard is put into the page, its key stays here.

What each role may do is looked at the same way, and what hostile names and notes do to the page.
"""

import base64
from collections.abc import Iterator
from time import monotonic, sleep, time

import pytest
from nacl.signing import SigningKey
from playwright.sync_api import Page, expect
from tests.e2e.conftest import PATIENCE_MS
from tests.e2e.test_dashboard import enter, until

from chimera.adapters.store_engine import open_engine
from chimera.adapters.store_keys import SqlKeys
from chimera.localnet.programs import pump_launch
from chimera.onchain.keys import address_text
from chimera.onchain.token_instructions import compute_unit_limit
from chimera.onchain.transaction import attach_signatures, compile_v0

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(240)]

REASON = "Reason, kept in the journal"
FAKE_WALLET = """(address) => {
    const account = { address, publicKey: new Uint8Array(32), chains: [], features: ["solana:signMessage"] };
    const wallet = {
        version: "1.0.0", name: "Testing Wallet", icon: "data:image/svg+xml;base64,PHN2Zy8+",
        chains: ["solana:mainnet"], accounts: [],
        features: {
            "standard:connect": { version: "1.0.0", connect: async () => ({ accounts: [account] }) },
            "solana:signMessage": { version: "1.0.0", signMessage: async ({ message }) => {
                const text = new TextDecoder().decode(message);
                const signature = Uint8Array.from(atob(await window.signOutside(text)), c => c.charCodeAt(0));
                return [{ signedMessage: message, signature }];
            } },
        },
    };
    const tell = ({ register }) => register(wallet);
    addEventListener("wallet-standard:app-ready", event => tell(event.detail));
    dispatchEvent(new CustomEvent("wallet-standard:register-wallet", { detail: tell }));
}"""


class Person:
    """A wallet's owner at a browser of his own."""

    def __init__(self, browser, demo, *, role: str | None) -> None:
        self.key, self.demo, self.signed = SigningKey.generate(), demo, []
        self.address = address_text(bytes(self.key.verify_key))
        if role is not None:
            engine = open_engine(next(demo.folder.glob("**/chimera.db")))
            SqlKeys(engine).add_wallet(
                self.address, role=role, identifier=f"{role} by wallet", by="test", at_ms=int(time() * 1_000)
            )
            engine.dispose()
        self.context = browser.new_context(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
        self.context.set_default_timeout(PATIENCE_MS)
        self.context.expose_function("signOutside", self._sign)
        self.context.add_init_script(f"({FAKE_WALLET})({self.address!r})")
        self.page: Page = self.context.new_page()
        self.complaints: list[str] = []
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _sign(self, text: str) -> str:
        self.signed.append(text)
        return base64.b64encode(self.key.sign(text.encode()).signature).decode()

    def log_in(self) -> Page:
        self.page.goto(self.demo.url)
        self.page.get_by_role("button", name="Log in with Testing Wallet").click()
        return self.page


@pytest.fixture
def person(browser, demo) -> Iterator:
    made = []

    def make(role: str | None) -> Person:
        made.append(Person(browser, demo, role=role))
        return made[-1]

    yield make
    for one in made:
        one.context.close()


def test_a_wallet_logs_in_stays_in_over_a_reload_and_leaves(demo, person):
    ann = person("admin")
    page = ann.log_in()
    expect(page.get_by_role("region", name="Health")).to_be_visible()
    expect(page.get_by_text("admin by wallet")).to_be_visible()
    assert ann.signed[0].startswith(f"{demo.url.removeprefix('http://').rstrip('/')} wants you to sign in")
    expect(page.get_by_test_id("link")).to_have_text("Live")
    page.reload()
    expect(page.get_by_role("region", name="Health")).to_be_visible()
    assert len(ann.signed) == 1
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("Access key")).to_be_visible()
    page.reload()
    expect(page.get_by_label("Access key")).to_be_visible()
    assert ann.complaints == []


def test_a_strangers_wallet_is_told_how_it_is_let_in(person):
    page = person(None).log_in()
    expect(page.get_by_role("alert")).to_contain_text("may not log in here; an admin adds it")


def test_what_is_protected_asks_for_the_wallets_signature_again(demo, person):
    ann = person("admin")
    page = ann.log_in()
    expect(page.get_by_role("region", name="Health")).to_be_visible()
    page.goto(f"{demo.url}#/risk")
    page.get_by_role("button", name="Change risk.open_positions_max").click()
    page.get_by_label("Open positions max", exact=True).fill("13")
    page.get_by_role("button", name="Review").click()
    page.get_by_label(REASON).fill("more room, by a test")
    page.get_by_role("button", name="Change now").click()
    box = page.get_by_role("dialog")
    expect(box.get_by_role("alert")).to_contain_text("second factor")
    expect(box.get_by_label("Testing Wallet")).to_be_checked()
    page.get_by_role("button", name="Change now").click()
    expect(box).to_be_hidden()
    assert "Confirm a protected action" in ann.signed[-1] and len(ann.signed) == 2
    settings = {one["key"]: one["value"] for one in demo.get("/config/settings")["items"]}
    assert settings["risk.open_positions_max"] == 13


def test_a_readonly_person_sees_everything_and_changes_nothing(demo, person):
    page = person("readonly").log_in()
    expect(page.get_by_role("region", name="Health")).to_be_visible()
    for screen, known in {
        "positions": "Positions",
        "wallets": "Wallets",
        "strategies": "Copy trade",
        "risk": "Kill switch",
        "incidents": "Dead letters",
        "configuration": "Settings in force",
        "operations": "Parts of the house",
    }.items():
        page.goto(f"{demo.url}#/{screen}")
        expect(page.get_by_role("region", name=known).first).to_be_visible()
        until(page, lambda: page.get_by_text("Loading", exact=True).count() == 0, PATIENCE_MS)
        buttons = page.get_by_role("button").all()
        usable = [one.inner_text() for one in buttons if one.is_visible() and one.is_enabled()]
        names = ("Halt", "Sell", "Change", "Pause", "Start", "Add", "Discard", "Retry", "Undo", "Stop and")
        assert not [text for text in usable if text.startswith(names)], screen


STRANGE_NAME, STRANGE_SYMBOL = "<img src=x onerror=owned=1>", "<b>USDC</b>"


def launched(demo, *, name: str, symbol: str) -> str:
    """The mint of a coin that somebody made on the embedded chain, with the name that he likes."""
    maker, coin = SigningKey.generate(), SigningKey.generate()
    user, mint = (address_text(bytes(key.verify_key)) for key in (maker, coin))
    demo.call("requestAirdrop", user, 2 * 10**9)
    ends = monotonic() + 60
    while demo.call("getBalance", user)["value"] == 0:
        assert monotonic() < ends, "the airdrop did not come"
        sleep(0.1)
    call = pump_launch.create_v2(
        mint, user=user, creator=user, name=name, symbol=symbol, uri="javascript:alert(1)"
    )
    blockhash = demo.call("getLatestBlockhash")["value"]["blockhash"]
    message = compile_v0([compute_unit_limit(600_000), call], payer=user, blockhash=blockhash)
    sealed = attach_signatures(message, [maker.sign(message).signature, coin.sign(message).signature])
    demo.call("sendTransaction", base64.b64encode(sealed).decode(), {"encoding": "base64"})
    return mint


def test_a_coins_own_hostile_name_is_shown_as_the_text_that_it_is(demo, desk):
    mint = launched(demo, name=STRANGE_NAME, symbol=STRANGE_SYMBOL)
    page = enter(desk, demo)
    until(page, lambda: [p for p in demo.get(f"/markets?mint={mint}")["items"] if p["own_symbol_a"]], 60_000)
    page.goto(f"{demo.url}#/markets?mint={mint}")
    row = page.get_by_role("table", name="Pools").locator("tbody tr")
    expect(row).to_contain_text(f"“{STRANGE_SYMBOL}”")
    row.get_by_role("link", name=STRANGE_SYMBOL).click()
    sheet = page.get_by_role("dialog", name="Token safety report")
    expect(sheet).to_contain_text(f"“{STRANGE_NAME}”")
    expect(sheet).to_contain_text("Nobody checks that")
    assert page.evaluate("window.owned") is None
    assert page.locator("main img, dialog img, main b:has-text('USDC')").count() == 0
    assert page.locator("a[href^='javascript:']").count() == 0
    assert desk.complaints == []


EVIL = '<img src=x onerror="window.owned=1">"><script>window.owned=1</script>{{7*7}}'


def test_hostile_notes_and_names_stay_text(demo, desk):
    page = enter(desk, demo, "#/wallets")
    wallet = demo.get("/wallets")["items"][0]["address"]
    page.get_by_role("button", name=f"Change wallet {wallet}").click()
    page.get_by_label("Notes").fill(EVIL)
    page.get_by_label(REASON).fill(EVIL)
    page.get_by_role("dialog").get_by_role("button").last.click()
    expect(page.get_by_role("dialog")).to_be_hidden()
    until(page, lambda: demo.get(f"/wallets/{wallet}")["notes"] == EVIL)
    expect(page.get_by_text(EVIL[:20]).first).to_be_attached()
    symbol = '<svg onload="window.owned=1">'
    body = f'{{"strategy":"SHIELD","token":"{symbol}","action":"BUY"'.replace('"window', "'window")
    demo.signal(body.encode())  # a token's symbol, as a signal may name it: it ends in the dead letters
    for screen in ("#/wallets", "#/incidents", "#/decisions", "#/configuration", "#/"):
        page.goto(demo.url + screen)
        page.get_by_role("heading", level=1).first.wait_for(state="attached")
        until(page, lambda: page.get_by_text("Loading", exact=True).count() == 0, PATIENCE_MS)
        assert page.evaluate("window.owned") is None
        assert page.locator("main img, main script, main svg[onload]").count() == 0
    answer = page.goto(demo.url)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'self'" in policy and "unsafe" not in policy
