/** Logging in and showing a second factor by a wallet's signature of the desk's own challenge. */
import { ApiError, request } from "../api/client";
import type { Login } from "../session";
import { type Account, connect, sign, type Wallet } from "./standard";

interface Challenge {
  message: string;
}

interface LoginAnswer {
  token: string;
  refresh_token: string;
  expires_in_s: number;
}

/** A signed challenge, as the desk takes it. */
export interface Proof {
  address: string;
  message: string;
  signature: string;
}

type Ask = <T>(path: string, body: unknown) => Promise<T>;

const ask: Ask = (path, body) => request((...args) => fetch(...args), {}, "POST", `/auth/${path}`, body);

/** Logs in as the wallet's first account; throws in words where the wallet or the desk says no. */
export async function logIn(wallet: Wallet, asked: Ask = ask, now = Date.now): Promise<Login> {
  const proof = await prove(wallet, "login", asked);
  try {
    return loginOf(await asked<LoginAnswer>("wallet", proof), now());
  } catch (error) {
    if (error instanceof ApiError && error.status === 404)
      throw new Error(`${short(proof.address)} may not log in here; an admin adds it: chimera admins add.`);
    throw error;
  }
}

/** The next token of a login. */
export async function refreshed(login: Login, asked: Ask = ask, now = Date.now): Promise<Login> {
  return loginOf(await asked<LoginAnswer>("refresh", { refresh_token: login.refresh }), now());
}

/** A challenge of the desk, signed: good once, for two minutes, for this purpose alone. */
export async function prove(wallet: Wallet, purpose: "login" | "step-up", asked: Ask = ask): Promise<Proof> {
  const account: Account = await connect(wallet);
  const { message } = await asked<Challenge>("challenge", { address: account.address, purpose });
  const signature = await sign(wallet, account, message);
  return { address: account.address, message, signature: btoa(String.fromCharCode(...signature)) };
}

function loginOf(told: LoginAnswer, now: number): Login {
  return { token: told.token, refresh: told.refresh_token, expiresAt: now + told.expires_in_s * 1_000 };
}

function short(address: string): string {
  return `${address.slice(0, 4)}…${address.slice(-4)}`;
}
