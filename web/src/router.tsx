/**
 * The addresses of the house. They live behind # so that any server of static files can serve the page from any
 * path, and an unknown path stays the server's own clear 404.
 */
import {
  createHashHistory,
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
} from "@tanstack/react-router";
import { OUTCOMES, type Outcome, type Strategy, TRADE_STATUSES, type TradeStatus } from "./api/client";
import { WALLET_STATUSES, type WalletStatus } from "./api/steering";
import { CommandCenter } from "./screens/command/command";
import { WhyScreen } from "./screens/why/why";
import { NotFound, Shell } from "./shell/shell";
import { Stumbled } from "./ui/boundary";
import { Loading } from "./ui/parts";

export interface OpenTrade {
  /** The trade whose sheet is open, over whatever screen. */
  trade?: string;
}

const root = createRootRoute({
  component: Shell,
  notFoundComponent: NotFound,
  validateSearch: (search: Record<string, unknown>): OpenTrade =>
    typeof search.trade === "string" && search.trade ? { trade: search.trade } : {},
});

export interface LedgerSearch {
  status?: TradeStatus;
  strategy?: Strategy;
  /** Days, `YYYY-MM-DD`, here. */
  from?: string;
  to?: string;
  page?: number;
  size?: number;
}

export interface DecisionSearch {
  outcome?: Outcome;
  strategy?: Strategy;
  /** A symbol, or the beginning of an address. */
  token?: string;
  /** Without what was only noted: wishes, waits, what a strategy would have done. */
  quiet?: true;
}

export interface WalletSearch {
  status?: WalletStatus;
}

export interface PositionSearch {
  /** Those that are closed, instead of those that are held. */
  closed?: true;
  /** The one that is looked at closely. */
  at?: string;
}

export interface MarketSearch {
  venue?: string;
  /** Pools of this token. */
  mint?: string;
  /** Only pools that nothing is bought from. */
  doubtful?: true;
  /** The token whose safety report is open. */
  token?: string;
}

const command = createRoute({ getParentRoute: () => root, path: "/", component: CommandCenter });

export const ledger = createRoute({
  getParentRoute: () => root,
  path: "/trades",
  component: lazyRouteComponent(() => import("./screens/trades/trades"), "Trades"),
  validateSearch: readLedgerSearch,
});

const decisions = createRoute({
  getParentRoute: () => root,
  path: "/decisions",
  component: lazyRouteComponent(() => import("./screens/decisions/decisions"), "Decisions"),
  validateSearch: readDecisionSearch,
});

const wallets = createRoute({
  getParentRoute: () => root,
  path: "/wallets",
  component: lazyRouteComponent(() => import("./screens/wallets/wallets"), "Wallets"),
  validateSearch: (search: Record<string, unknown>): WalletSearch =>
    WALLET_STATUSES.includes(search.status as WalletStatus) ? { status: search.status as WalletStatus } : {},
});

const positions = createRoute({
  getParentRoute: () => root,
  path: "/positions",
  component: lazyRouteComponent(() => import("./screens/positions/positions"), "Positions"),
  validateSearch: (search: Record<string, unknown>): PositionSearch => ({
    ...(search.closed === true && { closed: true as const }),
    ...texts(search, ["at"]),
  }),
});

const markets = createRoute({
  getParentRoute: () => root,
  path: "/markets",
  component: lazyRouteComponent(() => import("./screens/markets/markets"), "Markets"),
  validateSearch: (search: Record<string, unknown>): MarketSearch => ({
    ...(search.doubtful === true && { doubtful: true as const }),
    ...texts(search, ["venue", "mint", "token"]),
  }),
});

const strategies = createRoute({
  getParentRoute: () => root,
  path: "/strategies",
  component: lazyRouteComponent(() => import("./screens/strategies/strategies"), "Strategies"),
});

const incidents = createRoute({
  getParentRoute: () => root,
  path: "/incidents",
  component: lazyRouteComponent(() => import("./screens/incidents/incidents"), "Incidents"),
});

const risk = createRoute({
  getParentRoute: () => root,
  path: "/risk",
  component: lazyRouteComponent(() => import("./screens/risk/risk"), "Risk"),
});

const configuration = createRoute({
  getParentRoute: () => root,
  path: "/configuration",
  component: lazyRouteComponent(() => import("./screens/configuration/configuration"), "Configuration"),
  validateSearch: (search: Record<string, unknown>): { find?: string } => texts(search, ["find"]),
});

const operations = createRoute({
  getParentRoute: () => root,
  path: "/operations",
  component: lazyRouteComponent(() => import("./screens/operations/operations"), "Operations"),
});

export const why = createRoute({ getParentRoute: () => root, path: "/why/$id", component: WhyScreen });

export const router = createRouter({
  routeTree: root.addChildren([
    command,
    positions,
    ledger,
    decisions,
    wallets,
    markets,
    strategies,
    risk,
    incidents,
    configuration,
    operations,
    why,
  ]),
  history: createHashHistory(),
  defaultPreload: "intent", // a screen's file is on its way when the pointer is on its link
  defaultPendingComponent: () => <Loading rows={8} />,
  defaultErrorComponent: ({ reset }) => <Stumbled retry={reset} />,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}

/** What of an address is sound; the rest is dropped, so that a mistyped link still opens the ledger. */
export function readLedgerSearch(search: Record<string, unknown>): LedgerSearch {
  const read: LedgerSearch = {};
  if (TRADE_STATUSES.includes(search.status as TradeStatus)) read.status = search.status as TradeStatus;
  if (search.strategy === "SHIELD" || search.strategy === "SPEAR") read.strategy = search.strategy;
  if (isDay(search.from)) read.from = search.from;
  if (isDay(search.to)) read.to = search.to;
  if (Number.isSafeInteger(search.page) && Number(search.page) > 1) read.page = Number(search.page);
  if (search.size === 25 || search.size === 100) read.size = search.size;
  return read;
}

export function readDecisionSearch(search: Record<string, unknown>): DecisionSearch {
  const read: DecisionSearch = {};
  if (OUTCOMES.includes(search.outcome as Outcome)) read.outcome = search.outcome as Outcome;
  if (search.strategy === "SHIELD" || search.strategy === "SPEAR") read.strategy = search.strategy;
  if (search.quiet === true) read.quiet = true;
  return { ...read, ...texts(search, ["token"]) };
}

/** Those of `names` that an address gives a text; it may read as a number, like a token named 777. */
function texts<Name extends string>(
  search: Record<string, unknown>,
  names: Name[],
): { [Each in Name]?: string } {
  const read: { [Each in Name]?: string } = {};
  for (const name of names) {
    const given = search[name];
    if (typeof given === "number") read[name] = String(given);
    else if (typeof given === "string" && given) read[name] = given;
  }
  return read;
}

function isDay(value: unknown): value is string {
  return typeof value === "string" && /^\d{4}-\d{2}-\d{2}$/.test(value);
}
