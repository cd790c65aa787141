/** What is held right now, live, and the button to let go of it. */
import { Link, useNavigate } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import type { Position } from "../../api/client";
import { useMay, useSession } from "../../app";
import { parseInteger } from "../../format/money";
import { useLive } from "../../live/react";
import { StrategyBadge } from "../../ui/badges";
import { Confirm } from "../../ui/dialog";
import { Address, Age, Bps, Money, SlotAge, Units } from "../../ui/figures";
import { Badge, Button, Panel } from "../../ui/parts";
import { type Column, Table } from "../../ui/table";
import { useNotify } from "../../ui/toast";

export function PositionsPanel() {
  const positions = useLive((data) => data.positions);
  const operator = useMay("operator");
  const navigate = useNavigate();
  const [leaving, setLeaving] = useState<Position | null>(null);
  const columns = useMemo(() => (operator ? [...FIGURES, exitColumn(setLeaving)] : FIGURES), [operator]);
  return (
    <Panel
      title="Live positions"
      aside={<span className="num text-2xs text-faint">{positions.length} open</span>}
      className="min-h-56"
    >
      <Table
        label="Live positions"
        columns={columns}
        rows={positions}
        rowKey={(position) => position.trade_uuid}
        onOpen={(position) =>
          void navigate({ to: ".", search: (old) => ({ ...old, trade: position.trade_uuid }) })
        }
        empty={{
          title: "Nothing is held",
          hint: "A position appears here the moment its buy is confirmed on the chain. Refusals are explained under Decisions.",
        }}
        sortable
      />
      {leaving && <ExitDialog position={leaving} onClose={() => setLeaving(null)} />}
    </Panel>
  );
}

function ExitDialog({ position, onClose }: { position: Position; onClose: () => void }) {
  const { api } = useSession();
  const notify = useNotify();
  const sell = async (reason: string) => {
    await api.exitPosition(position.trade_uuid, reason);
    notify("accent", `Selling ${position.token_symbol}.`);
  };
  return (
    <Confirm
      title={`Sell all ${position.token_symbol}?`}
      confirm="Sell now"
      danger
      reason="Closed by hand"
      onConfirm={sell}
      onClose={onClose}
    >
      <dl className="grid grid-cols-2 gap-x-4 gap-y-1.5">
        <dt>Amount</dt>
        <dd className="text-right text-text">
          <Units amount={position.token_amount} decimals={position.decimals} symbol={position.token_symbol} />
        </dd>
        <dt>Worth about</dt>
        <dd className="text-right text-text">
          <Money lamports={position.value_lamports} unit />
        </dd>
        <dt>Gain if sold there</dt>
        <dd className="text-right">
          <Money lamports={position.unrealised_pnl_lamports} signed unit />
        </dd>
      </dl>
      <p>The sale is simulated first. If the simulation fails, nothing is sent and the position stays.</p>
    </Confirm>
  );
}

const FIGURES: Column<Position>[] = [
  {
    id: "token",
    accessorFn: (position) => position.token_symbol,
    sortFn: inOrder,
    header: "Token",
    meta: { card: "head" },
    cell: ({ row: { original } }) => (
      <Link
        to="."
        search={(old) => ({ ...old, trade: original.trade_uuid })}
        className="rounded-sm text-sm font-semibold hover:text-accent"
      >
        {original.token_symbol}
      </Link>
    ),
  },
  {
    id: "strategy",
    accessorFn: (position) => position.strategy,
    sortFn: inOrder,
    header: "Strategy",
    meta: { card: "head" },
    cell: ({ row: { original } }) => (
      <span className="flex gap-1">
        <StrategyBadge strategy={original.strategy} />
        {original.state === "EXITING" && <Badge tone="warn">Exiting</Badge>}
      </span>
    ),
  },
  {
    id: "amount",
    header: "Amount",
    meta: { align: "right", card: "none", className: "hidden lg:table-cell" },
    enableSorting: false,
    cell: ({ row: { original } }) => <Units amount={original.token_amount} decimals={original.decimals} />,
  },
  money("cost", "Cost", (position) => position.entry_lamports),
  money("value", "Value", (position) => position.value_lamports),
  {
    id: "pnl",
    accessorFn: (position) => parseInteger(position.unrealised_pnl_lamports),
    sortFn: inOrder,
    header: "Gain",
    meta: { align: "right" },
    cell: ({ row: { original } }) => <Money lamports={original.unrealised_pnl_lamports} signed digits={5} />,
  },
  {
    id: "bps",
    accessorFn: (position) => position.unrealised_pnl_bps,
    sortFn: inOrder,
    header: "%",
    meta: { align: "right", card: "head" },
    cell: ({ row: { original } }) => <Bps bps={original.unrealised_pnl_bps} className="font-medium" />,
  },
  {
    id: "price_age",
    accessorFn: (position) => position.price_age_slots,
    sortFn: inOrder,
    header: "Price age",
    meta: { align: "right" },
    cell: ({ row: { original } }) => <SlotAge slots={original.price_age_slots} />,
  },
  {
    id: "limits",
    header: "Stop / target",
    enableSorting: false,
    meta: { align: "right", card: "none", className: "hidden xl:table-cell" },
    cell: ({ row: { original } }) => (
      <span className="text-dim">
        <Money lamports={original.stop_lamports} /> <span className="text-faint">/</span>{" "}
        <Money lamports={original.target_lamports} />
      </span>
    ),
  },
  {
    id: "wallet",
    header: "Copied wallet",
    enableSorting: false,
    meta: { card: "none", className: "hidden xl:table-cell" },
    cell: ({ row: { original } }) => <Address value={original.wallet_address} label="wallet" />,
  },
  {
    id: "age",
    accessorFn: (position) => position.opened_at,
    sortFn: inOrder,
    header: "Held",
    meta: { align: "right" },
    cell: ({ row: { original } }) => <Age at={original.opened_at} className="text-dim" />,
  },
];

function money(id: string, header: string, of: (position: Position) => string | null): Column<Position> {
  return {
    id,
    accessorFn: (position) => parseInteger(of(position)),
    sortFn: inOrder,
    header,
    meta: { align: "right" },
    cell: ({ row: { original } }) => <Money lamports={of(original)} />,
  };
}

interface Sortable {
  getValue: (columnId: string) => unknown;
}

/** Amounts, numbers and names in order; what is not known comes below all. */
function inOrder(a: Sortable, b: Sortable, columnId: string): number {
  const left = a.getValue(columnId) as bigint | number | string | null;
  const right = b.getValue(columnId) as bigint | number | string | null;
  if (left === right) return 0;
  if (left === null) return -1;
  if (right === null) return 1;
  return left < right ? -1 : 1;
}

function exitColumn(leave: (position: Position) => void): Column<Position> {
  return {
    id: "exit",
    header: () => <span className="sr-only">Exit</span>,
    enableSorting: false,
    meta: { align: "right" },
    cell: ({ row: { original } }) => (
      <Button
        size="small"
        disabled={original.state !== "ACTIVE"}
        aria-label={`Sell ${original.token_symbol}`}
        onClick={() => leave(original)}
        className="max-sm:h-8 max-sm:w-full"
      >
        {original.state === "ACTIVE" ? "Sell" : "Selling…"}
      </Button>
    ),
  };
}
