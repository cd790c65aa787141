/** Every part of the house, and whether it is well. */
import { useQuery } from "@tanstack/react-query";
import type { CheckStatus, HealthChecks } from "../../api/house";
import { useSession } from "../../app";
import { formatMillis } from "../../format/bytes";
import { formatSpan } from "../../format/time";
import { humanize } from "../../format/words";
import { useLive } from "../../live/react";
import { Dash } from "../../ui/figures";
import { Badge, Panel, type Tone } from "../../ui/parts";
import { type Column, Table } from "../../ui/table";

const TONE: Record<CheckStatus, Tone> = { passing: "good", warning: "warn", failing: "bad" };
type Check = HealthChecks["checks"][number];

const COLUMNS: Column<Check>[] = [
  {
    id: "name",
    header: "Part",
    meta: { card: "head" },
    cell: ({ row: { original } }) => <span className="font-medium">{humanize(original.name)}</span>,
  },
  {
    id: "status",
    header: "State",
    meta: { card: "head" },
    cell: ({ row: { original } }) => (
      <Badge tone={TONE[original.status] ?? "neutral"}>{humanize(original.status)}</Badge>
    ),
  },
  {
    id: "message",
    header: "Says",
    meta: { card: "wide", className: "w-full max-w-0" },
    cell: ({ row: { original } }) => (
      <span className="block truncate text-dim max-sm:whitespace-normal" title={original.message}>
        {original.message}
      </span>
    ),
  },
  {
    id: "took",
    header: "Answered in",
    meta: { align: "right", card: "foot" },
    cell: ({ row: { original } }) =>
      original.response_time_ms ? (
        <span className="num whitespace-nowrap text-dim">{formatMillis(original.response_time_ms)}</span>
      ) : (
        <span className="max-sm:hidden">
          <Dash />
        </span>
      ),
  },
];

export function ChecksPanel() {
  const { api } = useSession();
  const uptime = useLive((data) => data.health?.uptime_seconds ?? null);
  const checks = useQuery({ queryKey: ["health checks"], queryFn: api.healthChecks, refetchInterval: 5_000 });
  return (
    <Panel
      title="Parts of the house"
      aside={
        <span className="flex items-center gap-2 text-2xs text-faint">
          {uptime !== null && <span className="num">up {formatSpan(uptime * 1_000)}</span>}
          {checks.data && (
            <Badge tone={TONE[checks.data.overall] ?? "neutral"}>{humanize(checks.data.overall)}</Badge>
          )}
        </span>
      }
      className={checks.error && checks.data ? "stale" : ""}
    >
      <Table
        label="Health checks"
        columns={COLUMNS}
        rows={checks.data?.checks}
        rowKey={(check) => check.name}
        error={checks.error}
        retry={() => void checks.refetch()}
        empty={{ title: "Nothing is checked" }}
      />
    </Panel>
  );
}
