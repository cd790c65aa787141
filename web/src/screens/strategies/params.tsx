/** A strategy's parameters as the desk has them, sections within sections, each with its unit. */
import type { ParamValue } from "../../api/house";
import { nameOf, showValue, unitOf } from "../../format/setting";
import { humanize } from "../../format/words";

type Section = { [name: string]: ParamValue };

export function Params({ params }: { params: Section }) {
  const plain = Object.entries(params).filter(([, value]) => !isSection(value));
  const sections = Object.entries(params).filter((entry): entry is [string, Section] => isSection(entry[1]));
  return (
    <>
      {plain.length > 0 && <Values values={plain} />}
      {sections.length > 0 && (
        <div className="grid sm:grid-cols-2">
          {sections.map(([name, section]) => (
            <section key={name} aria-label={humanize(name)} className="border-t border-line">
              <h3 className="bg-raised px-3 py-1 text-2xs font-semibold text-dim">{humanize(name)}</h3>
              <Params params={section} />
            </section>
          ))}
        </div>
      )}
    </>
  );
}

function Values({ values }: { values: [string, ParamValue][] }) {
  return (
    <dl className="grid grid-cols-[repeat(auto-fill,minmax(min(100%,17rem),1fr))] gap-x-8 px-3 py-2 text-xs">
      {values.map(([name, value]) => (
        <div
          key={name}
          className="flex min-h-6 items-baseline justify-between gap-3 border-b border-line/60 py-0.5"
        >
          <dt className="text-dim" title={name}>
            {nameOf(name)}
          </dt>
          <dd className="num text-right break-all text-text">
            {shown(name, value)} <span className="text-2xs text-faint">{unitOf(name)}</span>
          </dd>
        </div>
      ))}
    </dl>
  );
}

function shown(name: string, value: ParamValue): string {
  if (Array.isArray(value)) return value.map((one) => shown(name, one)).join(", ") || "—";
  return value !== null && typeof value === "object" ? "" : showValue(name, value);
}

function isSection(value: ParamValue): boolean {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}
