import { cleanup, render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, describe, expect, it, vi } from "vitest";
import { Confirm } from "./dialog";

afterEach(cleanup);

function ask(onConfirm: (reason: string) => Promise<void>, reason = "") {
  const onClose = vi.fn();
  render(
    <Confirm title="Sell all?" confirm="Sell now" reason={reason} onConfirm={onConfirm} onClose={onClose}>
      <p>It is final.</p>
    </Confirm>,
  );
  return onClose;
}

const sell = () => screen.getByRole<HTMLButtonElement>("button", { name: "Sell now" });

describe("a confirmation", () => {
  it("wants a reason first", async () => {
    const onConfirm = vi.fn(async () => {});
    ask(onConfirm);
    expect(sell().disabled).toBe(true);
    await userEvent.type(screen.getByRole("textbox"), "   ");
    expect(sell().disabled).toBe(true);
    await userEvent.type(screen.getByRole("textbox"), "rug ");
    await userEvent.click(sell());
    expect(onConfirm).toHaveBeenCalledExactlyOnceWith("rug");
  });

  it("closes when it worked", async () => {
    const onClose = ask(async () => {}, "by hand");
    await userEvent.click(sell());
    expect(onClose).toHaveBeenCalledOnce();
  });

  it("stays open and says why when it was refused", async () => {
    const onClose = ask(async () => {
      throw new Error("The position is already being sold.");
    }, "by hand");
    await userEvent.click(sell());
    expect(screen.getByRole("alert").textContent).toBe("The position is already being sold.");
    expect(onClose).not.toHaveBeenCalled();
    expect(sell().disabled).toBe(false);
  });

  it("does nothing when cancelled", async () => {
    const onConfirm = vi.fn(async () => {});
    const onClose = ask(onConfirm, "by hand");
    await userEvent.click(screen.getByRole("button", { name: "Cancel" }));
    expect(onClose).toHaveBeenCalledOnce();
    expect(onConfirm).not.toHaveBeenCalled();
  });
});
