/** Who or what changed what, and why. An admin puts a setting back from here. */
import { keepPreviousData, useQuery, useQueryClient } from "@tanstack/react-query";
import { createContext, useContext, useState } from "react";
import type { ConfigChange } from "../../api/steering";
import { useMay, useSession } from "../../app";
import { shortenAddresses } from "../../format/words";
import { GuardedConfirm } from "../../shell/guarded";
import { Moment } from "../../ui/figures";
import { Pager } from "../../ui/pager";
import { Button, Panel } from "../../ui/parts";
import { type Column, Table } from "../../ui/table";
import { useNotify } from "../../ui/toast";

const PAGE = 25;

interface Undo {
  /** The keys that PUT /config knows: only these can be put back. */
  keys: ReadonlySet<string>;
  ask: (change: ConfigChange) => void;
}
const UndoContext = createContext<Undo>({ keys: new Set(), ask: () => {} });

const COLUMNS: Column<ConfigChange>[] = [
  {
    id: "key",
    header: "What",
    meta: { card: "head" },
    cell: ({ row: { original } }) => (
      <span className="num whitespace-nowrap max-sm:break-all max-sm:whitespace-normal" title={original.key}>
        {shortenAddresses(original.key)}
      </span>
    ),
  },
  {
    id: "values",
    header: "Was → is",
    meta: { card: "wide" },
    cell: ({ row: { original } }) => (
      <span
        className="num block max-w-72 truncate max-sm:max-w-none max-sm:break-all max-sm:whitespace-normal"
        title={`${original.old_value || "—"} → ${original.new_value || "—"}`}
      >
        <span className="text-faint">{original.old_value || "—"}</span>
        <span className="text-faint"> → </span>
        <span className="text-text">{original.new_value || "—"}</span>
      </span>
    ),
  },
  {
    id: "reason",
    header: "Reason",
    meta: { card: "wide", className: "w-full max-w-0" },
    cell: ({ row: { original } }) => (
      <span className="block truncate text-dim max-sm:whitespace-normal" title={original.change_reason}>
        {original.change_reason}
      </span>
    ),
  },
  {
    id: "by",
    header: "By",
    meta: { card: "foot" },
    cell: ({ row: { original } }) => (
      <span className="whitespace-nowrap text-dim" title={original.changed_by}>
        {shortenAddresses(original.changed_by)}
      </span>
    ),
  },
  {
    id: "at",
    header: "When",
    meta: { align: "right", card: "foot" },
    cell: ({ row: { original } }) => <Moment at={original.changed_at} date className="text-dim" />,
  },
  {
    id: "undo",
    header: "",
    meta: { align: "right", card: "foot" },
    cell: ({ row: { original } }) => <UndoButton change={original} />,
  },
];

export function Audit() {
  const { api } = useSession();
  const queries = useQueryClient();
  const notify = useNotify();
  const [offset, setOffset] = useState(0);
  const [asking, setAsking] = useState<ConfigChange | null>(null);
  const audit = useQuery({
    queryKey: ["audit", offset],
    queryFn: () => api.configAudit({ limit: PAGE, offset }),
    placeholderData: keepPreviousData,
    refetchInterval: 10_000,
  });
  const settings = useQuery({ queryKey: ["settings"], queryFn: api.settings });
  const keys = new Set(settings.data?.items.map((setting) => setting.key));
  const undo = async (reason: string) => {
    if (!asking) return;
    const done = await api.undoChange(asking.seq, reason);
    notify("good", done.message || "Put back.");
    for (const queryKey of [["audit"], ["settings"]]) void queries.invalidateQueries({ queryKey });
  };
  return (
    <Panel
      title="Changes"
      aside={<Pager offset={offset} limit={PAGE} total={audit.data?.total} onTurn={setOffset} />}
      className={`min-h-44 wide:flex-1 ${audit.error && audit.data ? "stale" : ""}`}
    >
      <UndoContext value={{ keys, ask: setAsking }}>
        <Table
          label="Changes"
          columns={COLUMNS}
          rows={audit.data?.items}
          rowKey={(change) => `${change.seq}-${change.key}`}
          error={audit.error}
          retry={() => void audit.refetch()}
          empty={{ title: "Nothing was changed yet" }}
        />
      </UndoContext>
      {asking && (
        <GuardedConfirm
          title="Put this change back?"
          confirm="Put back"
          reason=""
          onConfirm={undo}
          onClose={() => setAsking(null)}
        >
          <p>
            <code className="num">{asking.key}</code> becomes{" "}
            <code className="num text-text">{asking.old_value}</code> again, with all that was changed at the
            same time.
          </p>
        </GuardedConfirm>
      )}
    </Panel>
  );
}

function UndoButton({ change }: { change: ConfigChange }) {
  const { keys, ask } = useContext(UndoContext);
  if (!useMay("admin") || !keys.has(change.key)) return null;
  return (
    <Button size="small" aria-label={`Undo the change of ${change.key}`} onClick={() => ask(change)}>
      Undo
    </Button>
  );
}
