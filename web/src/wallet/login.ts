/** Logging in and showing a second factor by a wallet's signature of the desk's own challenge. */
import { ApiError, type Ask } from "../api/client";
import type { Schemas } from "../api/contract.gen";
import { request } from "../api/request";
import type { Login } from "../session";
import { type Account, connect, sign, type Wallet } from "./standard";

/** A signed challenge, as the desk takes it. */
export interface Proof {
  address: string;
  message: string;
  signature: string;
}

/** Nobody is known yet, so nothing says who asks. */
const ask: Ask = (operation, ...given) => request((...args) => fetch(...args), {}, operation, ...given);

/** Logs in as the wallet's first account; throws in words where the wallet or the desk says no. */
export async function logIn(wallet: Wallet, asked: Ask = ask, now = Date.now): Promise<Login> {
  const proof = await prove(wallet, "login", asked);
  try {
    return loginOf(await asked("POST /auth/wallet", { body: proof }), now());
  } catch (error) {
    if (error instanceof ApiError && error.status === 404)
      throw new Error(`${short(proof.address)} may not log in here; an admin adds it: chimera admins add.`);
    throw error;
  }
}

/** The next token of a login. */
export async function refreshed(login: Login, asked: Ask = ask, now = Date.now): Promise<Login> {
  return loginOf(await asked("POST /auth/refresh", { body: { refresh_token: login.refresh } }), now());
}

/** A challenge of the desk, signed: good once, for two minutes, for this purpose alone. */
export async function prove(wallet: Wallet, purpose: "login" | "step-up", asked: Ask = ask): Promise<Proof> {
  const account: Account = await connect(wallet);
  const { message } = await asked("POST /auth/challenge", { body: { address: account.address, purpose } });
  const signature = await sign(wallet, account, message);
  return { address: account.address, message, signature: btoa(String.fromCharCode(...signature)) };
}

function loginOf(told: Schemas["LoginAnswer"], now: number): Login {
  return { token: told.token, refresh: told.refresh_token, expiresAt: now + told.expires_in_s * 1_000 };
}

function short(address: string): string {
  return `${address.slice(0, 4)}…${address.slice(-4)}`;
}
