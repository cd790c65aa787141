/** A token's safety report: what of it could hurt, what a simulated buy and sell gave, and whether it may be bought. */
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import type { Probe, TokenReport } from "../../api/house";
import { useSession } from "../../app";
import { formatUnits } from "../../format/money";
import { gainOf } from "../../format/percent";
import { explain } from "../../format/words";
import { Dialog } from "../../ui/dialog";
import { Address, Age, Bps, Dash, Money, Usd } from "../../ui/figures";
import { Icon } from "../../ui/icons";
import { Badge, ErrorState, Loading, Stat, type Tone } from "../../ui/parts";

export function TokenSheet({ mint, onClose }: { mint: string; onClose: () => void }) {
  const { api } = useSession();
  const token = useQuery({
    queryKey: ["token", mint],
    queryFn: () => api.token(mint),
    refetchInterval: 10_000,
  });
  return (
    <Dialog label="Token safety report" side onClose={onClose}>
      <div className="flex h-full flex-col">
        <header className="flex h-12 shrink-0 items-center gap-2 border-b border-line px-4">
          <h2 className="truncate text-lg font-semibold">{headOf(token.data)}</h2>
          {token.data && <Verdicts token={token.data} />}
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
          {token.data ? (
            <Report token={token.data} />
          ) : token.error ? (
            <ErrorState error={token.error} retry={() => void token.refetch()} />
          ) : (
            <Loading rows={8} />
          )}
        </div>
      </div>
    </Dialog>
  );
}

function headOf(token: TokenReport | undefined): string {
  return token?.symbol || (token?.own_symbol ? `“${token.own_symbol}”` : "Token");
}

function Verdicts({ token }: { token: TokenReport }) {
  return (
    <>
      <Badge tone={token.shield_refusal ? "bad" : "good"}>Shield {token.shield_refusal ? "no" : "yes"}</Badge>
      <Badge tone={token.spear_refusal ? "bad" : "good"}>Spear {token.spear_refusal ? "no" : "yes"}</Badge>
    </>
  );
}

function Report({ token }: { token: TokenReport }) {
  return (
    <>
      <dl className="grid grid-cols-3 gap-4 border-b border-line p-4">
        <Stat label="One fetches">
          {token.price_lamports === null ? (
            <Dash />
          ) : (
            <Money lamports={token.price_lamports} digits={9} unit />
          )}
        </Stat>
        <Stat label="Liquidity">
          <Usd micro={token.liquidity_usd_micro} />
        </Stat>
        <Stat label="Pools">
          <span className="num">{token.pools}</span>
        </Stat>
      </dl>
      {(token.own_name || token.own_symbol) && (
        <p className="border-b border-line px-4 py-2 text-xs text-dim">
          Its maker calls it <b className="font-medium text-text">“{token.own_name || token.own_symbol}”</b>
          {token.own_name && token.own_symbol && ` (${token.own_symbol})`}. Nobody checks that: go by the
          address.
        </p>
      )}
      <ul aria-label="Checks" className="divide-y divide-line border-b border-line">
        <Check name="Mint authority" tone={token.mint_authority ? "warn" : "good"}>
          {token.mint_authority ? (
            <>
              more can be made by <Address value={token.mint_authority} label="mint authority" />
            </>
          ) : (
            "given up: no more can be made"
          )}
        </Check>
        <Check name="Freeze authority" tone={token.freeze_authority ? "bad" : "good"}>
          {token.freeze_authority ? (
            <>
              accounts can be frozen by <Address value={token.freeze_authority} label="freeze authority" />
            </>
          ) : (
            "given up: nobody can freeze it"
          )}
        </Check>
        <Check name="Transfer fee" tone={token.transfer_fee_bps ? "warn" : "good"}>
          {token.transfer_fee_bps ? <span className="num">{token.transfer_fee_bps / 100} %</span> : "none"}
        </Check>
        <Check name="Extensions" tone={token.extensions.length ? "warn" : "good"}>
          {token.extensions.length ? token.extensions.join(", ") : "none"}
        </Check>
        <Check name="Bought and sold in simulation" tone={probeTone(token.probe)}>
          <ProbeText probe={token.probe} />
        </Check>
        <Check name="For Shield" tone={token.shield_refusal ? "bad" : "good"}>
          {token.shield_refusal ? explain(token.shield_refusal) : "may be bought"}
        </Check>
        <Check name="For Spear" tone={token.spear_refusal ? "bad" : "good"}>
          {token.spear_refusal ? explain(token.spear_refusal) : "may be bought"}
        </Check>
      </ul>
      <dl className="grid grid-cols-[7rem_1fr] gap-x-3 gap-y-1.5 p-4 text-xs [&>dt]:text-faint">
        <dt>Mint</dt>
        <dd>
          <Address value={token.mint} label="mint" ends={10} />
        </dd>
        <dt>Program</dt>
        <dd>
          <Address value={token.program} label="token program" ends={8} />
        </dd>
        <dt>Supply</dt>
        <dd className="num">{formatUnits(token.supply, token.decimals)}</dd>
        <dt>Decimals</dt>
        <dd className="num">{token.decimals}</dd>
      </dl>
    </>
  );
}

const WORDS: Record<"good" | "warn" | "bad" | "neutral", string> = {
  good: "fine",
  warn: "mind",
  bad: "danger",
  neutral: "not known",
};

function Check({
  name,
  tone,
  children,
}: {
  name: string;
  tone: Tone & keyof typeof WORDS;
  children: ReactNode;
}) {
  return (
    <li className="flex flex-wrap items-baseline gap-x-3 gap-y-0.5 px-4 py-2 text-xs">
      <span className="w-40 shrink-0 text-dim">{name}</span>
      <span className="min-w-0 flex-1 text-text">{children}</span>
      <Badge tone={tone}>{WORDS[tone]}</Badge>
    </li>
  );
}

function probeTone(probe: Probe | null): "good" | "bad" | "neutral" | "warn" {
  if (probe === null) return "neutral";
  return probe.refusal ? "bad" : probe.fresh ? "good" : "warn";
}

function ProbeText({ probe }: { probe: Probe | null }) {
  if (probe === null) return "not tried yet: it is, before the first buy";
  return (
    <>
      {probe.refusal ? (
        explain(probe.refusal)
      ) : (
        <>
          <Money lamports={probe.probe_lamports} unit /> gave{" "}
          <Money lamports={probe.returned_lamports} unit /> back (
          <Bps bps={gainOf(probe.returned_lamports, probe.probe_lamports)} />)
        </>
      )}
      , <Age at={probe.at_ms} className="text-faint" /> <span className="text-faint">ago</span>
      {!probe.fresh && <span className="text-warn">, too old to buy on</span>}
    </>
  );
}
