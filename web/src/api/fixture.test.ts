// @vitest-environment node
/** The stand-in for work on the screens answers every operation that the page calls: no screen stays empty over it. */
import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const here = new URL("../..", import.meta.url);
const contract = readFileSync(new URL("src/api/contract.gen.ts", here), "utf8");
const reads = [...contract.matchAll(/^ {2}"GET (\/\S*)": \{$/gm)].map(([, path]) => path ?? "");

let process: ChildProcess;
let url = "";

beforeAll(async () => {
  process = spawn("node", ["dev/fixture.mjs", "--port", "0", "--scene", "trouble"], { cwd: here });
  url = await new Promise<string>((resolve, reject) => {
    process.once("exit", (code) => reject(new Error(`the stand-in ended with ${code}`)));
    process.stdout?.on("data", (told: Buffer) => {
      const found = /http:\/\/127\.0\.0\.1:\d+/.exec(String(told));
      if (found) resolve(found[0]);
    });
  });
});
afterAll(() => process.kill());

async function get(path: string): Promise<{ items: Record<string, string>[] } & Record<string, unknown>> {
  const answer = await fetch(`${url}/api/v1${path}`, { headers: { Authorization: "Bearer dev" } });
  expect([path, answer.status]).toEqual([path, 200]);
  return answer.json();
}

describe("the stand-in", () => {
  it("knows every reading call", async () => {
    const uuid = (await get("/positions?state=ACTIVE")).items[0]?.trade_uuid ?? "";
    const pool = (await get("/markets")).items[0];
    const mint = pool?.symbol_a === "SOL" ? pool.mint_b : pool?.mint_a;
    const known: Record<string, string | undefined> = { uuid, mint, wanted: uuid, strategy: "SHIELD" };
    expect(reads.length).toBeGreaterThan(15);
    for (const path of reads) await get(path.replace(/\{(\w+)\}/g, (_all, name) => String(known[name])));
    expect((await get(`/positions/${uuid}/marks`)).items.length).toBeGreaterThan(0);
  });
});
