/**
 * The Wallet Standard, as far as signing a text needs it: finds the wallets that this browser has and lets one sign.
 *
 * Wallets and page find each other by two events, whichever of them is loaded first. Nothing here knows the desk.
 * Source: github.com/wallet-standard/wallet-standard, packages/core/base and core/app.
 */

const CONNECT = "standard:connect";
const SIGN_MESSAGE = "solana:signMessage";

export interface Account {
  /** Base58. */
  address: string;
}

interface Connect {
  connect: () => Promise<{ accounts: readonly Account[] }>;
}

interface SignMessage {
  signMessage: (
    ...inputs: { account: Account; message: Uint8Array }[]
  ) => Promise<readonly { signedMessage: Uint8Array; signature: Uint8Array }[]>;
}

export interface Wallet {
  name: string;
  /** A data: URL of an image. */
  icon: string;
  accounts: readonly Account[];
  features: { readonly [CONNECT]?: Connect; readonly [SIGN_MESSAGE]?: SignMessage };
}

type Register = (...wallets: Wallet[]) => () => void;

/** Calls `changed` with all wallets that can sign, now and whenever there are more or fewer; returns how to stop. */
export function watchWallets(page: Window, changed: (wallets: readonly Wallet[]) => void): () => void {
  let known: readonly Wallet[] = [];
  const register: Register = (...wallets) => {
    const fresh = wallets.filter((wallet) => canSign(wallet) && !known.includes(wallet));
    if (fresh.length > 0) {
      known = [...known, ...fresh];
      changed(known);
    }
    return () => {
      known = known.filter((wallet) => !fresh.includes(wallet));
      changed(known);
    };
  };
  const registering = (event: Event) => {
    const callback = (event as CustomEvent<unknown>).detail;
    if (typeof callback === "function") callback({ register });
  };
  page.addEventListener("wallet-standard:register-wallet", registering);
  page.dispatchEvent(new CustomEvent("wallet-standard:app-ready", { detail: { register } }));
  return () => page.removeEventListener("wallet-standard:register-wallet", registering);
}

/** Asks the wallet's owner to let this page see an account; throws what the wallet throws, in words. */
export async function connect(wallet: Wallet): Promise<Account> {
  const feature = wallet.features[CONNECT];
  const accounts = feature ? (await feature.connect()).accounts : wallet.accounts;
  const account = accounts[0];
  if (!account) throw new Error(`${wallet.name} shows no account.`);
  return account;
}

/** The signature over exactly these bytes; throws where the wallet signed something else, or nothing. */
export async function sign(wallet: Wallet, account: Account, message: string): Promise<Uint8Array> {
  const wanted = new TextEncoder().encode(message);
  const signed = (await wallet.features[SIGN_MESSAGE]?.signMessage({ account, message: wanted }))?.[0];
  if (!signed) throw new Error(`${wallet.name} signed nothing.`);
  const same =
    signed.signedMessage.length === wanted.length &&
    wanted.every((byte, place) => byte === signed.signedMessage[place]);
  if (!same) throw new Error(`${wallet.name} signed another text than the desk asked for.`);
  return signed.signature;
}

function canSign(wallet: Wallet): boolean {
  return typeof wallet?.name === "string" && wallet.features?.[SIGN_MESSAGE] !== undefined;
}
