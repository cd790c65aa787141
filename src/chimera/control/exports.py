"""Rows as files: CSV that no spreadsheet executes, JSON, and the headers that make a download of them.

A cell that a spreadsheet would take for a formula gets an apostrophe before it: names of tokens and notes on wallets
are written by strangers.
"""

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec
from fastapi import Response

from chimera.control.wire import Problem, encode
from chimera.ports.store import Page

R = TypeVar("R")

MEDIA = {"csv": "text/csv; charset=utf-8", "json": "application/json", "pdf": "application/pdf"}
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%")
ROWS_A_PAGE = 1_000


@dataclass(frozen=True)
class Table:
    """Rows of one kind under a file's name."""

    name: str
    rows: Sequence[msgspec.Struct]

    def response(self, kind: str, *, known: Sequence[str]) -> Response:
        if kind not in known:
            raise Problem(400, f"format is one of {', '.join(known)}.", details={"parameter": "format"})
        body = encode(self.rows) if kind == "json" else as_csv(self.rows)
        return file(self.name, kind, body)


def file(name: str, kind: str, body: bytes) -> Response:
    """A download; the name is ours, never a caller's."""
    headers = {"content-disposition": f'attachment; filename="{name}.{kind}"'}
    return Response(body, media_type=MEDIA[kind], headers=headers)


def as_csv(rows: Iterable[msgspec.Struct]) -> bytes:
    """UTF-8 with a byte order mark, so that spreadsheets read it as such; RFC 4180 otherwise."""
    out = io.StringIO()
    writer = csv.writer(out)
    for number, row in enumerate(rows):
        if number == 0:
            writer.writerow(row.__struct_fields__)
        writer.writerow([cell(getattr(row, name)) for name in row.__struct_fields__])
    return b"\xef\xbb\xbf" + out.getvalue().encode()


def cell(value: Any) -> str:
    """A value as a spreadsheet may safely show it; numbers stay numbers, negative ones too."""
    if value is None:
        return ""
    text = str(value)
    if text.startswith(FORMULA_STARTS) and not _is_number(text):
        return f"'{text}"
    return text


def rows_of(page: Callable[[int, int], Page[R]], most: int) -> list[R]:
    """Every row, page by page; a Problem where there are more than a file should hold."""
    rows: list[R] = []
    while True:
        found = page(ROWS_A_PAGE, len(rows))
        rows += found.items
        if found.total > most:
            raise Problem(400, f"That is more than {most} rows; ask for less, for instance by from and to.")
        if len(rows) >= found.total or not found.items:
            return rows


def attachment(*kinds: str) -> dict[int | str, dict[str, Any]]:
    """`responses=` of a route that answers with a file."""
    shape = {"schema": {"type": "string", "format": "binary"}}
    content = {MEDIA[kind].partition(";")[0]: {} if kind == "json" else shape for kind in kinds}
    return {
        200: {"description": "A file", "content": content},
        "default": {"description": "Why there is none", "content": {"application/json": {}}},
    }


def _is_number(text: str) -> bool:
    digits = text.removeprefix("-").removeprefix("+")
    return digits.replace(".", "", 1).isdigit() and digits.isascii()
