"""Every screen in both themes, at a desk and on a phone: no serious finding of axe, nothing wider than the screen.

A picture of each is kept in build/pictures, or the folder that CHIMERA_PICTURES names, for people to look at.
"""

import os
from pathlib import Path

import pytest
from tests.e2e.conftest import PATIENCE_MS, ROOT
from tests.e2e.test_dashboard import enter, until

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(240)]

AXE = ROOT / "web/node_modules/axe-core/axe.min.js"
PICTURES = Path(os.environ.get("CHIMERA_PICTURES", ROOT / "build/pictures"))
SERIOUS = {"serious", "critical"}
SCREENS = (
    "command positions trades decisions wallets markets strategies risk incidents configuration operations"
).split()
SIZES = {"desk": {"width": 1440, "height": 900}, "phone": {"width": 390, "height": 844}}
RUN = """async () => {
    const found = await axe.run(document, { resultTypes: ["violations"] });
    return found.violations.map(({ id, impact, nodes }) => ({
        id, impact, where: nodes.slice(0, 3).map(node => node.target.join(" ") + " " + node.failureSummary)
    }));
}"""


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("device", ["desk", "phone"])
def test_no_screen_has_a_serious_barrier(demo, browser, device, theme):
    if not AXE.is_file():
        pytest.skip("needs web/node_modules/axe-core: make setup")
    context = browser.new_context(viewport=SIZES[device], reduced_motion="reduce")
    context.set_default_timeout(PATIENCE_MS)
    context.add_init_script(f"localStorage.setItem('chimera.theme', '{theme}')")
    watched = type("Watched", (), {"page": context.new_page()})
    page = enter(watched, demo)
    page.evaluate(AXE.read_text())
    found = []
    for screen in SCREENS:
        page.goto(f"{demo.url}#/{'' if screen == 'command' else screen}")
        page.get_by_role("heading", level=1).first.wait_for(state="attached")
        until(page, lambda: page.get_by_text("Loading", exact=True).count() == 0, PATIENCE_MS)
        worst = [one for one in page.evaluate(RUN) if one["impact"] in SERIOUS]
        found += [(screen, one) for one in worst]
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= SIZES[device]["width"], screen
        PICTURES.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=PICTURES / f"{screen}-{device}-{theme}.png")
    context.close()
    assert [f"{screen}: {one}" for screen, one in found] == []
