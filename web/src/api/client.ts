/**
 * The control plane as this page sees it: its shapes (written from the HTTP contract) and one typed call for each.
 *
 * Lamports and token base units are strings of integers, because u64 does not fit a JavaScript number; times are
 * unix milliseconds. This file knows nothing of React, of the screen or of the WebSocket's life (see live/).
 */

import type { Proof } from "../wallet/login";
import { houseCalls } from "./house";
import { steeringCalls } from "./steering";

/** An integer as text, in lamports (1 SOL = 1_000_000_000). */
export type Lamports = string;
/** An integer as text, in millionths of a US dollar. */
export type UsdMicro = string;
/** Unix time in milliseconds. */
export type Millis = number;

export type Role = "readonly" | "operator" | "admin";
export type Strategy = "SHIELD" | "SPEAR";
export type Side = "BUY" | "SELL";
export type PositionState = "ACTIVE" | "EXITING" | "CLOSED";
export const TRADE_STATUSES = [
  "PENDING",
  "QUEUED",
  "EXECUTING",
  "ACTIVE",
  "EXITING",
  "CLOSED",
  "RETRY",
  "FAILED",
  "DEAD_LETTER",
] as const;
export type TradeStatus = (typeof TRADE_STATUSES)[number];
export const OUTCOMES = ["accepted", "refused", "approved", "confirmed", "failed", "closed", "info"] as const;
export type Outcome = (typeof OUTCOMES)[number];

export interface Whoami {
  identifier: string;
  role: Role;
}

export interface Health {
  status: "healthy" | "degraded" | "unhealthy";
  mode: string;
  dev_mode: boolean;
  uptime_seconds: number;
  queue_depth: number;
  circuit_breaker: {
    state: "CLOSED" | "OPEN" | "HALF_OPEN";
    trading_allowed: boolean;
    trip_reason: string | null;
    cooldown_remaining_secs: number;
  };
  kill_switch: { active: boolean; mode: KillMode | null; reason: string | null };
  rpc: { status: string; latency_ms: number | null; endpoint: string };
  database: { status: string; message: string; behind_records: number };
  market: {
    slot: number;
    /** null: no slot was seen yet. */
    slot_age_ms: number | null;
    feed: string;
    gaps: number;
    pools: number;
    pools_fresh: number;
    /** Of which bytes could not be read: sold to, not bought from. */
    pools_quarantined: number;
    quarantine_reasons: string[];
    received: number;
    passed: number;
    held: number;
    dropped: Record<string, number>;
    unread: Record<string, number>;
  };
  journal: { seq: number; status: string };
  last_trade_at: Millis | null;
}

export type EquityPoint = [Millis, Lamports];

export interface Overview {
  wallet: string;
  balance_lamports: Lamports;
  equity_lamports: Lamports;
  equity_usd_micro: UsdMicro | null;
  sol_usd_micro: UsdMicro | null;
  realised_pnl_lamports: Lamports;
  unrealised_pnl_lamports: Lamports | null;
  pnl_24h_lamports: Lamports;
  fees_lamports: Lamports;
  tips_lamports: Lamports;
  rent_lamports: Lamports;
  open_positions: number;
  closed_trades: number;
  wins: number;
  losses: number;
  signals: number;
  refused: number;
  /** null: not compared yet. */
  ledger_matches_chain: boolean | null;
  equity_history: EquityPoint[];
}

/** What the stream sends: no history, but perhaps one more point of it. */
export type OverviewDelta = Omit<Overview, "equity_history"> & { equity_point?: EquityPoint };

/** Gains over what was paid, in hundredths of a percent; null: no such level. */
export interface Levels {
  stop_bps: number | null;
  target_bps: number | null;
}

export interface Position {
  trade_uuid: string;
  wallet_address: string;
  token_address: string;
  token_symbol: string;
  strategy: Strategy;
  state: PositionState;
  /** Base units of the token; see `decimals`. */
  token_amount: string;
  /** null: the token's mint was not read yet. */
  decimals: number | null;
  /** All-in cost: swap, fees, tips and rent. */
  entry_lamports: Lamports;
  value_lamports: Lamports | null;
  unrealised_pnl_lamports: Lamports | null;
  unrealised_pnl_bps: number | null;
  price_age_slots: number | null;
  realised_pnl_lamports: Lamports;
  stop_lamports: Lamports | null;
  target_lamports: Lamports | null;
  /** What was swapped for the tokens still held: stop and target are measured against it. null: long closed. */
  paid_lamports: Lamports | null;
  /** Set by hand; null: its strategy's own rules hold. */
  levels: Levels | null;
  opened_at: Millis;
  closed_at: Millis | null;
  entry_signature: string;
  exit_signature: string | null;
  exit_reason: string | null;
}

export interface Trade {
  trade_uuid: string;
  signal_id: string | null;
  wallet_address: string;
  token_address: string;
  token_symbol: string;
  strategy: Strategy;
  side: Side;
  status: TradeStatus;
  amount_lamports: Lamports;
  spent_lamports: Lamports;
  received_lamports: Lamports;
  fees_lamports: Lamports;
  tips_lamports: Lamports;
  rent_lamports: Lamports;
  realised_pnl_lamports: Lamports | null;
  entry_signature: string | null;
  exit_signature: string | null;
  retry_count: number;
  error_message: string | null;
  exit_reason: string | null;
  created_at: Millis;
  updated_at: Millis;
}

export interface Fill {
  leg_id: string;
  side: Side;
  signature: string;
  slot: number;
  input_mint: string;
  output_mint: string;
  amount_in: string;
  amount_out: string;
  fee_lamports: Lamports;
  tip_lamports: Lamports;
  rent_lamports: Lamports;
  at: Millis;
}

export type TradeDetail = Trade & { fills: Fill[] };

export interface Decision {
  seq: number;
  at: Millis;
  kind: "signal" | "intent" | "trade" | "risk";
  id: string;
  trade_uuid: string | null;
  outcome: Outcome;
  reason: string | null;
  limit: string | null;
  observed: string | null;
  token_symbol: string | null;
  token_address: string | null;
  wallet_address: string | null;
  /** Empty where it concerns neither, like `side` and the addresses. */
  strategy: Strategy | "EXIT" | "" | null;
  side: Side | "" | null;
  /** One readable sentence. */
  text: string;
}

export interface WhyStep {
  seq: number;
  at: Millis;
  kind: string;
  text: string;
  outcome: Outcome | null;
  reason: string | null;
  data: Record<string, unknown>;
}

export interface Why {
  id: string;
  found: boolean;
  steps: WhyStep[];
}

export interface Page<T> {
  items: T[];
  total: number;
  limit: number;
  offset: number;
}

export interface TradeFilter {
  status?: TradeStatus | undefined;
  strategy?: Strategy | undefined;
  from?: Millis | undefined;
  to?: Millis | undefined;
  limit: number;
  offset: number;
}

export type KillMode = "halt_all" | "halt_buys";

/** The control plane said no, or nothing at all: `status` 0 means that it could not be reached. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  /** What else the desk said of it. */
  readonly details: Record<string, unknown>;

  constructor(status: number, code: string, message: string, details: Record<string, unknown> = {}) {
    super(message);
    this.name = "ApiError";
    this.status = status;
    this.code = code;
    this.details = details;
  }
}

export type Api = ReturnType<typeof createApi>;

/** All calls, made with `key` (asked anew each time where it is a function: a login's token changes). `fetcher` is passed in so that tests need no network. */
export function createApi(key: string | (() => string), fetcher: typeof fetch = (...args) => fetch(...args)) {
  let factorShown: string | null = null; // good for one protected call
  const call = <T>(method: Method, path: string, body?: unknown) => {
    const headers: Record<string, string> = {
      Authorization: `Bearer ${typeof key === "function" ? key() : key}`,
    };
    if (method !== "GET" && method !== "FILE" && factorShown !== null) {
      headers["X-Step-Up"] = factorShown;
      factorShown = null;
    }
    return request<T>(fetcher, headers, method, path, body);
  };
  const at = encodeURIComponent;
  return {
    /** Shows a second factor, by an authenticator app's code, for the next call that asks for one. */
    stepUp: async (code: string): Promise<void> => {
      factorShown = (await call<{ token: string }>("POST", "/auth/step-up", { code })).token;
    },
    /** The same by a wallet's signature of a step-up challenge. */
    stepUpByWallet: async (wallet: Proof): Promise<void> => {
      factorShown = (await call<{ token: string }>("POST", "/auth/step-up", { wallet })).token;
    },
    logout: () => call<{ success: boolean }>("POST", "/auth/logout"),
    ...steeringCalls(call, query),
    ...houseCalls(call, query),
    whoami: () => call<Whoami>("GET", "/whoami"),
    overview: () => call<Overview>("GET", "/overview"),
    trades: (filter: TradeFilter) => call<Page<Trade>>("GET", `/trades${query({ ...filter })}`),
    trade: (uuid: string) => call<TradeDetail>("GET", `/trades/${at(uuid)}`),
    position: (uuid: string) => call<Position>("GET", `/positions/${at(uuid)}`),
    why: (id: string) => call<Why>("GET", `/why/${at(id)}`),
    exitPosition: (uuid: string, reason: string, fraction_bps = 10_000) =>
      call<{ status: string }>("POST", `/positions/${at(uuid)}/exit`, { reason, fraction_bps }),
    kill: (mode: KillMode, reason: string) => call<KillSwitch>("POST", "/kill", { mode, reason }),
    resetKill: (reason: string) => call<KillSwitch>("POST", "/kill/reset", { reason }),
    resetBreaker: (reason: string) =>
      call<{ success: boolean; message: string }>("POST", "/config/circuit-breaker/reset", { reason }),
  };
}

export interface KillSwitch {
  active: boolean;
  mode: KillMode | null;
}

/** FILE is a GET whose answer is a file, whatever is in it. */
type Method = "GET" | "POST" | "PUT" | "FILE";

/** One call; throws ApiError. `caller`: headers that say who asks. */
export async function request<T>(
  fetcher: typeof fetch,
  caller: Record<string, string>,
  method: Method,
  path: string,
  body: unknown,
): Promise<T> {
  const headers: Record<string, string> = { Accept: "application/json", ...caller };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let response: Response;
  try {
    response = await fetcher(`/api/v1${path}`, {
      method: method === "FILE" ? "GET" : method,
      headers,
      body: body === undefined ? null : JSON.stringify(body),
      cache: "no-store",
      credentials: "omit",
    });
  } catch {
    throw new ApiError(0, "UNREACHABLE", "The desk does not answer. Is it still running?");
  }
  if (response.ok && method === "FILE") return (await response.blob()) as T;
  const text = await response.text();
  if (response.ok) {
    try {
      return JSON.parse(text) as T;
    } catch {
      throw new ApiError(response.status, "GARBLED", "The desk answered with something that is not JSON.");
    }
  }
  throw refusal(response, text);
}

function refusal(response: Response, text: string): ApiError {
  try {
    const told = JSON.parse(text) as { error?: unknown; message?: unknown; details?: unknown };
    const details = told.details && typeof told.details === "object" ? told.details : {};
    const code = typeof told.error === "string" ? told.error : `HTTP_${response.status}`;
    if (typeof told.message === "string" && told.message)
      return new ApiError(response.status, code, told.message, details as Record<string, unknown>);
  } catch {
    // Not the contract's error body (a proxy's page, for example): the status has to do.
  }
  if (response.status === 429) {
    const seconds = response.headers.get("Retry-After");
    const when = seconds ? `in ${seconds} s` : "in a moment";
    return new ApiError(429, "RATE_LIMITED", `Too many requests. Try again ${when}.`);
  }
  return new ApiError(
    response.status,
    `HTTP_${response.status}`,
    `The desk answered with status ${response.status}.`,
  );
}

function query(parameters: Record<string, string | number | undefined>): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined && value !== "") search.set(name, String(value));
  }
  const text = search.toString();
  return text && `?${text}`;
}
