/**
 * Settings as text and back. A key says its unit in one of its words: `lamports`, `bps`, `percent`, `ms`, `s`, `usd`.
 * Lamports are typed and shown as SOL; everything else as the desk has it.
 */
import type { Setting, SettingValue } from "../api/steering";
import { formatDecimal, parseInteger } from "./money";

export type Unit = "SOL" | "bps" | "%" | "ms" | "s" | "min" | "USD" | "";

const UNITS: Record<string, Unit> = {
  lamports: "SOL",
  bps: "bps",
  percent: "%",
  ms: "ms",
  s: "s",
  minutes: "min",
  usd: "USD",
};

const SOL_DIGITS = 9;

export function unitOf(key: string): Unit {
  const words = key.split(".").at(-1)?.split("_") ?? [];
  return words.map((word) => UNITS[word]).find((unit) => unit !== undefined) ?? "";
}

/** Where it stands: `copy_trade.shield.size_lamports_max` is in `copy_trade.shield`. */
export function groupOf(key: string): string {
  return key.split(".").slice(0, -1).join(".");
}

/** Its last part in words, without its unit: `size_lamports_max` is `Size max`. */
export function nameOf(key: string): string {
  const words = (key.split(".").at(-1) ?? key).split("_").filter((word) => UNITS[word] === undefined);
  const text = words.join(" ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** A value for a person, without its unit. */
export function showValue(key: string, value: SettingValue | null): string {
  if (value === null) return "—";
  if (typeof value === "boolean") return value ? "on" : "off";
  const integer = parseInteger(String(value));
  if (integer === null) return String(value) || "—";
  return unitOf(key) === "SOL"
    ? withoutZeros(formatDecimal(integer, SOL_DIGITS, SOL_DIGITS))
    : formatDecimal(integer, 0, 0);
}

/** A value for an input: what `readValue` reads back as the same. */
export function typedValue(key: string, value: SettingValue): string {
  if (typeof value === "boolean" || parseInteger(String(value)) === null) return String(value);
  return showValue(key, value).replaceAll(",", "").replace("−", "-");
}

/** What was typed as the desk wants it, or the words that say what is wrong. */
export function readValue(setting: Setting, typed: string): { value: SettingValue } | { wrong: string } {
  const text = typed.trim();
  if (setting.kind === "boolean") return { value: text === "true" };
  if (setting.kind === "text") return { value: text };
  const sol = unitOf(setting.key) === "SOL";
  const integer = sol ? lamportsOf(text) : parseInteger(text);
  if (integer === null) return { wrong: sol ? "An amount of SOL, at most 9 decimals" : "A whole number" };
  if (setting.minimum !== null && integer < BigInt(setting.minimum))
    return { wrong: `At least ${showValue(setting.key, setting.minimum)}` };
  if (setting.maximum !== null && integer > BigInt(setting.maximum))
    return { wrong: `At most ${showValue(setting.key, setting.maximum)}` };
  // As the desk sent it: amounts as text, other numbers as numbers.
  return { value: typeof setting.value === "string" ? String(integer) : Number(integer) };
}

/** Whether `value` gives more room to lose than what is in force. */
export function loosens(setting: Setting, value: SettingValue): boolean {
  const [now, next] = [parseInteger(String(setting.value)), parseInteger(String(value))];
  if (now === null || next === null) return false;
  return (setting.loosens === "up" && next > now) || (setting.loosens === "down" && next < now);
}

/** `1.5` SOL as lamports; exact, never through a float. */
function lamportsOf(text: string): bigint | null {
  const parts = /^(-?)(\d{1,20})(?:\.(\d{1,9}))?$/.exec(text);
  if (!parts) return null;
  const lamports = BigInt(`${parts[2]}${(parts[3] ?? "").padEnd(SOL_DIGITS, "0")}`);
  return parts[1] ? -lamports : lamports;
}

function withoutZeros(text: string): string {
  return text.replace(/\.?0+$/, "");
}
