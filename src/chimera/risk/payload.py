"""What a webhook's body says, read strictly: exact integers, no unknown fields, nothing guessed.

Knows the wire and the domain's words, not who may send what.
"""

import re
from typing import Literal
from uuid import UUID

import msgspec

from chimera.domain.ids import derived_id
from chimera.domain.intent import Side, Style
from chimera.domain.risk import Reason, Refusal
from chimera.domain.units import LAMPORTS_PER_SOL, U64_MAX, sol_text


class Wish(msgspec.Struct, frozen=True):
    """A well-formed request, before anybody asked whether it may be granted."""

    id: str
    style: Style
    side: Side
    token: str
    """Symbol or mint, as sent."""
    amount_lamports: int
    wallet: str


def read_wish(body: bytes, *, timestamp: str) -> Wish | Refusal:
    """The wish in a body: PARSE_ERROR where it is not JSON, VALIDATION_FAILED where it is the wrong JSON.

    `timestamp` goes into the id of a request that brings none: the same request is the same id (DL-02).
    """
    try:
        payload = _decoder.decode(body)
        amount = _lamports(bytes(payload.amount_sol).decode())
        supplied = _supplied_id(payload)
    except msgspec.ValidationError as error:
        return _not_json(body) or _invalid(str(error))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return _garbled(error)
    except ValueError as error:
        return _invalid(str(error))
    style, side = Style(payload.strategy), Side(payload.action)
    if style is Style.EXIT and side is Side.BUY:
        return _invalid("strategy EXIT goes with action SELL")
    if side is Side.BUY and amount == 0:
        return _invalid("amount_sol must be more than 0 on a BUY")
    if not _TOKEN.fullmatch(payload.token):
        return _invalid("token must be a symbol or a mint address: 1 to 44 printable ASCII characters")
    if not _ADDRESS.fullmatch(payload.wallet_address):
        return _invalid("wallet_address must be a base58 address of 32 to 44 characters")
    return Wish(
        id=supplied
        or derived_id(
            timestamp, payload.token, payload.action, str(amount), payload.wallet_address, payload.strategy
        ),
        style=style,
        side=side,
        token=payload.token,
        amount_lamports=0 if style is Style.EXIT else amount,
        wallet=payload.wallet_address,
    )


class _Payload(msgspec.Struct, forbid_unknown_fields=True):
    """The webhook's body (SPEC ST-01). DTO of this wire alone."""

    strategy: Literal["SHIELD", "SPEAR", "EXIT"]
    token: str
    action: Literal["BUY", "SELL"]
    wallet_address: str
    amount_sol: msgspec.Raw = msgspec.Raw(b"0")
    """The number's own text: a float would already have rounded it. May be left out on a SELL: all of it."""
    trade_uuid: str | None = None
    uuid: str | None = None
    """Older name of the same."""


_decoder = msgspec.json.Decoder(_Payload)
_TOKEN = re.compile(r"[!-~]{1,44}")
_ADDRESS = re.compile(r"[1-9A-HJ-NP-Za-km-z]{32,44}")
_NUMBER = re.compile(r"(-?)(\d{1,40})(?:\.(\d{1,40}))?(?:[eE]([+-]?\d{1,3}))?", re.ASCII)
_EXPONENT_MAX = 40  # far outside of u64 lamports, and small enough to compute with


def _lamports(text: str) -> int:
    """Lamports in the text of a JSON number, exactly; raises ValueError for what is not a payable amount."""
    match = _NUMBER.fullmatch(text)
    if match is None:
        raise ValueError("amount_sol must be a plain JSON number")
    sign, whole, part, exponent = match[1], match[2], match[3] or "", int(match[4] or 0)
    digits = int(whole + part)
    if sign and digits:
        raise ValueError("amount_sol must not be negative")
    power = exponent - len(part) + 9
    if digits == 0:
        return 0
    if abs(power) > 2 * _EXPONENT_MAX:
        raise ValueError(f"amount_sol is out of range: more than 0, at most {sol_text(U64_MAX)}")
    scale: int = 10 ** abs(power)
    if power >= 0:
        digits *= scale
    elif digits % scale:
        raise ValueError(f"amount_sol is finer than one lamport (1/{LAMPORTS_PER_SOL} SOL)")
    else:
        digits //= scale
    if digits > U64_MAX:
        raise ValueError(f"amount_sol is out of range: more than 0, at most {sol_text(U64_MAX)}")
    return digits


def _supplied_id(payload: _Payload) -> str | None:
    if payload.trade_uuid is not None and payload.uuid is not None:
        raise ValueError("give trade_uuid or uuid, not both")
    text = payload.trade_uuid or payload.uuid
    if text is None:
        return None
    if len(text) != 36:
        raise ValueError("trade_uuid must be a UUID like 123e4567-e89b-42d3-a456-426614174000")
    try:
        return str(UUID(text))
    except ValueError:
        raise ValueError("trade_uuid must be a UUID like 123e4567-e89b-42d3-a456-426614174000") from None


def _not_json(body: bytes) -> Refusal | None:
    """The strict decoder stops at the first wrong field; behind it the rest may be no JSON at all."""
    try:
        msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return _garbled(error)
    return None


def _garbled(error: Exception) -> Refusal:
    return Refusal(Reason.PARSE_ERROR, limit="one JSON object in UTF-8", observed=_printable(str(error)))


def _invalid(observed: str) -> Refusal:
    return Refusal(Reason.VALIDATION_FAILED, observed=_printable(observed))


def _printable(text: str) -> str:
    """What of a sender's text may be shown back: no control characters, not endless."""
    return "".join(char if char.isprintable() else "?" for char in text)[:200]
