/** Markets: every pool with its price, age and doubts; a token's name opens its safety report. */
import { keepPreviousData, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useId, useState } from "react";
import type { Pool } from "../../api/house";
import { useSession } from "../../app";
import { VENUES } from "../../format/venues";
import { useCurrent, useLive } from "../../live/react";
import type { MarketSearch } from "../../router";
import { Confirm } from "../../ui/dialog";
import { FIELD, Field } from "../../ui/field";
import { Pager } from "../../ui/pager";
import { Button, Loading, Panel, Stat } from "../../ui/parts";
import { Table } from "../../ui/table";
import { useNotify } from "../../ui/toast";
import { POOL_COLUMNS, ReleaseContext } from "./columns";
import { TokenSheet } from "./token";

const PAGE = 50;
const ADDRESS = /^[1-9A-HJ-NP-Za-km-z]{32,44}$/;

export function Markets() {
  const search = useSearch({ from: "/markets" });
  const navigate = useNavigate({ from: "/markets" });
  const { api } = useSession();
  const current = useCurrent();
  const [offset, setOffset] = useState(0);
  const [releasing, setReleasing] = useState<Pool | null>(null);
  const mint = search.mint && ADDRESS.test(search.mint) ? search.mint : undefined;
  const pools = useQuery({
    queryKey: ["markets", search.venue, mint, search.doubtful, offset],
    queryFn: () =>
      api.markets({
        venue: search.venue,
        mint,
        doubtful: search.doubtful,
        limit: PAGE,
        offset,
      }),
    placeholderData: keepPreviousData,
    refetchInterval: 3_000,
  });
  const change = (part: { [Name in keyof MarketSearch]: MarketSearch[Name] | undefined }) => {
    setOffset(0);
    const next = Object.entries({ ...search, ...part }).filter(([, value]) => value !== undefined);
    void navigate({ search: Object.fromEntries(next), replace: true });
  };
  const filtered = Boolean(search.venue ?? search.mint ?? search.doubtful);
  return (
    <div className={`flex flex-col gap-2 wide:h-full ${current ? "" : "stale"}`}>
      <h1 className="sr-only">Markets</h1>
      <FeedPanel />
      <Filters search={search} filtered={filtered} onChange={change} />
      <Panel
        title="Pools"
        aside={<Pager offset={offset} limit={PAGE} total={pools.data?.total} onTurn={setOffset} />}
        className={`min-h-72 flex-1 ${pools.error && pools.data ? "stale" : ""}`}
      >
        <ReleaseContext value={setReleasing}>
          <Table
            label="Pools"
            columns={POOL_COLUMNS}
            rows={pools.data?.items}
            rowKey={(pool) => pool.address}
            error={pools.error}
            retry={() => void pools.refetch()}
            sortable
            empty={
              filtered
                ? { title: "No pool fits these filters", hint: "Clear the filters to see them all." }
                : { title: "No pool is known yet", hint: "They come with the feed's first messages." }
            }
          />
        </ReleaseContext>
      </Panel>
      {releasing && <ReleaseDialog pool={releasing} onClose={() => setReleasing(null)} />}
      {search.token && <TokenSheet mint={search.token} onClose={() => change({ token: undefined })} />}
    </div>
  );
}

function FeedPanel() {
  const market = useLive((data) => data.health?.market ?? null);
  if (market === null)
    return (
      <Panel title="Market data">
        <Loading rows={1} />
      </Panel>
    );
  const dropped = Object.values(market.dropped).reduce((total, count) => total + count, 0);
  const unread = Object.values(market.unread).reduce((total, count) => total + count, 0);
  return (
    <Panel title="Market data">
      <dl className="grid grid-cols-3 gap-3 p-3 sm:grid-cols-6">
        <Count label="Pools" value={market.pools} />
        <Count label="With fresh prices" value={market.pools_fresh} />
        <Count label="In quarantine" value={market.pools_quarantined} alarm />
        <Count label="Items of the feed" value={market.received} />
        <Count label="Dropped" value={dropped} alarm note={causes(market.dropped)} />
        <Count label="Not read" value={unread} note={causes(market.unread)} />
      </dl>
      {market.quarantine_reasons.length > 0 && (
        <ul aria-label="Quarantine" className="divide-y divide-line border-t border-line text-xs text-warn">
          {market.quarantine_reasons.map((reason) => (
            <li key={reason} className="px-3 py-1.5 break-words">
              {reason}
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}

function Count({
  label,
  value,
  alarm,
  note,
}: {
  label: string;
  value: number;
  alarm?: boolean;
  note?: string;
}) {
  return (
    <Stat label={label} note={note || undefined}>
      <span className={`num ${alarm && value > 0 ? "text-warn" : ""}`} title={note}>
        {value.toLocaleString("en")}
      </span>
    </Stat>
  );
}

function causes(counts: Record<string, number>): string {
  return Object.entries(counts)
    .filter(([, count]) => count > 0)
    .sort(([, a], [, b]) => b - a)
    .map(([cause, count]) => `${cause} ${count}`)
    .join(", ");
}

function Filters(props: {
  search: MarketSearch;
  filtered: boolean;
  onChange: (part: { [Name in keyof MarketSearch]: MarketSearch[Name] | undefined }) => void;
}) {
  const { search, filtered, onChange } = props;
  const id = useId();
  const wrong = search.mint !== undefined && !ADDRESS.test(search.mint);
  return (
    <form
      aria-label="Filters"
      onSubmit={(event) => event.preventDefault()}
      className="grid grid-cols-2 items-end gap-2 sm:flex sm:flex-wrap"
    >
      <Field id={`${id}-venue`} label="Venue">
        <select
          id={`${id}-venue`}
          value={search.venue ?? ""}
          onChange={(event) => onChange({ venue: event.target.value || undefined })}
          className={FIELD}
        >
          <option value="">All</option>
          {Object.entries(VENUES).map(([venue, name]) => (
            <option key={venue} value={venue}>
              {name}
            </option>
          ))}
        </select>
      </Field>
      <Field id={`${id}-doubt`} label="State">
        <select
          id={`${id}-doubt`}
          value={search.doubtful ? "doubtful" : ""}
          onChange={(event) => onChange({ doubtful: event.target.value ? true : undefined })}
          className={FIELD}
        >
          <option value="">All</option>
          <option value="doubtful">In doubt</option>
        </select>
      </Field>
      <Field id={`${id}-mint`} label={wrong ? "Token's address: not one yet" : "Token's address"}>
        <input
          id={`${id}-mint`}
          type="search"
          spellCheck={false}
          autoComplete="off"
          placeholder="any"
          aria-invalid={wrong}
          value={search.mint ?? ""}
          onChange={(event) => onChange({ mint: event.target.value.trim() || undefined })}
          className={`num sm:w-[25rem] ${FIELD}`}
        />
      </Field>
      {filtered && (
        <Button
          look="quiet"
          onClick={() => onChange({ venue: undefined, mint: undefined, doubtful: undefined })}
        >
          Clear filters
        </Button>
      )}
    </form>
  );
}

function ReleaseDialog({ pool, onClose }: { pool: Pool; onClose: () => void }) {
  const { api } = useSession();
  const queries = useQueryClient();
  const notify = useNotify();
  const release = async (reason: string) => {
    await api.releasePool(pool.address, reason);
    notify("good", `${pool.symbol_a} / ${pool.symbol_b} may be bought from again.`);
    void queries.invalidateQueries({ queryKey: ["markets"] });
  };
  return (
    <Confirm
      title={`Release ${pool.symbol_a} / ${pool.symbol_b}?`}
      confirm="Release now"
      danger
      reason=""
      onConfirm={release}
      onClose={onClose}
    >
      <p>{pool.doubt}</p>
      <p>
        Buys go on there although a transaction of it could not be read. Only a doubt of that kind can be
        lifted by hand.
      </p>
    </Confirm>
  );
}
