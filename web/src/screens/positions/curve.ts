/**
 * A position's course as a chart draws it: gains in percent of the price first paid, over time.
 *
 * For pixels only: floats are fine here and never become a figure.
 */
import type { Fill, Position, Side } from "../../api/client";
import type { Mark } from "../../api/house";

export interface Trip {
  /** Seconds. */
  times: number[];
  /** Percent above the price paid. */
  gains: number[];
  fills: { at: number; gain: number; side: Side }[];
  stop: number | null;
  target: number | null;
}

export function tripOf(position: Position, marks: readonly Mark[], fills: readonly Fill[]): Trip | null {
  const bought = fills.filter((fill) => fill.side === "BUY");
  const paid = sum(bought.map((fill) => Number(fill.amount_in)));
  const tokens = sum(bought.map((fill) => Number(fill.amount_out)));
  if (!paid || !tokens) return null;
  const price = paid / tokens;
  const gain = (lamports: number, held: number) => (lamports / held / price - 1) * 100;
  const course: [at: number, gain: number][] = marks
    .filter(([, , held]) => Number(held) > 0)
    .map(([at, lamports, held]) => [at / 1_000, gain(Number(lamports), Number(held))]);
  const done = fills.map((fill) => ({
    at: fill.at / 1_000,
    side: fill.side,
    gain:
      fill.side === "BUY"
        ? gain(Number(fill.amount_in), Number(fill.amount_out))
        : gain(Number(fill.amount_out), Number(fill.amount_in)),
  }));
  // Fills stretch the time axis, so that an entry before the first mark is seen.
  for (const fill of done) if (!course.some(([at]) => at === fill.at)) course.push([fill.at, fill.gain]);
  course.sort((a, b) => a[0] - b[0]);
  return {
    times: course.map(([at]) => at),
    gains: course.map(([, value]) => value),
    fills: done,
    stop: level(position.stop_lamports, position.paid_lamports),
    target: level(position.target_lamports, position.paid_lamports),
  };
}

const GROWN_KEPT = 600; // minutes: the desk is asked again every half

/** `marks` with what the live link told since, four points a second at most. */
export function extended(marks: readonly Mark[], position: Position, at: number): readonly Mark[] {
  const last = marks.at(-1);
  if (position.value_lamports === null || (last && at < last[0] + 250)) return marks;
  return [...marks.slice(-GROWN_KEPT), [at, position.value_lamports, position.token_amount]];
}

function level(lamports: string | null, paid: string | null): number | null {
  return lamports === null || !Number(paid) ? null : (Number(lamports) / Number(paid) - 1) * 100;
}

function sum(values: number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
