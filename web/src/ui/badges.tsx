/** The words of the domain as badges: strategy, side, trade status, outcome. One colour a meaning, everywhere. */
import type { Outcome, Side, Strategy, TradeStatus } from "../api/client";
import { humanize } from "../format/words";
import { Badge, type Tone } from "./parts";

const STATUS: Record<TradeStatus, Tone> = {
  PENDING: "neutral",
  QUEUED: "neutral",
  EXECUTING: "accent",
  ACTIVE: "accent",
  EXITING: "warn",
  CLOSED: "neutral",
  RETRY: "warn",
  FAILED: "bad",
  DEAD_LETTER: "bad",
};

const OUTCOME: Record<Outcome, Tone> = {
  accepted: "neutral",
  approved: "accent",
  confirmed: "good",
  closed: "good",
  refused: "warn",
  failed: "bad",
  info: "neutral",
};

const STRATEGY: Record<string, Tone> = { SHIELD: "shield", SPEAR: "spear" };

/** A decision may also be of style EXIT, which belongs to neither. */
export function StrategyBadge({ strategy }: { strategy: Strategy | "EXIT" }) {
  return <Badge tone={STRATEGY[strategy] ?? "neutral"}>{humanize(strategy)}</Badge>;
}

export function StatusBadge({ status }: { status: TradeStatus }) {
  return <Badge tone={STATUS[status] ?? "neutral"}>{humanize(status)}</Badge>;
}

export function OutcomeBadge({ outcome }: { outcome: Outcome }) {
  return <Badge tone={OUTCOME[outcome] ?? "neutral"}>{humanize(outcome)}</Badge>;
}

/** Direction is not gain: it has no colour of its own. */
export function SideText({ side }: { side: Side }) {
  return <span className="text-2xs font-semibold text-dim">{side}</span>;
}

export function outcomeTone(outcome: Outcome | null): Tone {
  return outcome === null ? "neutral" : (OUTCOME[outcome] ?? "neutral");
}
