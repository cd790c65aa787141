/** The door: a key is pasted, asked about, and kept for this tab. */
import { type FormEvent, useId, useState } from "react";
import { ApiError, createApi } from "../api/client";
import { Mark } from "../ui/icons";
import { Button } from "../ui/parts";

export function Login({ note, onKey }: { note: string | null; onKey: (key: string) => void }) {
  const [key, setKey] = useState("");
  const [trouble, setTrouble] = useState(note);
  const [busy, setBusy] = useState(false);
  const field = useId();
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    // An HTTP header can't carry other characters: fetch would throw, and that would look like an outage.
    if (!/^[\x21-\x7e]+$/.test(key.trim()))
      return setTrouble("That is not a key: it has spaces or foreign letters.");
    setBusy(true);
    setTrouble(null);
    try {
      await createApi(key.trim()).whoami();
      onKey(key.trim());
    } catch (error) {
      setTrouble(describe(error));
      setBusy(false);
    }
  };
  return (
    <main className="grid min-h-dvh place-items-center p-4">
      <form
        onSubmit={submit}
        className="flex w-full max-w-sm flex-col gap-5 rounded-lg border border-line bg-panel p-6"
      >
        <div className="flex items-center gap-2.5">
          <Mark size={30} />
          <h1 className="text-xl font-semibold tracking-tight">Chimera</h1>
        </div>
        <label htmlFor={field} className="flex flex-col gap-1.5 text-xs text-dim">
          Access key
          <input
            id={field}
            type="password"
            required
            // biome-ignore lint/a11y/noAutofocus: the page holds nothing but this field.
            autoFocus
            autoComplete="off"
            spellCheck={false}
            value={key}
            onChange={(event) => setKey(event.target.value)}
            aria-describedby={`${field}-help`}
            className="num h-10 rounded border border-edge bg-ground px-3 text-sm text-text"
          />
        </label>
        {trouble && (
          <p role="alert" className="text-sm text-loss">
            {trouble}
          </p>
        )}
        <Button type="submit" look="primary" disabled={busy || !key.trim()} className="h-10">
          {busy ? "Asking the desk…" : "Open the dashboard"}
        </Button>
        <p id={`${field}-help`} className="text-xs text-faint">
          <code className="num text-dim">chimera demo</code> prints a link that signs you in. The key stays in
          this tab and is forgotten when it closes.
        </p>
      </form>
    </main>
  );
}

function describe(error: unknown): string {
  if (error instanceof ApiError && error.status === 401) return "This key is not known to the desk.";
  return error instanceof Error ? error.message : "The desk could not be asked.";
}
