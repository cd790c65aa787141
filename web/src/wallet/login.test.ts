import { describe, expect, it } from "vitest";
import { ApiError, type Ask } from "../api/client";
import { logIn, refreshed } from "./login";
import type { Wallet } from "./standard";

const account = { address: "7xKXtg2CW87d97TXJSDpbD5jBkheTqA83TZRuJosgAsU" };
const wallet: Wallet = {
  name: "Fake",
  icon: "",
  accounts: [account],
  features: {
    "solana:signMessage": {
      signMessage: async (...inputs) =>
        inputs.map(({ message }) => ({ signedMessage: message, signature: new Uint8Array([1, 2, 255]) })),
    },
  },
};

function desk(answers: Record<string, unknown>) {
  const asked: [string, unknown][] = [];
  const ask: Ask = async (operation, ...given) => {
    const name = operation.replace("POST /auth/", "");
    asked.push([name, (given[0] as { body: unknown }).body]);
    const answer = answers[name];
    if (answer instanceof Error) throw answer;
    return answer as never;
  };
  return { asked, ask };
}

const answer = { token: "t", refresh_token: "r", expires_in_s: 900 };

describe("a login by wallet", () => {
  it("signs the desk's challenge and keeps what it gets for it", async () => {
    const { asked, ask } = desk({ challenge: { message: "sign me" }, wallet: answer });
    expect(await logIn(wallet, ask, () => 1_000)).toEqual({ token: "t", refresh: "r", expiresAt: 901_000 });
    expect(asked).toEqual([
      ["challenge", { address: account.address, purpose: "login" }],
      ["wallet", { address: account.address, message: "sign me", signature: "AQL/" }],
    ]);
  });

  it("says how a stranger's wallet is let in", async () => {
    const { ask } = desk({ challenge: { message: "m" }, wallet: new ApiError(404, "NOT_FOUND", "nobody") });
    await expect(logIn(wallet, ask)).rejects.toThrow("7xKX…gAsU may not log in here");
  });

  it("goes on with the next token", async () => {
    const { asked, ask } = desk({ refresh: { ...answer, token: "t2", refresh_token: "r2" } });
    const next = await refreshed({ token: "t", refresh: "r", expiresAt: 0 }, ask, () => 0);
    expect(next).toEqual({ token: "t2", refresh: "r2", expiresAt: 900_000 });
    expect(asked).toEqual([["refresh", { refresh_token: "r" }]]);
  });
});
