import { cleanup, render, screen } from "@testing-library/react";
import { afterEach, expect, it, vi } from "vitest";
import { Boundary } from "./boundary";

afterEach(cleanup);

it("what fails while it is drawn leaves words and a way to try again, not an empty page", () => {
  vi.spyOn(console, "error").mockImplementation(() => {}); // React tells it there too
  const Failing = () => {
    throw new TypeError("Cannot read properties of null");
  };
  render(
    <Boundary>
      <Failing />
    </Boundary>,
  );
  expect(screen.getByRole("alert").textContent).toContain("The desk trades on");
  expect(screen.getByRole("button", { name: "Try again" })).toBeTruthy();
});
