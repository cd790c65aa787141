"""Whether a strategy knows what it cannot know: its decisions made again on data that end where they were made.

The engine hands over one event at a time, so what looks ahead must take it from elsewhere: a file, a table of whole
days, a figure over all bars. Such a strategy decides otherwise once the days after are missing.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from chimera.domain.intent import TradeIntent
from chimera.domain.messages import Entry, IntentEmitted
from chimera.wiring.backtest import Wish, backtest


class Difference(msgspec.Struct, frozen=True):
    """The first decision that is another one when the data end at `until_ms`."""

    until_ms: int
    whole: TradeIntent | None
    """With all data; None: it decided nothing."""
    cut: TradeIntent | None


class Verdict(msgspec.Struct, frozen=True):
    decisions: int
    looked_at: tuple[int, ...]
    """Times at which the data were cut, unix milliseconds."""
    difference: Difference | None


def lookahead(
    wish: Wish, *, samples: int, files: Iterable[Path] = (), environ: Mapping[str, str] | None = None
) -> Verdict:
    """Cuts the data at up to `samples` decisions, spread evenly, and compares all that was decided until then."""
    files = list(files)

    def decided(to_ms: int | None) -> list[tuple[int, TradeIntent]]:
        wished = wish if to_ms is None else msgspec.structs.replace(wish, to_ms=to_ms)
        _, journal = backtest(wished, files=files, environ=dict(environ or {}))
        return [_intent(entry) for entry in journal.read() if isinstance(entry.fact, IntentEmitted)]

    whole = decided(None)
    times = sorted({at_ms for at_ms, _ in whole})
    step = max(1, len(times) // samples)
    chosen = times[step - 1 :: step][:samples]
    for until in chosen:
        known = [intent for at_ms, intent in whole if at_ms <= until]
        cut = [intent for at_ms, intent in decided(until) if at_ms <= until]
        if known != cut:
            place = next(
                (n for n, (one, other) in enumerate(zip(known, cut, strict=False)) if one != other),
                min(len(known), len(cut)),
            )
            first = Difference(
                until,
                known[place] if place < len(known) else None,
                cut[place] if place < len(cut) else None,
            )
            return Verdict(len(whole), tuple(chosen), first)
    return Verdict(len(whole), tuple(chosen), None)


def _intent(entry: Entry) -> tuple[int, TradeIntent]:
    assert isinstance(entry.fact, IntentEmitted)  # noqa: S101 - the caller's choice
    return entry.at_ms, entry.fact.intent
