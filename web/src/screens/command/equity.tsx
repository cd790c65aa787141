/** What everything is worth, now and over time. The line is for the eye; the figures beside it are exact. */
import { useState } from "react";
import type { EquityPoint } from "../../api/client";
import { formatMoment } from "../../format/time";
import { useLive } from "../../live/react";
import { EquityChart } from "../../ui/chart";
import { Money, Usd } from "../../ui/figures";
import { Empty, Panel } from "../../ui/parts";

const NONE: EquityPoint[] = [];

export function EquityPanel() {
  const overview = useLive((data) => data.overview);
  const [at, setAt] = useState<EquityPoint | null>(null);
  if (!overview) return null;
  const history = overview.equity_history ?? NONE;
  return (
    <Panel
      title="Equity"
      aside={
        <span className={`text-2xs text-faint ${at ? "num" : ""}`}>
          {at ? formatMoment(at[0]) : "balance + open positions"}
        </span>
      }
    >
      <div className="flex flex-wrap items-end gap-x-6 gap-y-2 px-3 pt-2.5">
        <div className="flex items-baseline gap-2">
          <Money
            lamports={at ? at[1] : overview.equity_lamports}
            unit
            className="text-3xl font-semibold tracking-tight [&>span]:text-sm"
          />
          {!at && overview.equity_usd_micro !== null && (
            <Usd micro={overview.equity_usd_micro} className="text-dim" />
          )}
        </div>
        <dl className="ml-auto flex gap-5 text-right">
          <Side label="24 h" lamports={overview.pnl_24h_lamports} />
          <Side label="Realised" lamports={overview.realised_pnl_lamports} />
          <Side label="Unrealised" lamports={overview.unrealised_pnl_lamports} />
        </dl>
      </div>
      <div className="h-44 px-1 pb-1 wide:h-40">
        {history.length < 2 ? (
          <Empty title="The line begins with the second measurement" />
        ) : (
          <EquityChart points={history} onPoint={setAt} />
        )}
      </div>
    </Panel>
  );
}

function Side({ label, lamports }: { label: string; lamports: string | null }) {
  return (
    <div>
      <dt className="label">{label}</dt>
      <dd>
        <Money lamports={lamports} signed className="text-base font-medium" />
      </dd>
    </div>
  );
}
