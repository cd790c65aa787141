import { describe, expect, it } from "vitest";
import { type ApiError, createApi } from "./client";

interface Asked {
  url: string;
  init: RequestInit;
}

function answering(status: number, body: string, headers: Record<string, string> = {}) {
  const asked: Asked[] = [];
  const fetcher = (async (url: string, init: RequestInit) => {
    asked.push({ url, init });
    return new Response(body, { status, headers });
  }) as typeof fetch;
  return { api: createApi("secret", fetcher), asked };
}

async function failure(run: Promise<unknown>): Promise<ApiError> {
  return run.then(
    () => Promise.reject(new Error("it went well")),
    (error: ApiError) => error,
  );
}

describe("the calls", () => {
  it("carry the key in a header and never in the address", async () => {
    const { api, asked } = answering(200, "{}");
    await api.whoami();
    expect(asked[0]?.url).toBe("/api/v1/whoami");
    expect(asked[0]?.init.headers).toMatchObject({ Authorization: "Bearer secret" });
  });

  it("leave out filters that are not set", async () => {
    const { api, asked } = answering(200, "{}");
    await api.trades({ status: "CLOSED", strategy: undefined, from: 5, limit: 50, offset: 0 });
    expect(asked[0]?.url).toBe("/api/v1/trades?status=CLOSED&from=5&limit=50&offset=0");
  });

  it("can't be led to another path by an id", async () => {
    const { api, asked } = answering(200, "{}");
    await api.why("../kill?x=1#y");
    expect(asked[0]?.url).toBe("/api/v1/why/..%2Fkill%3Fx%3D1%23y");
  });

  it("send what is to be done as JSON", async () => {
    const { api, asked } = answering(202, '{"status":"accepted"}');
    await api.exitPosition("u-1", "by hand");
    expect(asked[0]).toMatchObject({
      url: "/api/v1/positions/u-1/exit",
      init: { method: "POST", body: '{"reason":"by hand","fraction_bps":10000}' },
    });
  });
});

describe("a call that fails", () => {
  it("tells the server's own code and words", async () => {
    const { api } = answering(409, '{"error":"NOT_ACTIVE","message":"Already sold.","details":{}}');
    const error = await failure(api.exitPosition("u", "r"));
    expect([error.status, error.code, error.message]).toEqual([409, "NOT_ACTIVE", "Already sold."]);
  });

  it("does not show a proxy's page", async () => {
    const error = await failure(answering(502, "<html>Bad gateway</html>").api.overview());
    expect([error.code, error.message]).toEqual(["HTTP_502", "The desk answered with status 502."]);
  });

  it("says when to come back after too many calls", async () => {
    const error = await failure(answering(429, "", { "Retry-After": "7" }).api.overview());
    expect(error.message).toBe("Too many requests. Try again in 7 s.");
  });

  it("says that the desk is not there", async () => {
    const gone = createApi("secret", async () => Promise.reject(new TypeError("failed to fetch")));
    const error = await failure(gone.overview());
    expect([error.status, error.code]).toEqual([0, "UNREACHABLE"]);
  });

  it("does not take something that is not JSON for an answer", async () => {
    const error = await failure(answering(200, "<html>").api.overview());
    expect(error.code).toBe("GARBLED");
  });
});
