/** How near the desk is to its limits, and what it holds by token: live. */
import { useQuery } from "@tanstack/react-query";
import { useSession } from "../../app";
import { useCurrent, useLive } from "../../live/react";
import { Money } from "../../ui/figures";
import { Empty, Panel } from "../../ui/parts";
import { fullness, type Lot, lotsOf, type Use, usesOf } from "./limits";

const NEAR = 80; // percent of a limit from which it is worth a warning
const LOTS_SHOWN = 6;

export function ExposurePanel() {
  const { api } = useSession();
  const current = useCurrent();
  const positions = useLive((data) => data.positions);
  const overview = useLive((data) => data.overview);
  const settings = useQuery({ queryKey: ["settings"], queryFn: api.settings, refetchInterval: 15_000 });
  const uses = usesOf(
    positions,
    settings.data?.items ?? [],
    overview?.equity_lamports ?? null,
    overview?.pnl_24h_lamports ?? null,
  );
  return (
    <Panel title="Exposure" className={current ? "" : "stale"}>
      <ul aria-label="Limits in use" className="flex flex-col gap-2.5 p-3">
        {uses.map((use) => (
          <Meter key={use.id} use={use} />
        ))}
      </ul>
      <h3 className="border-y border-line bg-raised px-3 py-1 text-2xs font-semibold text-dim">By token</h3>
      <Lots lots={lotsOf(positions)} />
    </Panel>
  );
}

function Meter({ use }: { use: Use }) {
  const full = fullness(use);
  const tone =
    full !== null && full >= 100 ? "fill-loss" : full !== null && full >= NEAR ? "fill-warn" : "fill-accent";
  return (
    <li>
      <div className="mb-1 flex items-baseline justify-between gap-2 text-xs">
        <span className="text-dim">{use.label}</span>
        <span className="num whitespace-nowrap text-text">
          <Amount use={use} value={use.used} />
          <span className="text-faint">
            {" "}
            / {use.most === null ? "—" : <Amount use={use} value={use.most} />}
          </span>
        </span>
      </div>
      <svg
        role="img"
        aria-label={full === null ? `${use.label}: no limit known` : `${use.label}: ${full} % used`}
        viewBox="0 0 100 4"
        preserveAspectRatio="none"
        className="block h-1 w-full overflow-hidden rounded-full"
      >
        <rect width="100" height="4" className="fill-hover" />
        <rect width={full ?? 0} height="4" className={tone} />
      </svg>
    </li>
  );
}

function Amount({ use, value }: { use: Use; value: bigint }) {
  return use.unit === "count" ? value.toLocaleString("en") : <Money lamports={String(value)} digits={3} />;
}

function Lots({ lots }: { lots: Lot[] }) {
  if (lots.length === 0) return <Empty title="Nothing is held" />;
  const rest = lots.slice(LOTS_SHOWN).reduce((total, lot) => total + lot.lamports, 0n);
  return (
    <ul aria-label="Held by token" className="divide-y divide-line text-xs">
      {lots.slice(0, LOTS_SHOWN).map((lot) => (
        <li key={lot.mint} className="flex h-8 items-center justify-between px-3">
          <span className="font-semibold">{lot.symbol}</span>
          <Money lamports={String(lot.lamports)} unit />
        </li>
      ))}
      {rest > 0n && (
        <li className="flex h-8 items-center justify-between px-3 text-dim">
          <span>{lots.length - LOTS_SHOWN} more</span>
          <Money lamports={String(rest)} unit />
        </li>
      )}
    </ul>
  );
}
