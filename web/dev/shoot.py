"""Photographs the dashboard at an address, in both themes, on a desk's and a phone's screen.

    python web/dev/shoot.py 'http://127.0.0.1:8080/#key=KEY' docs/pictures

Needs Playwright and a Chromium. What the browser complains about is printed, and makes the exit code 1.
"""

import argparse
import shutil
import sys
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
DESK, PHONE = (1440, 900), (390, 844)
COURSE_MS = 120_000  # until something is bought
SETTLE_MS = 1500  # the chart, the first live messages


def main() -> int:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("address", help="with #key=…, as the demo prints it")
    asked.add_argument("folder", type=Path)
    asked.add_argument("--screens", default=",".join(SCREENS), help="which, by comma, beside the first")
    options = asked.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    complaints: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=list(FLAGS))
        for theme in ("dark", "light"):
            for device, size in (("desk", DESK), ("phone", PHONE)):
                page = _open(browser, options.address, theme, size, complaints)
                _round(page, options.folder, f"{device}-{theme}", options.screens.split(","))
                page.context.close()
        browser.close()
    sys.stderr.writelines(f"{complaint}\n" for complaint in complaints)
    return 1 if complaints else 0


def _open(browser: Browser, address: str, theme: str, size: tuple[int, int], complaints: list[str]) -> Page:
    context = browser.new_context(viewport={"width": size[0], "height": size[1]}, reduced_motion="reduce")
    context.add_init_script(f"localStorage.setItem('chimera.theme', '{theme}')")
    page = context.new_page()
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(address)
    page.get_by_role("region", name="Health").wait_for()
    page.wait_for_timeout(SETTLE_MS)
    return page


SCREENS = (
    "positions trades decisions wallets markets strategies risk incidents configuration operations".split()
)


def _round(page: Page, folder: Path, suffix: str, screens: list[str]) -> None:
    """The screens one after the other; a trade, a decision and a token's report are photographed if there is one."""
    page.screenshot(path=folder / f"command-{suffix}.png")
    decision = page.locator("ol[aria-label='Latest decisions'] a").first
    if decision.count():
        decision.click()
        page.get_by_role("list", name="Steps").wait_for()
        page.screenshot(path=folder / f"why-{suffix}.png")
    at = page.url.partition("#")[0]
    for screen in screens:
        page.goto(f"{at}#/{screen}")
        page.get_by_role("heading", level=1).first.wait_for(state="attached")
        if screen == "positions":
            page.locator("main canvas").first.wait_for(timeout=COURSE_MS)
        page.wait_for_timeout(SETTLE_MS * (4 if screen == "positions" else 1))
        page.screenshot(path=folder / f"{screen}-{suffix}.png")
        opens = {"trades": "main tbody tr, main ul > li", "markets": "main tbody a, main ul > li a"}.get(
            screen
        )
        if opens and page.locator(opens).count():
            page.locator(opens).first.click()
            page.get_by_role("dialog").wait_for()
            page.wait_for_timeout(SETTLE_MS)
            page.screenshot(path=folder / f"{screen}-sheet-{suffix}.png")
            page.keyboard.press("Escape")


if __name__ == "__main__":
    sys.exit(main())
