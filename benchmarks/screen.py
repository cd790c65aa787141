"""How fast the dashboard is in a real Chromium: the first figures, long tasks, and an event's way to the screen.

A demo trades; one page listens. A message's moment is when its WebSocket event reaches the page, its end is the first
frame after the page has changed what it shows. Where nothing on the screen depends on a message, none is counted.

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
from playwright.async_api import async_playwright

from chimera.demo.stage import Stage

SCREEN_P95_MS_MAX = 50.0
LONG_TASK_MS_MAX = 200.0  # above it a click is felt to wait
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


async def measured(folder: Path, seconds: float) -> bool:
    stage = Stage(seed=7, port=0, data_dir=folder, environ=os.environ)
    async with stage:
        desk, url = await stage.desk()
        async with async_playwright() as started:
            browser = await started.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
            page = await browser.new_page(viewport={"width": 1440, "height": 900})
            await page.add_init_script(f"({WATCH})()")
            await page.goto(f"{url.rstrip('/')}/#key={stage.key}")
            await page.get_by_role("region", name="Health").wait_for()
            first_ms = await page.evaluate("performance.now()")
            await page.wait_for_timeout(seconds * 1_000)
            told = await page.evaluate("measured")
            await browser.close()
        await desk.stop()
    ways, long = sorted(told["ways"]), sorted(told["long"])
    print(f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    print(f"first figures after navigation: {first_ms:.0f} ms")
    print(f"long tasks: {len(long)} in {seconds:.0f} s, the longest {max(long, default=0):.0f} ms")
    if not ways:
        print("nothing was told")
        return False
    p50, p95 = (ways[int(len(ways) * share)] for share in (0.5, 0.95))
    print(
        f"event to screen: p50 {p50:.1f} ms, p95 {p95:.1f} ms over {len(ways)} changes of {told['told']} messages"
    )
    return p95 < SCREEN_P95_MS_MAX and max(long, default=0) < LONG_TASK_MS_MAX


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--seconds", type=float, default=30.0)
    given = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="chimera-screen-") as folder:
        sys.exit(0 if uvloop.run(measured(Path(folder), given.seconds)) else 1)


if __name__ == "__main__":
    main()
