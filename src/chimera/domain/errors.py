"""What the caller cannot go on from. Outcomes that he can act on are values, not exceptions.

ChimeraError
  ConfigError                 refuse to start; names the key
  OutsideError                the other side, with the facts one will ask for
    Unreachable  RateLimited  Rejected  Garbled
  DecodeError                 the whole transaction or account goes to the dead letters
  InvariantBroken             journal it, trip the kill switch, stop
"""


class ChimeraError(Exception):
    """Abstract: raise one of its children."""


class ConfigError(ChimeraError):
    """A setting is wrong; the message names it and says what to do."""


class OutsideError(ChimeraError):
    """Something that is not ours failed."""

    def __init__(self, who: str, what: str) -> None:
        super().__init__(f"{who}: {what}")
        self.who, self.what = who, what


class Unreachable(OutsideError):
    """No answer: the outcome of what was asked is unknown."""


class RateLimited(OutsideError):
    """They said: later."""

    def __init__(self, who: str, what: str, retry_after_s: float | None = None) -> None:
        super().__init__(who, what)
        self.retry_after_s = retry_after_s


class Rejected(OutsideError):
    """They understood and said no."""

    def __init__(self, who: str, what: str, code: int | None = None, data: object = None) -> None:
        super().__init__(who, what)
        self.code, self.data = code, data


class Garbled(OutsideError):
    """They answered what we cannot read."""


class DecodeError(ChimeraError):
    """Bytes that are not what they claim to be."""


class InvariantBroken(ChimeraError):
    """Something that must always hold does not."""
