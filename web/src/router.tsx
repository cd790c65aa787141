/**
 * The addresses of the house. They live behind # so that any server of static files can serve the page from any
 * path, and an unknown path stays the server's own clear 404.
 */
import { createHashHistory, createRootRoute, createRoute, createRouter } from "@tanstack/react-router";
import { OUTCOMES, type Outcome, type Strategy, TRADE_STATUSES, type TradeStatus } from "./api/client";
import { WALLET_STATUSES, type WalletStatus } from "./api/steering";
import { CommandCenter } from "./screens/command/command";
import { Decisions } from "./screens/decisions/decisions";
import { Incidents } from "./screens/incidents/incidents";
import { Risk } from "./screens/risk/risk";
import { Trades } from "./screens/trades/trades";
import { Wallets } from "./screens/wallets/wallets";
import { WhyScreen } from "./screens/why/why";
import { NotFound, Shell } from "./shell/shell";

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
}

export interface WalletSearch {
  status?: WalletStatus;
}

const command = createRoute({ getParentRoute: () => root, path: "/", component: CommandCenter });

export const ledger = createRoute({
  getParentRoute: () => root,
  path: "/trades",
  component: Trades,
  validateSearch: readLedgerSearch,
});

const decisions = createRoute({
  getParentRoute: () => root,
  path: "/decisions",
  component: Decisions,
  validateSearch: readDecisionSearch,
});

const wallets = createRoute({
  getParentRoute: () => root,
  path: "/wallets",
  component: Wallets,
  validateSearch: (search: Record<string, unknown>): WalletSearch =>
    WALLET_STATUSES.includes(search.status as WalletStatus) ? { status: search.status as WalletStatus } : {},
});

const incidents = createRoute({ getParentRoute: () => root, path: "/incidents", component: Incidents });

const risk = createRoute({ getParentRoute: () => root, path: "/risk", component: Risk });

export const why = createRoute({ getParentRoute: () => root, path: "/why/$id", component: WhyScreen });

export const router = createRouter({
  routeTree: root.addChildren([command, ledger, decisions, wallets, incidents, risk, why]),
  history: createHashHistory(),
  defaultPreload: false,
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
  // The router reads an address's "777" as a number; a token may be named so.
  const token = typeof search.token === "number" ? String(search.token) : search.token;
  if (typeof token === "string" && token) read.token = token;
  return read;
}

function isDay(value: unknown): value is string {
  return typeof value === "string" && /^\d{4}-\d{2}-\d{2}$/.test(value);
}
