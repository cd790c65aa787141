/** How old the secrets are. Never what they are: the desk does not tell that. */
import { useQuery } from "@tanstack/react-query";
import type { SecretSeen } from "../../api/house";
import { useSession } from "../../app";
import { formatMoment } from "../../format/time";
import { useNow } from "../../live/react";
import { Panel } from "../../ui/parts";
import { type Column, Table } from "../../ui/table";

const OLD_DAYS = 90; // a usual interval to change secrets in
const DAY_MS = 86_400_000;

const COLUMNS: Column<SecretSeen>[] = [
  {
    id: "name",
    header: "Secret",
    meta: { card: "head", className: "w-full" },
    cell: ({ row: { original } }) => <span className="font-medium">{original.name}</span>,
  },
  {
    id: "age",
    header: "Changed",
    meta: { align: "right", card: "head" },
    cell: ({ row: { original } }) => <SecretAge at={original.at_ms} />,
  },
];

export function SecretsPanel() {
  const { api } = useSession();
  const found = useQuery({ queryKey: ["secrets"], queryFn: api.secretAges, refetchInterval: 60_000 });
  return (
    <Panel
      title="Age of secrets"
      aside={<span className="text-2xs text-faint">change them every {OLD_DAYS} days</span>}
      className={found.error && found.data ? "stale" : ""}
    >
      <Table
        label="Secrets"
        columns={COLUMNS}
        rows={found.data?.items}
        rowKey={(secret) => secret.name}
        error={found.error}
        retry={() => void found.refetch()}
        empty={{ title: "No secret is known" }}
      />
    </Panel>
  );
}

function SecretAge({ at }: { at: number | null }) {
  const now = useNow(60_000);
  if (at === null)
    return (
      <span className="whitespace-nowrap text-faint" title="It came from the environment, which does not say">
        not known
      </span>
    );
  const days = Math.floor((now - at) / DAY_MS);
  return (
    <span
      className={`num whitespace-nowrap ${days > OLD_DAYS ? "text-warn" : "text-dim"}`}
      title={formatMoment(at)}
    >
      {days < 1 ? "today" : days === 1 ? "1 day ago" : `${days} days ago`}
    </span>
  );
}
