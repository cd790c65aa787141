import { beforeEach, describe, expect, it } from "vitest";
import { adoptKeyFromAddress, forgetKey, storedKey } from "./session";

const replaced: string[] = [];
const history = {
  replaceState: (_state: unknown, _title: string, url: string) => replaced.push(url),
} as unknown as History;
const at = (hash: string) => ({ hash, pathname: "/", search: "" }) as Location;

beforeEach(() => {
  forgetKey();
  replaced.length = 0;
});

describe("a key in the address", () => {
  it("moves into the session and out of the address", () => {
    expect(adoptKeyFromAddress(at("#key=abc-DEF_123"), history)).toBe(true);
    expect(storedKey()).toBe("abc-DEF_123");
    expect(replaced).toEqual(["/"]);
  });

  it("is not seen in a screen's own address", () => {
    for (const hash of ["", "#", "#/trades", "#/why/abc?key=x", "#key="]) {
      expect(adoptKeyFromAddress(at(hash), history)).toBe(false);
    }
    expect(storedKey()).toBeNull();
    expect(replaced).toEqual([]);
  });
});
