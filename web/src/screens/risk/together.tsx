/** How far what is held moves together, and with SOL: renewed with every bar. */
import { useQuery } from "@tanstack/react-query";
import { useSession } from "../../app";
import { shortenAddresses } from "../../format/words";
import { useLive } from "../../live/react";
import { Empty, ErrorState, Loading, Panel } from "../../ui/parts";

const SHOWN = 8;
const STRONG = 0.7;

export function TogetherPanel() {
  const { api } = useSession();
  const positions = useLive((data) => data.positions);
  const found = useQuery({ queryKey: ["correlation"], queryFn: api.correlation, refetchInterval: 15_000 });
  const symbols = new Map(positions.map((one) => [one.token_address, one.token_symbol]));
  const name = (mint: string) => symbols.get(mint) || shortenAddresses(mint);
  const pairs = found.data?.pairs.slice(0, SHOWN);
  return (
    <Panel title="Moves together" aside={<span className="text-2xs text-faint">last 15 minutes</span>}>
      {pairs ? (
        pairs.length === 0 ? (
          <Empty title="Nothing is held" />
        ) : (
          <ul aria-label="Correlation" className="divide-y divide-line text-xs">
            {pairs.map((pair) => (
              <li
                key={`${pair.one} ${pair.other}`}
                className="flex h-8 items-center justify-between gap-2 px-3"
              >
                <span className="truncate">
                  {name(pair.one)} <span className="text-faint">and</span> {name(pair.other)}
                </span>
                {pair.correlation === null ? (
                  <span className="whitespace-nowrap text-2xs text-faint">not enough data</span>
                ) : (
                  <span className={`num ${pair.correlation >= STRONG ? "text-warn" : "text-dim"}`}>
                    {pair.correlation.toFixed(2).replace("-", "−")}
                  </span>
                )}
              </li>
            ))}
          </ul>
        )
      ) : found.error ? (
        <ErrorState error={found.error} retry={() => void found.refetch()} />
      ) : (
        <Loading rows={2} />
      )}
    </Panel>
  );
}
