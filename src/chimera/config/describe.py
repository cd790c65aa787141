"""Settings shown to people: the JSON schema, and the values without their secrets."""

import ast
import inspect
import re
import sys
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, get_args
from urllib.parse import urlsplit, urlunsplit

import msgspec

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
    return {"title": "Chimera settings", **_described(Settings)}


def shapes(kind: type[msgspec.Struct]) -> dict[str, Any]:
    """The schema of a section and of those within it, by the struct's name; raises TypeError for a strange type."""
    parts: dict[str, Any] = _described(kind)["$defs"]
    return parts


def _described(kind: type[msgspec.Struct]) -> dict[str, Any]:
    built: dict[str, Any] = msgspec.json.schema(
        kind,
        schema_hook=lambda _: {"type": "string", "description": "From the environment or .env alone."},
    )
    for section in _sections(kind):
        part, notes = built["$defs"][section.__name__], field_notes(section)
        part["additionalProperties"] = False
        # what a section says itself stands before what it continues
        own = [name for name in section.__struct_fields__ if name in section.__annotations__]
        part["properties"] = {name: part["properties"][name] for name in own} | part["properties"]
        for field, shape in part["properties"].items():
            if field in notes:
                shape["description"] = notes[field]
    return built


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


def field_notes(section: type[msgspec.Struct]) -> dict[str, str]:
    """{field: the docstring under it}, from its own source and that of the sections that it continues."""
    notes: dict[str, str] = {}
    for one in reversed(section.__mro__):
        notes |= _written(one.__module__).get(one.__name__, {})
    return notes


@lru_cache(64)
def _written(module: str) -> dict[str, dict[str, str]]:
    """{class: {field: its docstring}} of a module; nothing where there is no source."""
    try:
        parsed = ast.parse(inspect.getsource(sys.modules[module]))
    except (OSError, TypeError, KeyError):  # built in, made while running, or its file is gone
        return {}
    return {one.name: _notes(one) for one in parsed.body if isinstance(one, ast.ClassDef)}


def _notes(section: ast.ClassDef) -> dict[str, str]:
    return {
        line.target.id: str(below.value.value)
        for line, below in zip(section.body, section.body[1:], strict=False)
        if isinstance(line, ast.AnnAssign)
        and isinstance(line.target, ast.Name)
        and isinstance(below, ast.Expr)
        and isinstance(below.value, ast.Constant)
    }


def _sections(kind: Any) -> Iterator[type[msgspec.Struct]]:
    """The struct types within a type, lists of them included, itself first."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        yield kind
        for field in msgspec.structs.fields(kind):
            yield from _sections(field.type)
    else:
        for inner in get_args(kind):
            yield from _sections(inner)
