import { describe, expect, it, vi } from "vitest";
import { connect, sign, type Wallet, watchWallets } from "./standard";

const account = { address: "7xKXtg2CW87d97TXJSDpbD5jBkheTqA83TZRuJosgAsU" };

function fake(name: string, more: Partial<Wallet["features"]> = {}): Wallet {
  return {
    name,
    icon: "",
    accounts: [],
    features: {
      "standard:connect": { connect: async () => ({ accounts: [account] }) },
      "solana:signMessage": {
        signMessage: async (...inputs) =>
          inputs.map(({ message }) => ({ signedMessage: message, signature: new Uint8Array([7]) })),
      },
      ...more,
    },
  };
}

function announce(page: Window, wallet: Wallet): void {
  const tell = ({ register }: { register: (wallet: Wallet) => void }) => register(wallet);
  page.dispatchEvent(new CustomEvent("wallet-standard:register-wallet", { detail: tell }));
  page.addEventListener("wallet-standard:app-ready", (event) => tell((event as CustomEvent).detail));
}

describe("wallets of this browser", () => {
  it("are found whether they or the page come first, each once", () => {
    const page = new EventTarget() as Window;
    announce(page, fake("Early"));
    const changed = vi.fn();
    const stop = watchWallets(page, changed);
    const late = fake("Late");
    announce(page, late);
    announce(page, late);
    expect(changed.mock.lastCall?.[0].map((wallet: Wallet) => wallet.name)).toEqual(["Early", "Late"]);
    stop();
    announce(page, fake("After"));
    expect(changed).toHaveBeenCalledTimes(2);
  });

  it("are left out where they cannot sign a text", () => {
    const page = new EventTarget() as Window;
    const changed = vi.fn();
    watchWallets(page, changed);
    announce(page, { ...fake("Watcher"), features: {} });
    page.dispatchEvent(new CustomEvent("wallet-standard:register-wallet", { detail: "nonsense" }));
    expect(changed).not.toHaveBeenCalled();
  });
});

describe("a signature", () => {
  it("is over exactly the text that was asked for", async () => {
    expect(await connect(fake("Good"))).toBe(account);
    expect(await sign(fake("Good"), account, "text")).toEqual(new Uint8Array([7]));
    const other = fake("Other", {
      "solana:signMessage": {
        signMessage: async () => [{ signedMessage: new Uint8Array([1]), signature: new Uint8Array([7]) }],
      },
    });
    await expect(sign(other, account, "text")).rejects.toThrow("signed another text");
  });

  it("is refused in words where there is no account or nothing was signed", async () => {
    const empty = fake("Empty", { "standard:connect": { connect: async () => ({ accounts: [] }) } });
    await expect(connect(empty)).rejects.toThrow("shows no account");
    const mute = fake("Mute", { "solana:signMessage": { signMessage: async () => [] } });
    await expect(sign(mute, account, "text")).rejects.toThrow("signed nothing");
  });
});
