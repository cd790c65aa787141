import { describe, expect, it } from "vitest";
import { candlesOf, roomFor, spanOf } from "./candles";

describe("candles", () => {
  it("open where the last one closed, and hold the highest and lowest between", () => {
    expect(candlesOf([10.1, 10.4, 10.9, 11.2], [0, 3, 1, 2], 1)).toEqual([
      { time: 10, open: 0, high: 3, low: 0, close: 1 },
      { time: 11, open: 1, high: 2, low: 1, close: 2 },
    ]);
  });

  it("stand still where no price came", () => {
    expect(candlesOf([0, 3], [1, 5], 1).map((candle) => [candle.time, candle.close])).toEqual([
      [0, 1],
      [1, 1],
      [2, 1],
      [3, 5],
    ]);
  });

  it("take the shortest span that shows the whole course", () => {
    expect([spanOf([]), spanOf([0, 60]), spanOf([0, 600]), spanOf([0, 86_400])]).toEqual([1, 1, 5, 900]);
  });

  it("fill no memory when a clock jumps by years", () => {
    expect(candlesOf([0, 1e9], [1, 2], 1).length).toBeLessThan(1_000);
  });
});

describe("the room of the chart", () => {
  const trip = { times: [], gains: [], fills: [], stop: -8, target: 400 };
  it("shows a stop that is near and leaves out a target that would flatten the course", () => {
    const { from, to } = roomFor(-1, 2, trip);
    expect(from).toBeLessThan(-8);
    expect(to).toBeLessThan(5);
  });
});
