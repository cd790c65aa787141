import { describe, expect, it } from "vitest";
import type { Pool } from "../../api/house";
import { pairOf } from "./pair";

const pool = (more: Partial<Pool>): Pool =>
  ({
    mint_a: "SoL",
    mint_b: "BonK",
    symbol_a: "SOL",
    symbol_b: "BONK",
    decimals_a: 9,
    decimals_b: 5,
    reserve_a: "1",
    reserve_b: "2",
    price: "744700000000",
    own_symbol_a: "",
    own_symbol_b: "CAT",
    ...more,
  }) as Pool;

describe("a pool's pair", () => {
  it("names the token first and money second, with the price turned over", () => {
    const pair = pairOf(pool({}));
    expect([pair.base.symbol, pair.base.reserve, pair.quote.symbol]).toEqual(["BONK", "2", "SOL"]);
    // 10^14 / 744,700,000,000 lamports, rounded up in the 15th place
    expect([pair.price, pair.priceDecimals, pair.bought]).toEqual(["134282262", 15, true]);
  });

  it("carries what a maker calls his token beside the name that the settings have", () => {
    expect([pairOf(pool({})).base.own, pairOf(pool({})).quote.own]).toEqual(["CAT", ""]);
  });

  it("keeps the chain's order where that is a person's", () => {
    const pair = pairOf(
      pool({ symbol_a: "BONK", symbol_b: "USDC", decimals_a: 5, decimals_b: 6, price: "20" }),
    );
    expect([pair.base.symbol, pair.quote.symbol, pair.price, pair.bought]).toEqual([
      "BONK",
      "USDC",
      "20",
      false,
    ]);
  });

  it("pays for SOL in dollars", () => {
    const pair = pairOf(
      pool({ symbol_a: "USDC", symbol_b: "SOL", decimals_a: 6, decimals_b: 9, price: "6720430" }),
    );
    expect([pair.base.symbol, pair.quote.symbol]).toEqual(["SOL", "USDC"]);
  });

  it("makes no price of one that is not known", () => {
    for (const more of [{ price: null }, { price: "0" }, { decimals_a: null }])
      expect(pairOf(pool(more)).price).toBeNull();
  });
});
