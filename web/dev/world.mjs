/** What the stand-in's parts share: its options, its dice, its tokens, what it remembers, and whom it tells. */
import { parseArgs } from "node:util";

export const { values: options } = parseArgs({
  options: {
    port: { type: "string", default: "8080" },
    scene: { type: "string", default: "busy" },
    seed: { type: "string", default: "7" },
    key: { type: "string", default: "dev" },
    role: { type: "string", default: "admin" },
    gap: { type: "boolean", default: false },
  },
});

export const SOL = 1_000_000_000n;

let dice = Number(options.seed) >>> 0;
export function random() {
  dice = (dice + 0x6d2b79f5) >>> 0;
  let t = dice;
  t = Math.imul(t ^ (t >>> 15), t | 1);
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
  return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
}
export const between = (low, high) => low + random() * (high - low);
export const pick = (list) => list[Math.floor(random() * list.length)];
export const base58 = (length) =>
  Array.from({ length }, () => pick("123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz")).join("");
export const uuid = () => {
  const hex = Array.from({ length: 32 }, () => pick("0123456789abcdef")).join("");
  return hex.replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*$/, "$1-$2-4$3-a$4-$5");
};
export const lamports = (sol) => String(BigInt(Math.round(sol * 1e9)));

export const started = Date.now();
export const tokens = [
  "BONK",
  "WIF",
  "POPCAT",
  "MEW",
  "FARTCOIN",
  "JUP",
  "PYTH",
  "GOAT",
  "MOODENG",
  "PNUT",
].map((symbol) => ({
  symbol,
  mint: base58(44),
  decimals: symbol === "BONK" ? 5 : 6,
}));
export const wallets = Array.from({ length: 6 }, () => base58(44));
export const state = {
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
export const sockets = new Set();

export const trouble = options.scene === "trouble";

export function tell(type, data) {
  state.seq += options.gap && state.seq % 40 === 0 ? 2 : 1;
  const text = JSON.stringify({ type, seq: state.seq, data });
  for (const socket of sockets) socket.send(text);
}

export function decide(fields, at = Date.now()) {
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
