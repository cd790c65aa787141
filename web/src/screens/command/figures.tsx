/** The account in figures: what is there, what trading cost, how the trades went, and whether the books agree. */
import type { ReactNode } from "react";
import { useLive } from "../../live/react";
import { Address, Money, Usd } from "../../ui/figures";
import { Badge, Panel, Stat } from "../../ui/parts";

export function FiguresPanel() {
  const overview = useLive((data) => data.overview);
  if (!overview) return null;
  const decided = overview.wins + overview.losses;
  return (
    <Panel
      title="Account"
      className="max-wide:order-1"
      aside={<Address value={overview.wallet} label="the trading wallet's address" ends={6} />}
    >
      <dl className="grid flex-1 grid-cols-3 content-evenly gap-x-4 gap-y-3 p-3">
        <Stat
          label="Balance"
          note={
            overview.sol_usd_micro === null ? "no SOL price" : <SolPrice micro={overview.sol_usd_micro} />
          }
        >
          <Money lamports={overview.balance_lamports} />
        </Stat>
        <Stat label="Open positions" note={`${overview.closed_trades} closed`}>
          <Count>{overview.open_positions}</Count>
        </Stat>
        <Stat
          label="Won / lost"
          note={decided === 0 ? "none decided" : `${Math.floor((overview.wins * 100) / decided)}% won`}
        >
          <Count>
            {overview.wins} / {overview.losses}
          </Count>
        </Stat>
        <Stat label="Fees paid">
          <Money lamports={overview.fees_lamports} digits={6} />
        </Stat>
        <Stat label="Tips paid">
          <Money lamports={overview.tips_lamports} digits={6} />
        </Stat>
        <Stat label="Rent in accounts">
          <Money lamports={overview.rent_lamports} digits={6} />
        </Stat>
        <Stat label="Signals">
          <Count>{overview.signals.toLocaleString("en")}</Count>
        </Stat>
        <Stat label="Refused">
          <Count>{overview.refused.toLocaleString("en")}</Count>
        </Stat>
        <Stat label="Ledger and chain">
          <Books agree={overview.ledger_matches_chain} />
        </Stat>
      </dl>
    </Panel>
  );
}

function SolPrice({ micro }: { micro: string }) {
  return (
    <>
      <Usd micro={micro} /> a SOL
    </>
  );
}

function Count({ children }: { children: ReactNode }) {
  return <span className="num">{children}</span>;
}

function Books({ agree }: { agree: boolean | null }) {
  if (agree === null) return <Badge title="The first comparison is still to come">not compared</Badge>;
  return agree ? (
    <Badge tone="good" title="The ledger equals the chain, to the lamport">
      equal
    </Badge>
  ) : (
    <Badge tone="bad" title="The ledger and the chain disagree: look before trading on">
      differ
    </Badge>
  );
}
