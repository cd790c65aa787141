/**
 * The control plane as this page sees it: one typed call for each thing that it asks for or does.
 *
 * What goes over the wire is in shapes.ts, how it goes in request.ts. This file knows nothing of React, of the
 * screen or of the WebSocket's life (see live/).
 */

import type { Proof } from "../wallet/login";
import { houseCalls } from "./house";
import {
  type Answer,
  type Arguments,
  type FileOperation,
  type Operation,
  request,
  requestFile,
} from "./request";
import type { KillMode, Millis, Strategy, TradeStatus } from "./shapes";
import { steeringCalls } from "./steering";

export { ApiError } from "./request";
export * from "./shapes";

export interface TradeFilter {
  status?: TradeStatus | undefined;
  strategy?: Strategy | undefined;
  from?: Millis | undefined;
  to?: Millis | undefined;
  limit: number;
  offset: number;
}

export type Ask = <Name extends Operation>(
  operation: Name,
  ...given: Arguments<Name>
) => Promise<Answer<Name>>;
export type AskFile = <Name extends FileOperation>(
  operation: Name,
  ...given: Arguments<Name>
) => Promise<Blob>;
export type Api = ReturnType<typeof createApi>;

/** All calls, made with `key` (asked anew each time where it is a function: a login's token changes). `fetcher` is passed in so that tests need no network. */
export function createApi(key: string | (() => string), fetcher: typeof fetch = (...args) => fetch(...args)) {
  let factorShown: string | null = null; // good for one protected call
  const caller = (operation: Operation): Record<string, string> => {
    const headers: Record<string, string> = {
      Authorization: `Bearer ${typeof key === "function" ? key() : key}`,
    };
    if (!operation.startsWith("GET ") && factorShown !== null) {
      headers["X-Step-Up"] = factorShown;
      factorShown = null;
    }
    return headers;
  };
  const ask: Ask = (operation, ...given) => request(fetcher, caller(operation), operation, ...given);
  const askFile: AskFile = (operation, ...given) =>
    requestFile(fetcher, caller(operation), operation, ...given);
  return {
    /** Shows a second factor, by an authenticator app's code, for the next call that asks for one. */
    stepUp: async (code: string): Promise<void> => {
      factorShown = (await ask("POST /auth/step-up", { body: { code } })).token;
    },
    /** The same by a wallet's signature of a step-up challenge. */
    stepUpByWallet: async (wallet: Proof): Promise<void> => {
      factorShown = (await ask("POST /auth/step-up", { body: { wallet } })).token;
    },
    logout: () => ask("POST /auth/logout"),
    ...steeringCalls(ask),
    ...houseCalls(ask, askFile),
    whoami: () => ask("GET /whoami"),
    overview: () => ask("GET /overview"),
    trades: (filter: TradeFilter) => ask("GET /trades", { query: { ...filter } }),
    trade: (uuid: string) => ask("GET /trades/{uuid}", { path: { uuid } }),
    position: (uuid: string) => ask("GET /positions/{uuid}", { path: { uuid } }),
    why: (wanted: string) => ask("GET /why/{wanted}", { path: { wanted } }),
    exitPosition: (uuid: string, reason: string, fraction_bps = 10_000) =>
      ask("POST /positions/{uuid}/exit", { path: { uuid }, body: { reason, fraction_bps } }),
    kill: (mode: KillMode, reason: string) => ask("POST /kill", { body: { mode, reason } }),
    resetKill: (reason: string) => ask("POST /kill/reset", { body: { reason } }),
    breakers: () => ask("GET /risk/breakers"),
    /** How far held tokens, and SOL in dollars, move together. */
    correlation: () => ask("GET /risk/correlation"),
    /** `breaker`: by its name; the loss breaker where there is none. */
    resetBreaker: (reason: string, breaker = "loss") =>
      ask("POST /config/circuit-breaker/reset", { body: { reason, breaker } }),
  };
}
