import { cleanup, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, describe, expect, it } from "vitest";
import type { Breaker, Role } from "../../api/client";
import { type Asked, show } from "../testing";
import { BreakersPanel } from "./breakers";

afterEach(cleanup);

const counts = { failures: 5, failures_max: 8, in_row: 4, in_row_max: 4, window_ms: 900_000 };
const breaker = (name: string, more: Partial<Breaker> = {}): Breaker => ({
  ...{ name, enabled: true, state: "CLOSED", stops: "buys", cause: null, until_ms: null },
  counts: counts as Breaker["counts"],
  ...more,
});
const items = [
  breaker("loss", { counts: null }),
  breaker("slippage", { state: "OPEN", cause: "4 in a row, the last 310 bps", until_ms: 1 }),
  breaker("spear_losses", { stops: "spear" }),
];

function panel(role: Role = "admin") {
  return show(
    <BreakersPanel />,
    ({ method }: Asked) => (method === "POST" ? [200, { message: "closed" }] : [200, { items, history: [] }]),
    role,
  );
}

describe("the breakers", () => {
  it("tell what went wrong how often, without the loss breaker, which has its own panel", async () => {
    panel();
    const list = await screen.findByRole("list", { name: "Breakers" });
    expect(list.textContent).toContain("SlippageResetOpen4 in a row, the last 3.1 %");
    expect(list.textContent).toContain("stops buys: 5 of 8 failures in 15 m 00 s, 4 of 4 in a row");
    expect(list.textContent).toContain("stops Spear");
    expect(list.textContent).not.toContain("Loss");
  });

  it("are closed by name and for a reason", async () => {
    const asked = panel();
    await userEvent.click(await screen.findByRole("button", { name: "Reset the slippage breaker" }));
    await userEvent.type(screen.getByLabelText("Reason, kept in the journal"), "the pool is gone");
    await userEvent.click(screen.getByRole("button", { name: "Reset breaker" }));
    expect(asked.find((one) => one.method === "POST")).toMatchObject({
      path: "/config/circuit-breaker/reset",
      body: { breaker: "slippage", reason: "the pool is gone" },
    });
  });

  it("are closed by an admin alone", async () => {
    panel("operator");
    await screen.findByRole("list", { name: "Breakers" });
    expect(screen.queryByRole("button")).toBeNull();
  });
});
