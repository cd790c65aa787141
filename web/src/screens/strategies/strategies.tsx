/** Strategies: what each does by which rules, how the two styles perform, and the button that pauses one. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import type { Steering, StrategySeen } from "../../api/house";
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
  if (strategy.failed)
    return ["bad", "Parked", `It is left out; its positions keep a stop. ${strategy.failed}`];
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
  const [asking, setAsking] = useState<Steering | null>(null);
  const [tone, word, text] = stateOf(strategy);
  const title = humanize(strategy.name);
  return (
    <Panel
      title={title}
      aside={
        <span className="flex items-center gap-2">
          <Badge tone={tone}>{word}</Badge>
          {operator && strategy.running && <Actions strategy={strategy} title={title} onAsk={setAsking} />}
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
      {asking && (
        <SteerDialog name={strategy.name} title={title} action={asking} onClose={() => setAsking(null)} />
      )}
    </Panel>
  );
}

function Actions(props: { strategy: StrategySeen; title: string; onAsk: (action: Steering) => void }) {
  const { strategy, title, onAsk } = props;
  const possible: Steering[] = strategy.failed ? ["resume"] : [strategy.paused ? "start" : "pause", "park"];
  return possible.map((action) => (
    <Button
      key={action}
      size="small"
      look={action === "pause" ? "alarm" : action === "park" ? "quiet" : "plain"}
      aria-label={`${humanize(action)} ${title}`}
      onClick={() => onAsk(action)}
    >
      {humanize(action)}
    </Button>
  ));
}

const MEANING: Record<Steering, { done: string; text: string }> = {
  pause: {
    done: "is paused.",
    text: "It buys nothing from the next decision on. What it holds is watched and sold as before.",
  },
  start: { done: "may buy again.", text: "It may buy again from the next decision on." },
  park: {
    done: "is parked.",
    text: "It is asked nothing any more, neither to buy nor to sell; the engine keeps a stop for what it holds.",
  },
  resume: { done: "is resumed.", text: "It is asked again from the next event on, about what it holds too." },
};

function SteerDialog(props: { name: string; title: string; action: Steering; onClose: () => void }) {
  const { name, title, action, onClose } = props;
  const { api } = useSession();
  const queries = useQueryClient();
  const notify = useNotify();
  const stops = action === "pause" || action === "park";
  const steer = async (reason: string) => {
    await api.steerStrategy(name, action, reason);
    notify(stops ? "warn" : "good", `${title} ${MEANING[action].done}`);
    for (const queryKey of [["strategies"], ["settings"], ["audit"]])
      void queries.invalidateQueries({ queryKey });
  };
  return (
    <Confirm
      title={`${humanize(action)} ${title}?`}
      confirm={`${humanize(action)} now`}
      danger={stops}
      reason=""
      onConfirm={steer}
      onClose={onClose}
    >
      <p>{MEANING[action].text}</p>
    </Confirm>
  );
}
