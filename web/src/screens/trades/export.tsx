/** Hands the ledger, as it is filtered, out as a file. */
import { useState } from "react";
import type { TradeFilter } from "../../api/client";
import { useSession } from "../../app";
import { Dialog } from "../../ui/dialog";
import { saveFile } from "../../ui/download";
import { Button } from "../../ui/parts";

const KINDS = [
  { kind: "csv", what: "trades", text: "CSV, for a spreadsheet" },
  { kind: "json", what: "trades", text: "JSON, as the API has it" },
  { kind: "pdf", what: "trades", text: "PDF, on paper" },
  { kind: "csv", what: "lots", text: "Tax lots as CSV: each sale against its purchases" },
  { kind: "json", what: "lots", text: "Tax lots as JSON" },
] as const;

export function ExportButton({ filter }: { filter: TradeFilter }) {
  const [open, setOpen] = useState(false);
  return (
    <>
      <Button onClick={() => setOpen(true)}>Export</Button>
      {open && <ExportDialog filter={filter} onClose={() => setOpen(false)} />}
    </>
  );
}

function ExportDialog({ filter, onClose }: { filter: TradeFilter; onClose: () => void }) {
  const { api } = useSession();
  const [busy, setBusy] = useState(false);
  const [trouble, setTrouble] = useState<string | null>(null);
  const save = async ({ kind, what }: (typeof KINDS)[number]) => {
    setBusy(true);
    setTrouble(null);
    try {
      const { status, strategy, from, to } = filter;
      const file =
        what === "lots"
          ? await api.taxLots({ from, to }, kind)
          : await api.exportTrades({ status, strategy, from, to }, kind);
      saveFile(file, `${what === "lots" ? "tax-lots" : "trades"}.${kind}`);
      onClose();
    } catch (error) {
      setTrouble(error instanceof Error ? error.message : "It did not work.");
      setBusy(false);
    }
  };
  return (
    <Dialog label="Export the ledger" onClose={onClose}>
      <div className="flex flex-col gap-3 p-5">
        <h2 className="text-lg font-semibold">Export the ledger</h2>
        <p className="text-xs text-dim">
          The filters hold for the file too. Tax lots go by the dates of the sales alone, with every cost in,
          and are in SOL: the desk keeps no prices in money.
        </p>
        {KINDS.map((one) => (
          <Button key={`${one.what} ${one.kind}`} disabled={busy} onClick={() => void save(one)}>
            {one.text}
          </Button>
        ))}
        {trouble && (
          <p role="alert" className="text-sm text-loss">
            {trouble}
          </p>
        )}
        <Button look="quiet" onClick={onClose}>
          Cancel
        </Button>
      </div>
    </Dialog>
  );
}
