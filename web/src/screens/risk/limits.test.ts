import { describe, expect, it } from "vitest";
import type { Position } from "../../api/client";
import type { Setting } from "../../api/steering";
import { fullness, lotsOf, usesOf } from "./limits";

const held = (more: Partial<Position>): Position =>
  ({
    token_address: "A",
    token_symbol: "AAA",
    strategy: "SHIELD",
    entry_lamports: "1000",
    value_lamports: "700",
    unrealised_pnl_lamports: "50",
    ...more,
  }) as Position;
const setting = (key: string, value: string | number) => ({ key, value }) as Setting;
const settings = [
  setting("allocation.shield_percent", 70),
  setting("risk.open_positions_max", 2),
  setting("risk.position_lamports_max", "2000"),
  setting("risk.daily_loss_lamports_max", "100"),
];

describe("exposure", () => {
  it("counts what the tokens still held have cost, against the style's share of the equity", () => {
    const [shield, spear] = usesOf([held({})], settings, "1001", "0");
    expect(shield).toMatchObject({ used: 650n, most: 700n });
    expect(spear).toMatchObject({ used: 0n, most: null });
  });

  it("takes the whole cost where no price is known", () => {
    const [shield] = usesOf(
      [held({ value_lamports: null, unrealised_pnl_lamports: null })],
      settings,
      "1",
      "0",
    );
    expect(shield?.used).toBe(1000n);
  });

  it("counts a loss and no gain against the day's limit", () => {
    const loss = (day: string) => usesOf([], settings, "1", day).find((use) => use.id === "loss")?.used;
    expect([loss("-30"), loss("30")]).toEqual([30n, 0n]);
  });

  it("never shows a limit as less full than it is", () => {
    const use = (used: bigint, most: bigint | null) =>
      fullness({ id: "", label: "", used, most, unit: "count" });
    expect([use(1n, 300n), use(299n, 300n), use(600n, 300n), use(0n, 0n), use(1n, null)]).toEqual([
      1,
      100,
      100,
      0,
      null,
    ]);
  });

  it("adds up positions in one token", () => {
    const lots = lotsOf([held({}), held({ token_address: "B", token_symbol: "BBB" }), held({})]);
    expect(lots).toEqual([
      { mint: "A", symbol: "AAA", lamports: 1400n },
      { mint: "B", symbol: "BBB", lamports: 700n },
    ]);
  });
});
