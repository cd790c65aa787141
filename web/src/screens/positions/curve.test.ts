import { describe, expect, it } from "vitest";
import type { Fill, Position } from "../../api/client";
import type { Mark } from "../../api/house";
import { extended, tripOf } from "./curve";

const position = {
  stop_lamports: "920",
  target_lamports: "1050",
  paid_lamports: "1000",
  value_lamports: "1010",
  token_amount: "50",
} as Position;
const fill = (side: "BUY" | "SELL", amount_in: string, amount_out: string, at: number) =>
  ({ side, amount_in, amount_out, at }) as Fill;
const bought = fill("BUY", "1000", "100", 1_000);

describe("a position's course", () => {
  it("is measured against the price paid, whatever part of it is left", () => {
    const marks: Mark[] = [
      [2_000, "1100", "100"],
      [3_000, "450", "50"],
    ];
    const trip = tripOf(position, marks, [bought, fill("SELL", "50", "600", 2_500)]);
    expect(trip?.times).toEqual([1, 2, 2.5, 3]);
    expect(trip?.gains.map((gain) => Math.round(gain ?? 0))).toEqual([0, 10, 20, -10]);
    expect(trip?.fills.map(({ side, gain }) => [side, Math.round(gain)])).toEqual([
      ["BUY", 0],
      ["SELL", 20],
    ]);
    expect([trip?.stop, trip?.target].map((value) => Math.round(value ?? 0))).toEqual([-8, 5]);
  });

  it("has no course before a buy is known", () => {
    expect(tripOf(position, [[2_000, "1100", "100"]], [])).toBeNull();
  });

  it("grows by what the live link tells, four points a second at most", () => {
    const marks: Mark[] = [[2_000, "1100", "100"]];
    expect(extended(marks, position, 2_200)).toBe(marks);
    expect(extended(marks, position, 3_000).at(-1)).toEqual([3_000, "1010", "50"]);
    expect(extended(marks, { ...position, value_lamports: null }, 9_000)).toBe(marks);
  });
});
