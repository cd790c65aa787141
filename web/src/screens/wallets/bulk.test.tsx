import { cleanup, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, expect, it, vi } from "vitest";
import type { Wallet } from "../../api/steering";
import { show } from "../testing";
import { BulkDialog } from "./bulk";

afterEach(cleanup);

const wallets = [
  "7xKXtg2CW87d97TXJSDpbD5jBkheTqA83TZRuJosgAsU",
  "6KyrmKXAFRiAxcCHrzom7UTBQZdzDnCjC2bA3fBCRE4Y",
].map((address) => ({ address, status: "CANDIDATE" }) as Wallet);
const items = wallets.map(({ address }) => ({ address, ok: true, message: "done" }));

it("changes the chosen ones in one call, with the reason", async () => {
  const onClose = vi.fn();
  const asked = show(<BulkDialog wallets={wallets} onClose={onClose} />, () => [200, { items }]);
  await userEvent.click(screen.getByLabelText(/7xKX…gAsU/));
  await userEvent.type(screen.getByLabelText("Active for, in hours"), "6");
  await userEvent.type(screen.getByLabelText("Reason, kept in the journal"), "a good week");
  await userEvent.click(screen.getByRole("button", { name: "Make 1 ACTIVE" }));
  expect(asked[0]).toMatchObject({
    method: "POST",
    path: "/wallets/bulk",
    body: { addresses: [wallets[0]?.address], status: "ACTIVE", reason: "a good week", ttl_hours: 6 },
  });
  expect(onClose).toHaveBeenCalledOnce();
});

it("asks for at least one", async () => {
  const asked = show(<BulkDialog wallets={wallets} onClose={() => {}} />, () => [200, { items }]);
  await userEvent.click(screen.getByLabelText("All 2"));
  await userEvent.click(screen.getByLabelText("All 2"));
  await userEvent.type(screen.getByLabelText("Reason, kept in the journal"), "x");
  await userEvent.click(screen.getByRole("button", { name: "Make 0 ACTIVE" }));
  expect((await screen.findByRole("alert")).textContent).toBe("Choose at least one wallet.");
  expect(asked).toEqual([]);
});
