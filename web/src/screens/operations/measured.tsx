/** What the house measures of itself since it started: queues, latencies, loops and failures. */
import { useQuery } from "@tanstack/react-query";
import type { Telemetry } from "../../api/house";
import { useSession } from "../../app";
import { formatMillis } from "../../format/bytes";
import { humanize } from "../../format/words";
import { Badge, Empty, ErrorState, Loading, Panel } from "../../ui/parts";
import { type Column, Table } from "../../ui/table";

function useTelemetry() {
  const { api } = useSession();
  return useQuery({ queryKey: ["telemetry"], queryFn: api.telemetry, refetchInterval: 3_000 });
}

type Queue = Telemetry["queues"][number];
type Latency = Telemetry["latencies"][number];

const count = (value: number, alarm = false) => (
  <span className={`num ${value === 0 ? "text-faint" : alarm ? "text-warn" : ""}`}>
    {value.toLocaleString("en")}
  </span>
);
const millis = (value: number) => <span className="num whitespace-nowrap">{formatMillis(value)}</span>;

const QUEUES: Column<Queue>[] = [
  {
    id: "name",
    header: "Queue",
    meta: { card: "head", className: "w-full" },
    cell: ({ row: { original } }) => <span className="num break-all">{original.name}</span>,
  },
  {
    id: "waiting",
    header: "Waiting",
    meta: { align: "right" },
    cell: ({ row: { original } }) => count(original.waiting),
  },
  {
    id: "dropped",
    header: "Dropped",
    meta: { align: "right" },
    cell: ({ row: { original } }) => count(original.dropped, true),
  },
];

const LATENCIES: Column<Latency>[] = [
  {
    id: "name",
    header: "What",
    meta: { card: "head", className: "w-full max-w-0" },
    cell: ({ row: { original } }) => (
      <span className="block truncate max-sm:whitespace-normal" title={`${original.name} ${original.of}`}>
        <span className="font-medium">{humanize(original.name)}</span>{" "}
        <span className="num text-dim">{original.of}</span>
      </span>
    ),
  },
  {
    id: "count",
    header: "Times",
    meta: { align: "right", card: "none" },
    accessorFn: (latency) => latency.count,
    cell: ({ row: { original } }) => count(original.count),
  },
  {
    id: "p50",
    header: "Median",
    meta: { align: "right" },
    accessorFn: (latency) => latency.p50_ms,
    cell: ({ row: { original } }) => millis(original.p50_ms),
  },
  {
    id: "p95",
    header: "95 %",
    meta: { align: "right" },
    accessorFn: (latency) => latency.p95_ms,
    cell: ({ row: { original } }) => millis(original.p95_ms),
  },
  {
    id: "p99",
    header: "99 %",
    meta: { align: "right" },
    accessorFn: (latency) => latency.p99_ms,
    cell: ({ row: { original } }) => millis(original.p99_ms),
  },
];

export function QueuesPanel() {
  const told = useTelemetry();
  return (
    <Panel title="Queues" className={told.error && told.data ? "stale" : ""}>
      <Table
        label="Queues"
        columns={QUEUES}
        rows={told.data?.queues}
        rowKey={(queue) => queue.name}
        error={told.error}
        retry={() => void told.refetch()}
        empty={{ title: "There is no queue" }}
      />
    </Panel>
  );
}

export function LatencyPanel() {
  const told = useTelemetry();
  return (
    <Panel
      title="Latency"
      aside={<span className="text-2xs text-faint">since the start, from the histograms of /metrics</span>}
      className={told.error && told.data ? "stale" : ""}
    >
      <Table
        label="Latencies"
        columns={LATENCIES}
        rows={told.data?.latencies}
        rowKey={(latency) => `${latency.name} ${latency.of}`}
        error={told.error}
        retry={() => void told.refetch()}
        empty={{ title: "Nothing was measured yet" }}
        sortable
      />
    </Panel>
  );
}

export function LoopsPanel() {
  const told = useTelemetry();
  return (
    <Panel
      title="Loops of this process"
      aside={told.data && <span className="num text-2xs text-faint">{told.data.loops.length} running</span>}
    >
      {told.data ? (
        <>
          {told.data.failures.length > 0 && (
            <ul aria-label="Failures" className="divide-y divide-line border-b border-line text-xs text-warn">
              {told.data.failures.map((failure) => (
                <li key={failure.what} className="flex justify-between gap-3 px-3 py-1.5">
                  <span className="break-all">{failure.what}</span>
                  <span className="num">{failure.count.toLocaleString("en")}</span>
                </li>
              ))}
            </ul>
          )}
          {told.data.loops.length === 0 ? (
            <Empty title="No loop of the house runs in this process" />
          ) : (
            <ul aria-label="Loops" className="flex flex-wrap gap-1.5 p-3">
              {told.data.loops.map((name) => (
                <li key={name}>
                  <Badge tone="good">{name}</Badge>
                </li>
              ))}
            </ul>
          )}
        </>
      ) : told.error ? (
        <ErrorState error={told.error} retry={() => void told.refetch()} />
      ) : (
        <Loading rows={2} />
      )}
    </Panel>
  );
}
