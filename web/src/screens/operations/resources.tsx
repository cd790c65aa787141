/** What the machine has left, and what this process takes of it. */
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { useSession } from "../../app";
import { formatBytes } from "../../format/bytes";
import { ErrorState, Loading, Panel, Stat } from "../../ui/parts";

export function ResourcesPanel() {
  const { api } = useSession();
  const found = useQuery({ queryKey: ["resources"], queryFn: api.resources, refetchInterval: 3_000 });
  const seen = found.data;
  return (
    <Panel
      title="This machine"
      aside={
        seen && (
          <span className="num text-2xs text-faint">
            {seen.cpu_count} cores, load {seen.load_1m.toFixed(2)}
          </span>
        )
      }
      className={found.error && seen ? "stale" : ""}
    >
      {seen ? (
        <>
          <div className="grid gap-3 p-3 sm:grid-cols-3">
            <Gauge label="Processor" share={seen.cpu_percent / 100}>
              {seen.cpu_percent.toFixed(0)} %
            </Gauge>
            <Gauge label="Memory" share={seen.memory_used_bytes / seen.memory_total_bytes}>
              {formatBytes(seen.memory_used_bytes)} of {formatBytes(seen.memory_total_bytes)}
            </Gauge>
            <Gauge label="Disk" share={seen.disk_used_bytes / seen.disk_total_bytes}>
              {formatBytes(seen.disk_free_bytes)} free
            </Gauge>
          </div>
          <dl className="grid grid-cols-2 gap-3 border-t border-line p-3 sm:grid-cols-4">
            <Stat label="This process" note="of a core">
              <span className="num">{seen.process_cpu_percent.toFixed(0)} %</span>
            </Stat>
            <Stat label="Its memory">
              <span className="num">{formatBytes(seen.process_memory_bytes)}</span>
            </Stat>
            <Stat label="Threads, files">
              <span className="num">
                {seen.process_threads}, {seen.process_files}
              </span>
            </Stat>
            <Stat label="Network in, out">
              <span className="num text-xs">
                {formatBytes(seen.network_received_bytes)}, {formatBytes(seen.network_sent_bytes)}
              </span>
            </Stat>
          </dl>
        </>
      ) : found.error ? (
        <ErrorState error={found.error} retry={() => void found.refetch()} />
      ) : (
        <Loading rows={3} />
      )}
    </Panel>
  );
}

const HIGH = 0.9; // above it the bar warns: a full disk stops the journal, and with it all trading

function Gauge({ label, share, children }: { label: string; share: number; children: ReactNode }) {
  const percent = Math.min(100, Math.max(0, share * 100));
  return (
    <div>
      <div className="flex justify-between gap-2 text-xs">
        <span className="text-dim">{label}</span>
        <span className="num">{children}</span>
      </div>
      <svg
        role="img"
        aria-label={`${label}: ${percent.toFixed(0)} % in use`}
        viewBox="0 0 100 3"
        preserveAspectRatio="none"
        className="mt-1 h-1.5 w-full rounded-sm"
      >
        <rect width="100" height="3" className="fill-hover" />
        <rect width={percent} height="3" className={share > HIGH ? "fill-warn" : "fill-accent"} />
      </svg>
    </div>
  );
}
