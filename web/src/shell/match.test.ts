import { expect, it } from "vitest";
import { fitting } from "./match";

const NAMES = [
  "Command Center",
  "Trade ledger",
  "Risk",
  "Configuration",
  "BONK: its position",
  "Halt trading",
];
const find = (typed: string) => fitting(NAMES, typed, (name) => name);

it("keeps the order where nothing is typed", () => {
  expect(find("")).toEqual(NAMES);
});

it("puts what begins with the letters first, then a word of it, then the rest", () => {
  expect(find("tra")).toEqual(["Trade ledger", "Halt trading"]);
  expect(find("co")).toEqual(["Command Center", "Configuration"]);
});

it("wants every word", () => {
  expect(find("bonk pos")).toEqual(["BONK: its position"]);
  expect(find("bonk risk")).toEqual([]);
});
