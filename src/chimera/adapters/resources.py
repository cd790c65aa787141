"""What the machine has left: processor, memory, disk, network, and what this process takes of it."""

import os
import time
from pathlib import Path

import psutil

from chimera.ports.screens import ResourcesSeen

SHARE_OVER_S = 1.0


class MachineResources:
    """`ports.screens.Resources`. Processor shares are those of the second or more before; the first one says 0."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._process = folder, psutil.Process()
        self._shares = (psutil.cpu_percent(), self._process.cpu_percent())
        self._shared_at = time.monotonic()

    def look(self) -> ResourcesSeen:
        whole, ours = self._busy()
        memory, disk = psutil.virtual_memory(), psutil.disk_usage(str(self._folder))
        network = psutil.net_io_counters()
        with self._process.oneshot():
            return ResourcesSeen(
                cpu_percent=whole,
                cpu_count=psutil.cpu_count() or 1,
                load_1m=os.getloadavg()[0],
                memory_used_bytes=memory.total - memory.available,
                memory_total_bytes=memory.total,
                disk_used_bytes=disk.used,
                disk_free_bytes=disk.free,
                disk_total_bytes=disk.total,
                network_sent_bytes=network.bytes_sent if network else 0,
                network_received_bytes=network.bytes_recv if network else 0,
                process_cpu_percent=ours,
                process_memory_bytes=self._process.memory_info().rss,
                process_threads=self._process.num_threads(),
                process_files=self._process.num_fds(),
            )

    def _busy(self) -> tuple[float, float]:
        """(all cores, this process) in percent; two askers a moment apart see the same, for a moment says nothing."""
        now = time.monotonic()
        if now - self._shared_at >= SHARE_OVER_S:
            self._shares, self._shared_at = (psutil.cpu_percent(), self._process.cpu_percent()), now
        return self._shares
