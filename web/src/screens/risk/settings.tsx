/**
 * The limits and rules in force. Several are typed first and sent together, all or none, because some belong
 * together (the two shares of the money are 100). What the desk refuses is shown in its own words.
 */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useId, useState } from "react";
import type { Setting } from "../../api/steering";
import { useMay, useSession } from "../../app";
import { groupOf, loosens, nameOf, showValue, typedValue, unitOf } from "../../format/setting";
import { humanize } from "../../format/words";
import { GuardedConfirm } from "../../shell/guarded";
import { Badge, Button, Empty, ErrorState, Loading, Panel } from "../../ui/parts";
import { useNotify } from "../../ui/toast";
import { type Draft, planOf } from "./draft";

interface Shown {
  title: string;
  /** Words that a setting must have in its name or text; all of them. */
  find?: string;
  only?: (key: string) => boolean;
}

const FIRST = ["risk", "token_safety", "allocation"]; // what protects the money comes first

export function SettingsPanel({ title, find = "", only }: Shown) {
  const { api } = useSession();
  const queries = useQueryClient();
  const notify = useNotify();
  const [draft, setDraft] = useState<Draft>({});
  const [reviewing, setReviewing] = useState(false);
  const settings = useQuery({ queryKey: ["settings"], queryFn: api.settings, refetchInterval: 15_000 });
  const { changes, wrong } = planOf(draft, settings.data?.items ?? []);
  // What is typed and not sent yet stays in sight, whatever is looked for.
  const items = (settings.data?.items ?? []).filter(
    (one) => draft[one.key] !== undefined || ((only?.(one.key) ?? true) && mentions(one, find)),
  );
  const type = (key: string, typed: string | undefined) =>
    setDraft(({ [key]: _old, ...rest }) => (typed === undefined ? rest : { ...rest, [key]: typed }));
  const send = async (reason: string) => {
    const values = Object.fromEntries(changes.map(({ setting, value }) => [setting.key, value]));
    const done = await api.changeSettings(values, reason, settings.data?.version ?? 0);
    notify("good", done.message || "In force now.");
    setDraft({});
    for (const queryKey of [["settings"], ["audit"]]) void queries.invalidateQueries({ queryKey });
  };
  const looser = changes.filter(({ setting, value }) => loosens(setting, value)).length;
  return (
    <Panel
      title={title}
      aside={
        settings.data && (
          <span className="num text-2xs text-faint">
            {settings.data.version === 0 ? "as started" : `changed by entry ${settings.data.version}`}
          </span>
        )
      }
      className={`wide:min-h-0 ${settings.error && settings.data ? "stale" : ""}`}
    >
      {settings.data ? (
        <div className="min-h-0 flex-1 wide:overflow-y-auto">
          {settings.data.items.length === 0 && <Empty title="Nothing may be changed while the desk runs" />}
          {settings.data.items.length > 0 && items.length === 0 && (
            <Empty title={`No setting has “${find}” in its name or text`} />
          )}
          {grouped(items).map(([group, items]) => (
            <Group key={group} group={group} items={items} draft={draft} wrong={wrong} onType={type} />
          ))}
        </div>
      ) : settings.error ? (
        <ErrorState error={settings.error} retry={() => void settings.refetch()} />
      ) : (
        <Loading rows={12} />
      )}
      {Object.keys(draft).length > 0 && (
        <footer
          data-bar="" // notices make room for it
          className="z-20 flex flex-wrap items-center justify-end gap-2 border-t border-edge bg-raised px-3 py-2 text-xs max-wide:fixed max-wide:inset-x-0 max-wide:bottom-14 sm:max-wide:bottom-0 sm:max-wide:left-[4.5rem]"
        >
          <span role="status" className="mr-auto">
            {changes.length} {changes.length === 1 ? "change" : "changes"}
            {wrong.size > 0 && <span className="text-loss">, {wrong.size} not valid</span>}
            {looser > 0 && <span className="text-warn">, {looser} with more room to lose</span>}
          </span>
          <Button size="small" look="quiet" onClick={() => setDraft({})}>
            Discard
          </Button>
          <Button
            size="small"
            look="primary"
            disabled={changes.length === 0 || wrong.size > 0}
            onClick={() => setReviewing(true)}
          >
            Review
          </Button>
        </footer>
      )}
      {reviewing && (
        <GuardedConfirm
          title="Put these into force?"
          confirm="Change now"
          danger={looser > 0}
          reason=""
          onConfirm={send}
          onClose={() => setReviewing(false)}
        >
          <ul aria-label="Changes" className="flex flex-col gap-2">
            {changes.map(({ setting, value }) => (
              <li key={setting.key} className="flex flex-col">
                <code className="num text-xs break-all">{setting.key}</code>
                <span className="num text-text">
                  {showValue(setting.key, setting.value)} → {showValue(setting.key, value)}{" "}
                  <span className="text-faint">{unitOf(setting.key)}</span>
                  {loosens(setting, value) && (
                    <span className="ml-2 text-xs text-warn">more room to lose</span>
                  )}
                </span>
              </li>
            ))}
          </ul>
          <p>All of them or none; from the next decision on.</p>
        </GuardedConfirm>
      )}
    </Panel>
  );
}

function Group(props: {
  group: string;
  items: Setting[];
  draft: Draft;
  wrong: Map<string, string>;
  onType: (key: string, typed: string | undefined) => void;
}) {
  return (
    <section aria-label={props.group}>
      <h3 className="sticky top-0 border-b border-line bg-raised px-3 py-1 text-2xs font-semibold text-dim">
        {props.group.split(".").map(humanize).join(" · ")}
      </h3>
      <ul className="divide-y divide-line border-b border-line">
        {props.items.map((setting) => (
          <Row
            key={setting.key}
            setting={setting}
            typed={props.draft[setting.key]}
            wrong={props.wrong.get(setting.key)}
            onType={(typed) => props.onType(setting.key, typed)}
          />
        ))}
      </ul>
    </section>
  );
}

function Row(props: {
  setting: Setting;
  typed: string | undefined;
  wrong: string | undefined;
  onType: (typed: string | undefined) => void;
}) {
  const { setting, typed, wrong, onType } = props;
  const may = useMay(setting.role);
  const id = useId();
  const name = nameOf(setting.key) || setting.key;
  return (
    <li className="grid min-h-10 grid-cols-[1fr_auto_auto] items-center gap-x-2 sm:gap-x-4 gap-y-1 px-3 py-1.5 sm:grid-cols-[minmax(0,1fr)_8rem_10rem_4.5rem]">
      <div className="min-w-0">
        {typed === undefined ? (
          <span className="text-xs text-text" title={setting.key}>
            {name}
          </span>
        ) : (
          <label htmlFor={id} className="text-xs text-text" title={setting.key}>
            {name}
          </label>
        )}
        {setting.value !== setting.file_value && (
          <span className="ml-2">
            <Badge tone="accent" title={`at start: ${showValue(setting.key, setting.file_value)}`}>
              changed
            </Badge>
          </span>
        )}
        {setting.text && <p className="text-2xs text-faint">{setting.text}</p>}
      </div>
      <div className="text-right">
        {typed === undefined ? (
          <span className="num text-xs whitespace-nowrap text-text">
            {showValue(setting.key, setting.value)}{" "}
            <span className="text-2xs text-faint">{unitOf(setting.key)}</span>
          </span>
        ) : (
          <Input id={id} setting={setting} typed={typed} wrong={wrong} onType={onType} />
        )}
      </div>
      <p className="num hidden text-2xs text-faint sm:block">{range(setting)}</p>
      <div className="text-right">
        {!may ? (
          <span className="text-2xs text-faint">{setting.role}</span>
        ) : typed === undefined ? (
          <Button
            size="small"
            look="quiet"
            aria-label={`Change ${setting.key}`}
            onClick={() => onType(typedValue(setting.key, setting.value))}
          >
            Change
          </Button>
        ) : (
          <Button
            size="small"
            look="quiet"
            aria-label={`Keep ${setting.key}`}
            onClick={() => onType(undefined)}
          >
            Keep
          </Button>
        )}
      </div>
      {wrong && (
        <p role="alert" id={`${id}-wrong`} className="col-span-full text-2xs text-loss">
          {wrong}
        </p>
      )}
    </li>
  );
}

function Input(props: {
  id: string;
  setting: Setting;
  typed: string;
  wrong: string | undefined;
  onType: (typed: string) => void;
}) {
  const { id, setting, typed, wrong, onType } = props;
  const look = `h-7 rounded border bg-ground px-2 text-xs text-text ${wrong ? "border-loss" : "border-edge"}`;
  if (setting.kind === "boolean") {
    return (
      <select id={id} value={typed} onChange={(event) => onType(event.target.value)} className={look}>
        <option value="true">on</option>
        <option value="false">off</option>
      </select>
    );
  }
  return (
    <span className="inline-flex items-center gap-1.5">
      <input
        id={id}
        // biome-ignore lint/a11y/noAutofocus: it appears where the button was that was just pressed.
        autoFocus
        inputMode={setting.kind === "integer" ? "decimal" : "text"}
        value={typed}
        aria-invalid={wrong !== undefined}
        aria-describedby={wrong === undefined ? undefined : `${id}-wrong`}
        onChange={(event) => onType(event.target.value)}
        className={`num w-28 text-right ${look}`}
      />
      <span className="text-2xs text-faint">{unitOf(setting.key)}</span>
    </span>
  );
}

/** From where to where it may be; a limit that no one reaches is not worth showing. */
function range({ key, kind, minimum, maximum }: Setting): string {
  if (kind !== "integer" || minimum === null) return "";
  const endless = maximum === null || BigInt(maximum) >= BigInt(Number.MAX_SAFE_INTEGER);
  const low = showValue(key, minimum);
  return endless ? `from ${low}` : `${low} – ${showValue(key, maximum)}`;
}

function mentions(setting: Setting, find: string): boolean {
  const text = `${setting.key} ${setting.key.replaceAll(/[._]/g, " ")} ${setting.text}`.toLowerCase();
  return find
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}

function grouped(items: readonly Setting[]): [string, Setting[]][] {
  const groups = new Map<string, Setting[]>();
  for (const item of items) {
    const group = groupOf(item.key);
    groups.set(group, [...(groups.get(group) ?? []), item]);
  }
  const place = (group: string) => (FIRST.includes(group) ? FIRST.indexOf(group) : FIRST.length);
  return [...groups].sort(([a], [b]) => place(a) - place(b) || a.localeCompare(b));
}
