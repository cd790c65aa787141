/** What may be lost, what stops it, and who may change that. */
import { BreakersPanel } from "./breakers";
import { ExposurePanel } from "./exposure";
import { SettingsPanel } from "./settings";
import { StopsPanel } from "./stops";
import { BreakerPanel, KillPanel } from "./switches";
import { TogetherPanel } from "./together";

const SECTIONS = ["risk.", "token_safety.", "allocation."];
const protects = (key: string) => SECTIONS.some((section) => key.startsWith(section));

export function Risk() {
  return (
    <div className="flex flex-col gap-2 wide:grid wide:h-full wide:grid-cols-[22rem_minmax(0,1fr)]">
      <h1 className="sr-only">Risk</h1>
      <div className="flex flex-col gap-2 sm:max-wide:grid sm:max-wide:grid-cols-2 wide:min-h-0 wide:overflow-y-auto [&>section]:shrink-0">
        <KillPanel />
        <BreakerPanel />
        <ExposurePanel />
        <TogetherPanel />
        <BreakersPanel />
        <StopsPanel />
      </div>
      <SettingsPanel title="Limits and rules in force" only={protects} />
    </div>
  );
}
