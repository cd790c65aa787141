/**
 * The table. On a narrow screen each row becomes a card with the same cells; what a column may say about itself is
 * in `meta`. Its states (loading, failed, empty) are part of it, so that no screen forgets one.
 */
import {
  type ColumnDef,
  createSortedRowModel,
  type RowData,
  rowSortingFeature,
  tableFeatures,
  useTable,
} from "@tanstack/react-table";
import { type MouseEvent, memo, type ReactNode, useEffect, useMemo, useRef } from "react";
import { Icon } from "./icons";
import { useNarrow } from "./media";
import { Empty, ErrorState, Loading } from "./parts";

const features = tableFeatures({ rowSortingFeature, sortedRowModel: createSortedRowModel() });

export interface ColumnLook {
  align?: "right";
  /**
   * In a card: `head` stands in its first line without a label, `wide` in a line of its own, `foot` in the last,
   * `none` is left out.
   */
  card?: "head" | "wide" | "foot" | "none";
  /** Extra classes of the column's cells, for widths and for hiding on a middling screen. */
  className?: string;
}

export type Column<T extends RowData> = ColumnDef<typeof features, T, unknown> & { meta?: ColumnLook };

export interface TableProps<T extends RowData> {
  label: string;
  /** Keep it at module scope or memoised: a new array is a new table. */
  columns: readonly Column<T>[];
  rows: readonly T[] | undefined;
  rowKey: (row: T) => string;
  onOpen?: (row: T) => void;
  error?: unknown;
  retry?: () => void;
  empty: { title: string; hint?: string };
  sortable?: boolean;
}

export function Table<T extends RowData>(props: TableProps<T>) {
  if (props.rows === undefined) {
    return props.error ? (
      <ErrorState error={props.error} {...(props.retry && { retry: props.retry })} />
    ) : (
      <Loading />
    );
  }
  if (props.rows.length === 0) return <Empty title={props.empty.title}>{props.empty.hint}</Empty>;
  return <Filled {...props} rows={props.rows} />;
}

function Filled<T extends RowData>(props: TableProps<T> & { rows: readonly T[] }) {
  const narrow = useNarrow();
  // Rows outlive the render that made them, so they ask for the newest way to open one.
  const newest = useRef(props.onOpen);
  useEffect(() => {
    newest.current = props.onOpen;
  }, [props.onOpen]);
  const openable = props.onOpen !== undefined;
  const open = useMemo(
    () => (openable ? (row: unknown) => newest.current?.(row as T) : undefined),
    [openable],
  );
  const table = useTable({
    features,
    columns: props.columns as Column<T>[],
    data: props.rows as T[],
    getRowId: props.rowKey,
    enableSorting: props.sortable ?? false,
    enableSortingRemoval: true,
  });
  const rows = table.getRowModel().rows;
  if (narrow) {
    return (
      <ul aria-label={props.label} className="divide-y divide-line">
        {rows.map((row) => (
          <Card
            key={row.id}
            cells={row.getAllCells().map((cell) => ({
              id: cell.id,
              header: headerText(cell.column.columnDef.header),
              look: (cell.column.columnDef.meta ?? {}) as ColumnLook,
              body: <table.FlexRender cell={cell} />,
            }))}
            {...opener(props.onOpen, row.original)}
          />
        ))}
      </ul>
    );
  }
  return (
    <div className="min-h-0 flex-1 overflow-auto">
      <table aria-label={props.label} className="w-full border-separate border-spacing-0 text-xs">
        <thead>
          {table.getHeaderGroups().map((group) => (
            <tr key={group.id}>
              {group.headers.map((header) => {
                const look = (header.column.columnDef.meta ?? {}) as ColumnLook;
                const sorted = header.column.getIsSorted();
                return (
                  <th
                    key={header.id}
                    scope="col"
                    aria-sort={sorted === "asc" ? "ascending" : sorted === "desc" ? "descending" : undefined}
                    className={`label sticky top-0 z-10 h-7 border-b border-line bg-panel px-2 whitespace-nowrap first:pl-3 last:pr-3 ${look.align === "right" ? "text-right" : "text-left"} ${look.className ?? ""}`}
                  >
                    {header.column.getCanSort() ? (
                      <button
                        type="button"
                        onClick={header.column.getToggleSortingHandler()}
                        className={`inline-flex items-center gap-0.5 rounded-sm hover:text-text ${sorted ? "text-text" : ""}`}
                      >
                        <table.FlexRender header={header} />
                        {sorted && <Icon name={sorted === "asc" ? "up" : "down"} size={11} />}
                      </button>
                    ) : (
                      <table.FlexRender header={header} />
                    )}
                  </th>
                );
              })}
            </tr>
          ))}
        </thead>
        <tbody>
          {rows.map((row) => (
            <Line
              key={row.id}
              of={row.original}
              columns={props.columns}
              onOpen={open}
              cells={() =>
                row.getAllCells().map((cell) => ({
                  id: cell.id,
                  header: "",
                  look: (cell.column.columnDef.meta ?? {}) as ColumnLook,
                  body: <table.FlexRender cell={cell} />,
                }))
              }
            />
          ))}
        </tbody>
      </table>
    </div>
  );
}

interface LineProps {
  of: unknown;
  columns: unknown;
  onOpen: ((row: unknown) => void) | undefined;
  cells: () => CardCell[];
}

/**
 * One row, drawn again only when what it shows is another value: a list of a thousand decisions that gets one more
 * would draw them all, several times a second.
 */
const Line = memo(
  function Line({ of, cells, onOpen }: LineProps) {
    return (
      <tr {...opener(onOpen, of)} className="group hover:bg-raised data-[opens]:cursor-pointer">
        {cells().map(({ id, look, body }) => (
          <td
            key={id}
            className={`h-9 border-b border-line px-2 first:pl-3 last:pr-3 ${look.align === "right" ? "text-right" : ""} ${look.className ?? ""}`}
          >
            {body}
          </td>
        ))}
      </tr>
    );
  },
  (before, after) =>
    before.of === after.of && before.columns === after.columns && before.onOpen === after.onOpen,
);

interface CardCell {
  id: string;
  header: string;
  look: ColumnLook;
  body: ReactNode;
}

function Card({ cells, ...open }: { cells: CardCell[] } & ReturnType<typeof opener>) {
  const shown = cells.filter((cell) => cell.look.card !== "none");
  const part = (name: ColumnLook["card"]) => shown.filter((cell) => cell.look.card === name);
  return (
    <li {...open} className="flex flex-col gap-2 px-3 py-3">
      <div className="flex items-center gap-2 [&>:last-child:not(:first-child)]:ml-auto">
        {part("head").map((cell) => (
          <div key={cell.id}>{cell.body}</div>
        ))}
      </div>
      {part("wide").map((cell) => (
        <div key={cell.id} className="min-w-0 text-xs break-words text-dim empty:hidden">
          {cell.body}
        </div>
      ))}
      <dl className="grid grid-cols-3 gap-x-3 gap-y-2 empty:hidden">
        {part(undefined).map((cell) => (
          <div key={cell.id} className="min-w-0">
            <dt className="label">{cell.header || "\u00a0"}</dt>
            <dd className="overflow-hidden text-xs text-ellipsis">{cell.body}</dd>
          </div>
        ))}
      </dl>
      <div className="flex items-baseline justify-between gap-3 text-2xs empty:hidden [&>:last-child]:shrink-0">
        {part("foot").map((cell) => (
          <div key={cell.id} className="min-w-0 truncate">
            {cell.body}
          </div>
        ))}
      </div>
    </li>
  );
}

/** A click anywhere on the row opens it, except on what has a purpose of its own. */
function opener<T>(onOpen: ((row: T) => void) | undefined, row: T) {
  if (!onOpen) return {};
  return {
    "data-opens": "",
    onClick: (event: MouseEvent<HTMLElement>) => {
      const target = event.target as HTMLElement;
      if (!target.closest("a,button,input,select,label,dialog")) onOpen(row);
    },
  };
}

function headerText(header: unknown): string {
  return typeof header === "string" ? header : "";
}
