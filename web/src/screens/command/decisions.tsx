/** Every yes and no as it falls, with its reason. Each leads to the whole chain of reasons behind it. */
import { Link } from "@tanstack/react-router";
import { memo, useState } from "react";
import type { Decision } from "../../api/client";
import { explain, readable } from "../../format/words";
import { useLive } from "../../live/react";
import { OutcomeBadge } from "../../ui/badges";
import { Moment } from "../../ui/figures";
import { Empty, Panel } from "../../ui/parts";

const VIEWS = [
  { name: "All", shows: () => true },
  {
    name: "Refused",
    shows: (decision: Decision) => decision.outcome === "refused" || decision.outcome === "failed",
  },
  {
    name: "Trades",
    shows: (decision: Decision) => decision.outcome === "confirmed" || decision.outcome === "closed",
  },
] as const;

export function DecisionStream() {
  const decisions = useLive((data) => data.decisions);
  const [view, setView] = useState<(typeof VIEWS)[number]>(VIEWS[0]);
  const shown = decisions.filter(view.shows);
  return (
    <Panel
      title="Decisions"
      aside={<Views chosen={view} onChoose={setView} />}
      className="max-h-[36rem] wide:max-h-none"
    >
      {shown.length === 0 ? (
        <Empty
          title={decisions.length === 0 ? "No decision yet" : "None of the latest decisions is of this kind"}
        >
          {decisions.length === 0 &&
            "Signals come from the webhook and from swaps of the wallets that are watched."}
        </Empty>
      ) : (
        <ol aria-label="Latest decisions" className="min-h-0 flex-1 divide-y divide-line overflow-y-auto">
          {shown.map((decision) => (
            <DecisionRow key={decision.seq} decision={decision} />
          ))}
        </ol>
      )}
    </Panel>
  );
}

function Views({
  chosen,
  onChoose,
}: {
  chosen: (typeof VIEWS)[number];
  onChoose: (view: (typeof VIEWS)[number]) => void;
}) {
  return (
    <fieldset className="flex gap-0.5">
      <legend className="sr-only">Which decisions</legend>
      {VIEWS.map((view) => (
        <button
          key={view.name}
          type="button"
          aria-pressed={view === chosen}
          onClick={() => onChoose(view)}
          className="h-6 rounded px-2 text-2xs font-medium text-dim hover:text-text aria-pressed:bg-hover aria-pressed:text-text"
        >
          {view.name}
        </button>
      ))}
    </fieldset>
  );
}

const DecisionRow = memo(function DecisionRow({ decision }: { decision: Decision }) {
  const body = <DecisionBody decision={decision} />;
  return (
    <li className="animate-flash">
      {decision.id ? (
        <Link
          to="/why/$id"
          params={{ id: decision.id }}
          className={`${ROW} -outline-offset-2 hover:bg-raised`}
        >
          {body}
        </Link>
      ) : (
        <div className={ROW}>{body}</div> // what could not even be read has no id to ask about
      )}
    </li>
  );
});

const ROW = "flex flex-col gap-0.5 px-3 py-2";

function DecisionBody({ decision }: { decision: Decision }) {
  return (
    <>
      <span className="flex items-center gap-2 text-2xs">
        <OutcomeBadge outcome={decision.outcome} />
        <span className="truncate font-medium text-text">
          {[decision.side, decision.token_symbol].filter(Boolean).join(" ")}
        </span>
        <span className="ml-auto text-faint">
          <Moment at={decision.at} />
        </span>
      </span>
      <span className="line-clamp-3 text-xs text-dim" title={decision.text}>
        {readable(decision.text)}
      </span>
      {decision.reason && <Reason decision={decision} reason={decision.reason} />}
    </>
  );
}

/** The code, for whoever knows it by heart or wants to search for it; limit and observation if the text lacks them. */
function Reason({ decision, reason }: { decision: Decision; reason: string }) {
  const { limit, observed, text } = decision;
  const told = [
    limit && !text.includes(limit) && `limit ${limit}`,
    observed && !text.includes(observed) && `observed ${observed}`,
  ];
  return (
    <span className="num text-2xs text-faint" title={explain(reason)}>
      {[reason, ...told].filter(Boolean).join(" · ")}
    </span>
  );
}
