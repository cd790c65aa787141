"""The case runner: one line a row whatever the row, and no crash. What it answers for good rows, tests/venues hold."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chimera.cases import run_instruction_cases, run_quote_cases
from chimera.venues.raydium_cpmm import VENUE

VENUES = {"raydium_cpmm": VENUE}
OWN = Path(__file__).parent / "vectors" / "own" / "raydium_cpmm.jsonl.gz"
ROW: dict[str, Any] = json.loads(gzip.decompress(OWN.read_bytes()).splitlines()[0])
CALL = {
    "id": "call",
    "venue": "raydium_cpmm",
    "ix": "swap_base_input",
    "inputs": {
        "pool": ROW["accounts"]["pool"]["pubkey"],
        "pool_data_base64": ROW["accounts"]["pool"]["data_base64"],
        "direction": "1_to_0",
        "user": ROW["accounts"]["vault_0"]["pubkey"],
        "user_token_in": ROW["accounts"]["vault_0"]["pubkey"],
        "user_token_out": ROW["accounts"]["vault_1"]["pubkey"],
        "amount_in": "1",
        "minimum_amount_out": "2",
    },
}


def answers(run: Any, path: Path, *rows: Any) -> list[dict[str, Any]]:
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    path.write_text("\n".join(lines) + "\n")
    return [json.loads(line) for line in run(path, VENUES)]


def changed(row: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {**row, **changes}


def test_plain_and_packed_files_give_the_same(tmp_path: Path) -> None:
    rows = gzip.decompress(OWN.read_bytes())
    (tmp_path / "plain.jsonl").write_bytes(rows)
    plain = list(run_quote_cases(tmp_path / "plain.jsonl", VENUES))
    assert plain == list(run_quote_cases(OWN, VENUES))
    assert len(plain) == 209


def test_a_good_row_has_amounts_as_text(tmp_path: Path) -> None:
    (answer,) = answers(run_quote_cases, tmp_path / "rows", ROW)
    assert answer == {"id": ROW["id"], "ok": ROW["expect"]["ok"]}


def test_amounts_may_be_numbers(tmp_path: Path) -> None:
    (answer,) = answers(run_quote_cases, tmp_path / "rows", changed(ROW, amount=int(ROW["amount"])))
    assert answer["ok"] == ROW["expect"]["ok"]


@pytest.mark.parametrize(
    "row",
    [
        "not json",
        "[1, 2]",
        "null",
        "{}",
        "[" * 100_000,
        changed(ROW, venue="nowhere"),
        changed(ROW, kind="sideways"),
        changed(ROW, direction="up"),
        changed(ROW, amount="many"),
        changed(ROW, amount="1e30"),
        changed(ROW, amount="-1"),
        changed(ROW, amount=str(2**64)),
        changed(ROW, amount="9" * 5_000),
        changed(ROW, env={}),
        changed(ROW, accounts={}),
        changed(ROW, accounts=None),
        changed(ROW, accounts={"pool": ROW["accounts"]["pool"]}),
        changed(ROW, accounts={"pool": changed(ROW["accounts"]["pool"], data_base64="%%%")}),
        changed(ROW, accounts={"pool": changed(ROW["accounts"]["pool"], data_base64="9+3j9dfD3kY=")}),
        changed(
            ROW,
            accounts=changed(ROW["accounts"], vault_0=changed(ROW["accounts"]["vault_0"], data_base64="")),
        ),
    ],
)
def test_a_row_that_makes_no_sense_is_an_error_line(tmp_path: Path, row: Any) -> None:
    first, second = answers(run_quote_cases, tmp_path / "rows", row, ROW)
    assert first["error"] and "ok" not in first
    assert first["id"] == (row.get("id") if isinstance(row, dict) else None)
    assert second["ok"] == ROW["expect"]["ok"]


def test_a_row_without_an_id_is_answered_without_one(tmp_path: Path) -> None:
    row = {name: value for name, value in ROW.items() if name != "id"}
    (answer,) = answers(run_quote_cases, tmp_path / "rows", row)
    assert answer["id"] is None and answer["ok"] == ROW["expect"]["ok"]


def test_a_good_instruction_row_has_program_data_and_accounts(tmp_path: Path) -> None:
    (answer,) = answers(run_instruction_cases, tmp_path / "rows", CALL)
    assert list(answer) == ["id", "program_id", "data_hex", "accounts"]
    assert answer["data_hex"] == "8fbe5adac41e33de" + "0100000000000000" + "0200000000000000"
    assert answer["accounts"][0] == {
        "pubkey": CALL["inputs"]["user"],
        "is_signer": True,
        "is_writable": False,
    }


@pytest.mark.parametrize(
    "inputs",
    [
        {"direction": "up"},
        {"direction": ["1_to_0"]},
        {"user": "nobody"},
        {"user": None},
        {"pool_data_base64": "AAAA"},
        {"amount_in": "-1"},
        {"amount_in": str(2**64)},
        {"amount_in": None},
    ],
)
def test_an_instruction_row_that_makes_no_sense_is_an_error_line(tmp_path: Path, inputs: Any) -> None:
    row = changed(CALL, inputs={**CALL["inputs"], **inputs})
    (answer,) = answers(run_instruction_cases, tmp_path / "rows", row)
    assert set(answer) == {"id", "error"}


@pytest.mark.parametrize("name", sorted(CALL["inputs"]))
def test_a_missing_input_is_named(tmp_path: Path, name: str) -> None:
    row = changed(CALL, inputs={key: value for key, value in CALL["inputs"].items() if key != name})
    (answer,) = answers(run_instruction_cases, tmp_path / "rows", row)
    assert answer["error"].startswith("missing: ")


@given(st.binary(max_size=200).filter(lambda raw: raw.strip() and b"\n" not in raw))
def test_any_line_is_one_answer(tmp_path_factory: Any, raw: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "noise"
    path.write_bytes(b"{}\n" + raw)
    assert len(list(run_quote_cases(path, VENUES))) == 2
    assert len(list(run_instruction_cases(path, VENUES))) == 2


def test_a_torn_archive_is_the_files_fault(tmp_path: Path) -> None:
    path = tmp_path / "torn.gz"
    path.write_bytes(OWN.read_bytes()[:5_000])
    with pytest.raises(OSError, match="torn"):
        list(run_quote_cases(path, VENUES))


def test_without_a_choice_all_installed_venues_answer() -> None:
    assert list(run_quote_cases(OWN)) == list(run_quote_cases(OWN, VENUES))
