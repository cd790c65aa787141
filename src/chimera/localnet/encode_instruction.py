"""The everyday instructions as `jsonParsed` shows them; everything else is left to the partially decoded form.

Known: system transfer and createAccount, SPL Token's transfers, mints and burns, associated token accounts, memo.
"""

from collections.abc import Sequence

from solders.pubkey import Pubkey

from chimera.domain.ids import ATA_PROGRAM
from chimera.localnet.bank import SYSTEM, TOKEN, TOKEN_2022
from chimera.localnet.encode_token import ui_amount

MEMO = Pubkey.from_string("MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr")
MEMO_V1 = Pubkey.from_string("Memo1UhkJRfHyvLMcVucJwxXeuD728EqVDDwQDxFMNo")
_ATA = Pubkey.from_string(ATA_PROGRAM)


def parse_instruction(program: Pubkey, accounts: Sequence[Pubkey], data: bytes) -> dict[str, object] | None:
    """{"program", "programId", "parsed"}, or None for what is not among the known ones."""
    if program in (MEMO, MEMO_V1):
        return {"program": "spl-memo", "programId": str(program), "parsed": data.decode(errors="replace")}
    names = [str(key) for key in accounts]
    if program == SYSTEM:
        name, parsed = "system", _system(names, data)
    elif program == TOKEN or program == TOKEN_2022:
        name = "spl-token" if program == TOKEN else "spl-token-2022"
        parsed = _token(names, data)
    elif program == _ATA:
        name, parsed = "spl-associated-token-account", _associated(names, data)
    else:
        return None
    if parsed is None:
        return None
    kind, info = parsed
    return {"program": name, "programId": str(program), "parsed": {"type": kind, "info": info}}


def memo_text(calls: Sequence[tuple[Pubkey, bytes]]) -> str | None:
    """All memos of a transaction as getSignaturesForAddress shows them: "[4] text; [2] ok"; None without any."""
    memos = [data for program, data in calls if program in (MEMO, MEMO_V1)]
    return "; ".join(f"[{len(memo)}] {memo.decode(errors='replace')}" for memo in memos) or None


_Parsed = tuple[str, dict[str, object]]


def _system(names: Sequence[str], data: bytes) -> _Parsed | None:
    kind = int.from_bytes(data[:4], "little") if len(data) >= 4 else -1
    if kind == 2 and len(data) >= 12 and len(names) >= 2:
        lamports = int.from_bytes(data[4:12], "little")
        return "transfer", {"source": names[0], "destination": names[1], "lamports": lamports}
    if kind == 0 and len(data) >= 52 and len(names) >= 2:
        return "createAccount", {
            "source": names[0],
            "newAccount": names[1],
            "lamports": int.from_bytes(data[4:12], "little"),
            "space": int.from_bytes(data[12:20], "little"),
            "owner": str(Pubkey.from_bytes(data[20:52])),
        }
    return None


def _token(names: Sequence[str], data: bytes) -> _Parsed | None:
    kind = data[0] if data else -1
    amount = int.from_bytes(data[1:9], "little")
    if kind == 3 and len(data) >= 9 and len(names) == 3:
        return "transfer", {
            "source": names[0],
            "destination": names[1],
            "authority": names[2],
            "amount": str(amount),
        }
    if kind == 12 and len(data) >= 10 and len(names) == 4:
        return "transferChecked", {
            "source": names[0],
            "mint": names[1],
            "destination": names[2],
            "authority": names[3],
            "tokenAmount": ui_amount(amount, data[9]),
        }
    if kind == 7 and len(data) >= 9 and len(names) == 3:
        info: dict[str, object] = {"mint": names[0], "account": names[1], "mintAuthority": names[2]}
        return "mintTo", {**info, "amount": str(amount)}
    if kind == 8 and len(data) >= 9 and len(names) == 3:
        info = {"account": names[0], "mint": names[1], "authority": names[2]}
        return "burn", {**info, "amount": str(amount)}
    if kind == 9 and len(names) == 3:
        return "closeAccount", {"account": names[0], "destination": names[1], "owner": names[2]}
    if kind == 17 and len(names) == 1:
        return "syncNative", {"account": names[0]}
    return None


def _associated(names: Sequence[str], data: bytes) -> _Parsed | None:
    kind = {b"": "create", b"\0": "create", b"\1": "createIdempotent"}.get(data)
    if kind is None or len(names) < 6:
        return None
    roles = ("source", "account", "wallet", "mint", "systemProgram", "tokenProgram")
    return kind, dict(zip(roles, names[:6], strict=True))
