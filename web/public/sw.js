/**
 * Lets the dashboard be installed and open without waiting: its files, whose names say what is in them, are kept.
 *
 * The page itself is asked for first and kept only for when the desk is away; then it says that the link is lost.
 * Nothing under /api is ever kept or even looked at: figures are the desk's or none.
 */
const KEPT = "chimera-shell-1";
const FILES_MAX = 60; // a build has some twenty; older builds' files go first

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== self.location.origin) return;
  if (url.pathname.startsWith("/assets/")) event.respondWith(keptFirst(request));
  else if (request.mode === "navigate" && url.pathname === "/") event.respondWith(askedFirst(request));
});

async function keptFirst(request) {
  const kept = await caches.open(KEPT);
  const known = await kept.match(request);
  if (known) return known;
  const answer = await fetch(request);
  if (answer.ok) {
    await kept.put(request, answer.clone());
    await tidy(kept);
  }
  return answer;
}

async function askedFirst(request) {
  const kept = await caches.open(KEPT);
  try {
    const answer = await fetch(request);
    if (answer.ok) await kept.put("/", answer.clone());
    return answer;
  } catch (error) {
    const known = await kept.match("/");
    if (known) return known;
    throw error;
  }
}

async function tidy(kept) {
  const files = (await kept.keys()).filter((request) => new URL(request.url).pathname !== "/");
  for (const old of files.slice(0, Math.max(0, files.length - FILES_MAX))) await kept.delete(old);
}
