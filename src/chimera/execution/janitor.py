"""Which of our token accounts nobody needs: empty ones are closed for their rent, second ones merged into the first.

Decisions only, time passed in. Its rule: an account whose mint a position holds or a leg touches is left alone.
"""

from collections.abc import Callable, Iterable, Sequence

import msgspec

from chimera.domain.chain import Account
from chimera.domain.ids import TOKEN_PROGRAM, WSOL, Address, derived_id
from chimera.domain.messages import Entry, LegFinalized, LegLanded, LegUndone, UpkeepLanded, UpkeepPlanned
from chimera.domain.units import sol_text
from chimera.domain.upkeep import Chore, Upkeep
from chimera.onchain.keys import associated_token_address
from chimera.onchain.layouts import (
    TRANSFER_FEE_AMOUNT,
    TokenAccount,
    extensions,
    is_token_account,
    read_token_account,
    u64_at,
)
from chimera.portfolio import Ledger

HOUR_MS = 3_600_000
RUN_MS_MAX = HOUR_MS  # what a run could not take on within this waits for the next
SHUNNED_MS = 24 * HOUR_MS  # an account that could not be closed is not tried again before


class JanitorLimits(msgspec.Struct, frozen=True):
    """SPEC WK-05's numbers."""

    close_every_ms: int = 7 * 24 * HOUR_MS
    empty_for_ms: int = 24 * HOUR_MS
    """How long an account must have been empty, as we have seen it ourselves."""
    accounts_a_run: int = 20
    merge_every_ms: int = 5 * 60_000
    sell_every_ms: int = 24 * HOUR_MS
    dust_lamports_min: int = 10_000_000
    """What routes left behind and is worth less than this is not worth selling."""


class Held(msgspec.Struct, frozen=True):
    """A token account of ours."""

    account: TokenAccount
    lamports: int
    withheld: int
    """Transfer fees that lie in it (Token-2022): they must be harvested before it can be closed."""
    associated: bool


class Leftovers:
    """What legs of ours left in accounts between their pools, by mint; folded.

    Only this is dust: what somebody sent us, or keeps here on purpose, is not ours to sell.
    """

    FOLDS = frozenset({LegFinalized, LegLanded, LegUndone, UpkeepLanded})
    """What it folds; of other facts it need not be told."""

    def __init__(self) -> None:
        self._left: dict[Address, int] = {}
        self._unsettled: dict[str, tuple[tuple[Address, int], ...]] = {}

    def apply(self, entry: Entry) -> None:
        match entry.fact:
            case LegLanded(leg, fill) if fill.other_tokens:
                self._unsettled[leg.leg_id] = fill.other_tokens
                self._count(fill.other_tokens, 1)
            case LegUndone(leg):
                self._count(self._unsettled.pop(leg.leg_id, ()), -1)
            case LegFinalized(leg):
                self._unsettled.pop(leg.leg_id, None)
            case UpkeepLanded(tokens=tokens):
                self._count(tokens, 1)
            case _:
                pass

    def of(self, mint: Address) -> int:
        return max(self._left.get(mint, 0), 0)

    def _count(self, changes: Iterable[tuple[Address, int]], sign: int) -> None:
        for mint, change in changes:
            if mint != WSOL:
                self._left[mint] = self._left.get(mint, 0) + sign * change


class Janitor:
    FOLDS = Leftovers.FOLDS | {UpkeepPlanned}
    """What it folds; of other facts it need not be told."""

    def __init__(self, limits: JanitorLimits) -> None:
        self.limits = limits
        self._empty_since: dict[Address, int] = {}
        self._shunned_until: dict[Address, int] = {}
        self.leftovers = Leftovers()
        self._last_ms: dict[Chore, int] = {}
        self._run_ms: int | None = None
        """When the current or last run of closing began."""
        self._in_run = 0
        """Accounts that it has taken on so far; more than one transaction may be needed."""

    def apply(self, entry: Entry) -> None:
        """Remembers when it last did what, over restarts too. What was empty is seen anew after one."""
        self.leftovers.apply(entry)
        if not isinstance(entry.fact, UpkeepPlanned):
            return
        upkeep = entry.fact.upkeep
        self._last_ms[upkeep.chore] = entry.at_ms
        if upkeep.chore is Chore.CLOSE:
            if self._run_ms is None or entry.at_ms - self._run_ms >= self.limits.close_every_ms:
                self._run_ms, self._in_run = entry.at_ms, 0
            self._in_run += len(upkeep.accounts)

    def last_ms(self, *chores: Chore) -> int | None:
        """When the last of these was decided."""
        return max((self._last_ms[chore] for chore in chores if chore in self._last_ms), default=None)

    def shun(self, account: Address, now_ms: int) -> None:
        """It cannot be closed, whatever the reason: leave it alone for a while."""
        self._shunned_until[account] = now_ms + SHUNNED_MS

    def review(self, held: Sequence[Held], ledger: Ledger, now_ms: int) -> Upkeep | None:
        """The chore that is due, or None. Call it often: it also looks how long accounts have been empty."""
        self._watch(held, now_ms)
        moving = {leg.mint for leg in ledger.legs.values()}
        seconds = [
            one
            for one in held
            if one.account.amount
            and not one.associated
            and self._free(one, now_ms)
            and one.account.mint not in moving
            and one.account.program == TOKEN_PROGRAM  # the other one may keep a fee of every transfer
        ]
        if seconds and self._due(Chore.MERGE, self.limits.merge_every_ms, now_ms):
            return _upkeep(Chore.MERGE, seconds[:1], "a second account of the same token", now_ms)
        used = moving | {position.mint for position in ledger.open_positions}
        empty = [
            one
            for one in held
            if not one.account.amount
            and self._free(one, now_ms)
            and one.account.mint not in used
            and now_ms - self._empty_since[one.account.address] >= self.limits.empty_for_ms
        ]
        chosen = empty[: self._room(now_ms)]
        if not chosen:
            return None
        told = (
            f"{len(chosen)} accounts of no use, empty for {self.limits.empty_for_ms // 60_000} min and more"
        )
        return _upkeep(Chore.CLOSE, chosen, told, now_ms)

    def sale(
        self,
        held: Sequence[Held],
        ledger: Ledger,
        *,
        worth: Callable[[Address, int], int | None],
        now_ms: int,
    ) -> Upkeep | None:
        """The dust that is worth most, once a day, or None; `worth` is what an amount would fetch in lamports."""
        if not self._due(Chore.SELL, self.limits.sell_every_ms, now_ms):
            return None
        spoken_for: dict[Address, int] = {}
        for position in ledger.open_positions:
            spoken_for[position.mint] = spoken_for.get(position.mint, 0) + position.tokens
        found: list[tuple[int, Address, Upkeep]] = []
        for one in held:
            mint = one.account.mint
            spare = min(self.leftovers.of(mint), one.account.amount - spoken_for.get(mint, 0))
            if spare <= 0 or not one.associated or not self._free(one, now_ms):
                continue
            lamports = worth(mint, spare)
            if lamports is None or lamports < self.limits.dust_lamports_min:
                continue
            reason = f"{sol_text(lamports)} SOL worth of what routes left behind"
            chore = _upkeep(Chore.SELL, [one], reason, now_ms)
            found.append((-lamports, mint, msgspec.structs.replace(chore, mint=mint, amount=spare)))
        return min(found, key=lambda each: each[:2])[2] if found else None

    def _room(self, now_ms: int) -> int:
        """How many accounts may be closed now."""
        if self._run_ms is None or now_ms - self._run_ms >= self.limits.close_every_ms:
            return self.limits.accounts_a_run
        running = now_ms - self._run_ms < RUN_MS_MAX
        return max(0, self.limits.accounts_a_run - self._in_run) if running else 0

    def _watch(self, held: Sequence[Held], now_ms: int) -> None:
        empty = {one.account.address for one in held if not one.account.amount}
        self._empty_since = {address: self._empty_since.get(address, now_ms) for address in empty}

    def _free(self, one: Held, now_ms: int) -> bool:
        """Neither frozen, nor holding wrapped SOL (which `wsol` looks after), nor tried in vain."""
        known = self._shunned_until.get(one.account.address, 0)
        wrapped = one.account.native and one.account.amount > 0
        return not one.account.frozen and not wrapped and now_ms >= known

    def _due(self, chore: Chore, every_ms: int, now_ms: int) -> bool:
        last = self._last_ms.get(chore)
        return last is None or now_ms - last >= every_ms


def held_of(accounts: Iterable[Account], wallet: Address) -> tuple[Held, ...]:
    """Our token accounts among these, read."""
    found = []
    for account in accounts:
        if not is_token_account(account):
            continue
        token = read_token_account(account)
        if token.owner == wallet:
            withheld = extensions(account).get(TRANSFER_FEE_AMOUNT, b"")
            associated = associated_token_address(owner=wallet, mint=token.mint, token_program=token.program)
            found.append(
                Held(
                    account=token,
                    lamports=account.lamports,
                    withheld=u64_at(withheld, 0) if len(withheld) >= 8 else 0,
                    associated=account.address == associated,
                )
            )
    return tuple(found)


def _upkeep(chore: Chore, chosen: Sequence[Held], reason: str, now_ms: int) -> Upkeep:
    accounts = tuple(one.account.address for one in chosen)
    return Upkeep(id=derived_id("upkeep", chore, str(now_ms)), chore=chore, accounts=accounts, reason=reason)
