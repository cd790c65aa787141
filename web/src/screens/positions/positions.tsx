/** Positions: what is held and what was, each with its course; an operator sells, and moves stops and targets. */
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useMemo, useRef, useState } from "react";
import type { Position } from "../../api/client";
import { useMay, useSession } from "../../app";
import { useCurrent, useLive } from "../../live/react";
import { useNarrow } from "../../ui/media";
import { Pager } from "../../ui/pager";
import { Empty, Panel } from "../../ui/parts";
import { Table } from "../../ui/table";
import { CLOSED_COLUMNS, exitColumn, POSITION_COLUMNS } from "./columns";
import { PositionDetail } from "./detail";
import { SellDialog } from "./sell";

const PAGE = 25;

export function Positions() {
  const { closed, at } = useSearch({ from: "/positions" });
  const navigate = useNavigate({ from: "/positions" });
  const open = useLive((data) => data.positions);
  const begun = useLive((data) => data.seq !== null);
  const current = useCurrent();
  const detail = useRef<HTMLDivElement>(null);
  const narrow = useNarrow();
  const choose = (uuid: string) => {
    void navigate({ search: (old) => ({ ...old, at: uuid }), replace: true });
    // On a phone it stands below the list, where nobody would look for it.
    if (narrow) requestAnimationFrame(() => detail.current?.scrollIntoView({ block: "start" }));
  };
  // What was chosen stays chosen when it closes: its chart then shows the exit.
  const chosen = at ?? (closed ? undefined : open[0]?.trade_uuid);
  const live = open.find((position) => position.trade_uuid === chosen) ?? null;
  return (
    <div
      className={`flex flex-col gap-2 wide:grid wide:h-full wide:grid-rows-[minmax(12rem,2fr)_minmax(0,3fr)] ${current ? "" : "stale"}`}
    >
      <h1 className="sr-only">Positions</h1>
      {closed ? (
        <ClosedPanel
          onChoose={choose}
          onSwitch={(to) => void navigate({ search: to ? { closed: true } : {} })}
        />
      ) : (
        <OpenPanel
          positions={begun ? open : undefined}
          onChoose={choose}
          onSwitch={(to) => void navigate({ search: to ? { closed: true } : {} })}
        />
      )}
      {chosen ? (
        <div ref={detail} className="flex min-h-0 scroll-mt-16 flex-col [&>section]:flex-1">
          <PositionDetail key={chosen} uuid={chosen} live={live} />
        </div>
      ) : (
        <Panel title="Position">
          <Empty title={closed ? "Choose one to see its course" : "Nothing is held"} />
        </Panel>
      )}
    </div>
  );
}

interface ListProps {
  onChoose: (uuid: string) => void;
  onSwitch: (closed: boolean) => void;
}

function OpenPanel({
  positions,
  onChoose,
  onSwitch,
}: ListProps & { positions: readonly Position[] | undefined }) {
  const operator = useMay("operator");
  const [leaving, setLeaving] = useState<Position | null>(null);
  const columns = useMemo(
    () => (operator ? [...POSITION_COLUMNS, exitColumn(setLeaving)] : POSITION_COLUMNS),
    [operator],
  );
  return (
    <Panel title="Positions" aside={<Switch closed={false} onSwitch={onSwitch} />} className="wide:min-h-0">
      <Table
        label="Open positions"
        columns={columns}
        rows={positions}
        rowKey={(position) => position.trade_uuid}
        onOpen={(position) => onChoose(position.trade_uuid)}
        empty={{
          title: "Nothing is held",
          hint: "A position appears here the moment its buy is confirmed on the chain. Refusals are explained under Decisions.",
        }}
        sortable
      />
      {leaving && <SellDialog position={leaving} onClose={() => setLeaving(null)} />}
    </Panel>
  );
}

function ClosedPanel({ onChoose, onSwitch }: ListProps) {
  const { api } = useSession();
  const [offset, setOffset] = useState(0);
  const found = useQuery({
    queryKey: ["trades", "closed positions", offset],
    queryFn: () => api.positions({ state: "CLOSED", limit: PAGE, offset }),
    placeholderData: keepPreviousData,
  });
  return (
    <Panel
      title="Positions"
      aside={
        <span className="flex items-center gap-3">
          <Pager offset={offset} limit={PAGE} total={found.data?.total} onTurn={setOffset} />
          <Switch closed onSwitch={onSwitch} />
        </span>
      }
      className={`wide:min-h-0 ${found.error && found.data ? "stale" : ""}`}
    >
      <Table
        label="Closed positions"
        columns={CLOSED_COLUMNS}
        rows={found.data?.items}
        rowKey={(position) => position.trade_uuid}
        onOpen={(position) => onChoose(position.trade_uuid)}
        error={found.error}
        retry={() => void found.refetch()}
        empty={{ title: "Nothing was closed yet" }}
      />
    </Panel>
  );
}

function Switch({ closed, onSwitch }: { closed: boolean; onSwitch: (closed: boolean) => void }) {
  const look =
    "h-6 px-2.5 text-2xs font-medium text-dim hover:text-text aria-pressed:bg-hover aria-pressed:text-text";
  return (
    <fieldset aria-label="Which" className="flex overflow-hidden rounded border border-edge">
      <button type="button" aria-pressed={!closed} onClick={() => onSwitch(false)} className={look}>
        Open
      </button>
      <button type="button" aria-pressed={closed} onClick={() => onSwitch(true)} className={look}>
        Closed
      </button>
    </fieldset>
  );
}
