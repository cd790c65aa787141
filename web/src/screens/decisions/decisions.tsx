/** Every decision that was ever taken, newest first, read back page by page. A row opens the chain of reasons. */
import { useInfiniteQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useEffect, useId, useMemo } from "react";
import { OUTCOMES } from "../../api/client";
import { useSession } from "../../app";
import { humanize } from "../../format/words";
import { useLive } from "../../live/react";
import type { DecisionSearch } from "../../router";
import { FIELD, Field } from "../../ui/field";
import { Moment } from "../../ui/figures";
import { Button, Panel } from "../../ui/parts";
import { Table } from "../../ui/table";
import { DECISION_COLUMNS } from "./columns";
import { fits, merge, torn } from "./search";

const PAGE = 100;
const ENOUGH = 25; // rows that a filter must find before it stops looking further back by itself
const GAP_REST_MS = 1_000;
const LOOKED_MAX = 1_000; // and how far back it looks by itself

export function Decisions() {
  const search = useSearch({ from: "/decisions" });
  const navigate = useNavigate({ from: "/decisions" });
  const { api } = useSession();
  const heard = useLive((data) => data.decisions);
  // The desk filters by outcome; strategy and token are filtered here, over what was read.
  const { outcome } = search;
  const pages = useInfiniteQuery({
    queryKey: ["decisions", outcome],
    queryFn: ({ pageParam }) => api.decisions({ outcome, before: pageParam, limit: PAGE }),
    initialPageParam: undefined as number | undefined,
    getNextPageParam: (last) => last.next_before ?? undefined,
    staleTime: Number.POSITIVE_INFINITY, // what is written stays; what is new is heard live
    refetchOnMount: "always",
    refetchInterval: outcome ? 20_000 : false, // a gap can't be seen in a part of the list
  });
  const read = useMemo(() => pages.data?.pages.flatMap((page) => page.items), [pages.data]);
  const news = useMemo(
    () => heard.filter((decision) => !outcome || decision.outcome === outcome),
    [heard, outcome],
  );
  const all = useMemo(() => read && merge(news, read), [news, read]);
  const rows = useMemo(() => all?.filter((decision) => fits(decision, search)), [all, search]);

  const { hasNextPage, isFetching, isError, fetchNextPage, refetch } = pages;
  const narrowed = Boolean(search.strategy ?? search.token ?? search.quiet);
  const lookOn =
    narrowed && hasNextPage && (rows?.length ?? 0) < ENOUGH && (read?.length ?? 0) < LOOKED_MAX && !isError;
  useEffect(() => {
    if (lookOn && !isFetching) void fetchNextPage();
  }, [lookOn, isFetching, fetchNextPage]);

  // More came than the live list keeps (the tab slept): what lies between is read again.
  const gap = read !== undefined && !outcome && torn(heard, read);
  useEffect(() => {
    if (!gap || isFetching || isError) return;
    const timer = setTimeout(() => void refetch(), GAP_REST_MS); // the desk's tables may be a moment behind
    return () => clearTimeout(timer);
  }, [gap, isFetching, isError, refetch]);

  const change = (part: { [Name in keyof DecisionSearch]: DecisionSearch[Name] | undefined }) =>
    void navigate({
      search: Object.fromEntries(
        Object.entries({ ...search, ...part }).filter(([, value]) => value !== undefined),
      ),
      replace: true,
    });
  const filtered = Boolean(search.outcome) || narrowed;
  const oldest = read?.at(-1);
  return (
    <div className="flex flex-col gap-2 wide:h-full">
      <h1 className="sr-only">Decisions</h1>
      <Filters search={search} filtered={filtered} onChange={change} />
      <Panel
        title="Decisions"
        aside={
          rows && (
            <span role="status" className="num text-2xs text-faint">
              {narrowed
                ? `${rows.length} of ${all?.length} read`
                : `${rows.length.toLocaleString("en")} shown`}
            </span>
          )
        }
        className="min-h-72 flex-1"
      >
        <div className="flex min-h-0 flex-1 flex-col wide:overflow-y-auto">
          <Table
            label="Decisions"
            columns={DECISION_COLUMNS}
            rows={lookOn && rows?.length === 0 ? undefined : rows}
            rowKey={(decision) => String(decision.seq)}
            onOpen={(decision) =>
              decision.id && void navigate({ to: "/why/$id", params: { id: decision.id }, search: {} })
            }
            error={pages.error}
            retry={() => void refetch()}
            empty={
              filtered
                ? {
                    title: "No decision fits these filters",
                    hint: hasNextPage
                      ? `Looked through the latest ${all?.length}; there are older ones.`
                      : "All of them were looked through. Clear the filters to see the rest.",
                  }
                : {
                    title: "No decision yet",
                    hint: "Signals come from the webhook and from swaps of the wallets that are watched.",
                  }
            }
          />
        </div>
        {oldest && (
          <footer className="flex min-h-10 items-center justify-center gap-3 border-t border-line px-3 py-1.5 text-2xs text-faint">
            {isError ? (
              <span role="alert" className="text-loss">
                Older decisions could not be read.
              </span>
            ) : (
              <span>
                {hasNextPage ? "Read back to " : "The first was at "}
                <Moment at={oldest.at} date />
              </span>
            )}
            {hasNextPage && (
              <Button size="small" disabled={isFetching} onClick={() => void fetchNextPage()}>
                {isFetching ? "Reading…" : "Older decisions"}
              </Button>
            )}
          </footer>
        )}
      </Panel>
    </div>
  );
}

function Filters(props: {
  search: DecisionSearch;
  filtered: boolean;
  onChange: (part: { [Name in keyof DecisionSearch]: DecisionSearch[Name] | undefined }) => void;
}) {
  const { search, filtered, onChange } = props;
  const id = useId();
  return (
    <form
      aria-label="Filters"
      onSubmit={(event) => event.preventDefault()}
      className="grid grid-cols-2 items-end gap-2 sm:flex sm:flex-wrap"
    >
      <Field id={`${id}-outcome`} label="Outcome">
        <select
          id={`${id}-outcome`}
          value={search.outcome ?? ""}
          onChange={(event) =>
            onChange({ outcome: (event.target.value || undefined) as DecisionSearch["outcome"] })
          }
          className={FIELD}
        >
          <option value="">All</option>
          {OUTCOMES.map((outcome) => (
            <option key={outcome} value={outcome}>
              {humanize(outcome)}
            </option>
          ))}
        </select>
      </Field>
      <Field id={`${id}-strategy`} label="Strategy">
        <select
          id={`${id}-strategy`}
          value={search.strategy ?? ""}
          onChange={(event) =>
            onChange({ strategy: (event.target.value || undefined) as DecisionSearch["strategy"] })
          }
          className={FIELD}
        >
          <option value="">Both</option>
          <option value="SHIELD">Shield</option>
          <option value="SPEAR">Spear</option>
        </select>
      </Field>
      <Field id={`${id}-token`} label="Token">
        <input
          id={`${id}-token`}
          type="search"
          placeholder="Symbol or address"
          value={search.token ?? ""}
          onChange={(event) => onChange({ token: event.target.value || undefined })}
          className={FIELD}
        />
      </Field>
      <label className="flex h-8 cursor-pointer items-center gap-1.5 self-end text-xs text-dim">
        <input
          type="checkbox"
          checked={search.quiet ?? false}
          onChange={(event) => onChange({ quiet: event.target.checked || undefined })}
          className="accent-accent"
        />
        Without notes
      </label>
      {filtered && (
        <Button
          look="quiet"
          onClick={() =>
            onChange({ outcome: undefined, strategy: undefined, token: undefined, quiet: undefined })
          }
        >
          Clear filters
        </Button>
      )}
    </form>
  );
}
