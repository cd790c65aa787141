"""What happens to a recording: log lines and metrics of its own."""

from prometheus_client import Counter, Gauge

from chimera.observe import Observer


class RecordingObserver:
    def __init__(self, observer: Observer) -> None:
        self._told, self._failed = observer.told, observer.role_failed
        registry = observer.registry
        self._records = Counter("chimera_recording_records", "Records written", registry=registry)
        self._bytes = Counter("chimera_recording_bytes", "Bytes written, before sealing", registry=registry)
        self._lost = Counter(
            "chimera_recording_lost", "Records that never reached the disk", ["cause"], registry=registry
        )
        self._segments = Counter(
            "chimera_recording_segments", "Segments by what became of them", ["fate"], registry=registry
        )
        self._waiting = Gauge(
            "chimera_recording_waiting", "Records that wait for the disk", registry=registry
        )

    def failed(self, error: BaseException) -> None:
        """The loop ended; it is begun again."""
        self._failed(role="recording", error=error)

    def written(self, *, records: int, size: int, waiting: int) -> None:
        self._records.inc(records)
        self._bytes.inc(size)
        self._waiting.set(waiting)

    def lost(self, *, records: int, cause: str) -> None:
        self._lost.labels("slow" if cause == SLOW else "disk").inc(records)
        self._told("recording lost records", records=records, cause=cause)

    def sealed(self, *, name: str) -> None:
        self._segments.labels("sealed").inc()
        self._told("recording segment sealed", segment=name)

    def unsealed(self, *, name: str, cause: str) -> None:
        self._segments.labels("left open").inc()
        self._told("recording segment left open", segment=name, cause=cause)

    def removed(self, *, names: list[str]) -> None:
        self._segments.labels("removed").inc(len(names))
        self._told("recording segments removed", segments=names)


SLOW = "the recorder could not keep up"
