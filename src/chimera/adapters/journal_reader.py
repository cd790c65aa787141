"""The journal's folder, read by a process that does not write it: control and strategies on the desk's machine.

The one writer is `adapters.journal_file`. What a reader finds here is on disk, though perhaps not yet durable.
"""

from collections.abc import Iterator
from pathlib import Path

from chimera.adapters.journal_segments import read_folder, segments
from chimera.domain.messages import Entry


class JournalReader:
    """`ports.store.History`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, from_seq: int = 1) -> Iterator[Entry]:
        """Entries that are on disk; none where there is no journal yet.

        Raises InvariantBroken at a line that does not fit its chain.
        """
        if not self._folder.is_dir() or not segments(self._folder):
            return iter(())
        return read_folder(self._folder, from_seq)
