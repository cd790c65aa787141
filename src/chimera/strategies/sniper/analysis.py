"""What the sniper makes of a launch: a report, a risk, a size, or the reason why not. Pure functions of what was seen.

Refusals come before confirmations: whatever is wrong with a coin is said at once, and nothing makes up for it. Must
not know positions, other launches, or how a dossier is gathered.
"""

from enum import StrEnum
from functools import lru_cache

import msgspec

from chimera.domain.features import Window
from chimera.domain.ids import Address
from chimera.domain.token import TokenInfo
from chimera.domain.units import BPS, mul_div_ceil, mul_div_floor, sol_text
from chimera.parameters.sniper import SniperParams as Params

FOR_SALE_BPS = 7_931  # of a coin's supply: what a curve sells, of 10,000 (`venues.pumpfun.TOKENS_FOR_SALE`)
UNSEEN_BPS = 100  # of the supply: what rounding of the curve's progress may hide
HARMLESS_EXTENSIONS = frozenset({"metadata_pointer", "token_metadata"})
"""What pump.fun gives every coin: a name and a picture. Anything else may take, freeze or stop."""


class Code(StrEnum):
    """Every reason that the sniper gives."""

    REJECT_BLACKLISTED = "REJECT_BLACKLISTED"
    REJECT_MINT_AUTHORITY = "REJECT_MINT_AUTHORITY"
    REJECT_FREEZE_AUTHORITY = "REJECT_FREEZE_AUTHORITY"
    REJECT_EXTENSIONS = "REJECT_EXTENSIONS"
    REJECT_TRANSFER_FEE = "REJECT_TRANSFER_FEE"
    REJECT_SOURCE = "REJECT_SOURCE"
    REJECT_CREATOR_UNKNOWN = "REJECT_CREATOR_UNKNOWN"
    REJECT_CREATOR_HISTORY = "REJECT_CREATOR_HISTORY"
    REJECT_CREATOR_SERIAL = "REJECT_CREATOR_SERIAL"
    REJECT_CREATOR_SHARE = "REJECT_CREATOR_SHARE"
    REJECT_CREATOR_SELLING = "REJECT_CREATOR_SELLING"
    REJECT_BUNDLE = "REJECT_BUNDLE"
    REJECT_HOLDERS_UNKNOWN = "REJECT_HOLDERS_UNKNOWN"
    REJECT_TOP_HOLDER = "REJECT_TOP_HOLDER"
    REJECT_TOP_HOLDERS = "REJECT_TOP_HOLDERS"
    REJECT_GRADUATING = "REJECT_GRADUATING"
    REJECT_UNCONFIRMED = "REJECT_UNCONFIRMED"
    REJECT_ROUND_TRIP = "REJECT_ROUND_TRIP"
    REJECT_RISK = "REJECT_RISK"
    WAIT_MINT = "WAIT_MINT"
    WAIT_ANALYSIS = "WAIT_ANALYSIS"
    WAIT_POOL_DOUBTFUL = "WAIT_POOL_DOUBTFUL"
    WAIT_BUYERS = "WAIT_BUYERS"
    WAIT_LIQUIDITY = "WAIT_LIQUIDITY"
    WAIT_INFLOW = "WAIT_INFLOW"
    WAIT_COOLDOWN = "WAIT_COOLDOWN"
    WAIT_SOURCE_PAUSED = "WAIT_SOURCE_PAUSED"
    WAIT_POSITIONS = "WAIT_POSITIONS"
    EXIT_CREATOR_SOLD = "EXIT_CREATOR_SOLD"
    EXIT_STOP = "EXIT_STOP"
    EXIT_TAKE_PROFIT = "EXIT_TAKE_PROFIT"
    EXIT_TRAILING = "EXIT_TRAILING"
    EXIT_TIME = "EXIT_TIME"
    EXIT_GRADUATING = "EXIT_GRADUATING"

    @property
    def verdict(self) -> str:
        """WAIT, REJECT or EXIT."""
        return self.value.partition("_")[0]


BLAMED = frozenset({Code.REJECT_CREATOR_SHARE, Code.REJECT_BUNDLE, Code.REJECT_CREATOR_SELLING})
"""Reasons that are held against a coin's creator: his next coin is refused for them."""


class Word(msgspec.Struct, frozen=True):
    """Why not, with what was seen."""

    code: Code
    detail: str


class Dossier(msgspec.Struct, frozen=True):
    """All that is known of one launch at one moment."""

    mint: Address
    source: str
    """The venue."""
    age_ms: int
    token: TokenInfo | None
    progress_bps: int | None
    """Of its bonding curve; None where it is on none."""
    doubtful: str
    creator: Address | None
    creator_blame: str
    """Why his former coins speak against him; empty where they do not."""
    creator_launches: int
    """Within the last hour, this one included."""
    creator_bought: int
    creator_sold: int
    bundle_bought: int
    held: int
    """By all wallets that were seen to buy."""
    largest: tuple[int, ...]
    """What up to three of them hold, largest first, base units; the creator among them."""
    buyers: int
    held_lamports: int
    """Bought less sold since the launch, never below 0."""
    recent: Window
    """Of ten seconds."""

    def share_bps(self, tokens: int) -> int:
        """Of the supply, rounded up; all of it while the supply is unknown."""
        supply = self.token.supply if self.token is not None else 0
        return mul_div_ceil(tokens, BPS, supply) if supply else BPS


@lru_cache(8)
def listed(blacklist: str) -> frozenset[str]:
    """The addresses in it, whatever stands between them."""
    return frozenset(blacklist.replace(",", " ").split())


def judge(dossier: Dossier, params: Params) -> Word | None:
    """None: safe and confirmed."""
    return refuse(dossier, params) or _confirm(dossier, params)


def refuse(dossier: Dossier, params: Params) -> Word | None:
    """What is wrong with the coin, its maker or his friends, the gravest first; or what is not known yet."""
    marked = listed(params.blacklist).intersection((dossier.mint, dossier.creator or ""))
    if marked:
        return Word(Code.REJECT_BLACKLISTED, f"{min(marked)} is on the blacklist")
    token = dossier.token
    if token is None:
        return _late(dossier, params) or Word(Code.WAIT_MINT, "its mint account has not been seen")
    return _mint(token) or _maker(dossier, params) or _holders(dossier, params)


def _mint(token: TokenInfo) -> Word | None:
    if token.freeze_authority is not None:
        return Word(Code.REJECT_FREEZE_AUTHORITY, f"{token.freeze_authority} can freeze what we buy")
    if token.mint_authority is not None:
        return Word(Code.REJECT_MINT_AUTHORITY, f"{token.mint_authority} can make more of it")
    if token.transfer_fee_bps:
        return Word(Code.REJECT_TRANSFER_FEE, f"each transfer costs {token.transfer_fee_bps} bps")
    strange = sorted(set(token.extensions) - HARMLESS_EXTENSIONS)
    if strange:
        return Word(Code.REJECT_EXTENSIONS, f"it has {', '.join(strange)}")
    return None


def _maker(dossier: Dossier, params: Params) -> Word | None:
    if dossier.progress_bps is None:
        return Word(Code.REJECT_SOURCE, f"{dossier.source} is no launchpad: who listed it may take it back")
    if dossier.creator is None:
        return Word(Code.REJECT_CREATOR_UNKNOWN, "nobody knows who made it")
    if dossier.creator_blame:
        return Word(Code.REJECT_CREATOR_HISTORY, f"{dossier.creator}: {dossier.creator_blame}")
    if dossier.creator_launches > params.creator_launches_max:
        return Word(
            Code.REJECT_CREATOR_SERIAL,
            f"its creator's coin number {dossier.creator_launches} within an hour, at most "
            f"{params.creator_launches_max}",
        )
    share = dossier.share_bps(dossier.creator_bought)
    if share > params.creator_bps_max:
        return Word(
            Code.REJECT_CREATOR_SHARE, f"its creator bought {share} bps, at most {params.creator_bps_max}"
        )
    sold = sold_bps(dossier.creator_bought, dossier.creator_sold)
    if sold > params.creator_sold_bps_max:
        return Word(Code.REJECT_CREATOR_SELLING, f"its creator sold {sold} bps of what he bought")
    bundle = dossier.share_bps(dossier.bundle_bought)
    if bundle > params.bundle_bps_max:
        return Word(
            Code.REJECT_BUNDLE,
            f"{bundle} bps were bought with the launch itself, at most {params.bundle_bps_max}",
        )
    return None


def _holders(dossier: Dossier, params: Params) -> Word | None:
    progress = dossier.progress_bps or 0
    sold = mul_div_floor(progress, FOR_SALE_BPS, BPS)
    seen = dossier.share_bps(dossier.held)
    if seen + UNSEEN_BPS < sold:
        return Word(
            Code.REJECT_HOLDERS_UNKNOWN,
            f"the curve has sold {sold} bps of the supply; who holds {sold - seen} of them was not seen",
        )
    shares = [dossier.share_bps(tokens) for tokens in dossier.largest]
    if shares and shares[0] > params.holder_bps_max:
        return Word(
            Code.REJECT_TOP_HOLDER, f"one wallet holds {shares[0]} bps, at most {params.holder_bps_max}"
        )
    if sum(shares) > params.holders_bps_max:
        return Word(
            Code.REJECT_TOP_HOLDERS,
            f"three wallets hold {sum(shares)} bps, at most {params.holders_bps_max}",
        )
    if progress >= params.progress_bps_max:
        return Word(Code.REJECT_GRADUATING, f"its curve is {progress} bps full")
    return None


def _confirm(dossier: Dossier, params: Params) -> Word | None:
    """Whether others want it too: without that, buying what passes is buying every launch."""
    if dossier.age_ms < params.analysis_ms:
        return Word(Code.WAIT_ANALYSIS, f"{dossier.age_ms} ms old, looked at for {params.analysis_ms}")
    if dossier.doubtful:
        return _late(dossier, params) or Word(Code.WAIT_POOL_DOUBTFUL, dossier.doubtful)
    recent, missing = dossier.recent, None
    if dossier.buyers < params.buyers_min:
        missing = Word(Code.WAIT_BUYERS, f"{dossier.buyers} wallets bought, at least {params.buyers_min}")
    elif dossier.held_lamports < params.liquidity_lamports_min:
        missing = Word(
            Code.WAIT_LIQUIDITY,
            f"{sol_text(dossier.held_lamports)} SOL in it, at least {sol_text(params.liquidity_lamports_min)}",
        )
    elif recent.buy_bps < params.buy_bps_min or recent.net_lamports < params.inflow_lamports_min:
        missing = Word(
            Code.WAIT_INFLOW,
            f"{recent.buy_bps} bps buys and {sol_text(recent.net_lamports)} SOL in 10 s, at least "
            f"{params.buy_bps_min} and {sol_text(params.inflow_lamports_min)}",
        )
    return missing and (_late(dossier, params, missing.detail) or missing)


def _late(dossier: Dossier, params: Params, missing: str = "") -> Word | None:
    if dossier.age_ms <= params.confirm_s_max * 1_000:
        return None
    told = f"{dossier.age_ms // 1_000} s old, and unconfirmed after {params.confirm_s_max}"
    return Word(Code.REJECT_UNCONFIRMED, f"{told}: {missing}" if missing else told)


def sold_bps(bought: int, sold: int) -> int:
    """Share of what was bought that was sold, rounded up; what sells without having bought sells everything."""
    if not sold:
        return 0
    return mul_div_ceil(min(sold, bought), BPS, bought) if bought else BPS


def risk(dossier: Dossier, params: Params) -> int:
    """0 to 100, rounded up: how much of each limit is used up, and whether the creator is a stranger."""
    shares = [dossier.share_bps(tokens) for tokens in dossier.largest] or [0]
    parts = (
        (dossier.share_bps(dossier.creator_bought), params.creator_bps_max, 20),
        (dossier.share_bps(dossier.bundle_bought), params.bundle_bps_max, 20),
        (shares[0], params.holder_bps_max, 20),
        (sum(shares), params.holders_bps_max, 20),
        (dossier.progress_bps or 0, params.progress_bps_max, 10),
        (dossier.creator_launches - 1, params.creator_launches_max, 10),
    )
    return min(
        100, sum(mul_div_ceil(seen, points, limit) if limit else points for seen, limit, points in parts)
    )


def size_lamports(danger: int, params: Params) -> int:
    """The more danger, the less, rounded down; 0 where it is too little to be worth its fees or too dangerous."""
    if danger > params.risk_max:
        return 0
    wanted = mul_div_floor(params.size_lamports_max, 100 - danger, 100)
    return wanted if wanted >= params.size_lamports_min else 0
