/** The chain of reasons behind one signal, intent or trade: each step with what was known when it was taken. */
import type { WhyStep } from "../../api/client";
import { formatMoment } from "../../format/time";
import { explain, humanize, readable } from "../../format/words";
import { OutcomeBadge, outcomeTone } from "../../ui/badges";
import { Moment } from "../../ui/figures";
import { Dot } from "../../ui/parts";

const PAUSE_MS = 30_000;

export function Timeline({ steps }: { steps: readonly WhyStep[] }) {
  return (
    <ol aria-label="Steps" className="flex flex-col">
      {steps.map((step, index) => (
        <li key={step.seq} className="group relative flex gap-3 pb-4 last:pb-0">
          <span className="relative flex w-2.5 shrink-0 justify-center pt-[0.45rem]">
            <span className="absolute top-4 bottom-[-0.55rem] w-px bg-line group-last:hidden" />
            <Dot tone={outcomeTone(step.outcome)} />
          </span>
          <div className="flex min-w-0 flex-1 flex-col gap-1">
            <div className="flex flex-wrap items-center gap-x-2 gap-y-0.5 text-2xs text-faint">
              <span className="font-semibold text-dim">{humanize(step.kind)}</span>
              {step.outcome && <OutcomeBadge outcome={step.outcome} />}
              <span
                className="num ml-auto"
                title={`record ${step.seq} of the journal, ${formatMoment(step.at)}`}
              >
                <After step={step} before={steps[index - 1]} />
              </span>
            </div>
            <p className="text-sm text-text" title={step.text}>
              {readable(step.text)}
            </p>
            {step.reason && (
              <p className="text-xs text-warn" title={step.reason}>
                {explain(step.reason)} <span className="num text-2xs text-faint">{step.reason}</span>
              </p>
            )}
            <Facts data={step.data} />
          </div>
        </li>
      ))}
    </ol>
  );
}

function Facts({ data }: { data: Record<string, unknown> }) {
  const facts = Object.entries(data ?? {});
  if (facts.length === 0) return null;
  return (
    <details className="text-2xs">
      <summary className="w-fit rounded-sm text-faint hover:text-text">
        {facts.length} {facts.length === 1 ? "fact" : "facts"}
      </summary>
      <dl className="mt-1 grid grid-cols-[minmax(6rem,auto)_1fr] gap-x-3 gap-y-0.5 rounded border border-line bg-ground p-2">
        {facts.map(([name, value]) => (
          <div key={name} className="contents">
            <dt className="text-faint">{name}</dt>
            <dd className="num break-all text-dim">
              {typeof value === "string" ? value : JSON.stringify(value)}
            </dd>
          </div>
        ))}
      </dl>
    </details>
  );
}

/** Time since the step before, where the desk's own speed is seen; after a pause, when it went on. */
function After({ step, before }: { step: WhyStep; before: WhyStep | undefined }) {
  const ms = before === undefined ? PAUSE_MS : step.at - before.at;
  if (ms >= PAUSE_MS) return <Moment at={step.at} />;
  return `+${ms < 10_000 ? `${ms} ms` : `${(ms / 1_000).toFixed(1)} s`}`;
}
