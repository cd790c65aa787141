import { cleanup, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, expect, it, vi } from "vitest";
import { useSession } from "../app";
import { type Asked, show } from "../screens/testing";
import { GuardedConfirm } from "./guarded";

afterEach(cleanup);

function Resume({ onClose }: { onClose: () => void }) {
  const { api } = useSession();
  return (
    <GuardedConfirm
      title="Resume?"
      confirm="Resume"
      reason="calm again"
      onClose={onClose}
      onConfirm={async (reason) => void (await api.resetKill(reason))}
    >
      <p>It may buy.</p>
    </GuardedConfirm>
  );
}

function desk({ path, headers }: Asked): [number, unknown] {
  if (path === "/auth/step-up") return [200, { token: "shown" }];
  return headers["X-Step-Up"] === "shown"
    ? [200, { active: false, mode: null }]
    : [
        403,
        {
          error: "STEP_UP_REQUIRED",
          message: "Show your second factor first.",
          details: { factors: ["totp"] },
        },
      ];
}

it("asks for the second factor only when the desk wants it, and shows it with the next call alone", async () => {
  const onClose = vi.fn();
  const asked = show(<Resume onClose={onClose} />, desk);
  expect(screen.queryByLabelText("Code of your authenticator app")).toBeNull();
  await userEvent.click(screen.getByRole("button", { name: "Resume" }));
  await userEvent.type(await screen.findByLabelText("Code of your authenticator app"), "123456");
  await userEvent.click(screen.getByRole("button", { name: "Resume" }));
  await vi.waitFor(() => expect(onClose).toHaveBeenCalledOnce());
  expect(asked.map((one) => [one.path, one.headers["X-Step-Up"]])).toEqual([
    ["/kill/reset", undefined],
    ["/auth/step-up", undefined],
    ["/kill/reset", "shown"],
  ]);
  expect(asked[1]?.body).toEqual({ code: "123456" });
});
