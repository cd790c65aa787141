"""Who gets in: one function from a request to a signal or a refusal.

The order of the checks is the documented one (SPEC IN-01, checklist S027): signature, rate limit, queue depth,
payload, duplicate, token, wallet, kill switch, breaker, allocation. Time is passed in; what is known of tokens,
wallets and risk is asked of `Surroundings`. Knows neither HTTP nor the journal nor the queue itself.

A sale is never refused for what only makes buying unwise (wall 7): token safety, a wallet that lost its status
while we hold what it bought, the loss breaker, a kill switch on buys, the allocation.
"""

import hashlib
import hmac
from collections import OrderedDict
from collections.abc import Iterable
from typing import Protocol

import msgspec

from chimera.domain.ids import Address, SignalId
from chimera.domain.intent import Side, Signal, Source, Style
from chimera.domain.messages import SignalRefused
from chimera.domain.rate import RateLimit, RateView
from chimera.domain.risk import Reason, Refusal
from chimera.domain.token import TokenListing
from chimera.domain.wallet import Wallet, WalletStatus
from chimera.ports.ingress import WebhookRequest
from chimera.risk.payload import Wish, read_wish


class AdmissionRules(msgspec.Struct, frozen=True, kw_only=True):
    secrets: tuple[bytes, ...]
    """Accepted webhook secrets: the current one first, then one still in its 24 h of grace."""
    grace_until_ms: int | None = None
    """When every secret but the first ends; None: it does not."""
    signed: bool = True
    """False only where the developer switched signatures off; every other check stays."""
    window_ms: int = 300_000
    """How far X-Timestamp may be from now, either way (SPEC IN-02)."""
    rate_per_s: int = 100
    queue_capacity: int = 1_000
    shed_above: int = 800
    """SPEAR is dropped while more than this many signals wait."""
    remembered: int = 200_000
    """Ids known as already accepted; at 100/s far more than the replay window can bring back."""

    def __repr__(self) -> str:
        return f"AdmissionRules({len(self.secrets)} secrets, signed={self.signed})"


class Surroundings(Protocol):
    """What admission asks, answered from memory at once."""

    def token(self, name: str) -> TokenListing | None:
        """The token of a symbol or mint address."""
        ...

    def token_refusal(self, mint: Address, style: Style) -> Refusal | None:
        """Why the token must not be bought, as far as is known without asking the chain (TS-02, fast path)."""
        ...

    def wallet(self, address: Address) -> Wallet | None: ...

    def holds(self, wallet: Address, mint: Address) -> bool:
        """Whether a position that copies this wallet in this token is open or being opened."""
        ...

    def kill_refusal(self, side: Side) -> Refusal | None:
        """The kill switch's word, or that start-up is not complete."""
        ...

    def breaker_refusal(self) -> Refusal | None: ...

    def allocation_refusal(self, style: Style, amount_lamports: int) -> Refusal | None:
        """Why this style may not spend that now: its share is used up, or it is switched off."""
        ...


class Admission:
    """The door. Remembers whom it let in and how often; nothing else."""

    def __init__(self, rules: AdmissionRules, surroundings: Surroundings) -> None:
        if rules.signed and not rules.secrets:
            raise ValueError("signed requests need a secret")
        self._rules, self._surroundings = rules, surroundings
        self._keyed = tuple(hmac.new(secret, digestmod=hashlib.sha256) for secret in rules.secrets)
        self._rate = RateLimit(count=rules.rate_per_s)
        self._accepted: OrderedDict[str, None] = OrderedDict()

    def admit(
        self, request: WebhookRequest, *, now_ms: int, now_ns: int, queue_depth: int
    ) -> Signal | SignalRefused:
        """The signal that a webhook request carries, or why it stays outside. `now_ns` is monotonic."""
        refusal = self._unauthentic(request, now_ms=now_ms)
        if refusal is None and not self._rate.take(now_ns):
            refusal = Refusal(
                Reason.RATE_LIMITED, limit=f"{self._rules.rate_per_s}/s", observed="more than that"
            )
        refusal = refusal or self._crowded(queue_depth)
        if refusal is not None:
            return _refused(refusal, request, None)
        wish = read_wish(request.body, timestamp=request.timestamp or str(now_ms // 1_000))
        if isinstance(wish, Refusal):
            return _refused(wish, request, None)
        refusal = self._shed(wish.style, queue_depth) or self._repeated(wish.id)
        if refusal is not None:
            return _refused(refusal, request, wish)
        listing = self._surroundings.token(wish.token)
        if listing is None:
            unknown = Refusal(Reason.UNKNOWN_TOKEN, limit="a listed symbol or mint", observed=wish.token)
            return _refused(unknown, request, wish)
        refusal = self._unwanted(wish, listing)
        if refusal is not None:
            return _refused(refusal, request, wish, listing)
        signal = Signal(
            id=SignalId(wish.id),
            source=Source.WEBHOOK,
            strategy=wish.style,
            side=wish.side,
            mint=listing.mint,
            symbol=listing.symbol,
            amount_lamports=wish.amount_lamports,
            wallet=Address(wish.wallet),
            at_ms=now_ms,
        )
        self._remember(signal.id)
        return signal

    def admit_seen(self, signal: Signal, *, queue_depth: int) -> Signal | SignalRefused | None:
        """The same for a signal that we read off the stream ourselves: nothing to sign, no rate.

        None where it was seen before: a stream that resumes repeats itself, and that is no news.
        """
        if signal.id in self._accepted:
            return None
        self._remember(signal.id)
        wish = Wish(
            id=signal.id,
            style=signal.strategy,
            side=signal.side,
            token=signal.mint,
            amount_lamports=signal.amount_lamports,
            wallet=signal.wallet,
        )
        listing = TokenListing(symbol=signal.symbol, mint=signal.mint)
        refusal = (
            self._crowded(queue_depth)
            or self._shed(signal.strategy, queue_depth)
            or self._unwanted(wish, listing)
        )
        if refusal is None:
            return signal
        return SignalRefused(
            signal_id=signal.id,
            refusal=refusal,
            payload=signal.note,
            source=signal.source,
            dead_letter=refusal.reason in DEAD_LETTERS,
            symbol=signal.symbol,
            mint=signal.mint,
            wallet=signal.wallet,
            strategy=signal.strategy,
            side=signal.side,
        )

    def admit_again(
        self, wish: Wish, *, signal_id: SignalId, now_ms: int, queue_depth: int, note: str
    ) -> Signal | Refusal:
        """The same for a wish that an operator takes out of the dead letters: a new signal with an id of its own.

        Whoever sent it was asked for his signature then; everything that may have changed since is asked again.
        """
        refusal = self._crowded(queue_depth) or self._shed(wish.style, queue_depth)
        if refusal is not None:
            return refusal
        listing = self._surroundings.token(wish.token)
        if listing is None:
            return Refusal(Reason.UNKNOWN_TOKEN, limit="a listed symbol or mint", observed=wish.token)
        refusal = self._repeated(signal_id) or self._unwanted(wish, listing)
        if refusal is not None:
            return refusal
        self._remember(signal_id)
        return Signal(
            id=signal_id,
            source=Source.OPERATOR,
            strategy=wish.style,
            side=wish.side,
            mint=listing.mint,
            symbol=listing.symbol,
            amount_lamports=wish.amount_lamports,
            wallet=Address(wish.wallet),
            at_ms=now_ms,
            note=note,
        )

    def resume(self, accepted: Iterable[SignalId]) -> None:
        """Remembers ids that were let in before, oldest first: a replay after a restart is still a replay."""
        for signal_id in accepted:
            self._remember(signal_id)

    def rate(self, now_ns: int) -> RateView:
        return self._rate.view(now_ns)

    # the checks, in order

    def _unauthentic(self, request: WebhookRequest, *, now_ms: int) -> Refusal | None:
        if not self._rules.signed:
            return None
        if request.signature is None or request.timestamp is None:
            missing = "X-Signature" if request.signature is None else "X-Timestamp"
            return Refusal(Reason.MISSING_SIGNATURE, observed=f"no {missing} header")
        stamp, given = request.timestamp, request.signature
        if len(given) != 64 or not stamp.isascii() or not given.isascii():
            return Refusal(Reason.BAD_SIGNATURE, limit="64 hex digits")
        signed = stamp.encode() + request.body
        given_bytes = given.lower().encode()
        genuine, until = False, self._rules.grace_until_ms
        for place, keyed in enumerate(self._keyed):  # every secret is tried, so that time tells nothing
            digest = keyed.copy()
            digest.update(signed)
            good = place == 0 or until is None or now_ms < until
            genuine |= hmac.compare_digest(digest.hexdigest().encode(), given_bytes) and good
        if not genuine:
            return Refusal(Reason.BAD_SIGNATURE)
        seconds = int(stamp) if stamp.isdigit() and len(stamp) <= 12 else None
        if seconds is None or abs(now_ms - seconds * 1_000) > self._rules.window_ms:
            observed = "not unix seconds" if seconds is None else f"{now_ms // 1_000 - seconds} s old"
            return Refusal(
                Reason.STALE_TIMESTAMP, limit=f"±{self._rules.window_ms // 1_000} s", observed=observed
            )
        return None

    def _crowded(self, queue_depth: int) -> Refusal | None:
        if queue_depth < self._rules.queue_capacity:
            return None
        return Refusal(
            Reason.QUEUE_FULL, limit=str(self._rules.queue_capacity), observed=f"{queue_depth} waiting"
        )

    def _shed(self, style: Style, queue_depth: int) -> Refusal | None:
        if style is not Style.SPEAR or queue_depth <= self._rules.shed_above:
            return None
        return Refusal(Reason.LOAD_SHED, limit=str(self._rules.shed_above), observed=f"{queue_depth} waiting")

    def _repeated(self, signal_id: str) -> Refusal | None:
        return Refusal(Reason.DUPLICATE_SIGNAL, observed=signal_id) if signal_id in self._accepted else None

    def _unwanted(self, wish: Wish, listing: TokenListing) -> Refusal | None:
        if wish.side is Side.BUY:
            return self._unwanted_buy(wish, listing)
        return self._unwanted_sell(wish, listing)

    def _unwanted_buy(self, wish: Wish, listing: TokenListing) -> Refusal | None:
        around = self._surroundings
        return (
            around.token_refusal(listing.mint, wish.style)
            or self._not_copied(wish)
            or around.kill_refusal(Side.BUY)
            or around.breaker_refusal()
            or around.allocation_refusal(wish.style, wish.amount_lamports)
        )

    def _unwanted_sell(self, wish: Wish, listing: TokenListing) -> Refusal | None:
        if not self._surroundings.holds(Address(wish.wallet), listing.mint):
            nothing = Refusal(
                Reason.NO_ACTIVE_POSITION, observed=f"no {listing.symbol} copied from this wallet"
            )
            return self._not_copied(wish) or nothing
        return self._surroundings.kill_refusal(Side.SELL)

    def _not_copied(self, wish: Wish) -> Refusal | None:
        wallet = self._surroundings.wallet(Address(wish.wallet))
        if wallet is None:
            return Refusal(Reason.UNKNOWN_WALLET, observed=wish.wallet)
        if wallet.status is not WalletStatus.ACTIVE:
            return Refusal(Reason.WALLET_NOT_ACTIVE, limit=WalletStatus.ACTIVE, observed=wallet.status)
        return None

    def _remember(self, signal_id: str) -> None:
        self._accepted[signal_id] = None
        if len(self._accepted) > self._rules.remembered:
            self._accepted.popitem(last=False)


DEAD_LETTERS = frozenset({Reason.QUEUE_FULL, Reason.LOAD_SHED, Reason.PARSE_ERROR, Reason.VALIDATION_FAILED})
"""What a person should look at (SPEC DL-01, QU-02): somebody with the secret sent it and it got lost."""

PAYLOAD_KEPT = 4_096


def _refused(
    refusal: Refusal, request: WebhookRequest, wish: Wish | None, listing: TokenListing | None = None
) -> SignalRefused:
    """The record of a refusal. Of an unsigned request nothing is kept: anybody could fill the journal."""
    signed = refusal.reason not in {Reason.BAD_SIGNATURE, Reason.MISSING_SIGNATURE}
    return SignalRefused(
        signal_id=SignalId(wish.id) if wish else None,
        refusal=refusal,
        payload=request.body[:PAYLOAD_KEPT].decode(errors="replace") if signed else "",
        source=Source.WEBHOOK,
        source_ip=request.source_ip,
        dead_letter=refusal.reason in DEAD_LETTERS,
        symbol=listing.symbol if listing else wish.token if wish else "",
        mint=listing.mint if listing else "",
        wallet=wish.wallet if wish else "",
        strategy=wish.style if wish else "",
        side=wish.side if wish else "",
    )
