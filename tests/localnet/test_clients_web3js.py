"""@solana/web3.js and @solana/spl-token, unmodified, against the embedded chain.

The packages are installed by `npm ci` from the committed lock into a cache outside the tree, once per lock.
"""

import asyncio
import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from chimera.localnet.node import Node

SCRIPTS = Path(__file__).parents[1] / "clients" / "web3js"
INSTALL_SECONDS_MAX = 100


@pytest.fixture(scope="session")
def installed() -> Path:
    """A folder with the scripts and their packages."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("needs Node.js 18 or newer and npm")
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
    if int(version.lstrip("v").split(".")[0]) < 18:
        pytest.skip(f"needs Node.js 18 or newer, found {version.strip()}")
    lock = (SCRIPTS / "package-lock.json").read_bytes()
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    folder = cache / "chimera" / f"web3js-{hashlib.sha256(lock).hexdigest()[:16]}"
    if not (folder / "installed").exists():
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(SCRIPTS / name, folder / name)
        command = [npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
        try:
            subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=INSTALL_SECONDS_MAX)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            pytest.skip(f"needs @solana/web3.js from the npm registry: npm ci failed ({error})")
        (folder / "installed").touch()
    for script in SCRIPTS.glob("*.mjs"):
        shutil.copy(script, folder / script.name)
    return folder


@pytest.mark.slow
async def test_a_users_day_with_web3js_works_unmodified(installed: Path, node: Node) -> None:
    process = await asyncio.create_subprocess_exec(
        "node",
        "daily.mjs",
        node.endpoints["rpc"],
        node.endpoints["ws"],
        cwd=installed,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), 90)
    assert process.returncode == 0, err.decode()
    seen = json.loads(out.decode().splitlines()[-1])
    assert seen["receiver_lamports"] == 10**9 + 1_000_000
