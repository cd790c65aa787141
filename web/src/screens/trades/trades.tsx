/** The ledger: every trade that was ever begun, filtered and by page. The address holds the filters. */
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useId } from "react";
import { TRADE_STATUSES, type TradeFilter } from "../../api/client";
import { useSession } from "../../app";
import { endOfDay, startOfDay } from "../../format/time";
import { humanize } from "../../format/words";
import type { LedgerSearch } from "../../router";
import { FIELD, Field } from "../../ui/field";
import { Button, Panel } from "../../ui/parts";
import { Table } from "../../ui/table";
import { TRADE_COLUMNS } from "./columns";
import { ExportButton } from "./export";

const PAGE_SIZES = [25, 50, 100];
const USUAL_SIZE = 50;

export function Trades() {
  const search = useSearch({ from: "/trades" });
  const navigate = useNavigate({ from: "/trades" });
  const { api } = useSession();
  const filter = toFilter(search);
  const trades = useQuery({
    queryKey: ["trades", filter],
    queryFn: () => api.trades(filter),
    placeholderData: keepPreviousData,
    refetchInterval: 15_000, // the live link asks sooner; this is for when it is lost
  });
  const change: Change = (part) => {
    // A new filter starts at its first page; keys that are undefined leave the address.
    const next = { ...search, page: undefined, ...part };
    void navigate({
      search: Object.fromEntries(Object.entries(next).filter(([, value]) => value !== undefined)),
      replace: true,
    });
  };
  const filtered = Boolean(search.status ?? search.strategy ?? search.from ?? search.to);
  return (
    <div className="flex flex-col gap-2 wide:h-full">
      <h1 className="sr-only">Trade ledger</h1>
      <Filters search={search} filtered={filtered} onChange={change} />
      <Panel
        title="Trade ledger"
        aside={<Pager filter={filter} total={trades.data?.total} search={search} onChange={change} />}
        className={`min-h-72 flex-1 ${trades.error && trades.data ? "stale" : ""}`}
      >
        <Table
          label="Trades"
          columns={TRADE_COLUMNS}
          rows={trades.data?.items}
          rowKey={(trade) => trade.trade_uuid}
          onOpen={(trade) => void navigate({ search: (old) => ({ ...old, trade: trade.trade_uuid }) })}
          error={trades.error}
          retry={() => void trades.refetch()}
          empty={
            filtered
              ? { title: "No trade fits these filters", hint: "Widen the dates, or clear the filters." }
              : { title: "No trade yet", hint: "The first accepted signal begins one." }
          }
        />
      </Panel>
    </div>
  );
}

function toFilter(search: LedgerSearch): TradeFilter {
  const limit = search.size ?? USUAL_SIZE;
  return {
    status: search.status,
    strategy: search.strategy,
    from: startOfDay(search.from),
    to: endOfDay(search.to),
    limit,
    offset: ((search.page ?? 1) - 1) * limit,
  };
}

type Change = (part: { [Name in keyof LedgerSearch]: LedgerSearch[Name] | undefined }) => void;

function Filters({
  search,
  filtered,
  onChange,
}: {
  search: LedgerSearch;
  filtered: boolean;
  onChange: Change;
}) {
  const id = useId();
  return (
    <form
      aria-label="Filters"
      onSubmit={(event) => event.preventDefault()}
      className="grid grid-cols-2 items-end gap-2 sm:flex sm:flex-wrap"
    >
      <Field id={`${id}-status`} label="Status">
        <select
          id={`${id}-status`}
          value={search.status ?? ""}
          onChange={(event) =>
            onChange({ status: (event.target.value || undefined) as LedgerSearch["status"] })
          }
          className={FIELD}
        >
          <option value="">All</option>
          {TRADE_STATUSES.map((status) => (
            <option key={status} value={status}>
              {humanize(status)}
            </option>
          ))}
        </select>
      </Field>
      <Field id={`${id}-strategy`} label="Strategy">
        <select
          id={`${id}-strategy`}
          value={search.strategy ?? ""}
          onChange={(event) =>
            onChange({ strategy: (event.target.value || undefined) as LedgerSearch["strategy"] })
          }
          className={FIELD}
        >
          <option value="">Both</option>
          <option value="SHIELD">Shield</option>
          <option value="SPEAR">Spear</option>
        </select>
      </Field>
      <Field id={`${id}-from`} label="From">
        <input
          id={`${id}-from`}
          type="date"
          value={search.from ?? ""}
          max={search.to}
          onChange={(event) => onChange({ from: event.target.value || undefined })}
          className={`num ${FIELD}`}
        />
      </Field>
      <Field id={`${id}-to`} label="To">
        <input
          id={`${id}-to`}
          type="date"
          value={search.to ?? ""}
          min={search.from}
          onChange={(event) => onChange({ to: event.target.value || undefined })}
          className={`num ${FIELD}`}
        />
      </Field>
      {filtered && (
        <Button
          look="quiet"
          onClick={() => onChange({ status: undefined, strategy: undefined, from: undefined, to: undefined })}
        >
          Clear filters
        </Button>
      )}
      <span className="hidden sm:ml-auto sm:block" />
      <ExportButton filter={toFilter(search)} />
    </form>
  );
}

function Pager(props: {
  filter: TradeFilter;
  total: number | undefined;
  search: LedgerSearch;
  onChange: Change;
}) {
  const { filter, total, search, onChange } = props;
  if (total === undefined) return null;
  const page = search.page ?? 1;
  const pages = Math.max(1, Math.ceil(total / filter.limit));
  const first = total === 0 ? 0 : filter.offset + 1;
  const turn = (to: number) => onChange({ page: to > 1 ? to : undefined });
  return (
    <div className="flex items-center gap-1.5 text-2xs text-faint">
      <span className="num whitespace-nowrap">
        {Math.min(first, total)}–{Math.min(filter.offset + filter.limit, total)} of{" "}
        {total.toLocaleString("en")}
      </span>
      <select
        aria-label="Rows on a page"
        value={filter.limit}
        onChange={(event) =>
          onChange({
            size: Number(event.target.value) === USUAL_SIZE ? undefined : Number(event.target.value),
          })
        }
        className="hidden h-6 rounded border border-edge bg-panel px-1 text-text sm:block"
      >
        {PAGE_SIZES.map((size) => (
          <option key={size}>{size}</option>
        ))}
      </select>
      <Button
        size="small"
        aria-label="Earlier page"
        icon="back"
        disabled={page <= 1}
        onClick={() => turn(page - 1)}
      />
      <Button
        size="small"
        aria-label="Next page"
        icon="chevron"
        disabled={page >= pages}
        onClick={() => turn(page + 1)}
      />
    </div>
  );
}
