"""The log: JSON lines or lines for a terminal, with every secret cut out. Must not know what happened."""

import sys
from collections.abc import MutableMapping
from functools import lru_cache
from typing import Any, Protocol, Self, TextIO, cast

import msgspec
import structlog


class Log(Protocol):
    """What of a structlog logger is used here."""

    def debug(self, event: str, **fields: Any) -> Any: ...
    def info(self, event: str, **fields: Any) -> Any: ...
    def warning(self, event: str, **fields: Any) -> Any: ...
    def error(self, event: str, **fields: Any) -> Any: ...

    def bind(self, **fields: Any) -> Self:
        """One that says these in every line too."""
        ...


SECRET_KEYS = ("secret", "passphrase", "password", "authorization", "x-signature", "token_key", "api_key", "apikey",
               "private", "keypair", "cookie", "bearer")  # fmt: skip
CUT = "[redacted]"
SECRET_LENGTH_MIN = 6  # shorter ones would blank ordinary words


@lru_cache(1_024)
def names_secret(key: str) -> bool:
    """Whether what stands under this key must not be shown; the few keys that there are come with every line."""
    return any(part in key.lower() for part in SECRET_KEYS)


class Redactor:
    """A structlog processor that cuts secrets, wherever in a line they stand."""

    def __init__(self, secrets: tuple[str, ...] = ()) -> None:
        self._secrets: tuple[str, ...] = ()
        for secret in secrets:
            self.register(secret)

    def register(self, secret: str) -> None:
        """Cuts this value from now on."""
        if len(secret) >= SECRET_LENGTH_MIN and secret not in self._secrets:
            self._secrets = tuple(sorted((*self._secrets, secret), key=len, reverse=True))

    def __call__(self, _: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        for key, value in event.items():
            if names_secret(key):
                event[key] = CUT
            else:
                event[key] = self.clean(value)
        return event

    def clean(self, value: Any) -> Any:
        """The value without secrets; containers are searched, other objects are left as they are."""
        if isinstance(value, str):
            for secret in self._secrets:
                if secret in value:
                    value = value.replace(secret, CUT)
            return value
        if isinstance(value, dict):
            return {key: CUT if names_secret(str(key)) else self.clean(inner) for key, inner in value.items()}
        if isinstance(value, list | tuple):
            return [self.clean(inner) for inner in value]
        return value


LEVELS = {"DEBUG": 10, "INFO": 20, "WARNING": 30, "ERROR": 40}


def make_log(*, level: str, json: bool, redactor: Redactor, stream: TextIO | None = None) -> Log:
    """A logger that writes lines to `stream` (stderr where none is given); raises KeyError for no such level."""
    processors: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="timestamp"),
        structlog.processors.format_exc_info,
        redactor,  # after the trace became text, before anything is written
        structlog.processors.JSONRenderer(serializer=_json)
        if json
        else structlog.dev.ConsoleRenderer(colors=(stream or sys.stderr).isatty(), pad_event_to=20),
    ]
    log: Log = structlog.wrap_logger(
        structlog.WriteLogger(cast(TextIO, LossyStream(stream or sys.stderr))),
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level.upper()]),
        context_class=dict,
    ).bind()  # bound once: the lazy proxy would bind anew for every line
    return log


class LossyStream:
    """A stream whose refusals are counted and told later: a full disk under the log must not stop the trading.

    The journal is what must not lose anything; where the same disk refuses it too, that stops the house.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.lost = 0
        """Lines that could not be written since the last one that could."""

    def write(self, text: str) -> int:
        try:
            if self.lost:
                told = {"event": "log lines refused by the disk", "level": "warning", "lines": self.lost}
                self._stream.write(_json(told) + "\n")
            self._stream.write(text)
            self._stream.flush()
        except OSError:
            self.lost += 1
        else:
            self.lost = 0
        return len(text)

    def flush(self) -> None:
        """Done with each line, where a refusal can be counted."""


def _json(event: Any, **_: Any) -> str:
    return msgspec.json.encode(event, enc_hook=str).decode()


bind = structlog.contextvars.bound_contextvars
"""`with bind(request_id=...):` puts these fields on every line written inside, across awaits."""
