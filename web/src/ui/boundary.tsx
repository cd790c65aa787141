/** The last net: what fails while it is drawn says so, instead of leaving an empty page to somebody who must act. */
import { Component, type ReactNode } from "react";
import { ErrorState } from "./parts";

export class Boundary extends Component<{ children: ReactNode }, { error: unknown }> {
  override state = { error: null as unknown };

  static getDerivedStateFromError(error: unknown) {
    return { error };
  }

  override render() {
    if (this.state.error === null) return this.props.children;
    return (
      <div className="flex min-h-dvh flex-col">
        <Stumbled retry={() => window.location.reload()} />
      </div>
    );
  }
}

/** In a screen's place; the frame around it, with its halt button, stays. */
export function Stumbled({ retry }: { retry: () => void }) {
  return (
    <ErrorState
      error={new Error("This page failed to draw itself. The desk trades on; its own rules are not touched.")}
      retry={retry}
    />
  );
}
