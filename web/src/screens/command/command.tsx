/** The Command Center: is all well, what is it worth, what is open, and why did it decide so. */
import { useCurrent, useLive } from "../../live/react";
import { Loading } from "../../ui/parts";
import { ClosedPanel } from "./closed";
import { DecisionStream } from "./decisions";
import { EquityPanel } from "./equity";
import { FiguresPanel } from "./figures";
import { HealthStrip } from "./health";
import { PositionsPanel } from "./positions";

export function CommandCenter() {
  const begun = useLive((data) => data.seq !== null);
  const current = useCurrent();
  if (!begun) return <Loading rows={8} />;
  return (
    <div
      className={`grid grid-cols-1 gap-2 wide:h-full wide:grid-cols-[minmax(0,1fr)_26rem] wide:grid-rows-[auto_auto_minmax(24rem,1fr)] ${current ? "" : "stale"}`}
    >
      <h1 className="sr-only">Command Center</h1>
      <HealthStrip />
      <EquityPanel />
      <FiguresPanel />
      <div className="flex min-h-0 min-w-0 flex-col gap-2">
        <PositionsPanel />
        <ClosedPanel />
      </div>
      <DecisionStream />
    </div>
  );
}
