/** The round trips that ended last, and what each brought. */
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import type { Position } from "../../api/client";
import { useSession } from "../../app";
import { formatSpan } from "../../format/time";
import { Panel } from "../../ui/parts";
import { type Column, Table } from "../../ui/table";
import { CLOSED_COLUMNS } from "../positions/columns";

const SHOWN = 12;

const HELD: Column<Position> = {
  id: "held",
  header: "Held for",
  meta: { align: "right", card: "none" },
  cell: ({ row: { original } }) =>
    original.closed_at === null ? null : (
      <span className="num whitespace-nowrap text-dim">
        {formatSpan(original.closed_at - original.opened_at)}
      </span>
    ),
};

/** The shorter list: when it was opened stands in its sheet. */
const COLUMNS: Column<Position>[] = CLOSED_COLUMNS.flatMap((column) =>
  column.id === "opened" ? [HELD] : column.id === "wallet" ? [] : [column],
);

export function ClosedPanel() {
  const { api } = useSession();
  const navigate = useNavigate();
  const found = useQuery({
    queryKey: ["trades", "closed lately"],
    queryFn: () => api.positions({ state: "CLOSED", limit: SHOWN, offset: 0 }),
    refetchInterval: 15_000, // the live link asks sooner
  });
  return (
    <Panel
      title="Closed lately"
      aside={
        <Link
          to="/positions"
          search={{ closed: true }}
          className="num rounded-sm text-2xs text-accent hover:underline"
        >
          {found.data ? `${found.data.total.toLocaleString("en")} closed` : "all"}
        </Link>
      }
      className={`wide:min-h-0 wide:flex-1 ${found.error && found.data ? "stale" : ""}`}
    >
      <Table
        label="Closed lately"
        columns={COLUMNS}
        rows={found.data?.items}
        rowKey={(position) => position.trade_uuid}
        onOpen={(position) =>
          void navigate({ to: ".", search: (old) => ({ ...old, trade: position.trade_uuid }) })
        }
        error={found.error}
        retry={() => void found.refetch()}
        empty={{ title: "Nothing was closed yet" }}
      />
    </Panel>
  );
}
