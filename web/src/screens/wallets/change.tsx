/** The dialog that promotes or demotes a wallet, or takes a new one onto the roster. */
import { useQueryClient } from "@tanstack/react-query";
import { useId, useState } from "react";
import type { Page, Strategy } from "../../api/client";
import { WALLET_STATUSES, type Wallet, type WalletChange, type WalletStatus } from "../../api/steering";
import { useSession } from "../../app";
import { shortenAddresses } from "../../format/words";
import { Confirm } from "../../ui/dialog";
import { FIELD, Field } from "../../ui/field";
import { useNotify } from "../../ui/toast";

const MEANING: Record<WalletStatus, string> = {
  ACTIVE: "Its buys and sells are copied from now on.",
  CANDIDATE: "It stays on the roster for a later look; its signals are refused.",
  REJECTED: "It was looked at and turned down; its signals are refused.",
};

const FOLDED_MS = 1_500; // the desk answers when it is journalled; its tables follow a moment later
const TTL_HOURS_MAX = 8_760;
const ADDRESS = "[1-9A-HJ-NP-Za-km-z]{32,44}";

/** `wallet` null: a new one. */
export function ChangeDialog({ wallet, onClose }: { wallet: Wallet | null; onClose: () => void }) {
  const { api } = useSession();
  const queries = useQueryClient();
  const notify = useNotify();
  const id = useId();
  const [address, setAddress] = useState(wallet?.address ?? "");
  const [status, setStatus] = useState<WalletStatus>(
    wallet?.status === "CANDIDATE" ? "ACTIVE" : wallet?.status === "REJECTED" ? "ACTIVE" : "CANDIDATE",
  );
  const [hours, setHours] = useState("");
  const [strategy, setStrategy] = useState<Strategy>(wallet?.strategy ?? "SHIELD");
  const [notes, setNotes] = useState(wallet?.notes ?? "");

  const submit = async (reason: string) => {
    const change: WalletChange = { status, reason, strategy };
    if (status === "ACTIVE" && hours) change.ttl_hours = Number(hours);
    if (notes.trim() !== (wallet?.notes ?? "")) change.notes = notes.trim();
    const done = wallet
      ? await api.changeWallet(wallet.address, change)
      : await api.addWallet(address.trim(), change);
    notify("good", done.message ? shortenAddresses(done.message) : `The wallet is ${status}.`);
    if (wallet)
      queries.setQueriesData<Page<Wallet>>({ queryKey: ["wallets"] }, (page) =>
        changed(page, wallet, change),
      );
    setTimeout(() => {
      for (const queryKey of [["wallets"], ["audit"]]) void queries.invalidateQueries({ queryKey });
    }, FOLDED_MS);
  };
  return (
    <Confirm
      title={wallet ? "Change this wallet?" : "Take a wallet onto the roster"}
      confirm={wallet ? (status === wallet.status ? "Save" : `Make it ${status}`) : "Add wallet"}
      reason=""
      onConfirm={submit}
      onClose={onClose}
    >
      {wallet ? (
        <code className="num text-xs break-all text-text">{wallet.address}</code>
      ) : (
        <Field id={`${id}-address`} label="Address">
          <input
            id={`${id}-address`}
            required
            pattern={ADDRESS}
            title="32 to 44 characters of base58"
            value={address}
            onChange={(event) => setAddress(event.target.value)}
            className={`num ${FIELD}`}
          />
        </Field>
      )}
      <fieldset className="flex flex-col gap-1.5">
        <legend className="label mb-0.5">Status</legend>
        {WALLET_STATUSES.map((one) => (
          <label
            key={one}
            className="flex cursor-pointer items-start gap-2.5 rounded border border-line px-2.5 py-1.5 has-checked:border-accent has-checked:bg-raised"
          >
            <input
              type="radio"
              name={`${id}-status`}
              checked={status === one}
              onChange={() => setStatus(one)}
              className="mt-1 accent-accent"
            />
            <span>
              <span className="font-medium text-text">{one}</span>
              {wallet?.status === one && <span className="ml-2 text-2xs text-faint">now</span>}
              <span className="block text-xs">{MEANING[one]}</span>
            </span>
          </label>
        ))}
      </fieldset>
      <div className="grid grid-cols-2 gap-3">
        <Field id={`${id}-hours`} label="Active for, in hours">
          <input
            id={`${id}-hours`}
            type="number"
            min={1}
            max={TTL_HOURS_MAX}
            step={1}
            placeholder="no end"
            disabled={status !== "ACTIVE"}
            value={status === "ACTIVE" ? hours : ""}
            onChange={(event) => setHours(event.target.value)}
            className={`num w-full disabled:opacity-50 ${FIELD}`}
          />
        </Field>
        <Field id={`${id}-strategy`} label="Copied as">
          <select
            id={`${id}-strategy`}
            value={strategy}
            onChange={(event) => setStrategy(event.target.value as Strategy)}
            className={`w-full ${FIELD}`}
          >
            <option value="SHIELD">Shield</option>
            <option value="SPEAR">Spear</option>
          </select>
        </Field>
      </div>
      {status === "ACTIVE" && hours && (
        <p className="text-xs text-faint">After that it becomes a CANDIDATE by itself.</p>
      )}
      <Field id={`${id}-notes`} label="Notes">
        <input
          id={`${id}-notes`}
          maxLength={500}
          value={notes}
          onChange={(event) => setNotes(event.target.value)}
          className={`w-full ${FIELD}`}
        />
      </Field>
    </Confirm>
  );
}

/** `page` as it will be once the desk's tables have the change. */
function changed(
  page: Page<Wallet> | undefined,
  wallet: Wallet,
  change: WalletChange,
): Page<Wallet> | undefined {
  if (!page) return page;
  const until = change.ttl_hours === undefined ? null : Date.now() + change.ttl_hours * 3_600_000;
  const { status, strategy = wallet.strategy, notes = wallet.notes } = change;
  const items = page.items.map((one) =>
    one.address === wallet.address ? { ...one, status, strategy, notes, active_until: until } : one,
  );
  return { ...page, items };
}
