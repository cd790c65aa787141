/** Why: the whole chain of decisions of one signal, intent or trade, as `chimera why` prints it. */
import { useQuery } from "@tanstack/react-query";
import { Link, useParams, useRouter } from "@tanstack/react-router";
import { useSession } from "../../app";
import { Address } from "../../ui/figures";
import { Icon } from "../../ui/icons";
import { Empty, ErrorState, Loading, Panel } from "../../ui/parts";
import { Timeline } from "./timeline";

export function WhyScreen() {
  const { id } = useParams({ from: "/why/$id" });
  const { history } = useRouter();
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
      <Panel
        title="Chain of decisions"
        aside={<code className="num text-2xs text-faint">chimera why {id}</code>}
      >
        <WhyChain id={id} />
      </Panel>
    </div>
  );
}

/** The timeline of `id`, with its own loading, failed and unknown states. */
export function WhyChain({ id }: { id: string }) {
  const { api } = useSession();
  const why = useQuery({ queryKey: ["why", id], queryFn: () => api.why(id) });
  if (why.error && !why.data) return <ErrorState error={why.error} retry={() => void why.refetch()} />;
  if (!why.data) return <Loading rows={5} />;
  if (!why.data.found || why.data.steps.length === 0) {
    return (
      <Empty title="The journal has nothing under this id">
        <Link to="/" className="text-accent underline">
          Go to the latest decisions
        </Link>
      </Empty>
    );
  }
  return (
    <div className="p-4">
      <Timeline steps={why.data.steps} />
    </div>
  );
}
