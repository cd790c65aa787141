/** Short notices at the edge of the screen. They say what just happened; what must be acted on is never only here. */
import { createContext, type ReactNode, useCallback, useContext, useRef, useState } from "react";
import { Icon } from "./icons";
import { Dot, type Tone } from "./parts";

const SHOWN_MS = 6_000;
const KEPT = 2; // more would cover the figures

interface Notice {
  id: number;
  tone: Tone;
  body: ReactNode;
}

type Notify = (tone: Tone, body: ReactNode) => void;

const NotifyContext = createContext<Notify>(() => {});

export function useNotify(): Notify {
  return useContext(NotifyContext);
}

export function Toasts({ children }: { children: ReactNode }) {
  const [notices, setNotices] = useState<Notice[]>([]);
  const nextId = useRef(1);
  const remove = useCallback(
    (id: number) => setNotices((all) => all.filter((notice) => notice.id !== id)),
    [],
  );
  const notify = useCallback<Notify>(
    (tone, body) => {
      const id = nextId.current++;
      setNotices((all) => [...all, { id, tone, body }].slice(-KEPT));
      setTimeout(() => remove(id), SHOWN_MS);
    },
    [remove],
  );
  return (
    <NotifyContext value={notify}>
      {children}
      <div
        role="status"
        aria-live="polite"
        className="pointer-events-none fixed right-3 bottom-[4.5rem] left-3 z-40 flex flex-col items-end gap-2 sm:bottom-4 sm:left-auto [:root:has([data-bar])_&]:bottom-28 sm:[:root:has([data-bar])_&]:bottom-16"
      >
        {notices.map((notice) => (
          <div
            key={notice.id}
            className="pointer-events-auto flex w-full max-w-96 items-center gap-2.5 rounded-lg border border-edge bg-raised py-2 pr-1.5 pl-3 text-sm shadow-lg"
          >
            <Dot tone={notice.tone} />
            <div className="min-w-0 flex-1">{notice.body}</div>
            <button
              type="button"
              aria-label="Dismiss"
              onClick={() => remove(notice.id)}
              className="rounded p-1.5 text-faint hover:bg-hover hover:text-text"
            >
              <Icon name="close" size={13} />
            </button>
          </div>
        ))}
      </div>
    </NotifyContext>
  );
}
