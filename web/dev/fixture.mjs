/**
 * A stand-in for the control plane, for work on the screens only: speaks the HTTP contract with made-up data that
 * moves. Never bundled, never installed, never started by the product.
 *
 *   node dev/fixture.mjs [--port 8080] [--scene busy|empty|trouble] [--seed 7] [--key dev] [--role admin] [--gap]
 *
 * With --gap every 40th stream number is skipped, to watch the page notice. The built page is served too, under the
 * same content policy as the product's, so that what a strict policy forbids is seen here first.
 */

import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { WebSocketServer } from "ws";
import { house } from "./house.mjs";

const { values: options } = parseArgs({
  options: {
    port: { type: "string", default: "8080" },
    scene: { type: "string", default: "busy" },
    seed: { type: "string", default: "7" },
    key: { type: "string", default: "dev" },
    role: { type: "string", default: "admin" },
    gap: { type: "boolean", default: false },
  },
});

const STATIC = fileURLToPath(new URL("../../src/chimera/control/static/", import.meta.url));
const POLICY = "default-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'";
const TYPES = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
  ".woff2": "font/woff2",
};
const SOL = 1_000_000_000n;

let dice = Number(options.seed) >>> 0;
function random() {
  dice = (dice + 0x6d2b79f5) >>> 0;
  let t = dice;
  t = Math.imul(t ^ (t >>> 15), t | 1);
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
  return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
}
const between = (low, high) => low + random() * (high - low);
const pick = (list) => list[Math.floor(random() * list.length)];
const base58 = (length) =>
  Array.from({ length }, () => pick("123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz")).join("");
const uuid = () => {
  const hex = Array.from({ length: 32 }, () => pick("0123456789abcdef")).join("");
  return hex.replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*$/, "$1-$2-4$3-a$4-$5");
};
const lamports = (sol) => String(BigInt(Math.round(sol * 1e9)));

const started = Date.now();
const tokens = ["BONK", "WIF", "POPCAT", "MEW", "FARTCOIN", "JUP", "PYTH", "GOAT", "MOODENG", "PNUT"].map(
  (symbol) => ({
    symbol,
    mint: base58(44),
    decimals: symbol === "BONK" ? 5 : 6,
  }),
);
const wallets = Array.from({ length: 6 }, () => base58(44));
const state = {
  seq: 1000,
  journal: 4210,
  slot: 48_213,
  balance: 41.2,
  realised: 0.0,
  fees: 0.0,
  tips: 0.0,
  rent: 0.0,
  wins: 0,
  losses: 0,
  signals: 0,
  refused: 0,
  kill: { active: false, mode: null, reason: null },
  breaker: { state: "CLOSED", trading_allowed: true, trip_reason: null, cooldown_remaining_secs: 0 },
  positions: new Map(),
  closed: new Map(),
  /** What each position was worth, as the desk keeps it. */
  marks: new Map(),
  trades: new Map(),
  decisions: [],
  chains: new Map(),
  equity: [],
};
const sockets = new Set();

const roster = wallets.map((address, n) => ({
  address,
  status: ["ACTIVE", "ACTIVE", "CANDIDATE", "ACTIVE", "REJECTED", "CANDIDATE"][n],
  wqs_score: [91, 84, 62, null, 31, 55][n],
  strategy: n % 2 ? "SPEAR" : "SHIELD",
  notes: n === 4 ? "wins come from one token" : "",
  copied: n * 3,
  pnl_lamports: lamports(between(-0.4, 0.9)),
  last_trade_at: Date.now() - n * 70_000,
  active_until: n === 1 ? Date.now() + 9_000_000 : null,
}));
const bound = (value) => (value === null ? null : String(value));
const setting = (key, value, minimum, maximum, role, loosens, text = "") => ({
  ...{ key, value, file_value: value, kind: "integer", text, role, loosens },
  ...{ minimum: bound(minimum), maximum: bound(maximum) },
});
const settings = {
  version: 0,
  items: [
    setting("allocation.shield_percent", 70, 0, 100, "operator", ""),
    setting("allocation.spear_percent", 30, 0, 100, "operator", "", "Both together are 100."),
    { ...setting("copy_trade.enabled", true, null, null, "operator", ""), kind: "boolean" },
    setting("risk.position_lamports_max", "2000000000", "0", "9223372036854775807", "admin", "up"),
    setting("risk.open_positions_max", 12, 1, 1_000_000, "admin", "up"),
    setting("risk.slippage_bps_max", 500, 0, 10_000, "admin", "up"),
    setting("risk.cool_down_minutes", 30, 1, 10_080, "admin", "down", "How long the breaker stays open."),
  ],
};
const trouble = options.scene === "trouble";
const letters = ["MAX_RETRIES", "PARSE_ERROR", "QUEUE_FULL"].map((reason, n) => ({
  id: 400 + n,
  trade_uuid: null,
  payload: '{"strategy":"SHIELD","token":"BONK","action":"BUY","amount_sol":0.5}',
  reason,
  error_details: ["the blockhash ran out three times", "unexpected end of data", "1,000 waited"][n],
  source_ip: n ? "127.0.0.1" : "",
  retry_count: n ? 0 : 3,
  can_retry: n !== 1,
  received_at: Date.now() - n * 400_000 - 60_000,
  processed_at: n === 2 ? Date.now() - 500_000 : null,
}));
const differences = ["AMOUNT_MISMATCH", "MISSING_TRANSACTION", "STATE_MISMATCH"].map((kind, n) => ({
  id: `${500 + n}-0`,
  trade_uuid: n ? uuid() : null,
  mint: n ? tokens[n].mint : null,
  discrepancy: kind,
  expected_state: n === 2 ? "EXITING" : "ACTIVE",
  actual_on_chain: n === 2 ? "CLOSED" : n ? "MISSING" : "ACTIVE",
  expected_amount: "41200000000",
  on_chain_amount: n ? "0" : "41195000000",
  on_chain_tx_signature: n ? base58(88) : null,
  resolved_at: n === 2 ? Date.now() - 300_000 : null,
  resolved_by: n === 2 ? "demo" : null,
  notes: n === 2 ? "sold by hand in the wallet" : "",
  created_at: Date.now() - n * 900_000 - 120_000,
}));
const audit = [];
function changed(key, was, is, reason) {
  audit.unshift({
    seq: ++state.journal,
    key,
    old_value: String(was),
    new_value: String(is),
    changed_by: "demo",
    change_reason: reason,
    changed_at: Date.now(),
  });
}

function tell(type, data) {
  state.seq += options.gap && state.seq % 40 === 0 ? 2 : 1;
  const text = JSON.stringify({ type, seq: state.seq, data });
  for (const socket of sockets) socket.send(text);
}

function decide(fields, at = Date.now()) {
  const decision = {
    seq: ++state.journal,
    at,
    kind: "intent",
    trade_uuid: null,
    reason: null,
    limit: "",
    observed: "",
    token_symbol: "",
    token_address: "",
    wallet_address: "",
    strategy: "",
    side: "",
    ...fields,
  };
  state.decisions.unshift(decision);
  const chain = state.chains.get(decision.id) ?? [];
  chain.push({
    seq: decision.seq,
    at,
    kind: decision.kind,
    text: decision.text,
    outcome: decision.outcome,
    reason: decision.reason,
    data: fields.facts ?? {},
  });
  state.chains.set(decision.id, chain);
  if (decision.trade_uuid) state.chains.set(decision.trade_uuid, chain);
  delete decision.facts;
  tell("decision", decision);
}

function about(trade) {
  return {
    id: trade.signal_id,
    trade_uuid: trade.trade_uuid,
    token_symbol: trade.token_symbol,
    token_address: trade.token_address,
    wallet_address: trade.wallet_address,
    strategy: trade.strategy,
    side: "BUY",
  };
}

function signal(at = Date.now()) {
  const token = pick(tokens);
  const strategy = random() < 0.65 ? "SHIELD" : "SPEAR";
  const size = between(0.05, 0.6);
  state.signals += 1;
  const trade = {
    trade_uuid: uuid(),
    signal_id: `sig_${base58(12)}`,
    wallet_address: pick(wallets),
    token_address: token.mint,
    token_symbol: token.symbol,
    strategy,
    side: "BUY",
    status: "QUEUED",
    amount_lamports: lamports(size),
    spent_lamports: "0",
    received_lamports: "0",
    fees_lamports: "0",
    tips_lamports: "0",
    rent_lamports: "0",
    realised_pnl_lamports: null,
    entry_signature: null,
    exit_signature: null,
    retry_count: 0,
    error_message: null,
    exit_reason: null,
    created_at: at,
    updated_at: at,
    fills: [],
  };
  decide(
    {
      ...about(trade),
      kind: "signal",
      outcome: "accepted",
      text: `Signal taken: ${strategy} buy of ${token.symbol} for ${size.toFixed(3)} SOL.`,
      facts: {
        source: random() < 0.5 ? "webhook" : "wallet watcher",
        amount_sol: size.toFixed(6),
        nonce: base58(16),
      },
    },
    at,
  );
  const no = random();
  if (no < 0.34) return refuse(trade, at + 3);
  buy(trade, token, size, at + 12);
}

function refuse(trade, at) {
  const cases = [
    ["LIQUIDITY_BELOW_MINIMUM", "$10,000", "$6,482", "the pool holds less than Shield asks for"],
    ["TOKEN_FREEZE_AUTHORITY", "none", base58(44).slice(0, 8), "its freeze authority is still set"],
    ["TOKEN_HONEYPOT", "sellable", "sale fails", "a simulated buy could not be sold again"],
    ["SLIPPAGE_ABOVE_LIMIT", "100 bps", "187 bps", "the price would move too far"],
    ["MARKET_DATA_STALE", "25 slots", "61 slots", "the last price is too old"],
    ["STRATEGY_HEAT_LIMIT", "30 %", "31.8 %", "Spear's share of the money is in use"],
  ];
  const [reason, limit, observed, words] = pick(cases);
  state.refused += 1;
  decide(
    {
      ...about(trade),
      trade_uuid: null,
      outcome: "refused",
      reason,
      limit,
      observed,
      text: `Not bought: ${words}.`,
      facts: { check: reason.toLowerCase(), limit, observed, pool: base58(44) },
    },
    at,
  );
}

function buy(trade, token, size, at) {
  const fee = between(0.000005, 0.00009);
  const tip = random() < 0.4 ? between(0.00001, 0.0006) : 0;
  const rent = 0.00203928;
  const cost = size + fee + tip + rent;
  Object.assign(trade, {
    status: "ACTIVE",
    spent_lamports: lamports(cost),
    fees_lamports: lamports(fee),
    tips_lamports: lamports(tip),
    rent_lamports: lamports(rent),
    entry_signature: base58(88),
    updated_at: at + 900,
  });
  const amount = String(Math.round(size * between(2e7, 4e9)));
  trade.fills.push({
    leg_id: `${trade.trade_uuid.slice(0, 8)}/0`,
    side: "BUY",
    signature: trade.entry_signature,
    slot: state.slot,
    input_mint: "So11111111111111111111111111111111111111112",
    output_mint: token.mint,
    amount_in: trade.amount_lamports,
    amount_out: amount,
    fee_lamports: trade.fees_lamports,
    tip_lamports: trade.tips_lamports,
    rent_lamports: trade.rent_lamports,
    at: at + 900,
  });
  state.trades.set(trade.trade_uuid, trade);
  state.balance -= cost;
  state.fees += fee;
  state.tips += tip;
  state.rent += rent;
  const position = {
    trade_uuid: trade.trade_uuid,
    wallet_address: trade.wallet_address,
    token_address: token.mint,
    token_symbol: token.symbol,
    strategy: trade.strategy,
    state: "ACTIVE",
    token_amount: amount,
    decimals: token.decimals,
    entry_lamports: lamports(cost),
    value_lamports: lamports(size * 0.995),
    unrealised_pnl_lamports: "0",
    unrealised_pnl_bps: 0,
    price_age_slots: 1,
    realised_pnl_lamports: "0",
    stop_lamports: lamports(size * 0.85),
    target_lamports: lamports(size * 1.3),
    paid_lamports: lamports(size),
    levels: null,
    opened_at: at + 900,
    closed_at: null,
    entry_signature: trade.entry_signature,
    exit_signature: null,
    exit_reason: null,
  };
  state.positions.set(position.trade_uuid, position);
  reprice(position, size * 0.995);
  decide(
    {
      ...about(trade),
      outcome: "approved",
      text: `Allowed: every check passed for ${trade.token_symbol}.`,
      facts: {
        checks: ["kill_switch", "loss_breaker", "caps", "stale_data", "token_safety", "slippage"],
        slippage_bps: 41,
        liquidity_usd: "182,410",
      },
    },
    at,
  );
  decide(
    {
      ...about(trade),
      kind: "trade",
      outcome: "info",
      text: "Simulated and signed: direct route over one pool.",
      facts: {
        compute_units: 61_233,
        last_valid_block_height: state.slot + 150,
        signature: trade.entry_signature,
      },
    },
    at + 80,
  );
  decide(
    {
      ...about(trade),
      kind: "trade",
      outcome: "confirmed",
      text: `Bought ${trade.token_symbol} for ${size.toFixed(4)} SOL, confirmed in slot ${state.slot}.`,
      facts: { slot: state.slot, err: null, fee_lamports: trade.fees_lamports },
    },
    at + 900,
  );
  tell("trade_update", ledgerRow(trade));
  tell("position_update", position);
}

function reprice(position, value) {
  const cost = BigInt(position.entry_lamports);
  const worth = BigInt(lamports(value));
  position.value_lamports = String(worth);
  position.unrealised_pnl_lamports = String(worth - cost);
  position.unrealised_pnl_bps = Number(((worth - cost) * 10_000n) / cost);
  const marks = state.marks.get(position.trade_uuid) ?? [];
  const at = Math.max(Date.now(), (marks.at(-1)?.[0] ?? position.opened_at) + 400);
  state.marks.set(position.trade_uuid, [...marks, [at, String(worth), position.token_amount]]);
}

function close(position, reason, at = Date.now()) {
  const trade = state.trades.get(position.trade_uuid);
  const cost = BigInt(position.entry_lamports);
  const received = BigInt(position.value_lamports) + 2_039_280n;
  const profit = received - cost;
  Object.assign(position, {
    state: "CLOSED",
    closed_at: at,
    exit_reason: reason,
    exit_signature: base58(88),
    realised_pnl_lamports: String(profit),
    unrealised_pnl_lamports: null,
    unrealised_pnl_bps: null,
  });
  Object.assign(trade, {
    status: "CLOSED",
    received_lamports: String(received),
    realised_pnl_lamports: String(profit),
    exit_signature: position.exit_signature,
    exit_reason: reason,
    updated_at: at,
  });
  trade.fills.push({
    ...trade.fills[0],
    leg_id: `${trade.trade_uuid.slice(0, 8)}/1`,
    side: "SELL",
    signature: position.exit_signature,
    input_mint: trade.token_address,
    output_mint: trade.fills[0].input_mint,
    amount_in: position.token_amount,
    amount_out: String(received),
    rent_lamports: "-2039280",
    tip_lamports: "0",
    slot: state.slot,
    at,
  });
  state.positions.delete(position.trade_uuid);
  state.closed.set(position.trade_uuid, position);
  state.balance += Number(received) / 1e9;
  state.realised += Number(profit) / 1e9;
  state.rent -= 0.00203928;
  if (profit > 0n) state.wins += 1;
  else state.losses += 1;
  decide(
    {
      ...about(trade),
      kind: "trade",
      side: "SELL",
      outcome: "closed",
      reason,
      text: `Sold ${trade.token_symbol}: ${profit > 0n ? "a gain" : "a loss"} of ${(Number(profit) / 1e9).toFixed(5)} SOL, all costs included.`,
      facts: { received_lamports: String(received), cost_lamports: String(cost) },
    },
    at,
  );
  tell("trade_update", ledgerRow(trade));
  tell("position_closed", position);
}

const ledgerRow = ({ fills: _fills, ...row }) => row;

function drift() {
  for (const position of state.positions.values()) {
    if (position.state === "EXITING") {
      close(position, "MANUAL_EXIT");
      continue;
    }
    const value = (Number(position.value_lamports) / 1e9) * (1 + between(-0.018, 0.02));
    reprice(position, value);
    position.price_age_slots = random() < 0.06 ? 40 : Math.floor(between(0, 4));
    if (BigInt(position.value_lamports) < BigInt(position.stop_lamports)) close(position, "STOP_LOSS");
    else if (BigInt(position.value_lamports) > BigInt(position.target_lamports))
      close(position, "TAKE_PROFIT");
    else tell("position_update", position);
  }
}

function equity() {
  let total = BigInt(lamports(state.balance));
  for (const position of state.positions.values()) total += BigInt(position.value_lamports);
  return total;
}

function overview() {
  let open = 0n;
  for (const position of state.positions.values()) open += BigInt(position.unrealised_pnl_lamports ?? 0);
  const worth = equity();
  const price = 171_420_000n;
  return {
    wallet: "ChimeraDemoWa11et11111111111111111111111111",
    balance_lamports: lamports(state.balance),
    equity_lamports: String(worth),
    equity_usd_micro: String((worth * price) / SOL),
    sol_usd_micro: String(price),
    realised_pnl_lamports: lamports(state.realised),
    unrealised_pnl_lamports: String(open),
    pnl_24h_lamports: lamports(state.realised),
    fees_lamports: lamports(state.fees),
    tips_lamports: lamports(state.tips),
    rent_lamports: lamports(Math.max(state.rent, 0)),
    open_positions: state.positions.size,
    closed_trades: state.wins + state.losses,
    wins: state.wins,
    losses: state.losses,
    signals: state.signals,
    refused: state.refused,
    ledger_matches_chain: options.scene === "trouble" ? false : options.scene === "empty" ? null : true,
  };
}

function health() {
  const trouble = options.scene === "trouble";
  return {
    status: trouble ? "degraded" : "healthy",
    mode: "localnet",
    dev_mode: trouble,
    uptime_seconds: Math.floor((Date.now() - started) / 1000) + 420,
    queue_depth: trouble ? 861 : Math.floor(between(0, 3)),
    circuit_breaker: trouble
      ? {
          state: "OPEN",
          trading_allowed: false,
          trip_reason: "RISK_DAILY_LOSS_LIMIT",
          cooldown_remaining_secs: 1312,
        }
      : state.breaker,
    breakers_open: trouble ? ["slippage"] : [],
    kill_switch: state.kill,
    rpc: {
      status: trouble ? "degraded" : "healthy",
      latency_ms: trouble ? 184.2 : between(0.6, 2.2),
      endpoint: trouble ? "fallback" : "primary",
    },
    database: { status: "healthy", message: "", behind_records: trouble ? 14 : 0 },
    market: {
      slot: state.slot,
      slot_age_ms: trouble ? 12_400 : Math.floor(between(40, 390)),
      feed: trouble ? "reconnecting" : "connected",
      gaps: trouble ? 3 : 0,
      pools: 14,
      pools_fresh: trouble ? 9 : 14,
      pools_quarantined: trouble ? 1 : 0,
      quarantine_reasons: trouble ? ["an account was not what its program writes"] : [],
      received: 48_423,
      passed: 41_002,
      held: 12,
      dropped: trouble ? { overload: 7_409 } : {},
      unread: { failed_on_chain: 40, without_trade: 35 },
    },
    journal: { seq: state.journal, status: "healthy" },
    last_trade_at: [...state.trades.values()].at(-1)?.updated_at ?? null,
  };
}

function begin() {
  if (options.scene === "empty") return;
  const now = Date.now();
  for (let ago = 46; ago > 0; ago--) {
    const at = now - ago * 31_000;
    signal(at);
    drift();
    for (const position of [...state.positions.values()].slice(0, -6))
      close(position, pick(["COPY_SELL", "TIME_EXIT", "TRAILING_STOP"]), at);
    state.equity.push([at, String(equity())]);
  }
  const failed = {
    ...[...state.trades.values()][3],
    trade_uuid: uuid(),
    status: "DEAD_LETTER",
    retry_count: 3,
    spent_lamports: "0",
    received_lamports: "0",
    realised_pnl_lamports: null,
    exit_reason: null,
    error_message: "MAX_RETRIES: the blockhash ran out three times",
    fills: [],
  };
  state.trades.set(failed.trade_uuid, failed);
  if (options.scene === "trouble")
    state.kill = { active: true, mode: "halt_buys", reason: "RPC answers are late; watching." };
}

/** The calls that steer; undefined where it is none of them. */
function steer(method, path, query, body, no) {
  const parts = path.split("/").slice(1);
  const page = (all) => {
    const [limit, offset] = [Number(query.get("limit") ?? 50), Number(query.get("offset") ?? 0)];
    return { items: all.slice(offset, offset + limit), total: all.length, limit, offset };
  };
  if (method === "GET" && path === "/decisions") {
    const before = Number(query.get("before") ?? Number.MAX_SAFE_INTEGER);
    const outcome = query.get("outcome");
    const limit = Number(query.get("limit") ?? 50);
    const items = state.decisions
      .filter((one) => one.seq < before && (!outcome || one.outcome === outcome))
      .slice(0, limit);
    return [200, { items, next_before: items.length === limit ? items.at(-1).seq : null }];
  }
  if (method === "GET" && path === "/wallets")
    return [200, page(roster.filter((one) => !query.get("status") || one.status === query.get("status")))];
  if (method === "POST" && path === "/wallets") {
    const wallet = { ...roster[0], copied: 0, pnl_lamports: "0", last_trade_at: null, notes: "", ...body };
    roster.push(wallet);
    changed(`wallets.${wallet.address}.status`, "", wallet.status, body.reason);
    return [
      201,
      { address: wallet.address, ok: true, code: "", message: "", before: "", after: wallet.status },
    ];
  }
  if (method === "POST" && path === "/wallets/bulk") {
    const items = roster
      .filter((one) => body.addresses.includes(one.address))
      .map((one) => {
        const before = one.status;
        one.status = body.status;
        return { address: one.address, ok: true, code: "", message: "", before, after: one.status };
      });
    return [200, { items }];
  }
  if (method === "POST" && path === "/config/undo")
    return [200, { success: true, version: ++state.journal, message: "Put back." }];
  if (method === "PUT" && parts[0] === "wallets") {
    const wallet = roster.find((one) => one.address === parts[1]);
    changed(`wallets.${wallet.address}.status`, wallet.status, body.status, body.reason);
    const { reason: _why, ttl_hours: hours, ...rest } = body;
    Object.assign(wallet, rest, { active_until: hours ? Date.now() + hours * 3_600_000 : null });
    return [200, { address: wallet.address, ok: true, message: `The wallet is ${wallet.status}.` }];
  }
  if (method === "GET" && path === "/config/settings") return [200, settings];
  if (method === "PUT" && path === "/config") {
    const next = {
      ...Object.fromEntries(settings.items.map((one) => [one.key, one.value])),
      ...body.changes,
    };
    if (next["allocation.shield_percent"] + next["allocation.spear_percent"] !== 100)
      return no(400, "VALIDATION_FAILED", "allocation: both together must be 100");
    for (const one of settings.items) {
      if (one.value === next[one.key]) continue;
      changed(one.key, one.value, next[one.key], body.reason);
      one.value = next[one.key];
    }
    settings.version = state.journal;
    return [200, { success: true, version: settings.version, message: "In force now." }];
  }
  if (method === "GET" && path === "/incidents/dead-letter") return [200, page(trouble ? letters : [])];
  if (method === "POST" && parts[1] === "dead-letter") {
    const letter = letters.find((one) => one.id === Number(parts[2]));
    letter.processed_at = Date.now();
    return [200, { status: `${parts[3]}ed`, signal_id: null }];
  }
  if (method === "GET" && path === "/incidents/config-audit") return [200, page(audit)];
  if (method === "GET" && path === "/reconciliation") {
    const all = trouble ? differences : [];
    const waiting = all.filter((one) => one.resolved_at === null);
    return [
      200,
      {
        unresolved: waiting.length,
        last_run_at: started,
        last_positions: 6,
        last_found: all.length,
        last_cause: "daily",
        ...page(query.get("unresolved") === "true" ? waiting : all),
      },
    ];
  }
  if (method === "POST" && path === "/reconciliation/run")
    return [200, { status: "done", message: "6 positions compared, 0 new.", unresolved: 2 }];
  if (method === "POST" && parts[0] === "reconciliation") {
    const row = differences.find((one) => one.id === parts[1]);
    Object.assign(row, { resolved_at: Date.now(), resolved_by: "demo", notes: body.note });
    return [200, { status: "resolved" }];
  }
  return undefined;
}

const looked = house({ tokens, state, trouble, random, base58, tell, changed });
const rank = { readonly: 0, operator: 1, admin: 2 };

function route(method, path, query, body) {
  const may = (role) => rank[options.role] >= rank[role];
  const no = (status, error, message) => [status, { error, message, details: {} }];
  const parts = path.split("/").slice(1);
  if (method !== "GET" && !may("operator")) return no(403, "FORBIDDEN", "This needs the operator's role.");
  const steered = looked(method, path, query, body, no) ?? steer(method, path, query, body, no);
  if (steered) return steered;
  if (method === "GET" && path === "/whoami") return [200, { identifier: "demo", role: options.role }];
  if (method === "GET" && path === "/health") return [200, health()];
  if (method === "GET" && path === "/overview") return [200, { ...overview(), equity_history: state.equity }];
  if (method === "GET" && path === "/trades") {
    const from = Number(query.get("from") ?? 0);
    const to = Number(query.get("to") ?? Number.MAX_SAFE_INTEGER);
    const fits = (trade) =>
      (!query.get("status") || trade.status === query.get("status")) &&
      (!query.get("strategy") || trade.strategy === query.get("strategy")) &&
      trade.created_at >= from &&
      trade.created_at <= to;
    const all = [...state.trades.values()].filter(fits).sort((a, b) => b.created_at - a.created_at);
    const limit = Number(query.get("limit") ?? 100);
    const offset = Number(query.get("offset") ?? 0);
    return [
      200,
      { items: all.slice(offset, offset + limit).map(ledgerRow), total: all.length, limit, offset },
    ];
  }
  if (method === "GET" && parts[0] === "trades") {
    const trade = state.trades.get(parts[1]);
    return trade ? [200, trade] : no(404, "NOT_FOUND", "No trade has this id.");
  }
  if (method === "GET" && parts[0] === "why") {
    const id = decodeURIComponent(parts[1] ?? "");
    const steps = state.chains.get(id) ?? [];
    return [200, { id, found: steps.length > 0, steps }];
  }
  if (method === "POST" && parts[0] === "positions" && parts[2] === "exit") {
    const position = state.positions.get(parts[1]);
    if (!may("operator")) return no(403, "FORBIDDEN", "This needs the operator's role.");
    if (!position) return no(404, "NOT_FOUND", "No open position has this id.");
    if (position.state !== "ACTIVE") return no(409, "NOT_ACTIVE", "The position is already being sold.");
    position.state = "EXITING";
    tell("position_update", position);
    return [202, { status: "accepted" }];
  }
  if (method === "POST" && path === "/kill") {
    state.kill = { active: true, mode: body.mode, reason: body.reason };
    tell("health_update", health());
    return [200, { active: true, mode: body.mode }];
  }
  if (method === "POST" && path === "/kill/reset") {
    state.kill = { active: false, mode: null, reason: null };
    tell("health_update", health());
    return [200, { active: false, mode: null }];
  }
  if (method === "POST" && path === "/config/circuit-breaker/reset") {
    return no(400, "NOT_OPEN", "The breaker is closed: there is nothing to reset.");
  }
  return no(404, "NOT_FOUND", "There is no such address.");
}

const server = createServer(async (request, response) => {
  const url = new URL(request.url ?? "/", "http://localhost");
  if (!url.pathname.startsWith("/api/v1")) return serveFile(url.pathname, response);
  let text = "";
  for await (const part of request) text += part;
  const known = request.headers.authorization === `Bearer ${options.key}`;
  const [status, told] = known
    ? route(
        request.method,
        url.pathname.slice("/api/v1".length),
        url.searchParams,
        text ? JSON.parse(text) : {},
      )
    : [401, { error: "UNAUTHORIZED", message: "This key is not known.", details: {} }];
  response.writeHead(status, { "Content-Type": "application/json" });
  response.end(JSON.stringify(told));
});

async function serveFile(path, response) {
  const name = path === "/" ? "index.html" : normalize(path).replace(/^([./\\])+/, "");
  try {
    const body = await readFile(join(STATIC, name));
    response.writeHead(200, {
      "Content-Type": TYPES[extname(name)] ?? "application/octet-stream",
      "Content-Security-Policy": POLICY,
    });
    response.end(body);
  } catch {
    response.writeHead(404, { "Content-Type": "text/plain" });
    response.end("not found");
  }
}

new WebSocketServer({ server, path: "/api/v1/ws" }).on("connection", (socket) => {
  socket.once("message", (first) => {
    const { token } = JSON.parse(String(first));
    if (token !== options.key) return socket.close(4401);
    sockets.add(socket);
    const data = {
      overview: { ...overview(), equity_history: state.equity },
      positions: [...state.positions.values()],
      decisions: state.decisions.slice(0, 20),
      health: health(),
    };
    socket.send(JSON.stringify({ type: "snapshot", seq: state.seq, data }));
  });
  socket.on("close", () => sockets.delete(socket));
});

begin();
setInterval(() => (state.slot += 1), 400);
setInterval(drift, 1_100);
setInterval(() => {
  const point = [Date.now(), String(equity())];
  state.equity = [...state.equity, point].slice(-500);
  tell("overview", { ...overview(), equity_point: point });
  tell("health_update", health());
}, 2_000);
if (options.scene !== "empty")
  setInterval(() => state.positions.size < 9 && !state.kill.active && signal(), 3_700);

server.listen(Number(options.port), "127.0.0.1", () => {
  const { port } = server.address();
  console.log(`fixture (made-up data): http://127.0.0.1:${port}/#key=${options.key}`);
});
