/** Warnings across the top: the live link is lost, the books differ, trading is stopped. */
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { useMay, useSession } from "../app";
import { formatClock, formatSpan } from "../format/time";
import { explain, humanize } from "../format/words";
import { useLinkState, useLive, useNow } from "../live/react";
import { Icon } from "../ui/icons";
import { Button } from "../ui/parts";
import { GuardedConfirm } from "./guarded";

export function LinkBanner() {
  const { link, retryNow } = useLinkState();
  const heard = useLive((data) => data.heard.any);
  const now = useNow();
  if (link.status !== "lost" && !(link.status === "connecting" && link.attempt > 0)) return null;
  const wait = link.status === "lost" ? Math.max(0, Math.floor((link.retryAt - now) / 1_000)) : 0;
  return (
    <Banner tone="warn">
      <span role="status" className="min-w-0 flex-1">
        <b className="font-semibold">Live link lost.</b>{" "}
        {heard > 0
          ? `Figures are from ${formatClock(heard)}; the desk may be trading on.`
          : "No figures came yet."}{" "}
        <span className="num text-dim">
          {link.status === "lost" ? `Trying again in ${wait} s (attempt ${link.attempt}).` : "Connecting…"}
        </span>
      </span>
      <Button size="small" onClick={retryNow} disabled={link.status !== "lost"}>
        Try now
      </Button>
    </Banner>
  );
}

export function StopBanner() {
  const health = useLive((data) => data.health);
  const agree = useLive((data) => data.overview?.ledger_matches_chain ?? null);
  const { api } = useSession();
  const admin = useMay("admin");
  const [asking, setAsking] = useState<"kill" | "breaker" | null>(null);
  if (!health) return null;
  const { kill_switch: kill, circuit_breaker: breaker } = health;
  const close = () => setAsking(null);
  return (
    <>
      {agree === false && (
        <Banner tone="bad">
          <span role="status" className="min-w-0 flex-1">
            <b className="font-semibold">The ledger and the chain disagree.</b>{" "}
            <span className="text-dim">
              Figures on this page may be wrong. Look into it before trading on.
            </span>
          </span>
        </Banner>
      )}
      {health.dev_mode && (
        <Banner tone="warn">
          <span className="min-w-0 flex-1">
            <b className="font-semibold">Development mode.</b>{" "}
            <span className="text-dim">
              Signatures of webhooks are not checked: anyone who reaches this desk can trade.
            </span>
          </span>
        </Banner>
      )}
      {kill.active && (
        <Banner tone="bad">
          <span role="status" className="min-w-0 flex-1">
            <b className="font-semibold">
              Kill switch on:{" "}
              {kill.mode === "halt_buys" ? "no new buys, exits go on" : "all trading is halted"}.
            </b>{" "}
            {kill.reason && <span className="text-dim">{kill.reason}</span>}
          </span>
          {admin && (
            <Button size="small" onClick={() => setAsking("kill")}>
              Resume trading
            </Button>
          )}
        </Banner>
      )}
      {breaker.state !== "CLOSED" && (
        <Banner tone={breaker.state === "OPEN" ? "bad" : "warn"}>
          <span role="status" className="min-w-0 flex-1">
            <b className="font-semibold">
              {breaker.state === "OPEN" ? "Loss breaker tripped: no new buys." : "Loss breaker in cooldown."}
            </b>{" "}
            <span className="text-dim">
              {breaker.trip_reason && `${explain(breaker.trip_reason)}. `}
              {breaker.cooldown_remaining_secs > 0 &&
                `Cooldown ends in ${formatSpan(breaker.cooldown_remaining_secs * 1_000)}.`}
            </span>
          </span>
          {admin && (
            <Button size="small" onClick={() => setAsking("breaker")}>
              Reset breaker
            </Button>
          )}
        </Banner>
      )}
      {health.breakers_open.length > 0 && (
        <Banner tone="warn">
          <span role="status" className="min-w-0 flex-1">
            <b className="font-semibold">
              {health.breakers_open.map(humanize).join(", ")}:{" "}
              {health.breakers_open.length === 1 ? "breaker" : "breakers"} not closed.
            </b>{" "}
            <span className="text-dim">Buys are refused or on trial.</span>
          </span>
          <Link to="/risk" search={{}} className="rounded-sm text-accent hover:underline">
            See which
          </Link>
        </Banner>
      )}
      {asking === "kill" && (
        <GuardedConfirm
          title="Resume trading?"
          confirm="Resume trading"
          reason=""
          onClose={close}
          onConfirm={async (reason) => void (await api.resetKill(reason))}
        >
          <p>The kill switch goes off. New signals may buy again at once.</p>
        </GuardedConfirm>
      )}
      {asking === "breaker" && (
        <GuardedConfirm
          title="Reset the loss breaker?"
          confirm="Reset breaker"
          reason=""
          onClose={close}
          onConfirm={async (reason) => void (await api.resetBreaker(reason))}
        >
          <p>
            It tripped because losses reached a limit. After the reset, new signals may buy again at once.
          </p>
        </GuardedConfirm>
      )}
    </>
  );
}

function Banner({ tone, children }: { tone: "warn" | "bad"; children: React.ReactNode }) {
  const look = tone === "bad" ? "border-loss/50 [&>svg]:text-loss" : "border-warn/50 [&>svg]:text-warn";
  return (
    <div className={`flex items-center gap-2.5 border-b bg-raised px-3 py-1.5 text-xs ${look}`}>
      <Icon name="warning" size={15} />
      {children}
    </div>
  );
}
