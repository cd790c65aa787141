import { describe, expect, it } from "vitest";
import type { Position } from "../../api/client";
import { distance, formatDistance, heldCost } from "./reckoning";

const held = (more: Partial<Position>): Position =>
  ({
    entry_lamports: "1003",
    value_lamports: "704",
    unrealised_pnl_lamports: "32",
    stop_lamports: "616",
    target_lamports: null,
    ...more,
  }) as Position;

describe("what a position's figures say together", () => {
  it("takes the cost of what is still held, so that worth less cost is the gain", () => {
    expect(heldCost(held({}))).toBe("672");
    expect(heldCost(held({ value_lamports: null }))).toBe("1003");
  });

  it("says how far the worth is from a level, and nothing where there is none", () => {
    expect([distance(held({}), "stop"), distance(held({}), "target")]).toEqual([-1250, null]);
  });

  it("never shows a level further away than it is", () => {
    expect([-1250, 388, 99, 5, 0].map(formatDistance)).toEqual(["−12%", "+3.8%", "+0.9%", "+0.0%", "0.0%"]);
  });
});
