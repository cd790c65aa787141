import { describe, expect, it } from "vitest";
import type { Setting } from "../api/steering";
import { groupOf, loosens, nameOf, readValue, showValue, typedValue, unitOf } from "./setting";

const cap: Setting = {
  key: "risk.position_lamports_max",
  value: "2000000000",
  file_value: "2000000000",
  kind: "integer",
  minimum: "0",
  maximum: "9223372036854775807",
  text: "",
  role: "admin",
  loosens: "up",
};
const slippage: Setting = { ...cap, key: "risk.slippage_bps_max", value: 500, maximum: "10000" };

describe("a setting's key", () => {
  it("says its unit, its group and its name", () => {
    expect([unitOf(cap.key), groupOf(cap.key), nameOf(cap.key)]).toEqual(["SOL", "risk", "Position max"]);
    expect(unitOf("copy_trade.shield.time_exit_s")).toBe("s");
    expect(unitOf("risk.open_positions_max")).toBe("");
    expect(groupOf("copy_trade.shield.copy_bps")).toBe("copy_trade.shield");
  });
});

describe("a setting's value", () => {
  it("is shown in SOL without a float, and read back as the same lamports", () => {
    for (const lamports of ["2000000000", "1", "100", "0", "9007199254740993", "12345678900000000001"]) {
      const setting = { ...cap, value: lamports, maximum: null };
      expect(readValue(setting, typedValue(setting.key, lamports))).toEqual({ value: lamports });
    }
    expect(showValue(cap.key, "2500000000")).toBe("2.5");
    expect(showValue(cap.key, "10000000000")).toBe("10");
    expect(showValue(cap.key, "1000000000000")).toBe("1,000");
  });

  it("is refused in words before it is sent", () => {
    expect(readValue(cap, "1.0000000001")).toHaveProperty("wrong");
    expect(readValue(cap, "-1")).toEqual({ wrong: "At least 0" });
    expect(readValue(slippage, "10001")).toEqual({ wrong: "At most 10,000" });
    expect(readValue(slippage, "5.5")).toEqual({ wrong: "A whole number" });
    expect(readValue(slippage, "")).toHaveProperty("wrong");
    expect(readValue(slippage, "600")).toEqual({ value: 600 });
  });

  it("tells whether it gives more room to lose", () => {
    expect(loosens(slippage, 501)).toBe(true);
    expect(loosens(slippage, 500)).toBe(false);
    expect(loosens({ ...slippage, loosens: "down" }, 499)).toBe(true);
    expect(loosens({ ...slippage, loosens: "" }, 9_999)).toBe(false);
    expect(loosens(cap, "2000000001")).toBe(true);
  });
});
