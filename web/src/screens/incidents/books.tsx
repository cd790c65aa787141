/** Reconciliation: where the books and the chain differ, and what of it waits for a person. */
import { keepPreviousData, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { createContext, useContext, useState } from "react";
import type { Discrepancy, Reconciliation } from "../../api/steering";
import { useMay, useSession } from "../../app";
import { exactUnits } from "../../format/money";
import { humanize } from "../../format/words";
import { Confirm } from "../../ui/dialog";
import { Address, Age, Moment, Money } from "../../ui/figures";
import { Pager } from "../../ui/pager";
import { Badge, Button, Panel } from "../../ui/parts";
import { type Column, Table } from "../../ui/table";
import { useNotify } from "../../ui/toast";

const PAGE = 25;

const KIND: Record<string, string> = {
  SIGNATURE_MISMATCH: "Transaction is not what the books say",
  MISSING_TRANSACTION: "Transaction is not on the chain",
  AMOUNT_MISMATCH: "Amounts differ",
  STATE_MISMATCH: "States differ",
};

const ResolveContext = createContext<(row: Discrepancy) => void>(() => {});

const COLUMNS: Column<Discrepancy>[] = [
  {
    id: "kind",
    header: "Difference",
    meta: { card: "head" },
    cell: ({ row: { original } }) => (
      <span className="font-medium whitespace-nowrap" title={original.discrepancy}>
        {KIND[original.discrepancy] ?? humanize(original.discrepancy)}
      </span>
    ),
  },
  {
    id: "state",
    header: "State",
    meta: { card: "head" },
    cell: ({ row: { original } }) =>
      original.resolved_at === null ? (
        <Badge tone="warn">Waiting</Badge>
      ) : (
        <Badge
          tone="good"
          title={`by ${original.resolved_by ?? "?"}, ${new Date(original.resolved_at).toISOString()}`}
        >
          Resolved
        </Badge>
      ),
  },
  {
    id: "books",
    header: "Books",
    cell: ({ row: { original } }) => (
      <Told state={original.expected_state} amount={original.expected_amount} mint={original.mint} />
    ),
  },
  {
    id: "chain",
    header: "Chain",
    cell: ({ row: { original } }) => (
      <Told state={original.actual_on_chain} amount={original.on_chain_amount} mint={original.mint} />
    ),
  },
  {
    id: "about",
    header: "About",
    cell: ({ row: { original } }) => <About row={original} />,
  },
  {
    id: "notes",
    header: "Notes",
    meta: { card: "wide", className: "hidden xl:table-cell w-full max-w-0" },
    cell: ({ row: { original } }) => (
      <span className="block truncate text-dim max-sm:whitespace-normal" title={original.notes}>
        {original.notes}
      </span>
    ),
  },
  {
    id: "at",
    header: "Found",
    meta: { align: "right", card: "foot" },
    cell: ({ row: { original } }) => <Moment at={original.created_at} date className="text-dim" />,
  },
  {
    id: "resolve",
    header: "",
    meta: { align: "right", card: "foot" },
    cell: ({ row: { original } }) => <ResolveButton row={original} />,
  },
];

export function Books() {
  const { api } = useSession();
  const queries = useQueryClient();
  const notify = useNotify();
  const operator = useMay("operator");
  const [offset, setOffset] = useState(0);
  const [waiting, setWaiting] = useState(true);
  const [asking, setAsking] = useState<Discrepancy | "run" | null>(null);
  const books = useQuery({
    queryKey: ["books", waiting, offset],
    queryFn: () => api.reconciliation({ unresolved: waiting, limit: PAGE, offset }),
    placeholderData: keepPreviousData,
    refetchInterval: 10_000,
  });
  const refresh = () => {
    for (const queryKey of [["books"], ["audit"]]) void queries.invalidateQueries({ queryKey });
  };
  return (
    <Panel
      title="Reconciliation"
      aside={
        <div className="flex flex-wrap items-center justify-end gap-2">
          <Pager offset={offset} limit={PAGE} total={books.data?.total} onTurn={setOffset} />
          <button
            type="button"
            aria-pressed={waiting}
            onClick={() => {
              setOffset(0);
              setWaiting(!waiting);
            }}
            className="h-6 rounded px-2 text-2xs font-medium text-dim hover:text-text aria-pressed:bg-hover aria-pressed:text-text"
          >
            Waiting only
          </button>
          {operator && (
            <Button size="small" onClick={() => setAsking("run")}>
              Compare now
            </Button>
          )}
        </div>
      }
      className={`min-h-40 wide:max-h-80 wide:shrink-0 ${books.error && books.data ? "stale" : ""}`}
    >
      {books.data && <LastRun told={books.data} />}
      <ResolveContext value={setAsking}>
        <Table
          label="Differences"
          columns={COLUMNS}
          rows={books.data?.items}
          rowKey={(row) => row.id}
          error={books.error}
          retry={() => void books.refetch()}
          empty={
            waiting
              ? {
                  title: "No difference waits for a person",
                  hint: "Switch off “Waiting only” to see the resolved ones.",
                }
              : { title: "Books and chain never differed" }
          }
        />
      </ResolveContext>
      {asking === "run" && (
        <Confirm
          title="Compare books and chain now?"
          confirm="Compare"
          reason=""
          onClose={() => setAsking(null)}
          onConfirm={async (reason) => {
            const done = await api.reconcileNow(reason);
            notify(done.unresolved ? "warn" : "good", done.message || "Compared.");
            refresh();
          }}
        >
          <p>Every open position is held against the chain. Nothing is bought or sold.</p>
        </Confirm>
      )}
      {asking !== null && asking !== "run" && (
        <Confirm
          title="Resolve this difference?"
          confirm="Resolve"
          reason=""
          onClose={() => setAsking(null)}
          onConfirm={async (note) => {
            await api.resolve(asking.id, note);
            notify("good", "The difference is resolved.");
            refresh();
          }}
        >
          <p>{KIND[asking.discrepancy] ?? humanize(asking.discrepancy)}.</p>
          <p>You say that you looked at it, and what it was. The books are not changed by this.</p>
        </Confirm>
      )}
    </Panel>
  );
}

function LastRun({ told }: { told: Reconciliation }) {
  return (
    <p className="border-b border-line px-3 py-1.5 text-2xs text-faint">
      {told.last_run_at === null ? (
        "Not compared yet."
      ) : (
        <>
          Compared <Age at={told.last_run_at} /> ago ({told.last_cause}): {told.last_positions}{" "}
          {told.last_positions === 1 ? "position" : "positions"}, {told.last_found} found.
        </>
      )}{" "}
      {told.unresolved > 0 && <b className="font-semibold text-warn">{told.unresolved} unresolved</b>}
    </p>
  );
}

function Told({ state, amount, mint }: { state: string; amount: string; mint: string | null }) {
  return (
    <span className="flex flex-col whitespace-nowrap">
      {state && <span className="text-2xs text-faint">{humanize(state)}</span>}
      {mint === null ? (
        <Money lamports={amount} digits={6} unit />
      ) : (
        <span className="num" title={`${amount} base units`}>
          {exactUnits(amount, 0)}
        </span>
      )}
    </span>
  );
}

function About({ row }: { row: Discrepancy }) {
  return (
    <span className="flex flex-col items-start">
      {row.trade_uuid ? (
        <Link
          to="."
          search={(old) => ({ ...old, trade: row.trade_uuid as string })}
          className="rounded-sm whitespace-nowrap text-accent hover:underline"
        >
          Open the trade
        </Link>
      ) : (
        <span className="text-dim">the wallet</span>
      )}
      {row.on_chain_tx_signature && <Address value={row.on_chain_tx_signature} label="signature" />}
    </span>
  );
}

function ResolveButton({ row }: { row: Discrepancy }) {
  const ask = useContext(ResolveContext);
  if (!useMay("operator") || row.resolved_at !== null) return null;
  return (
    <Button size="small" onClick={() => ask(row)}>
      Resolve
    </Button>
  );
}
