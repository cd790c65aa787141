/**
 * A course as candles: what it opened, rose and fell to, and closed at within equal spans of time.
 *
 * For pixels only: floats are fine here and never become a figure. Times are whole seconds, each a span's beginning.
 */
import type { Trip } from "./curve";

export interface Candle {
  time: number;
  open: number;
  high: number;
  low: number;
  close: number;
}

const SPANS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 14_400, 86_400];
const CANDLES_MAX = 120; // more would be thinner than a finger of a pixel or two

/** Seconds that one candle stands for: the shortest that keep the whole course on the screen. */
export function spanOf(times: readonly number[]): number {
  const seconds = (times.at(-1) ?? 0) - (times[0] ?? 0);
  return SPANS.find((span) => seconds / span <= CANDLES_MAX) ?? 86_400;
}

/** One candle a span, without holes: where no price came, the last one stood. */
export function candlesOf(times: readonly number[], gains: readonly number[], span: number): Candle[] {
  const candles: Candle[] = [];
  for (const [index, at] of times.entries()) {
    const gain = gains[index];
    if (gain === undefined) break;
    const time = Math.floor(at / span) * span;
    const last = candles.at(-1);
    if (last && last.time >= time) {
      last.high = Math.max(last.high, gain);
      last.low = Math.min(last.low, gain);
      last.close = gain;
      continue;
    }
    if (last) fill(candles, last, time, span);
    const open = candles.at(-1)?.close ?? gain;
    candles.push({ time, open, high: Math.max(open, gain), low: Math.min(open, gain), close: gain });
  }
  return candles;
}

function fill(candles: Candle[], last: Candle, until: number, span: number): void {
  const close = last.close;
  // A clock that jumped must not fill the memory.
  for (let at = last.time + span; at < until && candles.length < CANDLES_MAX * 4; at += span)
    candles.push({ time: at, open: close, high: close, low: close, close });
}

/** All of the course and its fills, and a stop or target that is not so far off that it would flatten the rest. */
export function roomFor(low: number, high: number, trip: Trip): { from: number; to: number } {
  const seen = [low, high, 0, ...trip.fills.map((fill) => fill.gain)];
  let [bottom, top] = [Math.min(...seen), Math.max(...seen)];
  const reach = Math.max((top - bottom) * 4, 30);
  for (const level of [trip.stop, trip.target]) {
    if (level !== null && level > bottom - reach && level < top + reach)
      [bottom, top] = [Math.min(bottom, level), Math.max(top, level)];
  }
  const air = Math.max((top - bottom) * 0.06, 0.05);
  return { from: bottom - air, to: top + air };
}
