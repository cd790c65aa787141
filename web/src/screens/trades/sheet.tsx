/** One trade, complete: what it cost and brought, each fill on the chain, and the reasons from first to last. */
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import type { Fill, TradeDetail } from "../../api/client";
import { useSession } from "../../app";
import { exactUnits } from "../../format/money";
import { explain } from "../../format/words";
import { useLive } from "../../live/react";
import { SideText, StatusBadge, StrategyBadge } from "../../ui/badges";
import { Dialog } from "../../ui/dialog";
import { Address, Dash, Moment, Money } from "../../ui/figures";
import { Icon } from "../../ui/icons";
import { Empty, ErrorState, Loading, Stat } from "../../ui/parts";
import { WhyChain } from "../why/why";

/** The sheet of the trade that the address names, over any screen. */
export function TradeSheet() {
  const { trade: uuid } = useSearch({ from: "__root__" });
  const navigate = useNavigate();
  if (!uuid) return null;
  const close = () =>
    void navigate({
      to: ".",
      search: ({ trade: _gone, ...rest }: Record<string, unknown>) => rest as object,
    });
  return (
    <Dialog key={uuid} label="Trade" side onClose={close}>
      <Contents uuid={uuid} onClose={close} />
    </Dialog>
  );
}

function Contents({ uuid, onClose }: { uuid: string; onClose: () => void }) {
  const { api } = useSession();
  const trade = useQuery({ queryKey: ["trade", uuid], queryFn: () => api.trade(uuid) });
  return (
    <div className="flex h-full flex-col">
      <header className="flex h-12 shrink-0 items-center gap-2 border-b border-line px-4">
        {trade.data ? (
          <>
            <h2 className="text-lg font-semibold">{trade.data.token_symbol}</h2>
            <StrategyBadge strategy={trade.data.strategy} />
            <StatusBadge status={trade.data.status} />
          </>
        ) : (
          <h2 className="text-lg font-semibold">Trade</h2>
        )}
        <button
          type="button"
          aria-label="Close"
          onClick={onClose}
          className="ml-auto rounded p-1.5 text-dim hover:bg-hover hover:text-text"
        >
          <Icon name="close" />
        </button>
      </header>
      <div className="flex min-h-0 flex-1 flex-col overflow-y-auto">
        {trade.data ? (
          <Detail trade={trade.data} />
        ) : trade.error ? (
          <ErrorState error={trade.error} retry={() => void trade.refetch()} />
        ) : (
          <Loading rows={8} />
        )}
      </div>
    </div>
  );
}

function Detail({ trade }: { trade: TradeDetail }) {
  return (
    <>
      {trade.error_message && (
        <p className="border-b border-line bg-raised px-4 py-2 text-sm text-loss">{trade.error_message}</p>
      )}
      <dl className="grid grid-cols-3 gap-4 border-b border-line p-4">
        <Stat label="Profit" note={profitNote(trade)}>
          <Money lamports={trade.realised_pnl_lamports} signed digits={5} className="text-lg font-semibold" />
        </Stat>
        <Stat
          label="Spent"
          note={
            <>
              asked <Money lamports={trade.amount_lamports} />
            </>
          }
        >
          <Money lamports={trade.spent_lamports} digits={5} />
        </Stat>
        <Stat label="Received">
          {trade.received_lamports === "0" ? (
            <Dash />
          ) : (
            <Money lamports={trade.received_lamports} digits={5} />
          )}
        </Stat>
        <Stat label="Fees">
          <Money lamports={trade.fees_lamports} digits={6} />
        </Stat>
        <Stat label="Tips">
          <Money lamports={trade.tips_lamports} digits={6} />
        </Stat>
        <Stat label="Rent">
          <Money lamports={trade.rent_lamports} digits={6} />
        </Stat>
      </dl>
      <dl className="grid grid-cols-[7rem_1fr] gap-x-3 gap-y-1.5 border-b border-line p-4 text-xs [&>dt]:text-faint">
        <dt>Begun</dt>
        <dd>
          <Moment at={trade.created_at} date />
        </dd>
        <dt>Last change</dt>
        <dd>
          <Moment at={trade.updated_at} date />
        </dd>
        {trade.exit_reason && (
          <>
            <dt>Sold because</dt>
            <dd>{explain(trade.exit_reason)}</dd>
          </>
        )}
        <dt>Copied wallet</dt>
        <dd>
          <Address value={trade.wallet_address} label="wallet" ends={8} />
        </dd>
        <dt>Token</dt>
        <dd>
          <Address value={trade.token_address} label="token" ends={8} />
        </dd>
        <dt>Trade</dt>
        <dd>
          <Address value={trade.trade_uuid} label="trade id" ends={12} />
        </dd>
        <dt>Signal</dt>
        <dd>
          <Address value={trade.signal_id} label="signal id" ends={12} />
        </dd>
      </dl>
      <Section title="Fills on the chain">
        {trade.fills.length === 0 ? (
          <Empty title="Nothing reached the chain" />
        ) : (
          <ol className="divide-y divide-line">
            {trade.fills.map((fill) => (
              <FillRow key={`${fill.leg_id}-${fill.signature}`} fill={fill} trade={trade} />
            ))}
          </ol>
        )}
      </Section>
      <Section
        title="Why"
        aside={
          <Link
            to="/why/$id"
            params={{ id: trade.trade_uuid }}
            search={{}}
            className="rounded-sm text-2xs text-accent hover:underline"
          >
            Open as a page
          </Link>
        }
      >
        <WhyChain id={trade.trade_uuid} />
      </Section>
    </>
  );
}

function profitNote(trade: TradeDetail): string {
  if (trade.realised_pnl_lamports === null) return "nothing sold yet";
  return trade.status === "CLOSED" ? "all costs included" : "of what is sold so far";
}

function Section({
  title,
  aside,
  children,
}: {
  title: string;
  aside?: React.ReactNode;
  children: React.ReactNode;
}) {
  return (
    <section aria-label={title} className="border-b border-line last:border-b-0">
      <header className="flex items-center justify-between px-4 pt-3 pb-1">
        <h3 className="text-xs font-semibold">{title}</h3>
        {aside}
      </header>
      {children}
    </section>
  );
}

function FillRow({ fill, trade }: { fill: Fill; trade: TradeDetail }) {
  const { api } = useSession();
  // A fill does not say its token's decimals; the trade's position does, once its mint was read.
  const position = useQuery({
    queryKey: ["trade", trade.trade_uuid, "position"],
    queryFn: () => api.position(trade.trade_uuid),
    retry: false,
  });
  const token = { symbol: trade.token_symbol, mint: trade.token_address, decimals: position.data?.decimals };
  return (
    <li className="flex flex-col gap-1 px-4 py-2.5 text-xs">
      <div className="flex items-center gap-2">
        <SideText side={fill.side} />
        <Address value={fill.signature} label="signature" ends={8} />
        <ExplorerLink signature={fill.signature} />
        <span className="num ml-auto text-2xs text-faint">
          slot {fill.slot.toLocaleString("en")} · <Moment at={fill.at} />
        </span>
      </div>
      <dl className="grid auto-rows-[1.5rem] grid-cols-[3rem_1fr_auto] items-center gap-x-3 text-2xs text-faint">
        <dt>in</dt>
        <Amount mint={fill.input_mint} amount={fill.amount_in} token={token} />
        <dt>out</dt>
        <Amount mint={fill.output_mint} amount={fill.amount_out} token={token} />
        <dt>cost</dt>
        <dd className="col-span-2 text-dim">
          fee <Money lamports={fill.fee_lamports} digits={6} />, tip{" "}
          <Money lamports={fill.tip_lamports} digits={6} />, rent{" "}
          <Money lamports={fill.rent_lamports} digits={6} />
        </dd>
      </dl>
    </li>
  );
}

const EXPLORER = "https://explorer.solana.com/tx/";

/** Where everybody can look a transaction up; the embedded chain's are nowhere but here. */
function ExplorerLink({ signature }: { signature: string }) {
  const live = useLive((data) => data.health?.mode === "live");
  if (!live) return null;
  return (
    <a
      href={EXPLORER + signature}
      target="_blank"
      rel="noreferrer"
      className="rounded-sm text-accent hover:underline"
    >
      Explorer
    </a>
  );
}

const WRAPPED_SOL = "So11111111111111111111111111111111111111112"; // its base unit is the lamport

interface TradedToken {
  symbol: string;
  mint: string;
  decimals: number | null | undefined;
}

/** Where the token's decimals are not known, the amount stands as the chain has it. */
function Amount({ mint, amount, token }: { mint: string; amount: string; token: TradedToken }) {
  return (
    <>
      <dd className="num text-dim">
        {mint === WRAPPED_SOL ? (
          <Money lamports={amount} digits={9} unit />
        ) : mint === token.mint && token.decimals != null ? (
          <>
            {exactUnits(amount, token.decimals)} <span className="text-faint">{token.symbol}</span>
          </>
        ) : (
          `${exactUnits(amount, 0)} base units`
        )}
      </dd>
      <dd>
        <Address value={mint} label="mint" />
      </dd>
    </>
  );
}
