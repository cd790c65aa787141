import { describe, expect, it } from "vitest";
import type { Decision, Health, Overview, Position } from "../api/client";
import {
  DECISIONS_KEPT,
  EQUITY_POINTS_KEPT,
  fold,
  type LiveData,
  NOTHING,
  readMessage,
  type StreamMessage,
} from "./store";

const overview = { equity_lamports: "10", equity_history: [[1, "9"]] } as Overview;
const health = { status: "healthy" } as Health;
const position = (trade_uuid: string, opened_at: number, more: Partial<Position> = {}) =>
  ({ trade_uuid, opened_at, state: "ACTIVE", ...more }) as Position;
const decision = (seq: number) => ({ seq, id: `d${seq}`, text: "said" }) as Decision;

function snapshot(
  seq: number,
  more: Partial<{ positions: Position[]; decisions: Decision[] }> = {},
): StreamMessage {
  return { type: "snapshot", seq, data: { overview, positions: [], decisions: [], health, ...more } };
}

function folded(...messages: StreamMessage[]): LiveData {
  return messages.reduce((data, message) => fold(data, message, 1_000).data, NOTHING);
}

describe("the stream's numbers", () => {
  it("begin with a snapshot: a delta before it is a gap", () => {
    const result = fold(NOTHING, { type: "decision", seq: 5, data: decision(5) }, 1);
    expect(result).toEqual({ data: NOTHING, verdict: "gap" });
  });

  it("let the next delta in", () => {
    const result = fold(folded(snapshot(7)), { type: "decision", seq: 8, data: decision(8) }, 1);
    expect(result.verdict).toBe("taken");
    expect(result.data.seq).toBe(8);
    expect(result.data.decisions.map((d) => d.seq)).toEqual([8]);
  });

  it("leave the data as it was when one was skipped", () => {
    const before = folded(snapshot(7));
    expect(fold(before, { type: "decision", seq: 9, data: decision(9) }, 1)).toEqual({
      data: before,
      verdict: "gap",
    });
  });

  it("do not take the same delta twice", () => {
    const before = folded(snapshot(7), { type: "decision", seq: 8, data: decision(8) });
    expect(fold(before, { type: "decision", seq: 8, data: decision(8) }, 1)).toEqual({
      data: before,
      verdict: "repeated",
    });
  });

  it("may start again lower after a restart of the desk", () => {
    const data = folded(snapshot(900, { decisions: [decision(1)] }), snapshot(3));
    expect(data.seq).toBe(3);
    expect(data.decisions).toEqual([]);
  });

  it("count for types that this page does not know", () => {
    const unknown = { type: "weather", seq: 8, data: {} } as unknown as StreamMessage;
    const result = fold(folded(snapshot(7)), unknown, 1);
    expect([result.verdict, result.data.seq]).toEqual(["taken", 8]);
  });
});

describe("positions", () => {
  const two = snapshot(1, { positions: [position("old", 10), position("new", 20)] });

  it("stand newest first", () => {
    expect(folded(two).positions.map((p) => p.trade_uuid)).toEqual(["new", "old"]);
  });

  it("are replaced whole by an update, in their place", () => {
    const update: StreamMessage = {
      type: "position_update",
      seq: 2,
      data: position("old", 10, { state: "EXITING" }),
    };
    expect(folded(two, update).positions.map((p) => p.state)).toEqual(["ACTIVE", "EXITING"]);
  });

  it("appear when they are new and go when they are closed", () => {
    const data = folded(
      two,
      { type: "position_update", seq: 2, data: position("newest", 30) },
      { type: "position_closed", seq: 3, data: position("new", 20, { state: "CLOSED" }) },
      { type: "position_update", seq: 4, data: position("old", 10, { state: "CLOSED" }) },
    );
    expect(data.positions.map((p) => p.trade_uuid)).toEqual(["newest"]);
  });
});

describe("the overview", () => {
  const told = (seq: number, at: number, lamports: string): StreamMessage => {
    const { equity_history: _none, ...figures } = overview;
    return {
      type: "overview",
      seq,
      data: { ...figures, equity_lamports: lamports, equity_point: [at, lamports] },
    };
  };

  it("grows its history by each point", () => {
    const data = folded(snapshot(1), told(2, 2, "11"), told(3, 3, "12"));
    expect(data.overview?.equity_lamports).toBe("12");
    expect(data.overview?.equity_history).toEqual([
      [1, "9"],
      [2, "11"],
      [3, "12"],
    ]);
  });

  it("keeps time running forwards", () => {
    const data = folded(snapshot(1), told(2, 5, "11"), told(3, 5, "12"), told(4, 4, "13"));
    expect(data.overview?.equity_history).toEqual([
      [1, "9"],
      [5, "12"],
    ]);
  });

  it("forgets the oldest points at its limit", () => {
    const points = Array.from({ length: EQUITY_POINTS_KEPT + 5 }, (_, i) => told(i + 2, i + 2, String(i)));
    const history = folded(snapshot(1), ...points).overview?.equity_history ?? [];
    expect(history).toHaveLength(EQUITY_POINTS_KEPT);
    expect(history.at(-1)).toEqual([EQUITY_POINTS_KEPT + 6, String(EQUITY_POINTS_KEPT + 4)]);
  });
});

describe("the rest", () => {
  it("keeps only the latest decisions", () => {
    const many = Array.from(
      { length: DECISIONS_KEPT + 10 },
      (_, i): StreamMessage => ({ type: "decision", seq: i + 2, data: decision(i) }),
    );
    const kept = folded(snapshot(1), ...many).decisions;
    expect([kept.length, kept[0]?.seq]).toEqual([DECISIONS_KEPT, DECISIONS_KEPT + 9]);
  });

  it("remembers when each part was heard", () => {
    const begun = fold(NOTHING, snapshot(1), 100).data;
    const later = fold(begun, { type: "health_update", seq: 2, data: health }, 250).data;
    expect(later.heard).toEqual({ any: 250, health: 250, overview: 100 });
  });

  it("reads only sound messages", () => {
    for (const bad of [
      "",
      "nope",
      "null",
      "[]",
      '{"type":"decision"}',
      '{"type":"x","seq":1.5,"data":{}}',
      '{"type":1,"seq":1,"data":{}}',
    ]) {
      expect(readMessage(bad)).toBeNull();
    }
    expect(readMessage('{"type":"weather","seq":1,"data":{}}')?.seq).toBe(1);
  });
});
