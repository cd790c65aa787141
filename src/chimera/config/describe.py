"""Settings shown to people: the JSON schema, and the values without their secrets."""

import ast
import inspect
import re
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import msgspec

from chimera.config import rebalancer_tree, strategy_tree, tree
from chimera.config.tree import Settings

URLS = (
    ("rpc", "primary_url"),
    ("rpc", "fallback_url"),
    ("rpc", "ws_url"),
    ("geyser", "url"),
    ("jito", "url"),
)
KEY_LIKE = re.compile(r"[0-9A-Za-z_-]{20,}")  # providers' keys are UUIDs or 32 and more hex digits


def schema() -> dict[str, Any]:
    """The JSON schema of a config file; descriptions are the docstrings of the fields."""
    built: dict[str, Any] = msgspec.json.schema(
        Settings,
        schema_hook=lambda _: {"type": "string", "description": "From the environment or .env alone."},
    )
    notes = _field_notes()
    for name, part in built["$defs"].items():
        part["additionalProperties"] = False
        for field, shape in part.get("properties", {}).items():
            if note := notes.get((name, field)):
                shape["description"] = note
    return {"title": "Chimera settings", **built}


def redacted(settings: Settings) -> dict[str, Any]:
    """The settings as plain values, without secrets: set ones are "***", URLs lose what may be one."""
    shown: dict[str, Any] = msgspec.to_builtins(settings, enc_hook=lambda secret: "***" if secret else "")
    for section, name in URLS:
        shown[section][name] = without_credentials(shown[section][name])
    return shown


def without_credentials(url: str) -> str:
    """The URL with its user gone, and its query and key-like parts of its path replaced by ***."""
    if not url:
        return url
    parts = urlsplit(url)
    path = "/".join("***" if KEY_LIKE.fullmatch(part) else part for part in parts.path.split("/"))
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], path, "***" if parts.query else "", ""))


def _field_notes() -> dict[tuple[str, str], str]:
    """{(section, field): the docstring under the field}, from the tree's own source."""
    notes = {}
    files = (tree, strategy_tree, rebalancer_tree)
    for section in (one for file in files for one in ast.parse(inspect.getsource(file)).body):
        if not isinstance(section, ast.ClassDef):
            continue
        for line, below in zip(section.body, section.body[1:], strict=False):
            if (
                isinstance(line, ast.AnnAssign)
                and isinstance(line.target, ast.Name)
                and isinstance(below, ast.Expr)
                and isinstance(below.value, ast.Constant)
            ):
                notes[section.name, line.target.id] = str(below.value.value)
    return notes
