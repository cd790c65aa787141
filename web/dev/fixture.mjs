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
import { WebSocketServer } from "ws";
import { house } from "./house.mjs";
import { changed, steer } from "./steering.mjs";
import { begin, drift, equity, health, ledgerRow, overview, signal } from "./trading.mjs";
import { base58, options, random, sockets, state, tell, tokens, trouble } from "./world.mjs";

const STATIC = fileURLToPath(new URL("../../src/chimera/control/static/", import.meta.url));
const POLICY = "default-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'";
const TYPES = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
  ".woff2": "font/woff2",
};

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
