/**
 * Dialogs on the browser's own <dialog>: focus is kept inside, Esc closes, the page behind is inert.
 * (Component libraries inject <style> tags for this, which the page's content policy forbids.)
 */
import { type FormEvent, type ReactNode, useEffect, useId, useRef, useState } from "react";
import { Button } from "./parts";

/** A modal box in the middle, or with `side` a sheet at the right edge (the whole screen on a phone). */
export function Dialog(props: { label: string; onClose: () => void; side?: boolean; children: ReactNode }) {
  const box = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const dialog = box.current;
    if (dialog && !dialog.open) dialog.showModal();
    return () => dialog?.close();
  }, []);
  const shape = props.side
    ? "ml-auto h-dvh max-h-none w-full max-w-none border-l sm:max-w-[34rem]"
    : "m-auto w-[calc(100%-2rem)] max-w-md rounded-lg border";
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: a click beside the box closes it; Esc does for keys.
    <dialog
      ref={box}
      aria-label={props.label}
      onCancel={(event) => {
        event.preventDefault();
        props.onClose();
      }}
      onClick={(event) => event.target === box.current && props.onClose()}
      className={`fixed border-edge bg-panel p-0 text-text shadow-2xl ${shape}`}
    >
      {props.children}
    </dialog>
  );
}

/**
 * Asks before something that can't be taken back. `onConfirm` gets the reason that was typed; while it runs the
 * button waits, and what it throws is shown here, so that a refusal is never lost behind a closed box.
 */
export function Confirm(props: {
  title: string;
  children: ReactNode;
  confirm: string;
  danger?: boolean;
  reason: string;
  onConfirm: (reason: string) => Promise<void>;
  onClose: () => void;
}) {
  const [reason, setReason] = useState(props.reason);
  const [busy, setBusy] = useState(false);
  const [trouble, setTrouble] = useState<string | null>(null);
  const field = useId();
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setTrouble(null);
    try {
      await props.onConfirm(reason.trim());
      props.onClose();
    } catch (error) {
      setTrouble(error instanceof Error ? error.message : "It did not work.");
      setBusy(false);
    }
  };
  return (
    <Dialog label={props.title} onClose={props.onClose}>
      <form onSubmit={submit} className="flex flex-col gap-4 p-5">
        <h2 className="text-lg font-semibold">{props.title}</h2>
        <div className="flex flex-col gap-3 text-sm text-dim">{props.children}</div>
        <label htmlFor={field} className="flex flex-col gap-1 text-xs text-dim">
          Reason, kept in the journal
          <input
            id={field}
            required
            maxLength={200}
            value={reason}
            onChange={(event) => setReason(event.target.value)}
            className="h-9 rounded border border-edge bg-ground px-2 text-sm text-text"
          />
        </label>
        {trouble && (
          <p role="alert" className="text-sm text-loss">
            {trouble}
          </p>
        )}
        <div className="flex justify-end gap-2">
          <Button onClick={props.onClose} disabled={busy}>
            Cancel
          </Button>
          <Button type="submit" look={props.danger ? "danger" : "primary"} disabled={busy || !reason.trim()}>
            {busy ? "Working…" : props.confirm}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
