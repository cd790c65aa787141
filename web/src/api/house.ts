/**
 * The calls that look around the house: one position closely, markets and tokens, strategies, and the machine.
 * `client.ts` makes them.
 */
import type { Ask, AskFile } from "./client";
import type { Levels, Millis, Steering, Strategy, TradeStatus } from "./shapes";

export type {
  CheckStatus,
  HealthChecks,
  Mark,
  ParamValue,
  Pool,
  Probe,
  SecretSeen,
  Steering,
  StrategySeen,
  Telemetry,
  TokenReport,
} from "./shapes";

export interface MarketFilter {
  venue?: string | undefined;
  mint?: string | undefined;
  /** Only pools that nothing is bought from. */
  doubtful?: true | undefined;
  limit: number;
  offset: number;
}

interface Period {
  from?: Millis | undefined;
  to?: Millis | undefined;
}

export function houseCalls(ask: Ask, askFile: AskFile) {
  return {
    positions: (filter: { state?: string | undefined; limit: number; offset: number }) =>
      ask("GET /positions", { query: { ...filter } }),
    marks: (uuid: string) => ask("GET /positions/{uuid}/marks", { path: { uuid } }),
    /** Neither level gives the position back to its strategy's rules. */
    setLevels: (uuid: string, levels: Levels, reason: string) =>
      ask("PUT /positions/{uuid}/levels", { path: { uuid }, body: { ...levels, reason } }),
    markets: (filter: MarketFilter) => ask("GET /markets", { query: { ...filter } }),
    token: (mint: string) => ask("GET /markets/tokens/{mint}", { path: { mint } }),
    strategies: () => ask("GET /strategies"),
    releasePool: (pool: string, reason: string) =>
      ask("POST /markets/{pool}/release", { path: { pool }, body: { reason } }),
    steerStrategy: (name: string, action: Steering, reason: string) =>
      ask("POST /strategies/{name}/{action}", { path: { name, action }, body: { reason } }),
    performance: (strategy: Strategy, days: number) =>
      ask("GET /metrics/strategy/{strategy}", { path: { strategy }, query: { days } }),
    resources: () => ask("GET /operations/resources"),
    telemetry: () => ask("GET /operations/telemetry"),
    secretAges: () => ask("GET /operations/secrets"),
    exportTrades: (
      filter: Period & { status?: TradeStatus | undefined; strategy?: Strategy | undefined },
      format: string,
    ) => askFile("GET /trades/export", { query: { ...filter, format } }),
    taxLots: (period: Period, format: string) =>
      askFile("GET /trades/lots", { query: { ...period, format } }),
    exportWallets: (format: string) => askFile("GET /wallets/export", { query: { format } }),
    healthChecks: () => ask("GET /operations/health-checks"),
  };
}
