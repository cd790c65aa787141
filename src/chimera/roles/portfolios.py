"""Opens, alters and closes portfolios on a person's word: journalled first, checked against what others have.

Nobody is given more of a strategy or a wallet than is left of it, and only an admin touches what is another's.
"""

import asyncio
from collections.abc import Iterable

import msgspec

from chimera.domain.allotment import (
    ALLOTMENTS_MAX,
    NAME_LENGTH_MAX,
    PORTFOLIOS_MAX,
    AllottedBy,
    Portfolio,
    free_bps,
)
from chimera.domain.commands import Answer, Command, KeepPortfolio
from chimera.domain.errors import DecodeError
from chimera.domain.ids import Address
from chimera.domain.messages import Entry, PortfolioChanged
from chimera.domain.units import BPS
from chimera.onchain.keys import address_bytes
from chimera.ports.store import Journal


class PortfoliosRole:
    FOLDS = frozenset({PortfolioChanged})
    """What it folds; of other facts it need not be told."""

    def __init__(self, *, strategies: Iterable[str], journal: Journal) -> None:
        self._strategies, self._journal = frozenset(strategies), journal
        self.portfolios: dict[str, Portfolio] = {}
        self._busy = asyncio.Lock()

    def fold(self, entry: Entry) -> None:
        """In the journal's order, those of former runs included."""
        if isinstance(entry.fact, PortfolioChanged):
            self.portfolios[entry.fact.portfolio.id] = entry.fact.portfolio

    async def perform(self, command: Command) -> Answer:
        """`ports.runtime.Commands`, for KeepPortfolio."""
        if not isinstance(command, KeepPortfolio):
            return Answer(ok=False, code="UNSUPPORTED", message="that is not about a portfolio")
        async with self._busy:  # of two at once the second is checked against the first
            refused = self._refused(command)
            if refused is not None:
                return refused
            known = self.portfolios.get(command.portfolio.id)
            if known == command.portfolio:
                return Answer(ok=True, message="it is so already", before=known.id, after=known.id)
            entry = self._journal.append(PortfolioChanged(command.portfolio, command.cause, command.by))
            await self._journal.durable(entry.seq)
        done = "closed" if command.portfolio.closed else "kept"
        return Answer(ok=True, message=f"the portfolio is {done}", after=command.portfolio.id)

    def _refused(self, command: KeepPortfolio) -> Answer | None:
        """Why not, or None. What a caller may not see is UNKNOWN to him, whether it is there or not."""
        wanted, known = command.portfolio, self.portfolios.get(command.portfolio.id)
        unseen = known is not None and known.owner != command.by and not command.anyones
        if unseen or (known is None) is not command.new:
            return Answer(ok=False, code="UNKNOWN", message="there is no portfolio of this id")
        if known is not None and known.closed:
            return Answer(ok=False, code="NOT_ACTIVE", message="this portfolio is closed")
        if wanted.owner != command.by and not command.anyones:
            return _invalid("a portfolio of somebody else is an admin's to keep")
        if wanted.closed:
            same = known is not None and msgspec.structs.replace(known, closed=True) == wanted
            return None if same else _invalid("closing a portfolio changes nothing else of it")
        return self._wrong(wanted) or self._taken(wanted, anyones=command.anyones)

    def _wrong(self, wanted: Portfolio) -> Answer | None:
        """What is wrong with it in itself."""
        if not wanted.name.strip() or len(wanted.name) > NAME_LENGTH_MAX or not wanted.name.isprintable():
            return _invalid(f"a name is 1 to {NAME_LENGTH_MAX} printable characters")
        if not wanted.owner or not wanted.owner.isprintable() or len(wanted.owner) > NAME_LENGTH_MAX:
            return _invalid("an owner is the identifier of a key or a login")
        if not 1 <= len(wanted.allotments) <= ALLOTMENTS_MAX:
            return _invalid(f"1 to {ALLOTMENTS_MAX} allotments, please")
        if len({(one.by, one.of) for one in wanted.allotments}) < len(wanted.allotments):
            return _invalid("the same strategy or wallet is named twice")
        for one in wanted.allotments:
            if not 1 <= one.share_bps <= BPS:
                return _invalid(f"share_bps is 1 to {BPS}")
            if one.by is AllottedBy.STRATEGY and one.of not in self._strategies:
                return _invalid(f"no strategy {one.of[:80]}; there are {', '.join(sorted(self._strategies))}")
            if one.by is AllottedBy.WALLET and not _is_address(one.of):
                return _invalid(f"{one.of[:80]} is not a Solana address")
        return None

    def _taken(self, wanted: Portfolio, *, anyones: bool) -> Answer | None:
        """What others have of it already."""
        others = [one for one in self.portfolios.values() if one.id != wanted.id and not one.closed]
        if len(others) >= PORTFOLIOS_MAX:
            return _invalid(f"{PORTFOLIOS_MAX} portfolios are open already; close one")
        if any((one.owner, one.name) == (wanted.owner, wanted.name) for one in others):
            return Answer(ok=False, code="ALREADY_THERE", message=f"{wanted.owner} has one of this name")
        for one in wanted.allotments:
            left = free_bps(others, by=one.by, of=one.of)
            if one.share_bps > left:
                return Answer(
                    ok=False,
                    code="TAKEN",
                    message=f"of {one.by} {one.of} {left} bps are left to allot, not {one.share_bps}",
                )
        # a wallet goes before its strategy, so it would take from whoever has been given that strategy
        names_wallet = any(one.by is AllottedBy.WALLET for one in wanted.allotments)
        foreign = any(
            one.by is AllottedBy.STRATEGY
            for other in others
            if other.owner != wanted.owner
            for one in other.allotments
        )
        if names_wallet and foreign and not anyones:
            return Answer(
                ok=False,
                code="TAKEN",
                message="others have shares of strategies, which a copied wallet goes before: ask an admin",
            )
        return None


def _invalid(message: str) -> Answer:
    return Answer(ok=False, code="VALIDATION_FAILED", message=message)


def _is_address(text: str) -> bool:
    try:
        return len(address_bytes(Address(text))) == 32
    except DecodeError:
        return False
