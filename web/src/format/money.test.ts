import { describe, expect, it } from "vitest";
import {
  exactSol,
  exactUnits,
  formatBps,
  formatDecimal,
  formatPrice,
  formatSol,
  formatUnits,
  formatUsd,
  parseInteger,
  signOf,
} from "./money";

describe("lamports as SOL", () => {
  it("groups thousands and keeps the asked decimals", () => {
    expect(formatSol("1234567890000000")).toBe("1,234,567.8900");
    expect(formatSol("0")).toBe("0.0000");
    expect(formatSol("100000000")).toBe("0.1000");
  });

  it("keeps the last lamport of an amount past 2^53", () => {
    expect(formatSol("9007199254740993", 9)).toBe("9,007,199.254740993");
    expect(formatSol("18446744073709551615", 9)).toBe("18,446,744,073.709551615");
  });

  it("never shows more than there is", () => {
    expect(formatSol("99999999", 4)).toBe("0.0999");
    expect(formatSol("-99999999", 4)).toBe("−0.1000");
    expect(formatSol("-1", 4)).toBe("−0.0001");
  });

  it("does not call a little something nothing", () => {
    expect(formatSol("1", 4)).toBe("<0.0001");
    expect(formatSol("99999", 4)).toBe("<0.0001");
    expect(formatSol("100000", 4)).toBe("0.0001");
  });

  it("signs a gain only when asked", () => {
    expect(formatSol("5000000000", 2, true)).toBe("+5.00");
    expect(formatSol("-5000000000", 2, true)).toBe("−5.00");
    expect(formatSol("0", 2, true)).toBe("0.00");
  });

  it("shows a dash for what is not known or not a number", () => {
    for (const bad of [null, undefined, "", "1.5", "1e9", "abc", "NaN", " 1", "--1"])
      expect(formatSol(bad)).toBe("—");
  });

  it("has the exact amount for the tooltip", () => {
    expect(exactSol("100000005")).toBe("0.100000005 SOL = 100000005 lamports");
    expect(exactSol("-1")).toBe("−0.000000001 SOL = -1 lamports");
    expect(exactSol("1.5")).toBe("unreadable amount: 1.5");
    expect(exactSol(null)).toBe("not known");
  });
});

describe("other units", () => {
  it("shows dollars from millionths", () => {
    expect(formatUsd("1234567890")).toBe("$1,234.56");
    expect(formatUsd("-1234567890")).toBe("−$1,234.57");
    expect(formatUsd("9")).toBe("<$0.01");
    expect(formatUsd(null)).toBe("—");
  });

  it("shortens token amounts but can spell them out", () => {
    expect(formatUnits("123456789", 5)).toBe("1,234.56");
    expect(formatUnits("123456789012", 5)).toBe("1.234M");
    expect(formatUnits("1234567890120000", 5)).toBe("12.345B");
    expect(formatUnits("42", 0)).toBe("42.0000");
    expect(exactUnits("123456789012", 5)).toBe("1,234,567.89012");
    expect(exactUnits("7", 0)).toBe("7");
    expect(formatUnits("1234", null)).toBe("1,234");
    expect(exactUnits("1234", null)).toBe("1,234 base units of");
  });

  it("shows basis points as signed percent", () => {
    expect(formatBps(123)).toBe("+1.23%");
    expect(formatBps(-5)).toBe("−0.05%");
    expect(formatBps(0)).toBe("0.00%");
    expect(formatBps(null)).toBe("—");
    expect(formatBps(Number.NaN)).toBe("—");
  });

  it("rounds any scale towards minus infinity", () => {
    expect(formatDecimal(-15n, 1, 0)).toBe("−2");
    expect(formatDecimal(15n, 1, 0)).toBe("1");
    expect(formatDecimal(3n, 0, 2)).toBe("3.00");
  });

  it("reads integers and nothing else", () => {
    expect(parseInteger("-12")).toBe(-12n);
    expect(parseInteger("0x10")).toBeNull();
    expect(parseInteger("1".repeat(41))).toBeNull();
  });

  it("knows which way an amount points", () => {
    expect([signOf("1"), signOf("-1"), signOf("0"), signOf(null), signOf(3), signOf(-3)]).toEqual([
      "profit",
      "loss",
      "flat",
      "flat",
      "profit",
      "loss",
    ]);
  });
});

describe("a price", () => {
  it("keeps four digits that say something, however small it is", () => {
    expect(formatPrice("617400", 9)).toBe("0.0006174");
    expect(formatPrice("20", 6)).toBe("0.000020");
    expect(formatPrice("4012345", 9)).toBe("0.004012");
    expect(formatPrice("509200", 6)).toBe("0.5092");
    expect(formatPrice("747509784645", 5)).toBe("7.475M");
    expect(formatPrice("7", null)).toBe("7");
  });
});
