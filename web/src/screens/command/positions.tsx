/** What is held right now, live, and the button to let go of it. */
import { Link, useNavigate } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import type { Position } from "../../api/client";
import { useMay } from "../../app";
import { useLive } from "../../live/react";
import { Panel } from "../../ui/parts";
import { Table } from "../../ui/table";
import { exitColumn, LIVE_COLUMNS } from "../positions/columns";
import { SellDialog } from "../positions/sell";

export function PositionsPanel() {
  const positions = useLive((data) => data.positions);
  const operator = useMay("operator");
  const navigate = useNavigate();
  const [leaving, setLeaving] = useState<Position | null>(null);
  const columns = useMemo(
    () => (operator ? [...LIVE_COLUMNS, exitColumn(setLeaving)] : LIVE_COLUMNS),
    [operator],
  );
  return (
    <Panel
      title="Live positions"
      aside={
        <Link to="/positions" search={{}} className="rounded-sm text-2xs text-accent hover:underline">
          {positions.length} open
        </Link>
      }
      className="min-h-40 wide:min-h-0 wide:flex-1"
    >
      <Table
        label="Live positions"
        columns={columns}
        rows={positions}
        rowKey={(position) => position.trade_uuid}
        onOpen={(position) =>
          void navigate({ to: ".", search: (old) => ({ ...old, trade: position.trade_uuid }) })
        }
        empty={{
          title: "Nothing is held",
          hint: "A position appears here the moment its buy is confirmed on the chain. Refusals are explained under Decisions.",
        }}
        sortable
      />
      {leaving && <SellDialog position={leaving} onClose={() => setLeaving(null)} />}
    </Panel>
  );
}
