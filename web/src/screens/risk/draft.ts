/** Changes that are typed and not sent yet. */
import type { Setting, SettingValue } from "../../api/steering";
import { readValue } from "../../format/setting";

/** What was typed, by key. */
export type Draft = Readonly<Record<string, string>>;

export interface Planned {
  setting: Setting;
  value: SettingValue;
}

/** What of a draft differs from what is in force, and what of it is wrong, by key. */
export function planOf(
  draft: Draft,
  settings: readonly Setting[],
): { changes: Planned[]; wrong: Map<string, string> } {
  const changes: Planned[] = [];
  const wrong = new Map<string, string>();
  for (const setting of settings) {
    const typed = draft[setting.key];
    if (typed === undefined) continue;
    const read = readValue(setting, typed);
    if ("wrong" in read) wrong.set(setting.key, read.wrong);
    else if (read.value !== setting.value) changes.push({ setting, value: read.value });
  }
  return { changes, wrong };
}
