"""The trades server: what was traded and decided, as flat tables for Grafana's Infinity data source.

Reads the flat files and nothing else, so it runs on while the desk is down, and can do it no harm. Answers are JSON
arrays of flat objects; times are ISO 8601 or Unix milliseconds, SOL are numbers for charts, and whole lamports and
base units stand beside them as text, since they do not fit a browser's numbers.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from chimera.ports.runtime import Clock
from chimera.ports.trade_logs import TradeLogs

LIMIT = 100
LIMIT_MAX = 10_000  # rows an answer; a run's or a day's are cut there too, and the answer says so
DAY_MS = 86_400_000
LAMPORTS_PER_SOL = 10**9
TIME_MODES = ("iso", "unix_ms")
MODES = ("limit", "run")
CUT_HEADER = "X-Cut-At"
"""Set where there were more rows."""


class Wrong(ValueError):
    """A question that cannot be answered; the text is for whoever asked."""


class TradesServer:
    def __init__(self, logs: TradeLogs, clock: Clock) -> None:
        self._logs, self._clock = logs, clock

    def app(self) -> Starlette:
        routes = {"/trades": self._trades, "/decisions": self._decisions, "/pnl_24h": self._profit}
        return Starlette(
            routes=[
                Route("/health", self._health),
                *(Route(path, self._answering(rows)) for path, rows in routes.items()),
            ]
        )

    def _answering(
        self, rows: Callable[["_Asked"], Iterator[dict[str, Any]]]
    ) -> Callable[[Request], Response]:
        def answer(request: Request) -> Response:
            """In a thread of Starlette's own: files are read here."""
            try:
                asked = _Asked.of(request)
            except Wrong as wrong:
                return _json({"error": str(wrong)}, status=400)
            found = list(islice(rows(asked), asked.limit + 1))
            cut = len(found) > asked.limit
            told = _json(found[: asked.limit][::-1])  # charts want the oldest first
            if cut and asked.mode == "run":
                told.headers[CUT_HEADER] = str(asked.limit)
            return told

        return answer

    def _health(self, _: Request) -> Response:
        newest = next(self._logs.newest("decisions"), None)
        return _json(
            {"status": "ok", "newest_decision": _time(newest["ts_unix_ms"], "iso") if newest else None}
        )

    def _trades(self, asked: "_Asked") -> Iterator[dict[str, Any]]:
        """Every outcome of a leg, the newest first."""
        for head in asked.chosen(self._logs.newest("executions")):
            result = head["payload"]
            yield {
                "time": _time(head["ts_unix_ms"], asked.time_mode),
                "outcome": result["outcome"],
                "strategy": result["strategy"],
                "side": result["side"],
                "token": result["symbol"],
                "mint": result["mint"],
                "signature": result["signature"],
                "slot": result["slot"],
                "amount_sol": _sol(result["swap_lamports"]),
                "fee_sol": _sol(result["fee_lamports"]),
                "tip_sol": _sol(result["tip_lamports"]),
                "pnl_sol": _sol(result["realised_lamports"]),
                "pnl_lamports": str(result["realised_lamports"]),
                "tokens": str(result["tokens"]),
                "trade_id": result["trade_id"],
                "intent_id": result["intent_id"],
                "cause": result["cause"],
                "run_id": head["run_id"],
            }

    def _decisions(self, asked: "_Asked") -> Iterator[dict[str, Any]]:
        """Each yes and no, the newest first."""
        for head in asked.chosen(self._logs.newest("decisions")):
            fact = head["payload"].get("fact", {})
            leg, refusal = fact.get("leg") or {}, fact.get("refusal") or {}
            yield {
                "time": _time(head["ts_unix_ms"], asked.time_mode),
                "decision": head["kind"],
                "reason": refusal.get("reason"),
                "limit": refusal.get("limit"),
                "observed": refusal.get("observed"),
                "intent_id": fact.get("intent_id") or leg.get("intent_id"),
                "trade_id": fact.get("trade_id") or leg.get("trade_id"),
                "signal_id": fact.get("signal_id"),
                "run_id": head["run_id"],
            }

    def _profit(self, asked: "_Asked") -> Iterator[dict[str, Any]]:
        """One row: what the last 24 hours settled, after all costs."""
        now = self._clock.now_ms()
        realised = settled = landed = 0
        for head in self._logs.newest("executions"):
            if head["ts_unix_ms"] <= now - DAY_MS:
                break
            change = head["payload"]["realised_lamports"]
            realised, settled = realised + change, settled + bool(change)
            landed += head["payload"]["outcome"] == "landed"
        yield {
            "time": _time(now, asked.time_mode),
            "pnl_sol": _sol(realised),
            "pnl_lamports": str(realised),
            "settled": settled,
            "landed": landed,
        }


class _Asked(msgspec.Struct, frozen=True):
    mode: str
    limit: int
    run_id: str
    time_mode: str

    @classmethod
    def of(cls, request: Request) -> "_Asked":
        """Raises Wrong."""
        asked = request.query_params
        unknown = set(asked) - {"mode", "limit", "run", "time_mode"}
        if unknown:
            raise Wrong(f"unknown: {', '.join(sorted(unknown))}; there are mode, limit, run and time_mode")
        run_id = asked.get("run", "")
        mode = asked.get("mode", "run" if run_id else "limit")
        time_mode = asked.get("time_mode", "iso")
        if mode not in MODES or time_mode not in TIME_MODES:
            raise Wrong(f"mode is one of {', '.join(MODES)}; time_mode one of {', '.join(TIME_MODES)}")
        text = asked.get("limit", str(LIMIT_MAX if mode == "run" else LIMIT))
        if not text.isascii() or not text.isdigit() or not 1 <= int(text[:9]) <= LIMIT_MAX:
            raise Wrong(f"limit is a whole number from 1 to {LIMIT_MAX}")
        return cls(mode, int(text), run_id, time_mode)

    def chosen(self, records: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        """With `mode=run` those of one run, the last one unless it is named; runs follow each other."""
        if self.mode != "run":
            yield from records
            return
        wanted, begun = self.run_id, False
        for record in records:
            wanted = wanted or record["run_id"]
            if record["run_id"] == wanted:
                begun = True
                yield record
            elif begun:
                return


def _sol(lamports: int) -> float:
    return lamports / LAMPORTS_PER_SOL


def _time(at_ms: int, time_mode: str) -> str | int:
    if time_mode == "unix_ms":
        return at_ms
    return (
        datetime.fromtimestamp(at_ms / 1_000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    )


def _json(value: Any, *, status: int = 200) -> Response:
    headers = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}
    return Response(msgspec.json.encode(value), status, media_type="application/json", headers=headers)
