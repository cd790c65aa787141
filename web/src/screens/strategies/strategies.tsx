/** Strategies: what each does by which rules, how the two styles perform, and the button that pauses one. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import type { StrategySeen } from "../../api/house";
import { useMay, useSession } from "../../app";
import { humanize } from "../../format/words";
import { useCurrent } from "../../live/react";
import { Confirm } from "../../ui/dialog";
import { Badge, Button, Empty, ErrorState, Loading, Panel, type Tone } from "../../ui/parts";
import { useNotify } from "../../ui/toast";
import { Allocation } from "./allocation";
import { Params } from "./params";
import { Performance } from "./performance";

export function Strategies() {
  const { api } = useSession();
  const current = useCurrent();
  const found = useQuery({ queryKey: ["strategies"], queryFn: api.strategies, refetchInterval: 5_000 });
  return (
    <div
      className={`flex flex-col gap-2 wide:grid wide:grid-cols-[minmax(0,1fr)_24rem] wide:items-start ${current ? "" : "stale"}`}
    >
      <h1 className="sr-only">Strategies</h1>
      <div className="flex min-w-0 flex-col gap-2">
        {found.data ? (
          found.data.items.length === 0 ? (
            <Panel title="Strategies">
              <Empty title="There is no strategy" />
            </Panel>
          ) : (
            found.data.items.map((one) => <StrategyPanel key={one.name} strategy={one} />)
          )
        ) : (
          <Panel title="Strategies">
            {found.error ? (
              <ErrorState error={found.error} retry={() => void found.refetch()} />
            ) : (
              <Loading rows={6} />
            )}
          </Panel>
        )}
      </div>
      <div className="flex min-w-0 flex-col gap-2 max-wide:order-first">
        <Performance />
        <Allocation />
      </div>
    </div>
  );
}

function stateOf(strategy: StrategySeen): [Tone, string, string] {
  if (strategy.failed) return ["bad", "Parked", `It failed and is left out: ${strategy.failed}`];
  if (!strategy.running)
    return [
      "neutral",
      "Off",
      "It was switched off at start; its section's `enabled` in the settings starts it.",
    ];
  if (strategy.paused) return ["warn", "Paused", "It buys nothing; what it holds it may sell."];
  return ["good", "Running", "It may buy and sell."];
}

function StrategyPanel({ strategy }: { strategy: StrategySeen }) {
  const operator = useMay("operator");
  const [asking, setAsking] = useState(false);
  const [tone, word, text] = stateOf(strategy);
  const title = humanize(strategy.name);
  return (
    <Panel
      title={title}
      aside={
        <span className="flex items-center gap-2">
          <Badge tone={tone}>{word}</Badge>
          {operator && strategy.running && !strategy.failed && (
            <Button
              size="small"
              look={strategy.paused ? "plain" : "alarm"}
              aria-label={`${strategy.paused ? "Start" : "Pause"} ${title}`}
              onClick={() => setAsking(true)}
            >
              {strategy.paused ? "Start" : "Pause"}
            </Button>
          )}
        </span>
      }
    >
      <div className="flex flex-wrap items-baseline justify-between gap-2 px-3 py-2 text-xs">
        <p className="text-dim">{text}</p>
        <Link
          to="/configuration"
          search={{ find: strategy.name }}
          className="rounded-sm text-accent hover:underline"
        >
          Change its settings
        </Link>
      </div>
      <div className="border-t border-line">
        <Params params={strategy.params} />
      </div>
      {asking && <SteerDialog strategy={strategy} title={title} onClose={() => setAsking(false)} />}
    </Panel>
  );
}

function SteerDialog(props: { strategy: StrategySeen; title: string; onClose: () => void }) {
  const { strategy, title, onClose } = props;
  const { api } = useSession();
  const queries = useQueryClient();
  const notify = useNotify();
  const action = strategy.paused ? "start" : "pause";
  const steer = async (reason: string) => {
    await api.steerStrategy(strategy.name, action, reason);
    notify(action === "pause" ? "warn" : "good", `${title} is ${action === "pause" ? "paused" : "running"}.`);
    for (const queryKey of [["strategies"], ["settings"], ["audit"]])
      void queries.invalidateQueries({ queryKey });
  };
  return (
    <Confirm
      title={`${action === "pause" ? "Pause" : "Start"} ${title}?`}
      confirm={action === "pause" ? "Pause now" : "Start now"}
      danger={action === "pause"}
      reason=""
      onConfirm={steer}
      onClose={onClose}
    >
      <p>
        {action === "pause"
          ? "It buys nothing from the next decision on. What it holds is watched and sold as before."
          : "It may buy again from the next decision on."}
      </p>
    </Confirm>
  );
}
