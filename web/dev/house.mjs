/**
 * The stand-in's part that looks around the house: positions closely, markets and tokens, strategies, the machine,
 * files. Made-up data for work on the screens; see fixture.mjs.
 */

const WRAPPED_SOL = "So11111111111111111111111111111111111111112";
const USDC = "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v";
const VENUES = ["raydium_cpmm", "raydium_amm_v4", "orca_whirlpool", "meteora_dlmm", "pumpswap"];
const DAY_MS = 86_400_000;

/** `world`: the tokens, the state that fixture.mjs moves, and its dice. Returns what answers a call, or undefined. */
export function house({ tokens, state, trouble, random, base58, tell, changed }) {
  const pools = tokens.flatMap((token, n) => [
    poolOf(token, VENUES[n % VENUES.length], n),
    ...(n % 3 ? [] : [poolOf(token, VENUES[(n + 2) % VENUES.length], n + 40)]),
  ]);
  const strategies = ["arbitrage", "copy_trade", "momentum", "sniper"].map((name, n) => ({
    name,
    running: n < 3,
    paused: false,
    failed: trouble && n === 0 ? "ZeroDivisionError: division by zero" : null,
    params: {
      enabled: n < 3,
      size_lamports_max: String((n + 1) * 500_000_000),
      slippage_bps_max: 300,
      intent_ttl_ms: 5_000,
      ...(n === 1 && {
        shield: { stop_loss_bps: 800, first_target_bps: 500, time_exit_s: 30 },
        spear: { stop_loss_bps: 1_200, first_target_bps: 900, time_exit_s: 60 },
      }),
    },
  }));

  function poolOf(token, venue, n) {
    const price = 0.0004 * (n + 1); // SOL for one
    const held = 400_000 / (n + 1);
    return {
      address: base58(44),
      venue,
      mint_a: n % 2 ? token.mint : WRAPPED_SOL,
      mint_b: n % 2 ? WRAPPED_SOL : token.mint,
      symbol_a: n % 2 ? token.symbol : "SOL",
      symbol_b: n % 2 ? "SOL" : token.symbol,
      decimals_a: n % 2 ? token.decimals : 9,
      decimals_b: n % 2 ? 9 : token.decimals,
      reserve_a: units(n % 2 ? held : held * price, n % 2 ? token.decimals : 9),
      reserve_b: units(n % 2 ? held * price : held, n % 2 ? 9 : token.decimals),
      price: n % 2 ? units(price, 9) : units(1 / price, token.decimals),
      liquidity_usd_micro: units(held * price * 2 * 171, 6),
      slot: state.slot,
      age_slots: Math.floor(random() * 30),
      complete: true,
      own_symbol_a: "",
      own_symbol_b: "",
      doubt: trouble && n === 4 ? "an account was not what its program writes" : null,
    };
  }

  function units(amount, decimals) {
    return String(BigInt(Math.max(1, Math.round(amount * 10 ** decimals))));
  }

  function report(mint) {
    const token = tokens.find((one) => one.mint === mint);
    if (!token) return undefined;
    const frozen = token.symbol === "GOAT";
    return {
      mint,
      symbol: token.symbol,
      program: "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA",
      decimals: token.decimals,
      supply: units(1e9, token.decimals),
      mint_authority: null,
      freeze_authority: frozen ? base58(44) : null,
      transfer_fee_bps: 0,
      extensions: frozen ? ["transfer_hook"] : [],
      liquidity_usd_micro: units(182_410, 6),
      price_lamports: "400000",
      pools: pools.filter((pool) => [pool.mint_a, pool.mint_b].includes(mint)).length,
      shield_refusal: frozen ? "TOKEN_FREEZE_AUTHORITY" : null,
      spear_refusal: null,
      own_name: `${token.symbol} Official`,
      own_symbol: token.symbol,
      probe: {
        at_ms: Date.now() - 40_000,
        slot: state.slot - 100,
        probe_lamports: "10000000",
        returned_lamports: "9894311",
        refusal: null,
        fresh: true,
      },
    };
  }

  function position(uuid, no) {
    const found = state.positions.get(uuid) ?? state.closed.get(uuid);
    return found ? [200, found] : no(404, "NOT_FOUND", "No position has this id.");
  }

  function listed(query) {
    const wanted = query.get("state");
    const all = [...state.positions.values(), ...state.closed.values()].filter(
      (one) => !wanted || one.state === wanted,
    );
    return [
      200,
      paged(
        all.sort((a, b) => b.opened_at - a.opened_at),
        query,
      ),
    ];
  }

  function performance(strategy, query) {
    const since = Date.now() - Number(query.get("days") ?? 7) * DAY_MS;
    const done = [...state.closed.values()].filter(
      (one) => one.strategy === strategy && one.closed_at > since,
    );
    const wins = done.filter((one) => BigInt(one.realised_pnl_lamports) > 0n).length;
    const total = done.reduce((sum, one) => sum + BigInt(one.realised_pnl_lamports), 0n);
    return {
      strategy,
      days: Number(query.get("days") ?? 7),
      trade_count: done.length,
      wins,
      losses: done.length - wins,
      win_rate: done.length ? wins / done.length : null,
      avg_return: done.length ? 0.021 : null,
      total_pnl: String(total),
    };
  }

  return function answer(method, path, query, body, no) {
    const parts = path.split("/").slice(1);
    const is = (wanted, pattern) => method === wanted && pattern.test(path);
    if (is("GET", /^\/positions$/)) return listed(query);
    if (is("GET", /^\/positions\/[^/]+$/)) return position(parts[1], no);
    if (is("GET", /^\/positions\/[^/]+\/marks$/)) return [200, { items: state.marks.get(parts[1]) ?? [] }];
    if (is("PUT", /^\/positions\/[^/]+\/levels$/)) {
      const held = state.positions.get(parts[1]);
      if (!held) return no(404, "NOT_FOUND", "No open position has this id.");
      const at = (bps) =>
        bps == null ? null : String((BigInt(held.paid_lamports) * BigInt(10_000 + bps)) / 10_000n);
      const own = body.stop_bps == null && body.target_bps == null;
      held.levels = own ? null : { stop_bps: body.stop_bps ?? null, target_bps: body.target_bps ?? null };
      if (!own)
        Object.assign(held, { stop_lamports: at(body.stop_bps), target_lamports: at(body.target_bps) });
      tell("position_update", held);
      return [202, { status: "accepted" }];
    }
    if (is("GET", /^\/markets$/)) {
      const [venue, mint] = [query.get("venue"), query.get("mint")];
      const fits = (pool) =>
        (!venue || pool.venue === venue) &&
        (!mint || pool.mint_a === mint || pool.mint_b === mint) &&
        (query.get("doubtful") !== "true" || pool.doubt !== null);
      return [200, paged(pools.filter(fits), query)];
    }
    if (is("GET", /^\/markets\/tokens\//)) {
      const told = parts[2] === WRAPPED_SOL || parts[2] === USDC ? undefined : report(parts[2]);
      return told ? [200, told] : no(404, "NOT_FOUND", "The desk has not read this token.");
    }
    if (is("POST", /^\/markets\/[^/]+\/release$/)) {
      const pool = pools.find((one) => one.address === parts[1]);
      if (pool) pool.doubt = null;
      return pool ? [202, { status: "accepted" }] : no(404, "NOT_FOUND", "There is no such pool.");
    }
    if (is("GET", /^\/risk\/correlation$/)) return [200, together([...state.positions.values()])];
    if (is("GET", /^\/risk\/breakers$/)) return [200, { items: breakers(trouble), history: [] }];
    if (is("GET", /^\/strategies$/)) return [200, { items: strategies }];
    if (is("POST", /^\/strategies\//)) {
      const one = strategies.find((strategy) => strategy.name === parts[1]);
      if (!one) return no(404, "NOT_FOUND", "There is no such strategy.");
      if (parts[2] === "pause" || parts[2] === "start") one.paused = parts[2] === "pause";
      else one.failed = parts[2] === "park" ? body.reason : null;
      changed(`strategy.${one.name}`, "", parts[2], body.reason);
      return [200, { success: true, version: state.journal, message: "In force now." }];
    }
    if (is("GET", /^\/metrics\/strategy\//)) return [200, performance(parts[2], query)];
    if (is("GET", /^\/operations\/resources$/)) return [200, machine(random)];
    if (is("GET", /^\/operations\/telemetry$/)) return [200, measured(random)];
    if (is("GET", /^\/operations\/secrets$/)) return [200, { items: secrets() }];
    if (is("GET", /^\/operations\/health-checks$/)) return [200, checks(trouble)];
    if (is("GET", /^\/(trades\/(export|lots)|wallets\/export)$/)) return [200, []];
    return undefined;
  };
}

function paged(all, query) {
  const [limit, offset] = [Number(query.get("limit") ?? 50), Number(query.get("offset") ?? 0)];
  return { items: all.slice(offset, offset + limit), total: all.length, limit, offset };
}

/** Every pair of what is held, and each with SOL; one of them with too few bars. */
function together(held) {
  const names = [...new Set(held.map((one) => one.token_address)), "SOL"];
  const pairs = names.flatMap((one, n) =>
    names.slice(n + 1).map((other, m) => ({ one, other, correlation: 0.93 - 0.21 * (n + m) })),
  );
  pairs.sort((one, other) => other.correlation - one.correlation);
  if (pairs.length) pairs.at(-1).correlation = null;
  const returns = Object.fromEntries(names.map((name) => [name, 60]));
  return { at_ms: Date.now(), pairs, returns, returns_min: 20, bar_ms: 15_000, window_bars: 60 };
}

function breakers(trouble) {
  return ["loss", "slippage", "signing", "trade_failure", "confirmation", "spear_losses"].map((name, n) => ({
    name,
    enabled: true,
    state: trouble && n === 1 ? "OPEN" : "CLOSED",
    stops: name === "spear_losses" ? "spear" : "buys",
    cause: trouble && n === 1 ? "4 in a row" : null,
    until_ms: trouble && n === 1 ? Date.now() + 2_400_000 : null,
    counts: n === 0 ? null : { failures: n, failures_max: 8, in_row: 0, in_row_max: 4, window_ms: 900_000 },
  }));
}

function machine(random) {
  return {
    cpu_percent: 20 + random() * 10,
    cpu_count: 8,
    load_1m: 1.4,
    memory_used_bytes: 6.1e9,
    memory_total_bytes: 33.5e9,
    disk_used_bytes: 120e9,
    disk_free_bytes: 380e9,
    disk_total_bytes: 500e9,
    network_sent_bytes: 9.2e9,
    network_received_bytes: 12.5e9,
    process_cpu_percent: 12,
    process_memory_bytes: 180e6,
    process_threads: 16,
    process_files: 48,
  };
}

function measured(random) {
  const latency = (name, of, ms) => ({
    ...{ name, of, count: 400, p50_ms: ms, p95_ms: ms * (2 + random()), p99_ms: ms * 4 },
  });
  return {
    loops: ["blockhash", "journal", "live stream", "market stream", "reconciliation", "signals", "tips"],
    queues: [
      { name: "signals", waiting: 0, dropped: 0 },
      { name: "market events", waiting: 2, dropped: 14 },
    ],
    latencies: [
      latency("api", "/api/v1/overview 200", 1.8),
      latency("rpc", "getLatestBlockhash", 4.1),
      latency("leg", "signal to sent", 11),
    ],
    failures: [{ what: "rpc timeout", count: 3 }],
  };
}

function secrets() {
  return [
    { name: "vault with the trading key", kept: "file", at_ms: Date.now() - 12 * DAY_MS },
    { name: "webhook secret", kept: "file", at_ms: Date.now() - 97 * DAY_MS },
    { name: "RPC key", kept: "", at_ms: null },
  ];
}

function checks(trouble) {
  const one = (name, message, status = "passing") => ({ name, status, message, response_time_ms: 1.2 });
  const all = [
    one("feed", trouble ? "reconnecting" : "connected", trouble ? "warning" : "passing"),
    one("rpc", "healthy at primary"),
    one("journal", "4,210 entries"),
    one("trading", trouble ? "halted" : "allowed", trouble ? "failing" : "passing"),
  ];
  return { overall: trouble ? "failing" : "passing", checks: all };
}
