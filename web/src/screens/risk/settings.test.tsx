import { cleanup, screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, describe, expect, it } from "vitest";
import type { Role } from "../../api/client";
import type { Setting } from "../../api/steering";
import { type Asked, show } from "../testing";
import { SettingsPanel } from "./settings";

afterEach(cleanup);

function setting(key: string, more: Partial<Setting>): Setting {
  return {
    key,
    value: 0,
    file_value: more.value ?? 0,
    kind: "integer",
    minimum: "0",
    maximum: "100",
    text: "",
    role: "operator",
    loosens: "",
    ...more,
  };
}
const items = [
  setting("allocation.shield_percent", { value: 70 }),
  setting("allocation.spear_percent", { value: 30 }),
  setting("risk.position_lamports_max", {
    value: "2000000000",
    maximum: null,
    role: "admin",
    loosens: "up",
  }),
];
const refusal = { error: "VALIDATION_FAILED", message: "allocation: both together must be 100", details: {} };

function panel(role: Role = "admin", put: [number, unknown] = [200, { version: 9, message: "in force" }]) {
  return show(
    <SettingsPanel title="Settings" />,
    ({ method }: Asked) => (method === "PUT" ? put : [200, { version: 4, items }]),
    role,
  );
}

async function type(key: string, name: string, text: string) {
  await userEvent.click(await screen.findByRole("button", { name: `Change ${key}` }));
  const input = screen.getByLabelText(name);
  await userEvent.clear(input);
  await userEvent.type(input, text);
}

async function confirm() {
  await userEvent.click(screen.getByRole("button", { name: "Review" }));
  await userEvent.type(screen.getByLabelText("Reason, kept in the journal"), "calm market");
  await userEvent.click(screen.getByRole("button", { name: "Change now" }));
}

describe("the settings", () => {
  it("go together, with the reason and the version they were thought up on", async () => {
    const asked = panel();
    await type("allocation.shield_percent", "Shield", "60");
    await type("allocation.spear_percent", "Spear", "40");
    await confirm();
    expect(asked.find((one) => one.method === "PUT")).toMatchObject({
      path: "/config",
      body: {
        changes: { "allocation.shield_percent": 60, "allocation.spear_percent": 40 },
        reason: "calm market",
        version: 4,
      },
    });
  });

  it("warn of what gives more room to lose, and send SOL as exact lamports", async () => {
    const asked = panel();
    await type("risk.position_lamports_max", "Position max", "2.000000001");
    expect(screen.getByRole("status").textContent).toContain("1 with more room to lose");
    await confirm();
    expect(asked.find((one) => one.method === "PUT")?.body).toMatchObject({
      changes: { "risk.position_lamports_max": "2000000001" },
    });
  });

  it("are not sent while one is out of its range", async () => {
    panel();
    await type("allocation.shield_percent", "Shield", "101");
    expect(screen.getByRole("alert").textContent).toBe("At most 100");
    expect(screen.getByRole<HTMLButtonElement>("button", { name: "Review" }).disabled).toBe(true);
  });

  it("keep what was typed, and show the desk's words, when the desk refuses", async () => {
    panel("admin", [400, refusal]);
    await type("allocation.shield_percent", "Shield", "60");
    await confirm();
    const box = screen.getByRole("dialog");
    expect((await within(box).findByRole("alert")).textContent).toBe(refusal.message);
    expect(screen.getByLabelText<HTMLInputElement>("Shield").value).toBe("60");
  });

  it("offer each role only what it may change", async () => {
    panel("operator");
    expect(await screen.findByRole("button", { name: "Change allocation.shield_percent" })).toBeTruthy();
    expect(screen.queryByRole("button", { name: "Change risk.position_lamports_max" })).toBeNull();
  });
});
