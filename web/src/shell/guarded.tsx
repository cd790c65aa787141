/** A confirmation of something protected: asks for the second factor when the desk wants it, and only then. */
import { type ComponentProps, useId, useState } from "react";
import { ApiError } from "../api/client";
import { useSession } from "../app";
import { Confirm } from "../ui/dialog";
import { prove } from "../wallet/login";
import { useWallets } from "../wallet/react";
import type { Wallet } from "../wallet/standard";

export function GuardedConfirm({ children, onConfirm, ...rest }: ComponentProps<typeof Confirm>) {
  const { api } = useSession();
  const id = useId();
  const wallets = useWallets();
  /** Which second factors the desk would take; null: it was not asked for one yet. */
  const [wanted, setWanted] = useState<readonly string[] | null>(null);
  const [code, setCode] = useState("");
  const [wallet, setWallet] = useState<Wallet | null>(null);
  const byCode = wanted?.includes("totp") ?? false;
  const signer = wallet ?? wallets[0] ?? null;
  const guarded = async (reason: string) => {
    if (byCode && code.trim()) await api.stepUp(code.trim());
    else if (wanted?.includes("wallet") && signer) await api.stepUpByWallet(await prove(signer, "step-up"));
    else if (wanted) throw new Error("Show your second factor first: a code, or one of your wallets.");
    try {
      await onConfirm(reason);
    } catch (error) {
      if (!(error instanceof ApiError && error.code === "STEP_UP_REQUIRED")) throw error;
      const told = error.details.factors;
      setWanted(Array.isArray(told) ? told.map(String) : ["totp"]);
      setCode("");
      throw new Error("This needs your second factor: show it below and confirm again.");
    }
  };
  return (
    <Confirm {...rest} onConfirm={guarded}>
      {children}
      {wanted?.includes("wallet") && (
        <fieldset className="flex flex-col gap-2 text-xs text-dim">
          <legend className="mb-1">
            {byCode ? "Your wallet signs, or you give a code" : "Your wallet signs"}
          </legend>
          {wallets.map((one) => (
            <label key={one.name} className="flex cursor-pointer items-center gap-2 text-text">
              <input
                type="radio"
                name={`${id}-wallet`}
                checked={one === signer}
                onChange={() => setWallet(one)}
                className="accent-accent"
              />
              {one.name}
            </label>
          ))}
          {wallets.length === 0 && <p className="text-warn">No wallet was found in this browser.</p>}
        </fieldset>
      )}
      {byCode && (
        <label htmlFor={id} className="flex flex-col gap-1 text-xs text-dim">
          Code of your authenticator app
          <input
            id={id}
            required={!wanted?.includes("wallet")}
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
