/**
 * The calls that steer: the roster, the settings, and what a person must look at. `client.ts` makes them.
 */
import type { Ask } from "./client";
import type { Outcome, SettingValue, WalletChange, WalletStatus } from "./shapes";

export type {
  ConfigChange,
  DeadLetter,
  Discrepancy,
  Reconciliation,
  Setting,
  SettingValue,
  Wallet,
  WalletChange,
  WalletStatus,
} from "./shapes";
export { WALLET_STATUSES } from "./shapes";

interface Window {
  limit: number;
  offset: number;
}

export function steeringCalls(ask: Ask) {
  return {
    decisions: (filter: { outcome?: Outcome | undefined; before?: number | undefined; limit: number }) =>
      ask("GET /decisions", { query: { ...filter } }),
    wallets: (filter: { status?: WalletStatus | undefined } & Window) =>
      ask("GET /wallets", { query: { ...filter } }),
    changeWallet: (address: string, change: WalletChange) =>
      ask("PUT /wallets/{address}", { path: { address }, body: change }),
    /** Each says how it went; those that were refused leave the others as they are. */
    changeWallets: (addresses: readonly string[], change: WalletChange) =>
      ask("POST /wallets/bulk", { body: { addresses: [...addresses], ...change } }),
    addWallet: (address: string, change: WalletChange) =>
      ask("POST /wallets", { body: { address, ...change } }),
    settings: () => ask("GET /config/settings"),
    /** All of them or none; `version` is what they were thought up on. */
    changeSettings: (changes: Record<string, SettingValue>, reason: string, version: number) =>
      ask("PUT /config", { body: { changes, reason, version } }),
    undoChange: (seq: number, reason: string) => ask("POST /config/undo", { body: { seq, reason } }),
    deadLetters: (window: Window) => ask("GET /incidents/dead-letter", { query: { ...window } }),
    retryLetter: (letter_id: number, reason: string) =>
      ask("POST /incidents/dead-letter/{letter_id}/retry", {
        path: { letter_id: String(letter_id) },
        body: { reason },
      }),
    discardLetter: (letter_id: number, reason: string) =>
      ask("POST /incidents/dead-letter/{letter_id}/discard", {
        path: { letter_id: String(letter_id) },
        body: { reason },
      }),
    configAudit: (window: Window) => ask("GET /incidents/config-audit", { query: { ...window } }),
    reconciliation: (filter: { unresolved: boolean } & Window) =>
      ask("GET /reconciliation", { query: { ...filter } }),
    reconcileNow: (reason: string) => ask("POST /reconciliation/run", { body: { reason } }),
    resolve: (discrepancy_id: string, note: string) =>
      ask("POST /reconciliation/{discrepancy_id}/resolve", { path: { discrepancy_id }, body: { note } }),
  };
}
