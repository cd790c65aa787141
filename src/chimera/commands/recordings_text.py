"""What `chimera recordings` prints and exports of records."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import msgspec

from chimera import frames
from chimera.adapters.recording_folder import RecordingFolder
from chimera.domain.errors import ConfigError
from chimera.domain.recording import Recorded
from chimera.ports.recording import Wanted

TABLES = {
    "trades": frames.trades,
    "pools": frames.pools,
    "mints": frames.mints,
    "slots": frames.slots,
    "gaps": frames.gaps,
}
ENCODE = msgspec.json.Encoder().encode


def line_of(record: Recorded) -> str:
    """A record as one JSON line; bytes are base64."""
    said = {
        "seq": record.seq,
        "ts_unix_ms": record.at_ms,
        "kind": type(record.item).__name__,
        "item": record.item,
    }
    return ENCODE(said).decode()


def kinds_counted(records: Iterable[Recorded]) -> list[tuple[str, int]]:
    """(kind, how many), the commonest first."""
    return Counter(type(record.item).__name__ for record in records).most_common()


def export_to(folder: Path, out: Path, *, table: str, from_ms: int | None, to_ms: int | None) -> int:
    """Writes the file and returns its number of rows. Raises ConfigError for a name that it does not know."""
    if out.suffix not in {".jsonl", ".parquet", ".csv"}:
        raise ConfigError(f"--out {out}: its name ends with .jsonl, .parquet or .csv")
    if table not in TABLES:
        raise ConfigError(f"--table {table}: there are {', '.join(TABLES)}")
    try:
        if out.suffix == ".jsonl":
            return _lines(folder, out, from_ms, to_ms)
        frame = TABLES[table](folder, since=from_ms, until=to_ms)
        if out.suffix == ".parquet":
            frame.write_parquet(out, compression="zstd")
        else:
            frame.write_csv(out)
    except OSError as error:
        raise ConfigError(f"--out {out}: {error.strerror or error}") from None
    return frame.height


def _lines(folder: Path, out: Path, from_ms: int | None, to_ms: int | None) -> int:
    count = 0
    with out.open("wb") as file:
        for record in RecordingFolder(folder).read(wanted=Wanted.EVENTS, from_ms=from_ms, to_ms=to_ms):
            file.write(line_of(record).encode() + b"\n")
            count += 1
    return count
