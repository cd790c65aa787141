/** What stops trading: the kill switch, by hand; the loss breaker, by itself. */
import { useState } from "react";
import { useMay, useSession } from "../../app";
import { formatSpan } from "../../format/time";
import { explain } from "../../format/words";
import { useLive } from "../../live/react";
import { GuardedConfirm } from "../../shell/guarded";
import { HaltDialog } from "../../shell/halt";
import { Dash, Money } from "../../ui/figures";
import { Badge, Button, Loading, Panel, Stat } from "../../ui/parts";
import { useNotify } from "../../ui/toast";

export function KillPanel() {
  const kill = useLive((data) => data.health?.kill_switch ?? null);
  const { api } = useSession();
  const operator = useMay("operator");
  const admin = useMay("admin");
  const [asking, setAsking] = useState<"halt" | "resume" | null>(null);
  return (
    <Panel
      title="Kill switch"
      aside={kill && <Badge tone={kill.active ? "bad" : "good"}>{kill.active ? "On" : "Off"}</Badge>}
    >
      {kill === null ? (
        <Loading rows={2} />
      ) : (
        <div className="flex flex-col gap-3 p-3 text-xs text-dim">
          <p className="text-sm text-text">
            {!kill.active
              ? "Buys and sales go on."
              : kill.mode === "halt_buys"
                ? "Nothing new is bought; exits go on."
                : "Nothing is bought or sold."}
          </p>
          {kill.active && kill.reason && <p>Because: {kill.reason}</p>}
          <div className="flex items-center gap-2">
            {kill.active ? (
              <Button size="small" disabled={!admin} onClick={() => setAsking("resume")}>
                Resume trading
              </Button>
            ) : (
              <Button
                size="small"
                look="alarm"
                icon="halt"
                disabled={!operator}
                onClick={() => setAsking("halt")}
              >
                Halt trading
              </Button>
            )}
            {kill.active && !admin && <span className="text-2xs text-faint">An admin resumes.</span>}
            {!kill.active && !operator && <span className="text-2xs text-faint">An operator halts.</span>}
          </div>
        </div>
      )}
      {asking === "halt" && <HaltDialog onClose={() => setAsking(null)} />}
      {asking === "resume" && (
        <GuardedConfirm
          title="Resume trading?"
          confirm="Resume trading"
          reason=""
          onClose={() => setAsking(null)}
          onConfirm={async (reason) => void (await api.resetKill(reason))}
        >
          <p>The kill switch goes off. New signals may buy again at once.</p>
        </GuardedConfirm>
      )}
    </Panel>
  );
}

const BREAKER = {
  CLOSED: { tone: "good", text: "Closed: buys are allowed." },
  OPEN: { tone: "bad", text: "Tripped: nothing new is bought." },
  HALF_OPEN: { tone: "warn", text: "Trying: one loss trips it again." },
} as const;

export function BreakerPanel() {
  const breaker = useLive((data) => data.health?.circuit_breaker ?? null);
  const today = useLive((data) => data.overview?.pnl_24h_lamports ?? null);
  const { api } = useSession();
  const notify = useNotify();
  const admin = useMay("admin");
  const [asking, setAsking] = useState(false);
  const look = breaker && BREAKER[breaker.state];
  return (
    <Panel title="Loss breaker" aside={look && <Badge tone={look.tone}>{breaker.state}</Badge>}>
      {breaker === null || !look ? (
        <Loading rows={3} />
      ) : (
        <div className="flex flex-col gap-3 p-3 text-xs text-dim">
          <p className="text-sm text-text">{look.text}</p>
          {breaker.trip_reason && <p>Because: {explain(breaker.trip_reason)}</p>}
          <dl className="grid grid-cols-2 gap-3">
            <Stat label="Profit, 24 h">
              <Money lamports={today} signed digits={5} />
            </Stat>
            <Stat label="Cooldown">
              {breaker.cooldown_remaining_secs > 0 ? (
                <span className="num">{formatSpan(breaker.cooldown_remaining_secs * 1_000)}</span>
              ) : (
                <Dash />
              )}
            </Stat>
          </dl>
          {breaker.state !== "CLOSED" && (
            <div className="flex items-center gap-2">
              <Button size="small" disabled={!admin} onClick={() => setAsking(true)}>
                Reset breaker
              </Button>
              {!admin && <span className="text-2xs text-faint">An admin resets.</span>}
            </div>
          )}
        </div>
      )}
      {asking && (
        <GuardedConfirm
          title="Reset the loss breaker?"
          confirm="Reset breaker"
          reason=""
          onClose={() => setAsking(false)}
          onConfirm={async (reason) => {
            const done = await api.resetBreaker(reason);
            notify("good", done.message);
          }}
        >
          <p>
            It tripped because losses reached a limit. After the reset, new signals may buy again at once.
          </p>
        </GuardedConfirm>
      )}
    </Panel>
  );
}
