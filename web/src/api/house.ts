/**
 * The part of the contract that looks around the house: one position closely, markets and tokens, strategies, and
 * the machine. Shapes and calls; `client.ts` makes them.
 */
import type { Lamports, Levels, Millis, Page, Position, Strategy, UsdMicro } from "./client";

/** [when, lamports that the holding would have fetched, base units that it had then] */
export type Mark = [Millis, Lamports, string];

export interface Pool {
  address: string;
  venue: string;
  mint_a: string;
  mint_b: string;
  symbol_a: string;
  symbol_b: string;
  /** null: its mint was not read yet. */
  decimals_a: number | null;
  decimals_b: number | null;
  reserve_a: string | null;
  reserve_b: string | null;
  /** What one whole token of `mint_a` fetches here, in base units of `mint_b`. */
  price: string | null;
  liquidity_usd_micro: UsdMicro | null;
  slot: number;
  age_slots: number;
  complete: boolean;
  /** Why nothing is bought from it, or null. */
  doubt: string | null;
}

export interface TokenReport {
  mint: string;
  symbol: string;
  program: string;
  decimals: number;
  supply: string;
  mint_authority: string | null;
  freeze_authority: string | null;
  transfer_fee_bps: number;
  extensions: string[];
  liquidity_usd_micro: UsdMicro | null;
  /** What one whole token fetches. */
  price_lamports: Lamports | null;
  pools: number;
  shield_refusal: string | null;
  spear_refusal: string | null;
  probe: Probe | null;
}

/** The last simulated buy and sell. */
export interface Probe {
  at_ms: Millis;
  slot: number;
  probe_lamports: Lamports;
  returned_lamports: Lamports;
  refusal: string | null;
  fresh: boolean;
}

export type ParamValue = string | number | boolean | null | ParamValue[] | { [name: string]: ParamValue };

export interface StrategySeen {
  name: string;
  running: boolean;
  paused: boolean;
  failed: string | null;
  params: { [name: string]: ParamValue };
}

/** Pause and start: may it buy. Park and resume: is it asked at all. */
export type Steering = "pause" | "start" | "park" | "resume";

export interface StrategyPerformance {
  strategy: string;
  days: number;
  trade_count: number;
  wins: number;
  losses: number;
  win_rate: number | null;
  avg_return: number | null;
  total_pnl: Lamports;
}

export interface Resources {
  cpu_percent: number;
  cpu_count: number;
  load_1m: number;
  memory_used_bytes: number;
  memory_total_bytes: number;
  disk_used_bytes: number;
  disk_free_bytes: number;
  disk_total_bytes: number;
  network_sent_bytes: number;
  network_received_bytes: number;
  process_cpu_percent: number;
  process_memory_bytes: number;
  process_threads: number;
  process_files: number;
}

export interface Telemetry {
  /** Of this process, by name. */
  loops: string[];
  queues: { name: string; waiting: number; dropped: number }[];
  /** Milliseconds since the process started. */
  latencies: { name: string; of: string; count: number; p50_ms: number; p95_ms: number; p99_ms: number }[];
  failures: { what: string; count: number }[];
}

export interface SecretSeen {
  name: string;
  /** file, table, or empty where the environment gave it. */
  kept: string;
  at_ms: Millis | null;
}

export type CheckStatus = "passing" | "warning" | "failing";

export interface HealthChecks {
  overall: CheckStatus;
  checks: { name: string; status: CheckStatus; message: string; response_time_ms: number }[];
}

export interface MarketFilter {
  venue?: string | undefined;
  mint?: string | undefined;
  /** `true`: only pools that nothing is bought from. */
  doubtful?: "true" | undefined;
  limit: number;
  offset: number;
}

type Call = <T>(method: "GET" | "POST" | "PUT" | "FILE", path: string, body?: unknown) => Promise<T>;
interface Period {
  from?: Millis | undefined;
  to?: Millis | undefined;
}

type Query = (parameters: Record<string, string | number | undefined>) => string;

export function houseCalls(call: Call, query: Query) {
  const at = encodeURIComponent;
  return {
    positions: (filter: { state?: string | undefined; limit: number; offset: number }) =>
      call<Page<Position>>("GET", `/positions${query({ ...filter })}`),
    marks: (uuid: string) => call<{ items: Mark[] }>("GET", `/positions/${at(uuid)}/marks`),
    /** Neither level gives the position back to its strategy's rules. */
    setLevels: (uuid: string, levels: Levels, reason: string) =>
      call<{ status: string }>("PUT", `/positions/${at(uuid)}/levels`, { ...levels, reason }),
    markets: (filter: MarketFilter) => call<Page<Pool>>("GET", `/markets${query({ ...filter })}`),
    token: (mint: string) => call<TokenReport>("GET", `/markets/tokens/${at(mint)}`),
    strategies: () => call<{ items: StrategySeen[] }>("GET", "/strategies"),
    releasePool: (address: string, reason: string) =>
      call<{ status: string }>("POST", `/markets/${at(address)}/release`, { reason }),
    steerStrategy: (name: string, action: Steering, reason: string) =>
      call<{ message: string }>("POST", `/strategies/${at(name)}/${action}`, { reason }),
    performance: (strategy: Strategy, days: number) =>
      call<StrategyPerformance>("GET", `/metrics/strategy/${at(strategy)}${query({ days })}`),
    resources: () => call<Resources>("GET", "/operations/resources"),
    telemetry: () => call<Telemetry>("GET", "/operations/telemetry"),
    secretAges: () => call<{ items: SecretSeen[] }>("GET", "/operations/secrets"),
    exportTrades: (
      filter: Period & { status?: string | undefined; strategy?: string | undefined },
      format: string,
    ) => call<Blob>("FILE", `/trades/export${query({ ...filter, format })}`),
    taxLots: (period: Period, format: string) =>
      call<Blob>("FILE", `/trades/lots${query({ ...period, format })}`),
    exportWallets: (format: string) => call<Blob>("FILE", `/wallets/export${query({ format })}`),
    healthChecks: () => call<HealthChecks>("GET", "/operations/health-checks"),
  };
}
