/** One line on whether the machine can be trusted right now: each organ with its light, its word and its number. */
import type { ReactNode } from "react";
import type { Health } from "../../api/client";
import { formatSpan } from "../../format/time";
import { humanize } from "../../format/words";
import { useLive, useNow } from "../../live/react";
import { Dot, type Tone } from "../../ui/parts";

const SLOT_AGE_WARN_MS = 2_000; // five slots: the feed limps
const SLOT_AGE_BAD_MS = 10_000; // prices are stale, the gate refuses buys
const QUEUE_WARN = 800; // SPEAR signals are shed above this
const REPORT_STALE_MS = 15_000; // a health report older than this says little about now

export function HealthStrip() {
  const health = useLive((data) => data.health);
  const heard = useLive((data) => data.heard.health);
  const now = useNow();
  if (!health) return null;
  const reportAge = now - heard;
  const old = reportAge > REPORT_STALE_MS;
  return (
    <section
      aria-label="Health"
      className={`col-span-full grid grid-cols-3 overflow-hidden rounded-lg border border-line bg-panel sm:grid-cols-5 wide:flex wide:flex-wrap ${old ? "stale" : ""}`}
    >
      <Organ name="System" tone={STATUS_TONE[health.status]} word={humanize(health.status)}>
        {old ? `report ${formatSpan(reportAge)} old` : `up ${formatSpan(health.uptime_seconds * 1_000)}`}
      </Organ>
      <Market market={health.market} />
      <Pools seen={health.market.pools} fresh={health.market.pools_fresh} />
      <Organ name="RPC" tone={toneOf(health.rpc.status)} word={humanize(health.rpc.status)}>
        {health.rpc.latency_ms === null
          ? "no answer yet"
          : `${health.rpc.latency_ms.toFixed(1)} ms · ${health.rpc.endpoint}`}
      </Organ>
      <Breaker breaker={health.circuit_breaker} />
      <Organ
        name="Kill switch"
        tone={health.kill_switch.active ? "bad" : "good"}
        word={health.kill_switch.active ? humanize(health.kill_switch.mode ?? "on") : "Off"}
      >
        {health.kill_switch.active ? "trading is stopped" : "trading allowed"}
      </Organ>
      <Organ
        name="Queue"
        tone={health.queue_depth > QUEUE_WARN ? "warn" : "good"}
        word={health.queue_depth.toLocaleString("en")}
      >
        {health.queue_depth > QUEUE_WARN ? "shedding Spear" : "signals waiting"}
      </Organ>
      <Organ name="Journal" tone={toneOf(health.journal.status)} word={humanize(health.journal.status)}>
        record {health.journal.seq.toLocaleString("en")}
      </Organ>
      <Organ name="Database" tone={toneOf(health.database.status)} word={humanize(health.database.status)}>
        {health.database.behind_records > 0
          ? `${health.database.behind_records} to fold`
          : health.database.message || "up to date"}
      </Organ>
    </section>
  );
}

function Market({ market }: { market: Health["market"] }) {
  const age = market.slot_age_ms ?? Number.POSITIVE_INFINITY;
  const tone: Tone = age > SLOT_AGE_BAD_MS ? "bad" : age > SLOT_AGE_WARN_MS ? "warn" : "good";
  return (
    <>
      <Organ name="Slot" tone={tone} word={market.slot.toLocaleString("en")}>
        {market.slot_age_ms === null ? "none seen yet" : `${formatSpan(market.slot_age_ms)} old`}
      </Organ>
      <Organ name="Feed" tone={toneOf(market.feed)} word={humanize(market.feed)}>
        {market.gaps === 0 ? "no gaps" : `${market.gaps} ${market.gaps === 1 ? "gap" : "gaps"} seen`}
      </Organ>
    </>
  );
}

function Pools({ seen, fresh }: { seen: number; fresh: number }) {
  const stale = seen - fresh;
  return (
    <Organ name="Pools" tone={seen === 0 || stale > 0 ? "warn" : "good"} word={`${fresh} / ${seen}`}>
      {seen === 0 ? "none seen yet" : stale > 0 ? `${stale} stale` : "all fresh"}
    </Organ>
  );
}

const BREAKER: Record<Health["circuit_breaker"]["state"], { tone: Tone; word: string }> = {
  CLOSED: { tone: "good", word: "Active" },
  OPEN: { tone: "bad", word: "Tripped" },
  HALF_OPEN: { tone: "warn", word: "Cooldown" },
};

function Breaker({ breaker }: { breaker: Health["circuit_breaker"] }) {
  const { tone, word } = BREAKER[breaker.state];
  const wait = breaker.cooldown_remaining_secs;
  return (
    <Organ name="Loss breaker" tone={tone} word={word}>
      {wait > 0
        ? `${formatSpan(wait * 1_000)} left`
        : breaker.trading_allowed
          ? "losses within limits"
          : "no new buys"}
    </Organ>
  );
}

const NUMERIC = /^[\d, /]+$/;

function Organ({
  name,
  tone,
  word,
  children,
}: {
  name: string;
  tone: Tone;
  word: string;
  children: ReactNode;
}) {
  return (
    <div className="-mr-px -mb-px flex min-w-0 flex-1 flex-col border-r border-b border-line px-3 py-1.5 max-sm:first:col-span-3 max-sm:first:flex-row max-sm:first:items-center max-sm:first:gap-3">
      <span className="label">{name}</span>
      <span className="flex items-center gap-1.5 text-sm font-medium">
        <Dot tone={tone} />
        <span
          className={`truncate ${NUMERIC.test(word) ? "num" : ""} ${tone === "bad" ? "text-loss" : tone === "warn" ? "text-warn" : ""}`}
        >
          {word}
        </span>
      </span>
      <span className="truncate text-2xs text-faint">{children}</span>
    </div>
  );
}

const STATUS_TONE: Record<Health["status"], Tone> = { healthy: "good", degraded: "warn", unhealthy: "bad" };

function toneOf(status: string): Tone {
  if (["healthy", "connected", "ok"].includes(status)) return "good";
  return ["degraded", "reconnecting", "connecting", "lagging", "stale", "unknown"].includes(status)
    ? "warn"
    : "bad";
}
