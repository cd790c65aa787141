/** How the two styles of copying did over some days. */
import { useQuery } from "@tanstack/react-query";
import { useId, useState } from "react";
import type { Strategy } from "../../api/client";
import { useSession } from "../../app";
import { StrategyBadge } from "../../ui/badges";
import { Dash, Money } from "../../ui/figures";
import { ErrorState, Loading, Panel, Stat } from "../../ui/parts";

const SPANS = [1, 7, 30, 365];
const STYLES: Strategy[] = ["SHIELD", "SPEAR"];

export function Performance() {
  const [days, setDays] = useState(7);
  const id = useId();
  return (
    <Panel
      title="Performance"
      aside={
        <>
          <label htmlFor={id} className="sr-only">
            Over
          </label>
          <select
            id={id}
            value={days}
            onChange={(event) => setDays(Number(event.target.value))}
            className="h-6 rounded border border-edge bg-panel px-1 text-2xs text-text"
          >
            {SPANS.map((span) => (
              <option key={span} value={span}>
                {span === 1 ? "24 hours" : `${span} days`}
              </option>
            ))}
          </select>
        </>
      }
    >
      <div className="divide-y divide-line">
        {STYLES.map((style) => (
          <Style key={style} style={style} days={days} />
        ))}
      </div>
    </Panel>
  );
}

function Style({ style, days }: { style: Strategy; days: number }) {
  const { api } = useSession();
  const found = useQuery({
    queryKey: ["trades", "performance", style, days],
    queryFn: () => api.performance(style, days),
    refetchInterval: 15_000,
  });
  const told = found.data;
  if (!told)
    return found.error ? (
      <ErrorState error={found.error} retry={() => void found.refetch()} />
    ) : (
      <Loading rows={2} />
    );
  return (
    <section aria-label={style} className="p-3">
      <div className="mb-2 flex items-baseline justify-between">
        <StrategyBadge strategy={style} />
        <Money lamports={told.total_pnl} signed unit digits={5} className="text-base font-semibold" />
      </div>
      <dl className="grid grid-cols-3 gap-3">
        <Stat label="Round trips">
          <span className="num">{told.trade_count.toLocaleString("en")}</span>
        </Stat>
        <Stat
          label="Won"
          note={
            <span className="num">
              {told.wins} of {told.wins + told.losses}
            </span>
          }
        >
          <Share value={told.win_rate} digits={0} />
        </Stat>
        <Stat label="Return on spent">
          <Share value={told.avg_return} digits={2} />
        </Stat>
      </dl>
    </section>
  );
}

function Share({ value, digits }: { value: number | null; digits: number }) {
  if (value === null) return <Dash />;
  return <span className="num">{(value * 100).toFixed(digits).replace("-", "−")} %</span>;
}
