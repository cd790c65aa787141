import { expect, it } from "vitest";
import { formatBytes, formatMillis } from "./bytes";

it("says sizes in the unit that fits", () => {
  expect([0, 1_023, 1_024, 150_000_000, 82_218_356_736].map(formatBytes)).toEqual([
    "0 B",
    "1023 B",
    "1.0 KiB",
    "143 MiB",
    "76.6 GiB",
  ]);
});

it("says spans with the digits that matter", () => {
  expect([0.377, 1.576, 14.2, 999.4, 1_250, 61_000].map(formatMillis)).toEqual([
    "0.38 ms",
    "1.6 ms",
    "14 ms",
    "999 ms",
    "1.3 s",
    "61 s",
  ]);
});
