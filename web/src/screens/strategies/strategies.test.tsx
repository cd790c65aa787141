import { cleanup, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, expect, it, vi } from "vitest";
import type { Role } from "../../api/client";
import type { StrategySeen } from "../../api/house";
import { type Asked, show } from "../testing";
import { Strategies } from "./strategies";

vi.mock("@tanstack/react-router", async (original) => ({
  ...(await original<object>()),
  Link: ({ children }: { children: unknown }) => children,
}));
vi.mock("../../live/react", async (original) => ({
  ...(await original<object>()),
  useCurrent: () => true,
}));
afterEach(cleanup);

const running: StrategySeen = { name: "momentum", running: true, paused: false, failed: null, params: {} };

function desk(strategy: StrategySeen) {
  return ({ method, path }: Asked): [number, unknown] => {
    if (method === "POST") return [200, { success: true, version: 0, message: "" }];
    if (path === "/strategies") return [200, { items: [strategy] }];
    if (path === "/config/settings") return [200, { version: 0, items: [] }];
    return [200, { strategy: "SHIELD", days: 7, trade_count: 0, wins: 0, losses: 0, total_pnl: "0" }];
  };
}

async function seen(strategy: StrategySeen, role: Role = "operator") {
  const asked = show(<Strategies />, desk(strategy), role);
  await screen.findByRole("region", { name: "Momentum" });
  return asked;
}

it("parks one that runs, with the reason", async () => {
  const asked = await seen(running);
  await userEvent.click(screen.getByRole("button", { name: "Park Momentum" }));
  await userEvent.type(screen.getByLabelText("Reason, kept in the journal"), "odd trades");
  await userEvent.click(screen.getByRole("button", { name: "Park now" }));
  expect(asked.find((one) => one.method === "POST")).toMatchObject({
    path: "/strategies/momentum/park",
    body: { reason: "odd trades" },
  });
});

it("offers a parked one nothing but to go on, and says why it stands still", async () => {
  await seen({ ...running, failed: "ValueError: no bars" });
  expect(screen.getByText(/ValueError: no bars/)).toBeTruthy();
  expect(screen.getByRole("button", { name: "Resume Momentum" })).toBeTruthy();
  expect(screen.queryByRole("button", { name: /^Pause|^Park/ })).toBeNull();
});

it("offers a reader nothing", async () => {
  await seen(running, "readonly");
  expect(screen.queryByRole("button", { name: /Momentum/ })).toBeNull();
});
