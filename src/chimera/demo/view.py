"""How a demo looks in a terminal: a live board, or plain lines where nobody watches."""

from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from chimera.demo.summary import Summary
from chimera.domain.units import sol_text

GOOD, BAD, DIM = "green", "red", "grey58"


class Look(msgspec.Struct, frozen=True):
    """What the desk's API said at one time."""

    overview: dict[str, Any]
    positions: list[dict[str, Any]]
    decisions: list[dict[str, Any]]
    health: dict[str, Any]


class Lines:
    """One line an event; nothing is drawn twice."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False, soft_wrap=True)
        self._seen = 0

    def say(self, text: str) -> None:
        self._console.print(text, markup=False)

    def up(self, dashboard: str, *, secret_file: Path, url: str) -> None:
        self.say(f"dashboard: {dashboard}")
        self.say(f"webhook:   POST {url}api/v1/webhook, its secret is in {secret_file}")

    def show(self, look: Look) -> None:
        for decision in reversed(look.decisions):
            if decision["seq"] > self._seen:
                self._seen = decision["seq"]
                self.say(f"{decision['seq']:>6}  {decision['text']}")

    def down(self) -> None:
        self.say("stopping: the desk lets its last transactions land")

    def end(self, summary: Summary, folder: Path) -> None:
        for line in _closing(summary, folder):
            self.say(line)


class LiveView(Lines):
    """The same on a board that is drawn anew twice a second."""

    def __init__(self) -> None:
        super().__init__()
        self._console = Console()
        self._live: Live | None = None
        self._dashboard = self._webhook = ""

    def up(self, dashboard: str, *, secret_file: Path, url: str) -> None:
        self._dashboard = dashboard
        self._webhook = f"POST {url}api/v1/webhook · secret in {secret_file}"
        self._live = Live(Text("the desk is starting"), console=self._console, refresh_per_second=4)
        self._live.start()

    def show(self, look: Look) -> None:
        if self._live is not None:
            head = Panel(self._head(look), title="Chimera · embedded chain, no real money")
            self._live.update(Group(head, _positions(look.positions), _decisions(look.decisions)))

    def down(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None
        super().down()

    def _head(self, look: Look) -> Text:
        overview, health = look.overview, look.health
        realised = int(overview["realised_pnl_lamports"])
        text = Text()
        text.append(f"balance {sol_text(int(overview['balance_lamports']))} SOL   ")
        text.append(f"realised {sol_text(realised)} SOL", style=GOOD if realised >= 0 else BAD)
        text.append(f"   open {overview['open_positions']}   closed {overview['closed_trades']}   ")
        text.append(f"slot {health['market']['slot']} · {health['status']}\n", style=DIM)
        text.append(f"dashboard  {self._dashboard}\n", style="bold")
        text.append(f"webhook    {self._webhook}", style=DIM)
        return text


def _positions(positions: list[dict[str, Any]]) -> Table:
    table = Table(expand=True, title="Positions", title_justify="left")
    for name in ("token", "style", "state", "cost SOL", "value SOL", "profit SOL"):
        table.add_column(name, justify="right" if name.endswith("SOL") else "left")
    for position in positions[:8]:
        closed = position["state"] == "CLOSED"
        profit = position["realised_pnl_lamports"] if closed else position["unrealised_pnl_lamports"]
        value = position["value_lamports"]
        table.add_row(
            position["token_symbol"],
            position["strategy"],
            position["state"],
            sol_text(int(position["entry_lamports"])),
            "—" if value is None else sol_text(int(value)),
            Text("unknown" if profit is None else sol_text(int(profit)), style=_colour(profit)),
            style=DIM if closed else "",
        )
    return table


def _decisions(decisions: list[dict[str, Any]]) -> Table:
    table = Table(expand=True, title="Decisions", title_justify="left", show_header=False)
    table.add_column("seq", justify="right", style=DIM)
    table.add_column("text", overflow="ellipsis", no_wrap=True)
    for decision in decisions[:12]:
        table.add_row(str(decision["seq"]), Text(decision["text"]))
    return table


def _colour(profit: str | None) -> str:
    if profit is None:
        return DIM
    return GOOD if int(profit) >= 0 else BAD


def _closing(summary: Summary, folder: Path) -> list[str]:
    agree = (
        "agree to the lamport"
        if summary.ledger_matches_chain
        else "DIFFER: " + "; ".join(summary.differences)
    )
    first = "none" if summary.first_round_trip_s is None else f"after {summary.first_round_trip_s} s"
    counts = (
        f"signals {summary.signals}, intents {summary.intents}, refused {summary.refused}, "
        f"confirmed {summary.confirmed}, closed {summary.closed}"
    )
    return [
        counts,
        f"first round trip {first}; realised {sol_text(summary.realised_pnl_lamports)} SOL; books and chain {agree}",
        f"everything is in {folder}; ask it: chimera why ID --data-dir {folder}",
    ]
