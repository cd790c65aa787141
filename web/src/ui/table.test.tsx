import { cleanup, render, screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, describe, expect, it, vi } from "vitest";
import { ApiError } from "../api/client";
import { type Column, Table, type TableProps } from "./table";

interface Row {
  id: string;
  size: number;
}

const columns: Column<Row>[] = [
  {
    id: "name",
    header: "Name",
    meta: { card: "head" },
    enableSorting: false,
    cell: ({ row }) => <a href="#x">{row.original.id}</a>,
  },
  {
    id: "size",
    header: "Size",
    accessorFn: (row) => row.size,
    sortFn: (a, b, column) => Number(a.getValue(column)) - Number(b.getValue(column)),
    cell: ({ row }) => row.original.size,
  },
  { id: "hidden", header: "Detail", meta: { card: "none" }, enableSorting: false, cell: () => "detail" },
];
const rows: Row[] = [
  { id: "b", size: 20 },
  { id: "a", size: 3 },
];

function show(more: Partial<TableProps<Row>> = {}) {
  return render(
    <Table
      label="Rows"
      columns={columns}
      rows={rows}
      rowKey={(row) => row.id}
      empty={{ title: "None here", hint: "Make one." }}
      {...more}
    />,
  );
}

function onPhone(narrow: boolean) {
  vi.spyOn(window, "matchMedia").mockImplementation(
    () =>
      ({
        matches: narrow,
        addEventListener: () => {},
        removeEventListener: () => {},
      }) as unknown as MediaQueryList,
  );
}

const sizes = () =>
  screen
    .getAllByRole("row")
    .slice(1)
    .map((row) => within(row).getAllByRole("cell")[1]?.textContent);

afterEach(cleanup);

describe("a table", () => {
  it("says that it is loading while there are no rows to speak of", () => {
    show({ rows: undefined });
    expect(screen.getByText("Loading")).toBeTruthy();
    expect(screen.queryByRole("table")).toBeNull();
  });

  it("says what went wrong, with its code, and tries again when asked", async () => {
    const retry = vi.fn();
    show({ rows: undefined, error: new ApiError(503, "NOT_READY", "The desk is starting."), retry });
    expect(screen.getByRole("alert").textContent).toContain("The desk is starting.");
    expect(screen.getByText("NOT_READY")).toBeTruthy();
    await userEvent.click(screen.getByRole("button", { name: "Try again" }));
    expect(retry).toHaveBeenCalledOnce();
  });

  it("keeps the rows that it has when asking for newer ones fails", () => {
    show({ error: new Error("gone") });
    expect(screen.getByRole("table")).toBeTruthy();
    expect(screen.queryByRole("alert")).toBeNull();
  });

  it("says that it is empty, and what would change that", () => {
    show({ rows: [] });
    expect(screen.getByText("None here")).toBeTruthy();
    expect(screen.getByText("Make one.")).toBeTruthy();
  });

  it("sorts where it may, and says how", async () => {
    onPhone(false);
    show({ sortable: true });
    expect(sizes()).toEqual(["20", "3"]);
    const button = screen.getByRole("button", { name: "Size" });
    const seen = [];
    for (let click = 0; click < 2; click++) {
      await userEvent.click(button);
      seen.push([screen.getByRole("columnheader", { name: "Size" }).getAttribute("aria-sort"), ...sizes()]);
    }
    expect(seen).toEqual([
      ["descending", "20", "3"],
      ["ascending", "3", "20"],
    ]);
    expect(screen.queryByRole("button", { name: "Name" })).toBeNull();
  });

  it("offers no sorting when it shows a page of a longer list", () => {
    onPhone(false);
    show();
    expect(screen.queryByRole("button", { name: "Size" })).toBeNull();
  });

  it("opens a row by a click beside its links", async () => {
    onPhone(false);
    const onOpen = vi.fn();
    show({ onOpen });
    await userEvent.click(screen.getByText("20"));
    expect(onOpen).toHaveBeenCalledExactlyOnceWith(rows[0]);
    await userEvent.click(screen.getByRole("link", { name: "b" }));
    expect(onOpen).toHaveBeenCalledOnce();
  });

  it("becomes cards on a phone, without the columns that stay out of cards", () => {
    onPhone(true);
    show();
    expect(screen.queryByRole("table")).toBeNull();
    const cards = within(screen.getByRole("list", { name: "Rows" })).getAllByRole("listitem");
    expect(cards.map((card) => card.textContent)).toEqual(["bSize20", "aSize3"]);
  });

  it("draws a row again only when it is another, and opens it in the newest way", async () => {
    const drawn: string[] = [];
    const counted: Column<Row>[] = [
      {
        id: "name",
        header: "Name",
        enableSorting: false,
        cell: ({ row }) => {
          drawn.push(row.original.id);
          return row.original.id;
        },
      },
    ];
    const opened: string[] = [];
    const table = (shown: Row[], way: string) => (
      <Table
        label="Rows"
        columns={counted}
        rows={shown}
        rowKey={(row) => row.id}
        onOpen={(row) => opened.push(`${way} ${row.id}`)}
        empty={{ title: "None" }}
      />
    );
    const { rerender } = render(table(rows, "first"));
    expect(new Set(drawn)).toEqual(new Set(["a", "b"]));
    drawn.length = 0;
    rerender(table([{ id: "c", size: 1 }, ...rows], "second"));
    expect(new Set(drawn)).toEqual(new Set(["c"]));
    await userEvent.click(screen.getByText("a"));
    expect(opened).toEqual(["second a"]);
  });
});
