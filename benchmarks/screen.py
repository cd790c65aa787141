"""How fast the dashboard is in a real Chromium: its size, the first figures, long tasks, an event's way to the screen.

A demo trades; one page listens. A message's moment is when its WebSocket event reaches the page, its end is the first
frame after the page has changed what it shows. Where nothing on the screen depends on a message, none is counted.
Then every other screen is opened for a moment, for its own longest task and what it fetched.

    python benchmarks/screen.py [--seconds 30]
"""

import argparse
import os
import platform
import shutil
import sys
import tempfile
from pathlib import Path

import uvloop
from playwright.async_api import Page, async_playwright

from chimera.demo.stage import Stage

SCREEN_P95_MS_MAX = 50.0
LONG_TASK_MS_MAX = 200.0  # above it a click is felt to wait
SHELL_BYTES_MAX = 200_000  # fonts, which are shown when they come, not counted
SCREENS = (
    "positions trades decisions wallets markets strategies risk incidents configuration operations".split()
)
LOOK_S = 3.0
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]

WATCH = """() => {
    window.measured = { ways: [], long: [], told: 0 };
    new PerformanceObserver(list => {
        for (const entry of list.getEntries()) measured.long.push(entry.duration);
    }).observe({ type: "longtask", buffered: true });
    let waiting = null;
    const seen = new MutationObserver(() => {
        if (waiting === null) return;
        const began = waiting;
        waiting = null;
        requestAnimationFrame(() => measured.ways.push(performance.now() - began));
    });
    document.addEventListener("DOMContentLoaded", () => seen.observe(document.documentElement,
        { subtree: true, childList: true, characterData: true, attributes: true }));
    const Plain = window.WebSocket;
    window.WebSocket = class extends Plain {
        constructor(...given) {
            super(...given);
            this.addEventListener("message", () => { measured.told += 1; waiting ??= performance.now(); });
        }
    };
}"""


FETCHED = """() => [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
    .filter(entry => !entry.name.endsWith(".woff2") && !entry.name.includes("/api/"))
    .reduce((sum, entry) => sum + entry.transferSize, 0)"""


async def measured(folder: Path, seconds: float) -> bool:
    stage = Stage(seed=7, port=0, data_dir=folder, environ=os.environ)
    async with stage:
        desk, url = await stage.desk()
        async with async_playwright() as started:
            browser = await started.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
            # A service worker would answer from its own store, and what it fetches is not counted here.
            context = await browser.new_context(
                viewport={"width": 1440, "height": 900}, service_workers="block"
            )
            page = await context.new_page()
            await page.add_init_script(f"({WATCH})()")
            await page.goto(f"{url.rstrip('/')}/#key={stage.key}")
            await page.get_by_role("region", name="Health").wait_for()
            first_ms = await page.evaluate("performance.now()")
            await page.wait_for_timeout(seconds * 1_000)
            told = await page.evaluate("measured")
            shell = await page.evaluate(FETCHED)
            screens = [(name, *await looked(page, name)) for name in SCREENS]
            await browser.close()
        await desk.stop()
    ways, long = sorted(told["ways"]), sorted(told["long"])
    longest = max([*long, *(task for _, task, _ in screens)], default=0)
    print(f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    print(f"first figures after navigation: {first_ms:.0f} ms")
    print(f"shell: {shell:,} bytes over the wire before the first figures")
    for name, task, size in screens:
        print(f"{name:<14} {size:>7,} bytes more, longest task {task:.0f} ms")
    print(f"long tasks: {len(long)} in {seconds:.0f} s, the longest {max(long, default=0):.0f} ms")
    if not ways:
        print("nothing was told")
        return False
    p50, p95 = (ways[int(len(ways) * share)] for share in (0.5, 0.95))
    print(
        f"event to screen: p50 {p50:.1f} ms, p95 {p95:.1f} ms over {len(ways)} changes of {told['told']} messages"
    )
    return p95 < SCREEN_P95_MS_MAX and longest < LONG_TASK_MS_MAX and shell < SHELL_BYTES_MAX


async def looked(page: Page, screen: str) -> tuple[float, int]:
    """(longest task in ms, bytes fetched) of a screen that is opened by its link, as a person does."""
    before = await page.evaluate(FETCHED)
    await page.evaluate("measured.long = []")
    await page.evaluate(f"location.hash = '#/{screen}'")
    await page.wait_for_timeout(LOOK_S * 1_000)
    return max(await page.evaluate("measured.long"), default=0.0), await page.evaluate(FETCHED) - before


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--seconds", type=float, default=30.0)
    given = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="chimera-screen-") as folder:
        sys.exit(0 if uvloop.run(measured(Path(folder), given.seconds)) else 1)


if __name__ == "__main__":
    main()
