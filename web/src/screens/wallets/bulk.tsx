/** The dialog that promotes or demotes several wallets in one step; each says how it went. */
import { useQueryClient } from "@tanstack/react-query";
import { useId, useState } from "react";
import { WALLET_STATUSES, type Wallet, type WalletStatus } from "../../api/steering";
import { useSession } from "../../app";
import { shortenAddresses } from "../../format/words";
import { Confirm } from "../../ui/dialog";
import { FIELD, Field } from "../../ui/field";
import { useNotify } from "../../ui/toast";

export function BulkDialog({ wallets, onClose }: { wallets: readonly Wallet[]; onClose: () => void }) {
  const { api } = useSession();
  const queries = useQueryClient();
  const notify = useNotify();
  const id = useId();
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const [status, setStatus] = useState<WalletStatus>("ACTIVE");
  const [hours, setHours] = useState("");
  const toggle = (address: string) =>
    setChosen((old) => {
      const next = new Set(old);
      if (!next.delete(address)) next.add(address);
      return next;
    });
  const all = chosen.size === wallets.length;
  const submit = async (reason: string) => {
    if (chosen.size === 0) throw new Error("Choose at least one wallet.");
    const ttl = status === "ACTIVE" && hours ? { ttl_hours: Number(hours) } : {};
    const { items } = await api.changeWallets([...chosen], { status, reason, ...ttl });
    for (const queryKey of [["wallets"], ["audit"]]) void queries.invalidateQueries({ queryKey });
    const refused = items.filter((one) => !one.ok);
    notify("good", `${items.length - refused.length} of ${items.length} wallets are ${status}.`);
    for (const one of refused) notify("bad", shortenAddresses(`${one.address}: ${one.message}`));
  };
  return (
    <Confirm
      title="Change several wallets"
      confirm={`Make ${chosen.size} ${status}`}
      reason=""
      onConfirm={submit}
      onClose={onClose}
    >
      <fieldset className="flex flex-col gap-1">
        <legend className="label mb-1">Wallets on this page</legend>
        <label className="flex cursor-pointer items-center gap-2 text-xs">
          <input
            type="checkbox"
            checked={all}
            onChange={() => setChosen(new Set(all ? [] : wallets.map((one) => one.address)))}
            className="accent-accent"
          />
          All {wallets.length}
        </label>
        <ul className="max-h-56 overflow-y-auto rounded border border-line">
          {wallets.map((wallet) => (
            <li key={wallet.address} className="border-b border-line last:border-b-0">
              <label className="flex cursor-pointer items-center gap-2 px-2 py-1.5 text-xs">
                <input
                  type="checkbox"
                  checked={chosen.has(wallet.address)}
                  onChange={() => toggle(wallet.address)}
                  className="accent-accent"
                />
                <span className="num text-text" title={wallet.address}>
                  {shortenAddresses(wallet.address)}
                </span>
                <span className="ml-auto text-2xs text-faint">{wallet.status}</span>
              </label>
            </li>
          ))}
        </ul>
      </fieldset>
      <div className="grid grid-cols-2 gap-3">
        <Field id={`${id}-status`} label="Becomes">
          <select
            id={`${id}-status`}
            value={status}
            onChange={(event) => setStatus(event.target.value as WalletStatus)}
            className={`w-full ${FIELD}`}
          >
            {WALLET_STATUSES.map((one) => (
              <option key={one}>{one}</option>
            ))}
          </select>
        </Field>
        <Field id={`${id}-hours`} label="Active for, in hours">
          <input
            id={`${id}-hours`}
            type="number"
            min={1}
            max={8_760}
            placeholder="no end"
            disabled={status !== "ACTIVE"}
            value={status === "ACTIVE" ? hours : ""}
            onChange={(event) => setHours(event.target.value)}
            className={`num w-full disabled:opacity-50 ${FIELD}`}
          />
        </Field>
      </div>
    </Confirm>
  );
}
