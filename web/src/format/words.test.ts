import { describe, expect, it } from "vitest";
import { explain, inPercent, readable } from "./words";

describe("the desk's sentences", () => {
  it("tell basis points as percent, exactly", () => {
    expect(inPercent("trailing stop: 211 bps below its best, which was +1635 bps")).toBe(
      "trailing stop: 2.11 % below its best, which was +16.35 %",
    );
    expect(inPercent("-5 bps, 500 bps, 120 bpsx")).toBe("−0.05 %, 5 %, 120 bpsx");
  });

  it("cut addresses to their ends", () => {
    expect(readable("copying CAPNLizahiThhwBCrts4fCzX7J8PApTWy53hpPb2z4yu at 3 bps")).toBe(
      "copying CAPN…z4yu at 0.03 %",
    );
  });

  it("say a refusal's code in words, and keep its limit", () => {
    expect(explain("POSITION_ALREADY_OPEN (limit 1 a token, observed 1)")).toBe(
      "A position in this token is already open (limit 1 a token, observed 1)",
    );
  });

  it("keep a reason that nobody listed", () => {
    expect(explain("SOMETHING_NEW")).toBe("Something new");
  });
});
