"""What the machine has left: processor, memory, disk, network, and what this process takes of it."""

import os
from pathlib import Path

import psutil

from chimera.ports.screens import ResourcesSeen


class MachineResources:
    """`ports.screens.Resources`. Processor shares are those since the look before; the first one says 0."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._process = folder, psutil.Process()
        psutil.cpu_percent()
        self._process.cpu_percent()

    def look(self) -> ResourcesSeen:
        memory, disk = psutil.virtual_memory(), psutil.disk_usage(str(self._folder))
        network = psutil.net_io_counters()
        with self._process.oneshot():
            return ResourcesSeen(
                cpu_percent=psutil.cpu_percent(),
                cpu_count=psutil.cpu_count() or 1,
                load_1m=os.getloadavg()[0],
                memory_used_bytes=memory.total - memory.available,
                memory_total_bytes=memory.total,
                disk_used_bytes=disk.used,
                disk_free_bytes=disk.free,
                disk_total_bytes=disk.total,
                network_sent_bytes=network.bytes_sent if network else 0,
                network_received_bytes=network.bytes_recv if network else 0,
                process_cpu_percent=self._process.cpu_percent(),
                process_memory_bytes=self._process.memory_info().rss,
                process_threads=self._process.num_threads(),
                process_files=self._process.num_fds(),
            )
