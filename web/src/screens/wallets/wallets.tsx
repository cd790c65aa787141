/** The roster: whose trades are copied, what that brought, and who may be promoted or demoted. */
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useId, useState } from "react";
import { WALLET_STATUSES, type Wallet } from "../../api/steering";
import { useMay, useSession } from "../../app";
import { humanize } from "../../format/words";
import type { WalletSearch } from "../../router";
import { saveFile } from "../../ui/download";
import { FIELD, Field } from "../../ui/field";
import { Pager } from "../../ui/pager";
import { Button, Panel } from "../../ui/parts";
import { Table } from "../../ui/table";
import { useNotify } from "../../ui/toast";
import { BulkDialog } from "./bulk";
import { ChangeDialog } from "./change";
import { ChangeContext, WALLET_COLUMNS } from "./columns";

const PAGE = 100;

export function Wallets() {
  const { status } = useSearch({ from: "/wallets" });
  const navigate = useNavigate({ from: "/wallets" });
  const { api } = useSession();
  const operator = useMay("operator");
  const id = useId();
  const [offset, setOffset] = useState(0);
  const [several, setSeveral] = useState(false);
  /** undefined: no dialog; null: a new wallet. */
  const [changing, setChanging] = useState<Wallet | null | undefined>(undefined);
  const wallets = useQuery({
    queryKey: ["wallets", status, offset],
    queryFn: () => api.wallets({ status, limit: PAGE, offset }),
    placeholderData: keepPreviousData,
    refetchInterval: 10_000,
  });
  const choose = (chosen: string) => {
    setOffset(0);
    const search = chosen ? ({ status: chosen } as WalletSearch) : {};
    void navigate({ search, replace: true });
  };
  return (
    <div className="flex flex-col gap-2 wide:h-full">
      <h1 className="sr-only">Wallets</h1>
      <div className="flex flex-wrap items-end gap-2">
        <Field id={`${id}-status`} label="Status">
          <select
            id={`${id}-status`}
            value={status ?? ""}
            onChange={(event) => choose(event.target.value)}
            className={FIELD}
          >
            <option value="">All</option>
            {WALLET_STATUSES.map((one) => (
              <option key={one} value={one}>
                {humanize(one)}
              </option>
            ))}
          </select>
        </Field>
        <span className="ml-auto" />
        <SaveButton />
        {operator && (wallets.data?.items.length ?? 0) > 1 && (
          <Button onClick={() => setSeveral(true)}>Change several</Button>
        )}
        {operator && <Button onClick={() => setChanging(null)}>Add a wallet</Button>}
      </div>
      <Panel
        title="Wallets"
        aside={<Pager offset={offset} limit={PAGE} total={wallets.data?.total} onTurn={setOffset} />}
        className={`min-h-72 flex-1 ${wallets.error && wallets.data ? "stale" : ""}`}
      >
        <ChangeContext value={setChanging}>
          <Table
            label="Wallets"
            columns={WALLET_COLUMNS}
            rows={wallets.data?.items}
            rowKey={(wallet) => wallet.address}
            error={wallets.error}
            retry={() => void wallets.refetch()}
            sortable
            empty={
              status
                ? { title: `No wallet is ${status}`, hint: "Choose another status." }
                : { title: "The roster is empty", hint: "Add a wallet, or list some in the settings." }
            }
          />
        </ChangeContext>
      </Panel>
      {several && <BulkDialog wallets={wallets.data?.items ?? []} onClose={() => setSeveral(false)} />}
      {changing !== undefined && <ChangeDialog wallet={changing} onClose={() => setChanging(undefined)} />}
    </div>
  );
}

function SaveButton() {
  const { api } = useSession();
  const notify = useNotify();
  const save = async () => {
    try {
      saveFile(await api.exportWallets("csv"), "wallets.csv");
    } catch (error) {
      notify("bad", error instanceof Error ? error.message : "The roster could not be saved.");
    }
  };
  return <Button onClick={() => void save()}>Save as CSV</Button>;
}
