"""Prints the pip requirement for uv, version and hashes as uv.lock has them.

So the installer is pinned in the one place where everything is. Standard library only: nothing is installed yet.
"""

import tomllib
from pathlib import Path

LOCK = Path(__file__).parents[2] / "uv.lock"


def requirement(lock_text: str) -> str:
    """One line for `pip install --require-hashes`; raises StopIteration where the lock has no uv."""
    uv = next(package for package in tomllib.loads(lock_text)["package"] if package["name"] == "uv")
    hashes = " ".join(f"--hash={wheel['hash']}" for wheel in uv["wheels"])
    return f"uv=={uv['version']} {hashes}"


if __name__ == "__main__":
    print(requirement(LOCK.read_text()))
