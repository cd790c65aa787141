/**
 * What the stream has told so far, folded into one value.
 *
 * Pure: no socket, no clock, no React. A snapshot replaces everything; a delta is taken only when its number follows
 * the last one. A number that was skipped means that something was missed, and then nothing but a new snapshot helps.
 */
import type { Decision, EquityPoint, Health, Overview, OverviewDelta, Position, Trade } from "../api/client";

export const DECISIONS_KEPT = 100; // a screenful and some; older ones are asked for by page
export const EQUITY_POINTS_KEPT = 1_000; // twice what a snapshot brings

export interface LiveData {
  /** Which numbering `seq` belongs to: another start of the desk begins another. */
  stream: string;
  /** The number of the last message taken; null before the first snapshot. */
  seq: number | null;
  overview: Overview | null;
  /** ACTIVE and EXITING ones, newest first. */
  positions: readonly Position[];
  /** Newest first. */
  decisions: readonly Decision[];
  health: Health | null;
  /** When this page received each part: servers' and browsers' clocks may differ. */
  heard: { any: number; health: number; overview: number };
}

export const NOTHING: LiveData = {
  stream: "",
  seq: null,
  overview: null,
  positions: [],
  decisions: [],
  health: null,
  heard: { any: 0, health: 0, overview: 0 },
};

interface Snapshot {
  overview: Overview;
  positions: Position[];
  decisions: Decision[];
  health: Health;
}

export type StreamMessage =
  | { type: "snapshot"; seq: number; stream?: string; data: Snapshot }
  /** What follows was missed while the link was down. */
  | { type: "resumed"; seq: number; data: object }
  | { type: "position_update"; seq: number; data: Position }
  | { type: "position_closed"; seq: number; data: Position }
  | { type: "trade_update"; seq: number; data: Trade }
  | { type: "decision"; seq: number; data: Decision }
  | { type: "overview"; seq: number; data: OverviewDelta }
  | { type: "health_update"; seq: number; data: Health };

export type Folded = { data: LiveData; verdict: "taken" | "repeated" | "gap" };

/** The message in `text`, or null when it is not one. Types of a later server are let through, for their number. */
export function readMessage(text: string): StreamMessage | null {
  try {
    const told = JSON.parse(text) as Partial<StreamMessage> | null;
    const sound = typeof told?.type === "string" && Number.isSafeInteger(told.seq) && told.data != null;
    return sound ? (told as StreamMessage) : null;
  } catch {
    return null;
  }
}

/** `data` after `message`, received at `now`; unchanged unless the verdict is "taken". */
export function fold(data: LiveData, message: StreamMessage, now: number): Folded {
  if (message.type === "snapshot")
    return { data: begin(message.seq, message.stream ?? "", message.data, now), verdict: "taken" };
  if (message.type === "resumed") return { data, verdict: message.seq === data.seq ? "taken" : "gap" };
  if (data.seq === null || message.seq > data.seq + 1) return { data, verdict: "gap" };
  if (message.seq <= data.seq) return { data, verdict: "repeated" };
  const next = { ...data, seq: message.seq, heard: { ...data.heard, any: now } };
  return { data: advance(next, message, now), verdict: "taken" };
}

function begin(seq: number, stream: string, told: Snapshot, now: number): LiveData {
  return {
    stream,
    seq,
    overview: { ...told.overview, equity_history: told.overview.equity_history ?? [] },
    positions: [...told.positions].sort(newestFirst),
    decisions: [...told.decisions].sort((a, b) => b.seq - a.seq).slice(0, DECISIONS_KEPT),
    health: told.health,
    heard: { any: now, health: now, overview: now },
  };
}

function advance(
  data: LiveData,
  message: Exclude<StreamMessage, { type: "snapshot" | "resumed" }>,
  now: number,
): LiveData {
  switch (message.type) {
    case "position_update":
      return { ...data, positions: replace(data.positions, message.data) };
    case "position_closed":
      return { ...data, positions: data.positions.filter((p) => p.trade_uuid !== message.data.trade_uuid) };
    case "decision":
      return { ...data, decisions: [message.data, ...data.decisions].slice(0, DECISIONS_KEPT) };
    case "overview":
      return {
        ...data,
        overview: merge(data.overview, message.data),
        heard: { ...data.heard, overview: now },
      };
    case "health_update":
      return { ...data, health: message.data, heard: { ...data.heard, health: now } };
    default:
      return data; // trade_update is for the ledger's queries; an unknown type is a later server's
  }
}

function replace(positions: readonly Position[], told: Position): readonly Position[] {
  const others = positions.filter((position) => position.trade_uuid !== told.trade_uuid);
  return told.state === "CLOSED" ? others : [...others, told].sort(newestFirst);
}

function merge(known: Overview | null, told: OverviewDelta): Overview {
  const { equity_point, ...figures } = told;
  const history = known?.equity_history ?? [];
  return { ...figures, equity_history: equity_point ? extend(history, equity_point) : history };
}

function extend(history: EquityPoint[], point: EquityPoint): EquityPoint[] {
  const last = history.at(-1);
  if (last && point[0] < last[0]) return history; // a chart's time only runs forwards
  const kept = last && point[0] === last[0] ? history.slice(0, -1) : history;
  return [...kept, point].slice(-EQUITY_POINTS_KEPT);
}

function newestFirst(a: Position, b: Position): number {
  return b.opened_at - a.opened_at || a.trade_uuid.localeCompare(b.trade_uuid);
}
