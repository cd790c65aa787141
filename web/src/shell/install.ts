/**
 * What makes the page an app of its own: a service worker that keeps its files, and notices of the system's own
 * while the page is out of sight. They come from this page's live link alone; no server of a third party pushes.
 */

const SLOT = "chimera.notices";

/** Lets browsers offer to install the page; without it (an address without TLS, say) everything else goes on. */
export async function installable(): Promise<void> {
  try {
    await navigator.serviceWorker?.register("/sw.js");
  } catch {
    // The page works without; there is nothing to tell anybody.
  }
}

export function canNotice(): boolean {
  return "Notification" in window;
}

export function noticesOn(): boolean {
  return canNotice() && Notification.permission === "granted" && localStorage.getItem(SLOT) === "on";
}

/** Switches the system's notices on or off; says whether they are on now. A browser asks the person first. */
export async function switchNotices(on: boolean): Promise<boolean> {
  if (on && canNotice() && Notification.permission !== "granted") await Notification.requestPermission();
  localStorage.setItem(SLOT, on ? "on" : "off");
  return noticesOn();
}

/** Tells the system, while nobody looks at the page. `tag`: a later notice of the same tag takes its place. */
export async function notice(title: string, body: string, tag: string): Promise<void> {
  if (!noticesOn() || document.visibilityState === "visible") return;
  const options = { body, tag, icon: "/icon-192.png" };
  // Phones show notices of a service worker alone, desks those of a page too.
  const worker = await navigator.serviceWorker?.getRegistration();
  if (worker) await worker.showNotification(title, options);
  else new Notification(title, options);
}
