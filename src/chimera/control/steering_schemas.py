"""What goes over the wire to steer the house: wallets and settings."""

from typing import Annotated, Any

import msgspec

from chimera.domain.intent import Style
from chimera.domain.wallet import WalletStatus
from chimera.ports.configuration import Setting

ADDRESS = r"^[1-9A-HJ-NP-Za-km-z]{32,44}$"
TTL_HOURS_MAX = 8_760
EXACT_MAX = 2**53 - 1  # JavaScript's largest safe integer
WALLETS_AT_ONCE_MAX = 200

TtlHours = Annotated[int, msgspec.Meta(ge=1, le=TTL_HOURS_MAX)]
Notes = Annotated[str, msgspec.Meta(max_length=500)]
Reason = Annotated[str, msgspec.Meta(max_length=2_000)]


class WalletChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    status: WalletStatus
    reason: Reason
    ttl_hours: TtlHours | None = None
    """How long it stays ACTIVE."""
    strategy: Style | None = None
    notes: Notes | None = None


class NewWallet(WalletChange, frozen=True, forbid_unknown_fields=True, kw_only=True):
    address: Annotated[str, msgspec.Meta(pattern=ADDRESS)]
    status: WalletStatus = WalletStatus.CANDIDATE


class WalletsChange(WalletChange, frozen=True, forbid_unknown_fields=True, kw_only=True):
    addresses: Annotated[
        tuple[Annotated[str, msgspec.Meta(pattern=ADDRESS)], ...],
        msgspec.Meta(min_length=1, max_length=WALLETS_AT_ONCE_MAX),
    ]


class WalletChanged(msgspec.Struct, frozen=True, kw_only=True):
    address: str
    ok: bool
    code: str = ""
    message: str
    before: str
    after: str


class WalletsChanged(msgspec.Struct, frozen=True):
    items: list[WalletChanged]


class SettingTold(msgspec.Struct, frozen=True, kw_only=True):
    """A setting as it goes over the wire: bounds are text, since they reach 2^63-1 and JavaScript's numbers do not."""

    key: str
    value: Any
    """In force now; lamports, and whole numbers beyond 2^53, as text."""
    file_value: Any
    """What the settings given at start say."""
    kind: str
    """integer, boolean or text."""
    minimum: str | None
    maximum: str | None
    text: str
    role: str
    """Who may change it: operator or admin."""
    loosens: str
    """Which way gives more room to lose: up, down, or empty where neither does."""


class Settings(msgspec.Struct, frozen=True):
    version: int
    items: tuple[SettingTold, ...]


class ConfigBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    changes: Annotated[dict[str, Any], msgspec.Meta(min_length=1, max_length=100)]
    """By key, as GET /api/v1/config/settings lists them; all of them or none."""
    reason: Reason
    version: int | None = None
    """The version that the change was thought up on; refused where there is a newer one."""


class UndoBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    seq: Annotated[int, msgspec.Meta(ge=1, le=2**53)]
    """Of any row of the change in the history."""
    reason: Reason


class ConfigAnswer(msgspec.Struct, frozen=True):
    success: bool
    version: int
    message: str


def setting_told(setting: Setting) -> SettingTold:
    fields = msgspec.structs.asdict(setting)
    for bound in ("minimum", "maximum"):
        fields[bound] = None if fields[bound] is None else str(fields[bound])
    for value in ("value", "file_value"):
        fields[value] = _exact(fields[value])
    return SettingTold(**fields)


def _exact(value: Any) -> Any:
    """Unchanged, or as text where JavaScript would round it."""
    whole = isinstance(value, int) and not isinstance(value, bool)
    return str(value) if whole and abs(value) > EXACT_MAX else value


DOCUMENTED = (
    WalletChange,
    NewWallet,
    WalletsChange,
    WalletChanged,
    WalletsChanged,
    Settings,
    ConfigBody,
    UndoBody,
    ConfigAnswer,
)
