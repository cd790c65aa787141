/** Why: the whole chain of decisions of one signal, intent or trade, as `chimera why` prints it. */
import { useQuery } from "@tanstack/react-query";
import { Link, useParams, useRouter } from "@tanstack/react-router";
import { ApiError, type Decision } from "../../api/client";
import { useSession } from "../../app";
import { explain, readable } from "../../format/words";
import { useLive } from "../../live/react";
import { OutcomeBadge, StrategyBadge } from "../../ui/badges";
import { Address, Moment } from "../../ui/figures";
import { Icon } from "../../ui/icons";
import { Empty, ErrorState, Loading, Panel, Stat } from "../../ui/parts";
import { Timeline } from "./timeline";

export function WhyScreen() {
  const { id } = useParams({ from: "/why/$id" });
  const { history } = useRouter();
  const decisions = useLive((data) => data.decisions);
  const own = decisions.filter((decision) => decision.id === id);
  const verdict = own.find((decision) => decision.reason !== null) ?? own[0];
  return (
    <div className="mx-auto flex max-w-3xl flex-col gap-3">
      <div className="flex items-center gap-3">
        <button
          type="button"
          onClick={() => history.back()}
          className="inline-flex items-center gap-1 rounded py-1 pr-2 text-xs text-dim hover:text-text"
        >
          <Icon name="back" size={14} /> Back
        </button>
        <h1 className="text-lg font-semibold">Why</h1>
        <Address value={id} label="id" ends={10} />
      </div>
      {verdict && <Verdict decision={verdict} />}
      <Panel
        title="Chain of decisions"
        aside={<code className="num truncate text-2xs text-faint max-sm:hidden">chimera why {id}</code>}
      >
        <WhyChain id={id} />
      </Panel>
    </div>
  );
}

/** The decision in a nutshell, when it is one of the latest; the chain below holds for any. */
function Verdict({ decision }: { decision: Decision }) {
  const traded = [decision.side, decision.token_symbol].filter(Boolean).join(" ");
  return (
    <Panel title={traded || "Decision"} aside={<OutcomeBadge outcome={decision.outcome} />}>
      <div className="flex flex-col gap-4 p-4">
        <p className="text-base text-text" title={decision.text}>
          {readable(decision.text)}
        </p>
        <dl className="grid grid-cols-2 gap-4 sm:grid-cols-4">
          {decision.reason && (
            <Stat label="Reason" note={<code className="num">{decision.reason}</code>}>
              {explain(decision.reason)}
            </Stat>
          )}
          {decision.limit && (
            <Stat label="Limit">
              <span className="num break-all">{decision.limit}</span>
            </Stat>
          )}
          {decision.observed && (
            <Stat label="Observed">
              <span className="num break-all">{decision.observed}</span>
            </Stat>
          )}
          {decision.strategy && (
            <Stat label="Strategy">
              <StrategyBadge strategy={decision.strategy} />
            </Stat>
          )}
          {decision.wallet_address && (
            <Stat label="Copied wallet">
              <Address value={decision.wallet_address} label="wallet" />
            </Stat>
          )}
          <Stat label="When">
            <Moment at={decision.at} />
          </Stat>
          {decision.trade_uuid && (
            <Stat label="Trade">
              <Link
                to="."
                search={{ trade: decision.trade_uuid }}
                className="rounded-sm text-accent underline-offset-2 hover:underline"
              >
                Open the trade
              </Link>
            </Stat>
          )}
        </dl>
      </div>
    </Panel>
  );
}

/** The timeline of `id`, with its own loading, failed and unknown states. */
export function WhyChain({ id }: { id: string }) {
  const { api } = useSession();
  const why = useQuery({ queryKey: ["why", id], queryFn: () => api.why(id) });
  const unknown = why.error instanceof ApiError && why.error.status === 404;
  if (unknown || (why.data && !(why.data.found && why.data.steps.length > 0))) {
    return <Empty title="The journal has nothing under this id" />;
  }
  if (why.error && !why.data) return <ErrorState error={why.error} retry={() => void why.refetch()} />;
  if (!why.data) return <Loading rows={5} />;
  return (
    <div className="p-4">
      <Timeline steps={why.data.steps} />
    </div>
  );
}
