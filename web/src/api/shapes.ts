/**
 * The desk's shapes as this page uses them: made from the OpenAPI document (contract.gen.ts), and told more closely
 * where it says only "a string" or "an object". What does not fit the document is an error of the compiler.
 *
 * Lamports and token base units are strings of integers, because u64 does not fit a JavaScript number; times are
 * unix milliseconds.
 */
import type { Operations, Schemas } from "./contract.gen";

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
] as const satisfies Schemas["TradeState"][];
export type TradeStatus = (typeof TRADE_STATUSES)[number];
export const OUTCOMES = ["accepted", "refused", "approved", "confirmed", "failed", "closed", "info"] as const;
export type Outcome = (typeof OUTCOMES)[number];
export const WALLET_STATUSES = [
  "ACTIVE",
  "CANDIDATE",
  "REJECTED",
] as const satisfies Schemas["WalletStatus"][];
export type WalletStatus = (typeof WALLET_STATUSES)[number];
export type KillMode = "halt_all" | "halt_buys";
/** Pause and start: may it buy. Park and resume: is it asked at all. */
export type Steering = "pause" | "start" | "park" | "resume";
export type CheckStatus = "passing" | "warning" | "failing";
export type SettingValue = string | number | boolean;
export type ParamValue = string | number | boolean | null | ParamValue[] | { [name: string]: ParamValue };
export type EquityPoint = [Millis, Lamports];
/** [when, lamports that the holding would have fetched, base units that it had then] */
export type Mark = [Millis, Lamports, string];

/** `Whole` with some fields told more closely; each must be a part of what `Whole` says. */
type Narrow<Whole, More extends Partial<Whole>> = Omit<Whole, keyof More> & More;

export type Whoami = Narrow<Schemas["Identity"], { role: Role }>;
export type Health = Narrow<
  Schemas["Health"],
  {
    status: "healthy" | "degraded" | "unhealthy";
    circuit_breaker: Narrow<Schemas["BreakerHealth"], { state: "CLOSED" | "OPEN" | "HALF_OPEN" }>;
    kill_switch: Narrow<Schemas["KillHealth"], { mode: KillMode | null }>;
  }
>;
/** `equity_point` comes in the stream alone: the history's next. */
export type Overview = Omit<Narrow<Schemas["Overview"], { equity_history: EquityPoint[] }>, "equity_point">;
/** What the stream sends: no history, but perhaps one more point of it. */
export type OverviewDelta = Omit<Overview, "equity_history"> & { equity_point?: EquityPoint };
/** Gains over what was paid, in hundredths of a percent; null: no such level. */
export type Levels = Schemas["HandLevels"];
export type Position = Narrow<Schemas["Position"], { strategy: Strategy; state: PositionState }>;
export type Trade = Narrow<Schemas["Trade"], { strategy: Strategy; side: Side; status: TradeStatus }>;
export type Fill = Narrow<Schemas["Fill"], { side: Side }>;
export type TradeDetail = Trade & { fills: Fill[] };
/** Texts are empty where it concerns none: side, strategy, addresses. */
export type Decision = Narrow<
  Schemas["Decision"],
  { outcome: Outcome; strategy: Strategy | "EXIT" | ""; side: Side | "" }
>;
export type DecisionPage = Narrow<Schemas["Decisions"], { items: Decision[] }>;
export type WhyStep = Narrow<Schemas["Step"], { outcome: Outcome }>;
export type Why = Narrow<Schemas["Why"], { steps: WhyStep[] }>;
export type Breaker = Schemas["BreakerTold"];
export type KillSwitch = Narrow<Schemas["KillState"], { mode: KillMode | null }>;
export type Wallet = Narrow<Schemas["Wallet"], { status: WalletStatus; strategy: Strategy }>;
/** What this page sends; a field that is left out stays as it is. */
export type WalletChange = Narrow<
  Schemas["WalletChange"],
  { ttl_hours?: number; strategy?: Strategy; notes?: string }
>;
export type Setting = Narrow<
  Schemas["SettingTold"],
  {
    value: SettingValue;
    file_value: SettingValue;
    kind: "integer" | "boolean" | "text";
    role: Role;
    loosens: "up" | "down" | "";
  }
>;
export type Settings = Narrow<Schemas["Settings"], { items: Setting[] }>;
export type DeadLetter = Schemas["DeadLetter"];
export type ConfigChange = Schemas["ConfigChange"];
export type Discrepancy = Schemas["Discrepancy"];
export type Reconciliation = Schemas["Reconciliation"];
export type Pool = Schemas["PoolSeen"];
export type TokenReport = Narrow<Schemas["TokenSeen"], { probe: (Probe & Record<string, unknown>) | null }>;
/** The last simulated buy and sell. */
export interface Probe {
  at_ms: Millis;
  slot: number;
  probe_lamports: Lamports;
  returned_lamports: Lamports;
  refusal: string | null;
  fresh: boolean;
}
export type StrategySeen = Narrow<Schemas["StrategySeen"], { params: { [name: string]: ParamValue } }>;
export type StrategyPerformance = Schemas["StrategyPerformance"];
export type Resources = Schemas["ResourcesSeen"];
export type Telemetry = Schemas["Telemetry"];
export type SecretSeen = Schemas["SecretSeen"];
export type HealthCheck = Narrow<Schemas["HealthCheck"], { status: CheckStatus }>;
export type HealthChecks = Narrow<Schemas["HealthChecks"], { overall: CheckStatus; checks: HealthCheck[] }>;

export interface Page<T> {
  items: T[];
  total: number;
  limit: number;
  offset: number;
}

/** What an operation answers, where that is told more closely here. */
export interface Told {
  "GET /whoami": Whoami;
  "GET /overview": Overview;
  "GET /trades": Page<Trade>;
  "GET /trades/{uuid}": TradeDetail;
  "GET /positions": Page<Position>;
  "GET /positions/{uuid}": Position;
  "GET /positions/{uuid}/marks": { items: Mark[] };
  "GET /why/{wanted}": Why;
  "GET /decisions": DecisionPage;
  "GET /wallets": Page<Wallet>;
  "GET /config/settings": Settings;
  "GET /markets/tokens/{mint}": TokenReport;
  "GET /strategies": { items: StrategySeen[] };
  "GET /operations/health-checks": HealthChecks;
  "POST /kill": KillSwitch;
  "POST /kill/reset": KillSwitch;
}

type True<Holds extends true> = Holds;
/** Fails to compile where something told here is no part of what the document says. */
export type Checked = True<
  { [Name in keyof Told]: Told[Name] extends Operations[Name]["answer"] ? true : false }[keyof Told]
>;
