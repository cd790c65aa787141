/**
 * The part of the contract that steers: the roster, the settings, and what a person must look at. Shapes and calls;
 * `client.ts` makes them. Like there, amounts are strings of integers and times are unix milliseconds.
 */
import type { Decision, Lamports, Millis, Outcome, Page, Role, Strategy } from "./client";

export const WALLET_STATUSES = ["ACTIVE", "CANDIDATE", "REJECTED"] as const;
export type WalletStatus = (typeof WALLET_STATUSES)[number];

export interface Wallet {
  address: string;
  status: WalletStatus;
  wqs_score: number | null;
  strategy: Strategy;
  notes: string;
  copied: number;
  pnl_lamports: Lamports;
  last_trade_at: Millis | null;
  /** When an ACTIVE one becomes a CANDIDATE by itself; null: never. */
  active_until: Millis | null;
}

export interface WalletChange {
  status: WalletStatus;
  reason: string;
  ttl_hours?: number;
  strategy?: Strategy;
  notes?: string;
}

export interface WalletChanged {
  address: string;
  ok: boolean;
  message: string;
}

/** One page back in time: `next_before` asks for the page before it; null is the beginning. */
export interface DecisionPage {
  items: Decision[];
  next_before: number | null;
}

export type SettingValue = string | number | boolean;

export interface Setting {
  key: string;
  /** In force now; lamports, and whole numbers beyond 2^53, are text. */
  value: SettingValue;
  /** What the settings given at start say. */
  file_value: SettingValue;
  kind: "integer" | "boolean" | "text";
  /** Integers as text: bounds reach 2^63-1. */
  minimum: string | null;
  maximum: string | null;
  text: string;
  /** Who may change it. */
  role: Role;
  /** Which way gives more room to lose. */
  loosens: "up" | "down" | "";
}

export interface Settings {
  version: number;
  items: Setting[];
}

export interface DeadLetter {
  id: number;
  trade_uuid: string | null;
  payload: string;
  reason: string;
  error_details: string;
  source_ip: string;
  retry_count: number;
  can_retry: boolean;
  received_at: Millis;
  /** When somebody dealt with it. */
  processed_at: Millis | null;
}

export interface ConfigChange {
  seq: number;
  key: string;
  old_value: string;
  new_value: string;
  changed_by: string;
  change_reason: string;
  changed_at: Millis;
}

/** Amounts are lamports, or base units of `mint` where there is one. */
export interface Discrepancy {
  id: string;
  /** null: about the wallet as a whole. */
  trade_uuid: string | null;
  mint: string | null;
  discrepancy: string;
  expected_state: string;
  actual_on_chain: string;
  expected_amount: string;
  on_chain_amount: string;
  on_chain_tx_signature: string | null;
  resolved_at: Millis | null;
  resolved_by: string | null;
  notes: string;
  created_at: Millis;
}

export interface Reconciliation extends Page<Discrepancy> {
  unresolved: number;
  last_run_at: Millis | null;
  last_positions: number;
  last_found: number;
  last_cause: string;
}

interface Window {
  limit: number;
  offset: number;
}

type Call = <T>(method: "GET" | "POST" | "PUT", path: string, body?: unknown) => Promise<T>;
type Query = (parameters: Record<string, string | number | undefined>) => string;

export function steeringCalls(call: Call, query: Query) {
  const at = encodeURIComponent;
  return {
    decisions: (filter: { outcome?: Outcome | undefined; before?: number | undefined; limit: number }) =>
      call<DecisionPage>("GET", `/decisions${query({ ...filter })}`),
    wallets: (filter: { status?: WalletStatus | undefined } & Window) =>
      call<Page<Wallet>>("GET", `/wallets${query({ ...filter })}`),
    changeWallet: (address: string, change: WalletChange) =>
      call<WalletChanged>("PUT", `/wallets/${at(address)}`, change),
    /** Each says how it went; those that were refused leave the others as they are. */
    changeWallets: (addresses: readonly string[], change: WalletChange) =>
      call<{ items: WalletChanged[] }>("POST", "/wallets/bulk", { addresses, ...change }),
    addWallet: (address: string, change: WalletChange) =>
      call<WalletChanged>("POST", "/wallets", { address, ...change }),
    settings: () => call<Settings>("GET", "/config/settings"),
    /** All of them or none; `version` is what they were thought up on. */
    changeSettings: (changes: Record<string, SettingValue>, reason: string, version: number) =>
      call<{ version: number; message: string }>("PUT", "/config", { changes, reason, version }),
    undoChange: (seq: number, reason: string) =>
      call<{ version: number; message: string }>("POST", "/config/undo", { seq, reason }),
    deadLetters: (window: Window) =>
      call<Page<DeadLetter>>("GET", `/incidents/dead-letter${query({ ...window })}`),
    retryLetter: (id: number, reason: string) =>
      call<{ status: string; signal_id: string | null }>("POST", `/incidents/dead-letter/${id}/retry`, {
        reason,
      }),
    discardLetter: (id: number, reason: string) =>
      call<{ status: string }>("POST", `/incidents/dead-letter/${id}/discard`, { reason }),
    configAudit: (window: Window) =>
      call<Page<ConfigChange>>("GET", `/incidents/config-audit${query({ ...window })}`),
    reconciliation: (filter: { unresolved: boolean } & Window) =>
      call<Reconciliation>(
        "GET",
        `/reconciliation${query({ ...filter, unresolved: String(filter.unresolved) })}`,
      ),
    reconcileNow: (reason: string) =>
      call<{ message: string; unresolved: number }>("POST", "/reconciliation/run", { reason }),
    resolve: (id: string, note: string) =>
      call<{ status: string }>("POST", `/reconciliation/${at(id)}/resolve`, { note }),
  };
}
