/** What the roster shows of a wallet. */
import { createContext, useContext } from "react";
import type { Wallet, WalletStatus } from "../../api/steering";
import { useMay } from "../../app";
import { formatMoment, formatSpan } from "../../format/time";
import { useNow } from "../../live/react";
import { StrategyBadge } from "../../ui/badges";
import { Address, Age, Dash, Money } from "../../ui/figures";
import { Badge, Button, type Tone } from "../../ui/parts";
import type { Column } from "../../ui/table";

const TONE: Record<WalletStatus, Tone> = { ACTIVE: "good", CANDIDATE: "neutral", REJECTED: "bad" };

/** Opens the dialog for a wallet: columns live at module scope, so the screen hands it down. */
export const ChangeContext = createContext<(wallet: Wallet) => void>(() => {});

export const WALLET_COLUMNS: Column<Wallet>[] = [
  {
    id: "address",
    header: "Wallet",
    meta: { card: "head" },
    enableSorting: false,
    cell: ({ row: { original } }) => <Address value={original.address} label="wallet" ends={6} />,
  },
  {
    id: "strategy",
    header: "Copied as",
    meta: { card: "head" },
    accessorFn: (wallet) => wallet.strategy,
    cell: ({ row: { original } }) => <StrategyBadge strategy={original.strategy} />,
  },
  {
    id: "status",
    header: "Status",
    meta: { card: "head" },
    accessorFn: (wallet) => wallet.status,
    cell: ({ row: { original } }) => <StatusCell wallet={original} />,
  },
  {
    id: "score",
    header: "Score",
    meta: { align: "right" },
    accessorFn: (wallet) => wallet.wqs_score ?? -1,
    cell: ({ row: { original } }) =>
      original.wqs_score === null ? <Dash /> : <span className="num">{original.wqs_score}</span>,
  },
  {
    id: "copied",
    header: "Copied",
    meta: { align: "right" },
    accessorFn: (wallet) => wallet.copied,
    cell: ({ row: { original } }) => (
      <span className={`num ${original.copied ? "" : "text-faint"}`}>{original.copied}</span>
    ),
  },
  {
    id: "profit",
    header: "Profit",
    meta: { align: "right" },
    accessorFn: (wallet) => wallet.pnl_lamports,
    sortFn: (a, b) => compare(BigInt(a.original.pnl_lamports), BigInt(b.original.pnl_lamports)),
    cell: ({ row: { original } }) =>
      original.copied === 0 ? (
        <Dash />
      ) : (
        <Money lamports={original.pnl_lamports} signed digits={5} className="font-medium" />
      ),
  },
  {
    id: "last",
    header: "Last trade",
    meta: { align: "right", className: "hidden md:table-cell", card: "none" },
    accessorFn: (wallet) => wallet.last_trade_at ?? 0,
    cell: ({ row: { original } }) => <Age at={original.last_trade_at} className="text-dim" />,
  },
  {
    id: "notes",
    header: "Notes",
    meta: { card: "foot", className: "hidden lg:table-cell w-full max-w-80" },
    enableSorting: false,
    cell: ({ row: { original } }) =>
      original.notes ? (
        <span className="block truncate text-dim" title={original.notes}>
          {original.notes}
        </span>
      ) : (
        <span className="max-sm:hidden">
          <Dash />
        </span>
      ),
  },
  {
    id: "change",
    header: "",
    meta: { align: "right", card: "foot" },
    enableSorting: false,
    cell: ({ row: { original } }) => <ChangeButton wallet={original} />,
  },
];

function StatusCell({ wallet }: { wallet: Wallet }) {
  const now = useNow(10_000);
  const until = wallet.active_until;
  return (
    <span className="inline-flex items-center gap-1.5 whitespace-nowrap">
      <Badge tone={TONE[wallet.status] ?? "neutral"}>{wallet.status}</Badge>
      {until !== null && (
        <span className="num text-2xs text-warn" title={`until ${formatMoment(until)}, then CANDIDATE`}>
          {until > now ? `${formatSpan(until - now)} left` : "ends now"}
        </span>
      )}
    </span>
  );
}

function ChangeButton({ wallet }: { wallet: Wallet }) {
  const change = useContext(ChangeContext);
  if (!useMay("operator")) return null;
  return (
    <Button size="small" aria-label={`Change wallet ${wallet.address}`} onClick={() => change(wallet)}>
      Change
    </Button>
  );
}

function compare(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
