import { describe, expect, it } from "vitest";
import type { Decision } from "../../api/client";
import { readDecisionSearch } from "../../router";
import { fits, merge, torn } from "./search";

function decision(seq: number, more: Partial<Decision> = {}): Decision {
  return {
    seq,
    at: 0,
    kind: "intent",
    id: `id-${seq}`,
    trade_uuid: null,
    outcome: "approved",
    reason: null,
    limit: "",
    observed: "",
    token_symbol: "BONK",
    token_address: "DezXAZ8z7PnrnRJjz3wXBoRgixCa6xjnB7YaB1pPB263",
    wallet_address: "",
    strategy: "SHIELD",
    side: "BUY",
    text: "",
    ...more,
  };
}

const seqs = (list: Decision[]) => list.map((one) => one.seq);

describe("a search of decisions", () => {
  it("leaves out what was only noted, where that is asked for", () => {
    expect(fits(decision(1, { outcome: "info" }), { quiet: true })).toBe(false);
    expect(fits(decision(1, { outcome: "refused" }), { quiet: true })).toBe(true);
    expect(fits(decision(1, { outcome: "info" }), {})).toBe(true);
  });

  it("finds a token by its symbol in any case, and by the beginning of its address", () => {
    expect(fits(decision(1), { token: "bon" })).toBe(true);
    expect(fits(decision(1), { token: "DezX" })).toBe(true);
    expect(fits(decision(1), { token: "dezX" })).toBe(false); // addresses are case-sensitive
    expect(fits(decision(1, { token_symbol: "", token_address: "" }), { token: "BONK" })).toBe(false);
  });

  it("wants every filter at once", () => {
    const refused = decision(1, { outcome: "refused", strategy: "SPEAR" });
    expect(fits(refused, { outcome: "refused", strategy: "SPEAR" })).toBe(true);
    expect(fits(refused, { outcome: "refused", strategy: "SHIELD" })).toBe(false);
    expect(fits(refused, { outcome: "approved", strategy: "SPEAR" })).toBe(false);
    expect(fits(refused, {})).toBe(true);
  });

  it("keeps only what is sound of an address", () => {
    expect(readDecisionSearch({ outcome: "refused", strategy: "MOON", token: 777 })).toEqual({
      outcome: "refused",
      token: "777",
    });
    expect(readDecisionSearch({ outcome: "nonsense", token: "" })).toEqual({});
  });
});

describe("what was heard on top of what was read", () => {
  it("shows each decision once", () => {
    expect(seqs(merge([decision(9), decision(7), decision(5)], [decision(7), decision(5)]))).toEqual([
      9, 7, 5,
    ]);
    expect(seqs(merge([], [decision(2)]))).toEqual([2]);
    expect(seqs(merge([decision(2)], []))).toEqual([2]);
  });

  it("is torn when the newest read is older than everything still heard", () => {
    expect(torn([decision(9), decision(8)], [decision(5)])).toBe(true);
    expect(torn([decision(9), decision(5)], [decision(5)])).toBe(false);
    expect(torn([], [decision(5)])).toBe(false);
  });
});
