import { describe, expect, it } from "vitest";
import { endOfDay, formatAgo, formatDay, formatSpan, startOfDay } from "./time";
import { explain, humanize } from "./words";

describe("spans and ages", () => {
  it("name their two largest units", () => {
    expect([-5, 0, 999, 1_000, 59_999, 245_000, 12_000_000, 187_200_000].map(formatSpan)).toEqual([
      "0 ms",
      "0 ms",
      "999 ms",
      "1 s",
      "59 s",
      "4 m 05 s",
      "3 h 20 m",
      "2 d 4 h",
    ]);
  });

  it("never lie in the future", () => {
    expect(formatAgo(5_000, 1_000)).toBe("now");
    expect(formatAgo(0, 61_000)).toBe("1 m");
    expect(formatAgo(0, 90_000_000)).toBe("1 d");
  });
});

describe("days", () => {
  it("reach from their first to their last millisecond", () => {
    const [start, end] = [startOfDay("2026-03-29"), endOfDay("2026-03-29")];
    if (start === undefined || end === undefined) throw new Error("no day");
    expect([formatDay(start), formatDay(end), formatDay(end + 1)]).toEqual([
      "2026-03-29",
      "2026-03-29",
      "2026-03-30",
    ]);
  });

  it("are nothing when they are no dates", () => {
    for (const bad of [undefined, "", "today", "2026-3-1", "2026-03-01T00:00"]) {
      expect([startOfDay(bad), endOfDay(bad)]).toEqual([undefined, undefined]);
    }
  });
});

describe("reasons", () => {
  it("have plain words whatever their case", () => {
    expect(explain("LIQUIDITY_BELOW_MINIMUM")).toBe("Too little liquidity in the pool");
    expect(explain("circuit_breaker_triggered")).toBe("The loss breaker is open");
    expect(explain("stop_loss")).toBe("Stop-loss reached");
  });

  it("that are sentences stay so, with their addresses cut short", () => {
    expect(explain("trailing stop: 350 bps below its best")).toBe("Trailing stop: 3.5 % below its best");
    expect(explain("7xKXtg2CW87d97TXJSDpbD5jBkheTqA83TZRuJosgAsU sold")).toBe("7xKX…gAsU sold");
  });

  it("that are new are shown all the same", () => {
    expect(explain("MOON_PHASE_WRONG")).toBe("Moon phase wrong");
    expect(humanize("halt_buys")).toBe("Halt buys");
  });
});
