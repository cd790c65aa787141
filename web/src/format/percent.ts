/** Percentages that people type and read, as the desk's hundredths of a percent (bps). Exact, never a float. */
import { parseInteger } from "./money";

const BPS = 10_000n;

/** `-5.25` is -525; null where it is no percentage with at most two decimals. A comma is taken for a point. */
export function readPercent(text: string): number | null {
  const parts = /^([+\-−]?)(\d{1,7})(?:[.,](\d{1,2}))?$/.exec(text.trim());
  if (!parts) return null;
  const bps = Number(parts[2]) * 100 + Number((parts[3] ?? "").padEnd(2, "0"));
  return parts[1] === "-" || parts[1] === "−" ? -bps : bps;
}

/** What `readPercent` reads back as the same: -525 is `-5.25`. */
export function typedPercent(bps: number): string {
  const size = Math.abs(bps);
  const part = String(size % 100)
    .padStart(2, "0")
    .replace(/0+$/, "");
  return `${bps < 0 ? "-" : ""}${Math.floor(size / 100)}${part && `.${part}`}`;
}

/** `lamports` after a gain of `bps`, as lamports, rounded down; null where the amount is not known. */
export function afterGain(lamports: string | null, bps: number): string | null {
  const paid = parseInteger(lamports);
  return paid === null ? null : String((paid * (BPS + BigInt(bps))) / BPS);
}

/** The gain of `value` over `paid` in bps, rounded down; null where either is not known or nothing was paid. */
export function gainOf(value: string | null, paid: string | null): number | null {
  const [now, before] = [parseInteger(value), parseInteger(paid)];
  if (now === null || before === null || before <= 0n) return null;
  const change = (now - before) * BPS;
  const whole = change / before;
  return Number(change < 0n && change % before !== 0n ? whole - 1n : whole);
}

/** A part of an integer amount in bps, rounded up as the desk does. */
export function partOf(amount: string, bps: number): string {
  const whole = parseInteger(amount) ?? 0n;
  return String((whole * BigInt(bps) + BPS - 1n) / BPS);
}
