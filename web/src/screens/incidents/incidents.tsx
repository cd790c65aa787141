/** What a person must look at: what got lost, what does not add up, and who changed what. */
import { Audit } from "./audit";
import { Books } from "./books";
import { Letters } from "./letters";

export function Incidents() {
  return (
    <div className="flex flex-col gap-2 wide:min-h-full">
      <h1 className="sr-only">Incidents</h1>
      <Letters />
      <Books />
      <Audit />
    </div>
  );
}
