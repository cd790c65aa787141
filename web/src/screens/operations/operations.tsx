/** Operations: is every part well, how full are the queues, how fast does it answer, how old are the secrets. */
import { useCurrent } from "../../live/react";
import { ChecksPanel } from "./checks";
import { LatencyPanel, LoopsPanel, QueuesPanel } from "./measured";
import { ResourcesPanel } from "./resources";
import { SecretsPanel } from "./secrets";

export function Operations() {
  const current = useCurrent();
  return (
    <div className={`flex flex-col gap-2 lg:grid lg:grid-cols-2 lg:items-start ${current ? "" : "stale"}`}>
      <h1 className="sr-only">Operations</h1>
      <div className="min-w-0 flex-col gap-2 max-lg:contents lg:flex">
        <ChecksPanel />
        <div className="max-lg:order-last">
          <LatencyPanel />
        </div>
      </div>
      <div className="min-w-0 flex-col gap-2 max-lg:contents lg:flex">
        <ResourcesPanel />
        <QueuesPanel />
        <LoopsPanel />
        <SecretsPanel />
      </div>
    </div>
  );
}
