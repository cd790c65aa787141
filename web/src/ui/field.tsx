/** A label over its input, and the look that inputs share. */
import type { ReactNode } from "react";

export const FIELD = "h-8 rounded border border-edge bg-panel px-2 text-xs text-text max-sm:w-full";

export function Field({ id, label, children }: { id: string; label: string; children: ReactNode }) {
  return (
    <div className="flex min-w-0 flex-col gap-0.5">
      <label htmlFor={id} className="label">
        {label}
      </label>
      {children}
    </div>
  );
}
