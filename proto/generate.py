"""Writes src/chimera/proto/*_pb2.py and .pyi from the .proto files beside this script.

Run it after a change: `.venv/bin/python proto/generate.py`. The result is committed, so that nobody needs the
compiler to install the package. No gRPC stubs are made: `chimera.proto.service` names the methods in a table
that mypy can read. With `--check` it writes nothing and exits 1 where the committed code is out of date.
"""

import sys
import tempfile
from pathlib import Path

import grpc_tools
from grpc_tools import protoc

HERE = Path(__file__).resolve().parent
TARGET = HERE.parent / "src" / "chimera" / "proto"
# Within the compiler the files lie where the Python package has them, so that the generated imports are right.
VIRTUAL = "chimera/proto"
# The compiler writes bare `Mapping`s into its type stubs and lets a field called `bytes` hide the type, both of
# which strict mypy refuses.
STUB_HEADER = '# mypy: disable-error-code="type-arg, valid-type"\n'


def generate(into: Path) -> None:
    names = sorted(path.name for path in HERE.glob("*.proto"))
    arguments = [
        "protoc",
        f"-I{VIRTUAL}={HERE}",
        f"-I{Path(grpc_tools.__file__).parent / '_proto'}",
        f"--python_out={into}",
        f"--pyi_out={into}",
        *(f"{VIRTUAL}/{name}" for name in names),
    ]
    if protoc.main(arguments) != 0:
        raise SystemExit("the compiler refused the .proto files")
    for stub in (into / VIRTUAL).glob("*.pyi"):
        stub.write_text(STUB_HEADER + stub.read_text())


def differs(made: Path, kept: Path) -> bool:
    return not kept.exists() or kept.read_text() != made.read_text()


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        generate(Path(folder))
        made = sorted((Path(folder) / VIRTUAL).iterdir())
        stale = [file for file in made if differs(file, TARGET / file.name)]
        if "--check" in sys.argv[1:]:
            for file in stale:
                print(f"out of date: {file.name}")
            return 1 if stale else 0
        for file in made:
            (TARGET / file.name).write_text(file.read_text())
            print(f"wrote {TARGET / file.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
