import { describe, expect, it } from "vitest";
import { afterGain, gainOf, partOf, readPercent, typedPercent } from "./percent";

describe("percentages", () => {
  it.each([
    ["-5.25", -525],
    ["−5,2", -520],
    ["+20", 2_000],
    ["0.01", 1],
    [" 7 ", 700],
  ])("reads %s as %i bps and back", (text, bps) => {
    expect(readPercent(text)).toBe(bps);
    expect(readPercent(typedPercent(bps))).toBe(bps);
  });

  it.each(["", "a", "1.234", "--1", "1e3", "12345678"])("takes %j for no percentage", (text) => {
    expect(readPercent(text)).toBeNull();
  });

  it("says what a level is worth beyond a float's precision", () => {
    expect(afterGain("9007199254740993000", 0)).toBe("9007199254740993000");
    expect(afterGain("1000000000", -800)).toBe("920000000");
    expect(afterGain(null, 5)).toBeNull();
  });

  it("rounds a gain down and a part up, as the desk does", () => {
    expect(gainOf("999999999", "1000000000")).toBe(-1);
    expect(gainOf("1050000000", "1000000000")).toBe(500);
    expect(gainOf("1", "0")).toBeNull();
    expect(partOf("1001", 5_000)).toBe("501");
  });
});
