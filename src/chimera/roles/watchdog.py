"""Breaks off a strategy that does not come back, from a thread of its own, so that the house goes on.

Only what runs as Python can be broken off: a strategy that waits in a system call is beyond reach, which is why
the contract suite forbids it. It knows no strategy, only that a call lasts.
"""

import ctypes
import threading
import time

from chimera.engine import Pulse, StrategyStalled

LOOK_EVERY_S = 0.1
PROCESSOR_S_MAX = 1.0  # an honest event takes microseconds
WALL_S_MAX = 15.0  # for a call that neither computes nor returns; a suspended machine wakes within it


class Watchdog:
    """Watches the thread in which it is made; `start` and `stop` it."""

    def __init__(self, pulse: Pulse, *, processor_s_max: float = PROCESSOR_S_MAX) -> None:
        self._pulse, self._processor_s_max = pulse, processor_s_max
        self._thread_id = threading.get_ident()
        self._clock = time.pthread_getcpuclockid(self._thread_id)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="strategy watchdog", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        pulse, seen, since, spent = self._pulse, -1, 0.0, 0.0
        while not self._ended.wait(LOOK_EVERY_S):
            serial = pulse.serial
            now, processor = time.monotonic(), time.clock_gettime(self._clock)
            if serial != seen or not serial % 2:
                seen, since, spent = serial, now, processor
            elif processor - spent > self._processor_s_max or now - since > WALL_S_MAX:
                if pulse.fired != serial:
                    self._fire(serial)

    def _fire(self, serial: int) -> None:
        """Between aiming and firing the call may end: then it waits for the answer given here."""
        pulse = self._pulse
        pulse.aimed = serial
        if pulse.serial != serial:
            pulse.withdrawn = serial
            return
        pulse.fired = serial
        ctypes.pythonapi.PyThreadState_SetAsyncExc(
            ctypes.c_ulong(self._thread_id), ctypes.py_object(StrategyStalled)
        )
