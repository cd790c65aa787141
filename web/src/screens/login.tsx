/** The door: a wallet signs a challenge, or a key is pasted; either is kept for this tab. */
import { type FormEvent, useId, useState } from "react";
import { ApiError, createApi } from "../api/client";
import type { Login as Credentials } from "../session";
import { Mark } from "../ui/icons";
import { Button } from "../ui/parts";
import { logIn } from "../wallet/login";
import { useWallets, WalletButton } from "../wallet/react";
import type { Wallet } from "../wallet/standard";

export function Login(props: {
  note: string | null;
  onKey: (key: string) => void;
  onLogin: (login: Credentials) => void;
}) {
  const { note, onKey, onLogin } = props;
  const wallets = useWallets();
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
  const byWallet = async (wallet: Wallet) => {
    setBusy(true);
    setTrouble(null);
    try {
      onLogin(await logIn(wallet));
    } catch (error) {
      setTrouble(error instanceof Error ? error.message : `${wallet.name} did not sign.`);
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
        <section aria-label="Log in by wallet" className="flex flex-col gap-2">
          {wallets.map((wallet) => (
            <WalletButton
              key={wallet.name}
              wallet={wallet}
              disabled={busy}
              text={`Log in with ${wallet.name}`}
              onUse={() => void byWallet(wallet)}
            />
          ))}
          <p className="text-xs text-faint">
            {wallets.length > 0
              ? "It signs a text that names this address, is good once and moves no money."
              : "No wallet was found in this browser. With one you could log in by a signature."}
          </p>
        </section>
        <div className="flex items-center gap-3 text-2xs text-faint">
          <span className="h-px flex-1 bg-line" />
          or
          <span className="h-px flex-1 bg-line" />
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
