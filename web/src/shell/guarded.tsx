/** A confirmation of something protected: asks for the second factor when the desk wants it, and only then. */
import { type ComponentProps, useId, useState } from "react";
import { ApiError } from "../api/client";
import { useSession } from "../app";
import { Confirm } from "../ui/dialog";

export function GuardedConfirm({ children, onConfirm, ...rest }: ComponentProps<typeof Confirm>) {
  const { api } = useSession();
  const id = useId();
  const [wanted, setWanted] = useState(false);
  const [code, setCode] = useState("");
  const guarded = async (reason: string) => {
    if (wanted) await api.stepUp(code.trim());
    try {
      await onConfirm(reason);
    } catch (error) {
      if (!(error instanceof ApiError && error.code === "STEP_UP_REQUIRED")) throw error;
      setWanted(true);
      setCode("");
      throw new Error("This needs your second factor: give the code that your authenticator app shows.");
    }
  };
  return (
    <Confirm {...rest} onConfirm={guarded}>
      {children}
      {wanted && (
        <label htmlFor={id} className="flex flex-col gap-1 text-xs text-dim">
          Code of your authenticator app
          <input
            id={id}
            required
            inputMode="numeric"
            autoComplete="one-time-code"
            pattern="[0-9]{6}"
            title="6 digits"
            value={code}
            onChange={(event) => setCode(event.target.value)}
            className="num h-9 rounded border border-edge bg-ground px-2 text-sm text-text"
          />
        </label>
      )}
    </Confirm>
  );
}
