/** Dead letters: signals and trades that got lost. An operator lets one in again or puts it away for good. */
import { keepPreviousData, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { createContext, useContext, useState } from "react";
import type { DeadLetter } from "../../api/steering";
import { useMay, useSession } from "../../app";
import { humanize } from "../../format/words";
import { Confirm } from "../../ui/dialog";
import { Moment } from "../../ui/figures";
import { Pager } from "../../ui/pager";
import { Badge, Button, Panel } from "../../ui/parts";
import { type Column, Table } from "../../ui/table";
import { useNotify } from "../../ui/toast";

const PAGE = 25;

const REASON: Record<string, string> = {
  QUEUE_FULL: "The queue was full",
  PARSE_ERROR: "It could not be read",
  VALIDATION_FAILED: "A field was not valid",
  MAX_RETRIES: "It failed as often as it may",
};

type Deed = "retry" | "discard";
const AskContext = createContext<(letter: DeadLetter, deed: Deed) => void>(() => {});

const COLUMNS: Column<DeadLetter>[] = [
  {
    id: "reason",
    header: "Lost because",
    meta: { card: "head" },
    cell: ({ row: { original } }) => (
      <span className="font-medium whitespace-nowrap" title={original.reason}>
        {REASON[original.reason] ?? humanize(original.reason)}
      </span>
    ),
  },
  {
    id: "state",
    header: "State",
    meta: { card: "head" },
    cell: ({ row: { original } }) =>
      original.processed_at === null ? (
        <Badge tone="warn">Waiting</Badge>
      ) : (
        <Badge title={new Date(original.processed_at).toISOString()}>Dealt with</Badge>
      ),
  },
  {
    id: "details",
    header: "Details",
    meta: { card: "wide", className: "w-full max-w-0" },
    cell: ({ row: { original } }) => <Details letter={original} />,
  },
  {
    id: "at",
    header: "Received",
    meta: { align: "right", card: "foot" },
    cell: ({ row: { original } }) => <Moment at={original.received_at} date className="text-dim" />,
  },
  {
    id: "deeds",
    header: "",
    meta: { align: "right", card: "foot" },
    cell: ({ row: { original } }) => <Deeds letter={original} />,
  },
];

export function Letters() {
  const { api } = useSession();
  const queries = useQueryClient();
  const notify = useNotify();
  const [offset, setOffset] = useState(0);
  const [asking, setAsking] = useState<{ letter: DeadLetter; deed: Deed } | null>(null);
  const letters = useQuery({
    queryKey: ["letters", offset],
    queryFn: () => api.deadLetters({ limit: PAGE, offset }),
    placeholderData: keepPreviousData,
    refetchInterval: 10_000,
  });
  const perform = async (reason: string) => {
    if (!asking) return;
    const { letter, deed } = asking;
    if (deed === "retry") {
      const { signal_id } = await api.retryLetter(letter.id, reason);
      notify(
        "good",
        signal_id ? (
          <>
            Let in again.{" "}
            <Link to="/why/$id" params={{ id: signal_id }} search={{}} className="text-accent underline">
              See what becomes of it
            </Link>
          </>
        ) : (
          "Let in again."
        ),
      );
    } else {
      await api.discardLetter(letter.id, reason);
      notify("neutral", "The dead letter is put away.");
    }
    for (const queryKey of [["letters"], ["audit"]]) void queries.invalidateQueries({ queryKey });
  };
  return (
    <Panel
      title="Dead letters"
      aside={<Pager offset={offset} limit={PAGE} total={letters.data?.total} onTurn={setOffset} />}
      className={`min-h-40 wide:max-h-80 wide:shrink-0 ${letters.error && letters.data ? "stale" : ""}`}
    >
      <AskContext value={(letter, deed) => setAsking({ letter, deed })}>
        <Table
          label="Dead letters"
          columns={COLUMNS}
          rows={letters.data?.items}
          rowKey={(letter) => String(letter.id)}
          error={letters.error}
          retry={() => void letters.refetch()}
          empty={{ title: "Nothing got lost", hint: "Signals and trades that can't go on end up here." }}
        />
      </AskContext>
      {asking && (
        <Confirm
          title={asking.deed === "retry" ? "Let it in again?" : "Put it away for good?"}
          confirm={asking.deed === "retry" ? "Retry" : "Discard"}
          danger={asking.deed === "discard"}
          reason=""
          onConfirm={perform}
          onClose={() => setAsking(null)}
        >
          <p>
            {asking.deed === "retry"
              ? "It comes in as a new signal of yours, and is checked like any other. It may buy."
              : "Nobody will be asked about it again. The journal keeps it."}
          </p>
          <pre className="num max-h-40 overflow-auto rounded border border-line bg-ground p-2 text-2xs whitespace-pre-wrap break-all">
            {asking.letter.payload || "no payload was kept"}
          </pre>
        </Confirm>
      )}
    </Panel>
  );
}

function Details({ letter }: { letter: DeadLetter }) {
  const more = [
    letter.retry_count > 0 && `${letter.retry_count} ${letter.retry_count === 1 ? "retry" : "retries"}`,
    letter.source_ip && `from ${letter.source_ip}`,
  ].filter(Boolean);
  return (
    <span className="flex min-w-0 items-baseline gap-2">
      <span className="truncate text-dim max-sm:whitespace-normal" title={letter.error_details}>
        {letter.error_details || "no details"}
      </span>
      {more.length > 0 && (
        <span className="text-2xs whitespace-nowrap text-faint max-sm:hidden">{more.join(", ")}</span>
      )}
      {letter.trade_uuid && (
        <Link
          to="."
          search={(old) => ({ ...old, trade: letter.trade_uuid as string })}
          className="shrink-0 rounded-sm text-2xs text-accent hover:underline"
        >
          Open the trade
        </Link>
      )}
    </span>
  );
}

function Deeds({ letter }: { letter: DeadLetter }) {
  const ask = useContext(AskContext);
  if (!useMay("operator") || letter.processed_at !== null) return null;
  return (
    <span className="inline-flex gap-1.5">
      {letter.can_retry && (
        <Button size="small" onClick={() => ask(letter, "retry")}>
          Retry
        </Button>
      )}
      <Button size="small" look="alarm" onClick={() => ask(letter, "discard")}>
        Discard
      </Button>
    </span>
  );
}
