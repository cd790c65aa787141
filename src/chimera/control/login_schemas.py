"""What goes over the wire where people prove who they are.

Tokens and codes pass through here and nowhere else: none of these types is ever logged or stored.
"""

from typing import Annotated

import msgspec

from chimera.control.challenge import Challenge
from chimera.control.schemas import Identity as Who
from chimera.control.sessions import Enrolment, Factors
from chimera.control.tokens import ACCESS_S, STEP_UP_S

ADDRESS = r"^[1-9A-HJ-NP-Za-km-z]{32,44}$"
Address = Annotated[str, msgspec.Meta(pattern=ADDRESS)]
Code = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{6}$")]


class ChallengeBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    address: Address
    purpose: str = "login"
    """login or step-up."""


class WalletBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    address: Address
    message: Annotated[str, msgspec.Meta(max_length=2_048)]
    """The challenge's, byte for byte."""
    signature: Annotated[str, msgspec.Meta(max_length=128)]
    """Base64 of the 64 bytes."""


class RefreshBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    refresh_token: Annotated[str, msgspec.Meta(max_length=128)]


class CodeBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    code: Code


class StepUpBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Either a code, or a wallet's signature of a step-up challenge."""

    code: Code | None = None
    wallet: WalletBody | None = None


class LoginAnswer(msgspec.Struct, frozen=True, kw_only=True):
    token: str
    token_type: str = "Bearer"  # noqa: S105 - the scheme's name
    expires_in_s: int = ACCESS_S
    refresh_token: str
    user: Who


class StepUpAnswer(msgspec.Struct, frozen=True, kw_only=True):
    token: str
    expires_in_s: int = STEP_UP_S


class Done(msgspec.Struct, frozen=True):
    success: bool = True


DOCUMENTED = (
    Challenge,
    ChallengeBody,
    WalletBody,
    RefreshBody,
    CodeBody,
    StepUpBody,
    LoginAnswer,
    StepUpAnswer,
    Enrolment,
    Factors,
    Done,
)
