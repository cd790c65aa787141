"""Keeps the parts of docs/ that are made from the code: writes them, or says with --check which are stale.

The made part of a document stands between two marker lines; what people wrote around it is left alone.
"""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import typer

from chimera.cli import app
from chimera.config import Secret, Settings, schema
from chimera.config.live import value_of

ROOT = Path(__file__).parents[1]
BEGIN, END = "<!-- made by ops/documents.py: begin -->", "<!-- made by ops/documents.py: end -->"


def settings(described: dict[str, Any]) -> str:
    """A table of every setting for each section of a config file: name, default, what may stand there."""
    sections: dict[str, list[str]] = {}
    for key, shape in leaves(described, described["$ref"], ""):
        section = key.rpartition(".")[0]
        told = cell(shape.get("description", ""))
        row = f"| `{key}` | {default(value_of(Settings(), key))} | {allowed(shape)} | {told} |"
        sections.setdefault(section, []).append(row)
    parts = []
    for section, rows in sections.items():
        title = f"### `{section}`" if section else "### At the top"
        parts += [title, "", "| setting | default | allowed | |", "|---|---|---|---|", *rows, ""]
    return "\n".join(parts).rstrip()


def leaves(described: dict[str, Any], reference: str, prefix: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """(dotted key, shape) of each setting; sections are walked, lists are one setting."""
    section = described["$defs"][reference.rpartition("/")[2]]
    later = []
    for name, shape in section["properties"].items():
        target = shape.get("$ref") or next(
            (part["$ref"] for part in shape.get("allOf", ()) if "$ref" in part), ""
        )
        inner = described["$defs"].get(target.rpartition("/")[2], {})
        if inner.get("type") == "object":
            later.append((target, f"{prefix}{name}."))
        else:
            yield f"{prefix}{name}", {**inner, **shape}
    for target, below in later:
        yield from leaves(described, target, below)


def default(value: Any) -> str:
    """The default as it would be written in a file."""
    if isinstance(value, Secret) or (not value and value not in (0, False)):
        return "none"
    value = msgspec.to_builtins(value)
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def allowed(shape: dict[str, Any]) -> str:
    """Range or choices, else the type."""
    if "enum" in shape:
        return " or ".join(f"`{choice}`" for choice in shape["enum"])
    low, high = shape.get("minimum"), shape.get("maximum")
    if low is not None and high is not None:
        # The top of a signed 64-bit number is no limit that anybody meant.
        return f"{low} to {high}" if high < 2**63 - 1 else f"{low} and more"
    return {"array": "a list", "boolean": "`true` or `false`", "string": "text"}.get(
        shape.get("type", ""), ""
    )


def cell(text: str) -> str:
    """Text that fits into one cell."""
    return " ".join(text.replace("|", "\\|").split())


def command_line(command: Any) -> str:
    """A table of every command, with its options and the first sentence of its help."""
    rows = [f"| `{usage}` | {cell(told)} |" for usage, told in usages(command, "chimera")]
    return "\n".join(["| command | |", "|---|---|", *rows])


def usages(command: Any, path: str) -> Iterator[tuple[str, str]]:
    """(command with its options, what it does) of each one that does something, groups walked."""
    below = getattr(command, "commands", {})
    for name, inner in below.items():
        yield from usages(inner, f"{path} {name}")
    if not below:
        words = [
            (parameter.metavar or parameter.name.upper())
            if parameter.param_type_name == "argument"
            else parameter.opts[-1]
            if parameter.required
            else f"[{parameter.opts[-1]}]"
            for parameter in command.params
            if parameter.name != "help"
        ]
        yield " ".join([path, *words]), (command.help or "").partition("\n")[0]


MADE: dict[str, Callable[[], str]] = {
    "docs/cli.md": lambda: command_line(typer.main.get_command(app)),
    "docs/configuration.md": lambda: settings(schema()),
}
"""Which document has which made part."""


def remade(text: str, part: str) -> str:
    """The document with its made part replaced; raises ValueError where the markers are missing."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError("the marker lines are missing")
    return f"{before}{BEGIN}\n\n{part}\n\n{END}{after}"


def main(arguments: list[str]) -> int:
    """0, or 1 where --check found a stale document."""
    stale = 0
    for name, make in MADE.items():
        file = ROOT / name
        text = file.read_text()
        new = remade(text, make())
        if new == text:
            continue
        stale += 1
        if "--check" in arguments:
            print(f"{name} is stale; run: .venv/bin/python ops/documents.py")
        else:
            file.write_text(new)
            print(f"{name} rewritten")
    return int(stale > 0 and "--check" in arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
