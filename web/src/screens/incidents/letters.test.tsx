import { cleanup, screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, describe, expect, it } from "vitest";
import type { Role } from "../../api/client";
import type { DeadLetter } from "../../api/steering";
import { type Asked, show } from "../testing";
import { Letters } from "./letters";

afterEach(cleanup);

function letter(id: number, more: Partial<DeadLetter> = {}): DeadLetter {
  return {
    id,
    trade_uuid: null,
    payload: '{"token":"BONK"}',
    reason: "PARSE_ERROR",
    error_details: "unexpected end",
    source_ip: "127.0.0.1",
    retry_count: 0,
    can_retry: true,
    received_at: 0,
    processed_at: null,
    ...more,
  };
}

function letters(items: DeadLetter[], role: Role = "operator") {
  return show(
    <Letters />,
    ({ method }: Asked) =>
      method === "GET"
        ? [200, { items, total: items.length, limit: 25, offset: 0 }]
        : [200, { status: "discarded" }],
    role,
  );
}

describe("dead letters", () => {
  it("say that nothing got lost when there is none", async () => {
    letters([]);
    expect(await screen.findByText("Nothing got lost")).toBeTruthy();
  });

  it("are put away with a reason, after a look at what they were", async () => {
    const asked = letters([letter(7)]);
    await userEvent.click(await screen.findByRole("button", { name: "Discard" }));
    const box = screen.getByRole("dialog");
    expect(within(box).getByText('{"token":"BONK"}')).toBeTruthy();
    await userEvent.type(within(box).getByRole("textbox"), "garbage");
    await userEvent.click(within(box).getByRole("button", { name: "Discard" }));
    expect(asked.find((one) => one.method === "POST")).toMatchObject({
      path: "/incidents/dead-letter/7/discard",
      body: { reason: "garbage" },
    });
  });

  it("offer no retry where there can be none, and nothing once dealt with", async () => {
    letters([letter(7, { can_retry: false }), letter(8, { processed_at: 5 })]);
    expect(await screen.findAllByRole("button", { name: "Discard" })).toHaveLength(1);
    expect(screen.queryByRole("button", { name: "Retry" })).toBeNull();
  });

  it("are only shown to a reader", async () => {
    letters([letter(7)], "readonly");
    expect(await screen.findByText("Waiting")).toBeTruthy();
    expect(screen.queryByRole("button", { name: "Discard" })).toBeNull();
  });
});
