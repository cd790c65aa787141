import { cleanup, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { Wallet } from "../../api/steering";
import { show } from "../testing";
import { ChangeDialog } from "./change";

afterEach(cleanup);

const candidate: Wallet = {
  address: "6KyrmKXAFRiAxcCHrzom7UTBQZdzDnCjC2bA3fBCRE4Y",
  status: "CANDIDATE",
  wqs_score: null,
  strategy: "SPEAR",
  notes: "few trades",
  copied: 0,
  pnl_lamports: "0",
  last_trade_at: null,
  active_until: null,
};
const done = { address: candidate.address, ok: true, message: "done" };
const reason = () => screen.getByLabelText("Reason, kept in the journal");

describe("changing a wallet", () => {
  it("promotes a candidate for a time, with the reason", async () => {
    const onClose = vi.fn();
    const asked = show(<ChangeDialog wallet={candidate} onClose={onClose} />, () => [200, done]);
    await userEvent.type(screen.getByLabelText("Active for, in hours"), "24");
    await userEvent.type(reason(), "won again");
    await userEvent.click(screen.getByRole("button", { name: "Make it ACTIVE" }));
    expect(asked).toHaveLength(1);
    expect(asked[0]).toMatchObject({
      method: "PUT",
      path: `/wallets/${candidate.address}`,
      body: { status: "ACTIVE", reason: "won again", ttl_hours: 24, strategy: "SPEAR" },
    });
    expect(asked[0]?.body).not.toHaveProperty("notes"); // unchanged notes are not sent
    expect(onClose).toHaveBeenCalledOnce();
  });

  it("sends no time for a status that has none", async () => {
    const asked = show(<ChangeDialog wallet={candidate} onClose={() => {}} />, () => [200, done]);
    await userEvent.type(screen.getByLabelText("Active for, in hours"), "24");
    await userEvent.click(screen.getByRole("radio", { name: /REJECTED/ }));
    await userEvent.type(reason(), "lucky");
    await userEvent.click(screen.getByRole("button", { name: "Make it REJECTED" }));
    expect(asked[0]?.body).toEqual({ status: "REJECTED", reason: "lucky", strategy: "SPEAR" });
  });

  it("stays open with the desk's words when it is refused", async () => {
    const onClose = vi.fn();
    show(<ChangeDialog wallet={candidate} onClose={onClose} />, () => [
      403,
      { error: "FORBIDDEN", message: "This needs the operator's role.", details: {} },
    ]);
    await userEvent.type(reason(), "try");
    await userEvent.click(screen.getByRole("button", { name: "Make it ACTIVE" }));
    expect((await screen.findByRole("alert")).textContent).toBe("This needs the operator's role.");
    expect(onClose).not.toHaveBeenCalled();
  });

  it("takes a new wallet in by its address", async () => {
    const asked = show(<ChangeDialog wallet={null} onClose={() => {}} />, () => [201, done]);
    await userEvent.type(screen.getByLabelText("Address"), candidate.address);
    await userEvent.type(reason(), "seen on chain");
    await userEvent.click(screen.getByRole("button", { name: "Add wallet" }));
    expect(asked[0]).toMatchObject({
      method: "POST",
      path: "/wallets",
      body: { address: candidate.address, status: "CANDIDATE", reason: "seen on chain" },
    });
  });
});
