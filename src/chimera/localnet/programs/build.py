"""Compiles the programs: `python -m chimera.localnet.programs.build`.

Writes each `<name>/program.so` and `built.json`, which remembers of what and with what it was built, so that a test
without a compiler can still tell a stale program from a fresh one. Build-time only: nothing at run time imports this.
"""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

from chimera.localnet.programs import PROGRAMS
from chimera.localnet.programs.linker import link

HERE = Path(__file__).parent
FLAGS = ("-target", "bpf", "-mcpu=v2", "-O2", "-ffreestanding", "-fno-builtin", "-Wall", "-Wextra", "-Werror")


def main(compiler: str = "clang") -> None:
    """Builds every program in place."""
    record = {}
    for name in sorted(PROGRAMS.values()):
        elf = build(name, compiler)
        (HERE / name / "program.so").write_bytes(elf)
        record[name] = {"sources": sources_digest(name), "elf": digest(elf), "compiler": version(compiler)}
        print(f"{name}: {len(elf)} bytes")
    (HERE / "built.json").write_text(json.dumps(record, indent=2) + "\n")


def build(name: str, compiler: str = "clang") -> bytes:
    """The linked ELF; raises CalledProcessError where the compiler objects."""
    command = [compiler, *FLAGS, "-c", "program.c", "-o", "-"]
    return link(subprocess.run(command, cwd=HERE / name, check=True, capture_output=True).stdout)


def sources_digest(name: str) -> str:
    """SHA-256 over program, headers, flags and linker: whatever the ELF depends on but the compiler."""
    parts = [*sorted((HERE / name).glob("*.[ch]")), *sorted(HERE.glob("*.h")), HERE / "linker.py"]
    return digest(b"\0".join(path.read_bytes() for path in parts) + " ".join(FLAGS).encode())


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def version(compiler: str = "clang") -> str:
    """The compiler's own first line: bytes are only comparable between equal ones."""
    return subprocess.run(
        [compiler, "--version"], check=True, capture_output=True, text=True
    ).stdout.splitlines()[0]


if __name__ == "__main__":
    main(*sys.argv[1:])
