/** The breakers beside the loss breaker: what went wrong how often, what is stopped, and who closes it by hand. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import type { Breaker } from "../../api/client";
import { useMay, useSession } from "../../app";
import { formatSpan } from "../../format/time";
import { humanize, readable } from "../../format/words";
import { useNow } from "../../live/react";
import { GuardedConfirm } from "../../shell/guarded";
import { Badge, Button, Empty, ErrorState, Loading, Panel, type Tone } from "../../ui/parts";
import { useNotify } from "../../ui/toast";

const LOSS = "loss"; // has a panel of its own
const STATE: Record<string, [Tone, string]> = {
  CLOSED: ["good", "Closed"],
  OPEN: ["bad", "Open"],
  HALF_OPEN: ["warn", "On trial"],
};

export function BreakersPanel() {
  const { api } = useSession();
  const found = useQuery({ queryKey: ["breakers"], queryFn: api.breakers, refetchInterval: 5_000 });
  const [asking, setAsking] = useState<Breaker | null>(null);
  const items = found.data?.items.filter((one) => one.name !== LOSS);
  return (
    <Panel title="Breakers" className={found.error && found.data ? "stale" : ""}>
      {items ? (
        items.length === 0 ? (
          <Empty title="The desk has not reported them yet" />
        ) : (
          <ul aria-label="Breakers" className="divide-y divide-line">
            {items.map((one) => (
              <Row key={one.name} breaker={one} onReset={() => setAsking(one)} />
            ))}
          </ul>
        )
      ) : found.error ? (
        <ErrorState error={found.error} retry={() => void found.refetch()} />
      ) : (
        <Loading rows={4} />
      )}
      {asking && <ResetDialog breaker={asking} onClose={() => setAsking(null)} />}
    </Panel>
  );
}

function Row({ breaker, onReset }: { breaker: Breaker; onReset: () => void }) {
  const admin = useMay("admin");
  const now = useNow();
  const [tone, word]: [Tone, string] = breaker.enabled
    ? (STATE[breaker.state] ?? ["neutral", humanize(breaker.state)])
    : ["neutral", "Off"];
  const left = breaker.until_ms === null ? 0 : breaker.until_ms - now;
  return (
    <li className="flex flex-col gap-1 px-3 py-2 text-xs">
      <div className="flex min-h-6 items-center justify-between gap-2">
        <span className="font-medium text-text">{humanize(breaker.name)}</span>
        <span className="flex items-center gap-2">
          {admin && breaker.enabled && breaker.state !== "CLOSED" && (
            <Button size="small" aria-label={`Reset the ${breaker.name} breaker`} onClick={onReset}>
              Reset
            </Button>
          )}
          <Badge tone={tone}>{word}</Badge>
        </span>
      </div>
      {breaker.cause && <p className="text-text">{readable(breaker.cause)}</p>}
      <p className="num text-2xs text-faint">
        {told(breaker)}
        {left > 0 && `; tries again in ${formatSpan(left)}`}
      </p>
    </li>
  );
}

/** `2 of 8 failures in 15 m 00 s, 1 of 4 in a row`; a limit of 0 is none. */
function told({ counts, stops }: Breaker): string {
  const what = stops === "spear" ? "stops Spear" : "stops buys";
  if (counts === null) return what;
  const { failures, failures_max, in_row, in_row_max, window_ms } = counts;
  const parts = [
    failures_max > 0 && `${failures} of ${failures_max} failures in ${formatSpan(window_ms)}`,
    in_row_max > 0 && `${in_row} of ${in_row_max} in a row`,
  ];
  return [what, parts.filter(Boolean).join(", ")].filter(Boolean).join(": ");
}

function ResetDialog({ breaker, onClose }: { breaker: Breaker; onClose: () => void }) {
  const { api } = useSession();
  const queries = useQueryClient();
  const notify = useNotify();
  return (
    <GuardedConfirm
      title={`Close the ${breaker.name.replaceAll("_", " ")} breaker?`}
      confirm="Reset breaker"
      reason=""
      onClose={onClose}
      onConfirm={async (reason) => {
        const done = await api.resetBreaker(reason, breaker.name);
        notify("good", done.message);
        for (const queryKey of [["breakers"], ["audit"]]) void queries.invalidateQueries({ queryKey });
      }}
    >
      <p>
        It opened because {breaker.cause ? readable(breaker.cause) : "too much went wrong"}. After the reset
        new signals may buy again at once.
      </p>
    </GuardedConfirm>
  );
}
