/** When trading was stopped and let go on: by whom, why. Read from the record of changes. */
import { useQuery } from "@tanstack/react-query";
import type { ConfigChange } from "../../api/steering";
import { useSession } from "../../app";
import { humanize, readable } from "../../format/words";
import { Moment } from "../../ui/figures";
import { Empty, ErrorState, Loading, Panel } from "../../ui/parts";

const LOOKED_THROUGH = 200; // changes; older stops stand under Incidents
const SHOWN = 8;

export function StopsPanel() {
  const { api } = useSession();
  const found = useQuery({
    queryKey: ["audit", "stops"],
    queryFn: () => api.configAudit({ limit: LOOKED_THROUGH, offset: 0 }),
    refetchInterval: 10_000,
  });
  const stops = found.data?.items.filter(isStop).slice(0, SHOWN);
  return (
    <Panel title="Stopped and resumed" aside={<span className="text-2xs text-faint">latest first</span>}>
      {stops ? (
        stops.length === 0 ? (
          <Empty title="Nothing has stopped trading lately" />
        ) : (
          <ol aria-label="Stopped and resumed" className="divide-y divide-line">
            {stops.map((change) => (
              <li key={`${change.seq}-${change.key}`} className="flex flex-col gap-0.5 px-3 py-2 text-xs">
                <span className="flex items-baseline justify-between gap-2">
                  <span className="font-medium">
                    {humanize(change.key.replace(".", " "))}: {humanize(change.new_value)}
                  </span>
                  <Moment at={change.changed_at} date className="text-2xs text-faint" />
                </span>
                <span className="text-dim" title={change.change_reason}>
                  {readable(change.change_reason)} <span className="text-faint">by {change.changed_by}</span>
                </span>
              </li>
            ))}
          </ol>
        )
      ) : found.error ? (
        <ErrorState error={found.error} retry={() => void found.refetch()} />
      ) : (
        <Loading rows={2} />
      )}
    </Panel>
  );
}

function isStop(change: ConfigChange): boolean {
  return change.key === "kill_switch" || /^(breaker|strategy)\./.test(change.key);
}
