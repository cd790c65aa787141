/** Configuration: every setting that may change while the desk runs, found by its words, and what was changed. */
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useId } from "react";
import { FIELD, Field } from "../../ui/field";
import { Audit } from "../incidents/audit";
import { SettingsPanel } from "../risk/settings";

export function Configuration() {
  const { find } = useSearch({ from: "/configuration" });
  const navigate = useNavigate({ from: "/configuration" });
  const id = useId();
  return (
    <div className="flex flex-col gap-2 wide:grid wide:h-full wide:grid-cols-[minmax(0,1fr)_minmax(0,1fr)] wide:grid-rows-[auto_minmax(0,1fr)]">
      <h1 className="sr-only">Configuration</h1>
      <div className="flex flex-wrap items-end gap-3 wide:col-span-2">
        <Field id={id} label="Find a setting">
          <input
            id={id}
            type="search"
            autoComplete="off"
            spellCheck={false}
            placeholder="stop loss, shield, probe …"
            value={find ?? ""}
            onChange={(event) =>
              void navigate({
                search: event.target.value ? { find: event.target.value } : {},
                replace: true,
              })
            }
            className={`sm:w-72 ${FIELD}`}
          />
        </Field>
        <p className="max-w-xl text-2xs text-faint">
          What is changed here is checked as at start, in force at once, journalled with your name and reason,
          and laid over the settings file at every start. Where the file is edited later, the file wins.
        </p>
      </div>
      <SettingsPanel title="Settings in force" find={find ?? ""} />
      <Audit />
    </div>
  );
}
