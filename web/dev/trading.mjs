/** The stand-in's trading: signals, refusals, positions that rise and fall, and the figures of the first screen. */
import {
  base58,
  between,
  decide,
  lamports,
  options,
  pick,
  random,
  SOL,
  started,
  state,
  tell,
  tokens,
  uuid,
  wallets,
} from "./world.mjs";

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

export function signal(at = Date.now()) {
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

export const ledgerRow = ({ fills: _fills, ...row }) => row;

export function drift() {
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

export function equity() {
  let total = BigInt(lamports(state.balance));
  for (const position of state.positions.values()) total += BigInt(position.value_lamports);
  return total;
}

export function overview() {
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

export function health() {
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

export function begin() {
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
