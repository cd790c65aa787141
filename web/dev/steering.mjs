/** The stand-in's part that steers: the roster, settings, dead letters, differences, and who changed what. */
import { base58, between, lamports, started, state, tokens, trouble, uuid, wallets } from "./world.mjs";

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
export function changed(key, was, is, reason) {
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

/** The calls that steer; undefined where it is none of them. */
export function steer(method, path, query, body, no) {
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
