/**
 * Amounts as text. All arithmetic is on BigInt: a lamport count past 2^53 keeps its last digit.
 *
 * Rounding is towards minus infinity, so that the screen never shows more than there is. What would round to zero
 * but is not zero says so (`<0.0001`).
 */

const LAMPORT_DIGITS = 9;
const MICRO_DIGITS = 6;
const PRICE_DIGITS = 4;
const MINUS = "−"; // U+2212: as wide as a plus sign, unlike the hyphen

/** The integer that `text` spells, or null when it spells none. */
export function parseInteger(text: string | null | undefined): bigint | null {
  return typeof text === "string" && /^-?\d{1,40}$/.test(text) ? BigInt(text) : null;
}

/** `value` x 10^-scale with exactly `digits` decimals, thousands grouped, `−` for negatives and `+` when asked. */
export function formatDecimal(value: bigint, scale: number, digits: number, plus = false): string {
  const unit = 10n ** BigInt(Math.max(scale - digits, 0));
  const rounded = floorDivide(value, unit);
  if (rounded === 0n && value > 0n) return `<${fixed(1n, digits)}`;
  const shift = digits > scale ? 10n ** BigInt(digits - scale) : 1n;
  const scaled = rounded * shift;
  const sign = scaled < 0n ? MINUS : plus && scaled > 0n ? "+" : "";
  return sign + fixed(scaled < 0n ? -scaled : scaled, digits);
}

/** Lamports as SOL, e.g. `1,234.5000`; an em dash when there is no amount. */
export function formatSol(lamports: string | null | undefined, digits = 4, plus = false): string {
  const value = parseInteger(lamports);
  return value === null ? "—" : formatDecimal(value, LAMPORT_DIGITS, digits, plus);
}

/** The exact amount for a tooltip or the clipboard: `0.100000005 SOL = 100000005 lamports`. */
export function exactSol(lamports: string | null | undefined): string {
  const value = parseInteger(lamports);
  if (value === null) return lamports ? `unreadable amount: ${lamports}` : "not known";
  return `${formatDecimal(value, LAMPORT_DIGITS, LAMPORT_DIGITS)} SOL = ${value} lamports`;
}

/** Millionths of a dollar as dollars and cents, e.g. `$1,234.56`. */
export function formatUsd(micro: string | null | undefined): string {
  const value = parseInteger(micro);
  if (value === null) return "—";
  const text = formatDecimal(value, MICRO_DIGITS, 2);
  return text.startsWith(MINUS)
    ? `${MINUS}$${text.slice(1)}`
    : text.startsWith("<")
      ? `<$${text.slice(1)}`
      : `$${text}`;
}

/** A token amount, short: `1.234M`, `12,345.67`; base units where the decimals are not known. `exactUnits` has all. */
export function formatUnits(amount: string | null | undefined, decimals: number | null): string {
  const value = parseInteger(amount);
  if (value === null) return "—";
  if (decimals === null) return formatDecimal(value, 0, 0);
  const whole = (value < 0n ? -value : value) / 10n ** BigInt(decimals);
  if (whole >= 1_000_000_000n) return `${formatDecimal(value, decimals + 9, 3)}B`;
  if (whole >= 1_000_000n) return `${formatDecimal(value, decimals + 6, 3)}M`;
  return formatDecimal(value, decimals, whole >= 1_000n ? 2 : 4);
}

/** A price, never less than four digits that say something: `7.487M`, `0.0006174`, `0.00002044`. */
export function formatPrice(amount: string | null | undefined, decimals: number | null): string {
  const value = parseInteger(amount);
  if (value === null || value <= 0n || decimals === null) return formatUnits(amount, decimals);
  const places = decimals - value.toString().length + PRICE_DIGITS;
  return places > PRICE_DIGITS
    ? formatDecimal(value, decimals, Math.min(places, decimals))
    : formatUnits(amount, decimals);
}

/** A token amount with all its decimals. */
export function exactUnits(amount: string | null | undefined, decimals: number | null): string {
  const value = parseInteger(amount);
  if (value === null) return "not known";
  return decimals === null
    ? `${formatDecimal(value, 0, 0)} base units of`
    : formatDecimal(value, decimals, decimals);
}

/** Basis points as percent, always signed: 123 is `+1.23%`. */
export function formatBps(bps: number | null | undefined): string {
  if (bps === null || bps === undefined || !Number.isFinite(bps)) return "—";
  const whole = BigInt(Math.trunc(bps));
  return `${formatDecimal(whole, 2, 2, true)}%`;
}

export type Sign = "profit" | "loss" | "flat";

/** Which way an amount points; an unknown amount points nowhere. */
export function signOf(amount: string | number | null | undefined): Sign {
  const value = typeof amount === "number" ? amount : (parseInteger(amount) ?? 0n);
  return value > 0 ? "profit" : value < 0 ? "loss" : "flat";
}

/** SOL as a float, for pixels only: a chart's y position, never a figure. */
export function solForPixels(lamports: string): number {
  return Number(parseInteger(lamports) ?? 0n) / 1e9;
}

function fixed(value: bigint, digits: number): string {
  const text = value.toString().padStart(digits + 1, "0");
  const whole = text.slice(0, text.length - digits).replace(/\B(?=(\d{3})+$)/g, ",");
  return digits ? `${whole}.${text.slice(-digits)}` : whole;
}

function floorDivide(value: bigint, unit: bigint): bigint {
  const quotient = value / unit; // truncates towards zero
  return value < 0n && value % unit !== 0n ? quotient - 1n : quotient;
}
