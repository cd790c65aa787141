"""How fast a recording is written and read back, and what memory that takes.

    python benchmarks/recording.py [RECORDS]

A made-up market: 200 pools, 20 swaps a slot; each swap is a transaction, three written accounts and three decoded
events, so seven records. The floor of reading is decoding the same bytes from memory, without files. What is
printed is what ran; nothing is extrapolated. Encoding and reading are told in CPU time, all threads together, so that
a busy machine says the same; appending and sealing in time.
"""

import hashlib
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from chimera.adapters.recording_folder import RecordingFolder, segments
from chimera.adapters.recording_rows import READ_EVENT, READ_RAW, RowEncoder
from chimera.adapters.recording_writer import RecordingLimits, RecordingWriter
from chimera.domain.chain import (
    Account,
    AccountUpdate,
    Instruction,
    SlotStatus,
    SlotUpdate,
    TokenBalance,
    TransactionUpdate,
)
from chimera.domain.ids import TOKEN_PROGRAM, WSOL, Address, Signature, Slot
from chimera.domain.market import MarketEvent, PoolUpdated, SlotAdvanced, Trade
from chimera.domain.pool import PoolHeader, Swap
from chimera.domain.record import Maker
from chimera.domain.recording import Observed
from chimera.onchain.keys import address_text, base58_encode
from chimera.ports.recording import Wanted

POOLS, SWAPS_A_SLOT, SLOT_MS = 200, 20, 400
MAKER = Maker(component="market-data", build="bench", run_id="bench")
LIMITS = RecordingLimits(
    segment_records=250_000, segment_bytes=1 << 40, segment_ms=1 << 40, keep_bytes=0, keep_days=0
)


def key(text: str) -> Address:
    return address_text(hashlib.sha256(text.encode()).digest())


def noise(size: int, *parts: int) -> bytes:
    return hashlib.shake_128(repr(parts).encode()).digest(size)


def market(records: int) -> Iterator[Observed | MarketEvent]:
    """So many records, as a market plane would hand them on."""
    headers = [PoolHeader("raydium_cpmm", key(f"pool{n}"), key(f"mint{n}"), WSOL) for n in range(POOLS)]
    vaults = [(key(f"va{n}"), key(f"vb{n}")) for n in range(POOLS)]
    users = [key(f"user{n}") for n in range(500)]
    program, frame = key("program"), [noise(637, n) for n in range(POOLS)]
    logs = tuple(f"Program log: step {n} of a swap, as programs write them" for n in range(12))
    made, slot, at = 0, 300_000_000, 1_790_000_000_000
    while made < records:
        slot, at = slot + 1, at + SLOT_MS
        for index in range(SWAPS_A_SLOT):
            number = slot * SWAPS_A_SLOT + index
            n = number * 7_919 % POOLS
            header, user = headers[n], users[number * 31 % 500]
            signature = Signature(base58_encode(noise(64, number)))
            a, b = 10**12 + number % 10**9, 10**13 - number % 10**9
            accounts = (
                user,
                header.address,
                *vaults[n],
                program,
                *(users[(number + k) % 500] for k in range(9)),
            )
            balances = tuple(
                TokenBalance(vault, mint, header.address, amount, 9)
                for vault, mint, amount in zip(vaults[n], (header.mint_a, WSOL), (a, b), strict=True)
            )
            call = Instruction(program, accounts, noise(24, number, 1))
            lamports = tuple(10**9 + number % 10**7 + k for k in range(len(accounts)))
            yield Observed(
                TransactionUpdate(
                    signature, Slot(slot), index, accounts, (call, call, call), 5_000, lamports, lamports,
                    balances, balances, logs, 60_000 + number % 9_999,
                ), at,
            )  # fmt: skip
            for address, owner, data in (
                (vaults[n][0], TOKEN_PROGRAM, noise(64, n) + a.to_bytes(8, "little") + bytes(93)),
                (vaults[n][1], TOKEN_PROGRAM, noise(64, n) + b.to_bytes(8, "little") + bytes(93)),
                (header.address, program, frame[n][:600] + a.to_bytes(8, "little") + frame[n][608:]),
            ):
                yield Observed(
                    AccountUpdate(Account(address, owner, 2_039_280, data), Slot(slot), number, signature), at
                )
            yield PoolUpdated(header, a, b, Slot(slot), at)
            yield PoolUpdated(header, a, b + 1, Slot(slot), at)
            swap = Swap(
                header.venue, header.address, user, WSOL, header.mint_a, 10**8, 10**7 + number % 10**6,
                signature, Slot(slot), 2,
            )  # fmt: skip
            yield Trade(swap, at)
        made += SWAPS_A_SLOT * 7 + 2
        yield Observed(SlotUpdate(Slot(slot), Slot(slot - 1), SlotStatus.PROCESSED), at)
        yield SlotAdvanced(Slot(slot), at)


def said(what: str, count: int, seconds: float, more: str = "") -> float:
    print(f"{what:<44} {count / seconds:>12,.0f} a second {more}")
    return count / seconds


def peak_mb(who: int = resource.RUSAGE_SELF) -> float:
    return resource.getrusage(who).ru_maxrss / 1_024


def write(folder: Path, records: int) -> None:
    writer = RecordingWriter(folder, maker=MAKER, limits=LIMITS)
    rows: list[bytes] = []
    written = encoding = appending = sealing = 0.0
    source = market(records)
    while True:
        batch = [message for _, message in zip(range(4_096), source, strict=False)]
        if not batch:
            break
        began = time.process_time()
        rows = [writer.encode(message) for message in batch]
        encoding += time.process_time() - began
        began = time.perf_counter()
        full = writer.append(rows, at_ms=batch[-1].at_ms).full
        appending += time.perf_counter() - began
        written += len(rows)
        if full:
            sealing += seal(writer.rotate())
    sealing += seal(writer.close())
    print(f"{int(written):,} records in {len(segments(folder))} segments")
    said("encode, on the loop", int(written), encoding)
    said("append, in a thread", int(written), appending)
    said("seal, in a process", int(written), sealing, f"peak {peak_mb(resource.RUSAGE_CHILDREN):,.0f} MB")


def seal(path: Path | None) -> float:
    if path is None:
        return 0.0
    began = time.perf_counter()
    subprocess.run([sys.executable, "-m", "chimera.adapters.recording_seal", str(path)], check=True)
    return time.perf_counter() - began


def floor(records: int) -> dict[Wanted, float]:
    """Records a second, decoded from memory: what no reader in this language can beat by much."""
    encoder = RowEncoder(MAKER, 1)
    rows = [encoder.encode(message)[0] for message in market(min(records, 50_000))]
    raws, events = [r.raw for r in rows if r.raw is not None], [r.event for r in rows if r.event is not None]
    began = time.process_time()
    for raw in raws:
        READ_RAW(raw)
    middle = time.process_time()
    for event in events:
        READ_EVENT(event)
    ended = time.process_time()
    return {
        Wanted.RAW: len(raws) / (middle - began),
        Wanted.EVENTS: len(events) / (ended - middle),
        Wanted.ALL: len(rows) / (ended - began),
    }


def main() -> None:
    records = int(sys.argv[1]) if len(sys.argv) > 1 else 300_000
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "recording"
        write(folder, records)
        reader = RecordingFolder(folder)
        info = reader.info()
        print(f"on disk {info.bytes / info.records:,.0f} bytes a record, {info.bytes / 1e6:,.1f} MB in all")
        floors = floor(records)
        before = peak_mb()
        for wanted in (Wanted.EVENTS, Wanted.RAW, Wanted.ALL):
            began = time.process_time()
            count = sum(1 for _ in reader.read(wanted=wanted))
            rate = count / (time.process_time() - began)
            said(f"read {wanted}", count, count / rate, f"{rate / floors[wanted]:.2f} of decoding alone")
        lived_s = (info.last_ms - info.first_ms) / 1_000
        print(
            f"read all: {lived_s / (count / rate):,.0f} times faster than it came ({lived_s:,.0f} s of market)"
        )
        print(f"memory: peak {before:,.0f} MB before reading, {peak_mb():,.0f} MB after")


if __name__ == "__main__":
    main()
