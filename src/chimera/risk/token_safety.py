"""Whether a token may be bought at all.

Fast path: what the mint account and the pools say. Slow path: a simulated buy and sell, done once by the
execution plane before the first buy and remembered for an hour; a probe that could not be made is no verdict.
"""

import msgspec

from chimera.domain.ids import USDC, WSOL, Address
from chimera.domain.intent import Style
from chimera.domain.risk import Reason, Refusal
from chimera.domain.token import TokenInfo, TokenReport
from chimera.domain.units import BPS, MICRO_USD

TRUSTED = frozenset({WSOL, USDC, Address("Es9vMFrzaCERmJfrF4H2FYD4KCoNkY11McCe8BenwNYB")})
"""wSOL, USDC, USDT: their authorities are known and their liquidity is not in question."""

DANGEROUS_EXTENSIONS = frozenset(
    {"permanent_delegate", "non_transferable", "default_account_state", "transfer_hook", "pausable"}
)
"""Each lets somebody take, freeze or stop what we hold."""


class TokenLimits(msgspec.Struct, frozen=True):
    liquidity_shield_micro_usd_min: int = 10_000 * MICRO_USD
    liquidity_spear_micro_usd_min: int = 5_000 * MICRO_USD
    transfer_fee_bps_max: int = 500
    probe_loss_bps_max: int = 2_000
    """What a round trip of the probe may lose, fees of two swaps and two transfers included."""
    report_ttl_ms: int = 3_600_000

    def liquidity_min(self, style: Style) -> int:
        return (
            self.liquidity_spear_micro_usd_min
            if style is Style.SPEAR
            else self.liquidity_shield_micro_usd_min
        )


def review_token(
    style: Style, token: TokenInfo | None, liquidity_micro_usd: int | None, limits: TokenLimits
) -> Refusal | None:
    """The fast path. An unknown mint or an unknown price is a no."""
    if token is None:
        return Refusal(Reason.UNKNOWN_TOKEN, observed="its mint account is not known")
    if token.mint in TRUSTED:
        return None
    if token.freeze_authority is not None:
        return Refusal(Reason.FREEZE_AUTHORITY, limit="none", observed=token.freeze_authority)
    if token.mint_authority is not None:
        return Refusal(Reason.MINT_AUTHORITY, limit="none", observed=token.mint_authority)
    dangerous = sorted(DANGEROUS_EXTENSIONS.intersection(token.extensions))
    if dangerous:
        return Refusal(Reason.TOKEN_UNSAFE, limit="no such extension", observed=", ".join(dangerous))
    if token.transfer_fee_bps > limits.transfer_fee_bps_max:
        return Refusal(
            Reason.TOKEN_UNSAFE,
            limit=f"transfer fee {limits.transfer_fee_bps_max} bps",
            observed=f"{token.transfer_fee_bps} bps",
        )
    least = limits.liquidity_min(style)
    if liquidity_micro_usd is None:
        return Refusal(Reason.LIQUIDITY, limit=f"{least // MICRO_USD} USD", observed="unknown")
    if liquidity_micro_usd < least:
        return Refusal(
            Reason.LIQUIDITY,
            limit=f"{least // MICRO_USD} USD",
            observed=f"{liquidity_micro_usd // MICRO_USD} USD",
        )
    return None


def verdict(report: TokenReport, limits: TokenLimits) -> TokenReport:
    """The report with its refusal decided from what the probe gave back."""
    if report.refusal is not None:
        return report
    least = report.probe_lamports * (BPS - limits.probe_loss_bps_max) // BPS
    if report.returned_lamports < least:
        refusal = Refusal(
            Reason.HONEYPOT,
            limit=f"{limits.probe_loss_bps_max} bps lost",
            observed=f"{report.returned_lamports} of {report.probe_lamports} lamports came back",
        )
        return msgspec.structs.replace(report, refusal=refusal)
    return report


class TokenReports:
    """What probes found, by mint."""

    def __init__(self, limits: TokenLimits) -> None:
        self.limits = limits
        self._reports: dict[Address, TokenReport] = {}

    def apply(self, report: TokenReport) -> None:
        self._reports[report.mint] = report

    def latest(self, mint: Address) -> TokenReport | None:
        """The last report, however old: for people."""
        return self._reports.get(mint)

    def fresh(self, mint: Address, now_ms: int) -> TokenReport | None:
        """The last report, unless it is too old to be believed."""
        report = self._reports.get(mint)
        if report is None or now_ms - report.at_ms > self.limits.report_ttl_ms:
            return None
        return report
