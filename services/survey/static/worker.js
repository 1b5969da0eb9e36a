// The service worker: opens the forms of counters that this phone has opened before, and delivers what waits.
// It answers only for a form's page and its script, the network first; whatever else is asked goes its own way.

const KEPT = "forms " + VERSION;
const SLOW_MS = 8000;
const SCRIPT = /^\/(form|kiosk)\.\w+\.js$/;
const FORM = /^\/[\w-]{10,12}$/;

function keyOf(url) {
  const asked = new URLSearchParams(url.search);
  const kiosk = asked.get("kiosk") === "1" ? "&kiosk=1" : "";
  return SCRIPT.test(url.pathname) ? url.pathname : url.pathname.toUpperCase() + "?lang=" + (asked.get("lang") || "vi") + kiosk;
}

const mayKeep = (url) => url.origin === location.origin && (SCRIPT.test(url.pathname) || FORM.test(url.pathname));

async function kept(url) {
  const copy = await (await caches.open(KEPT)).match(keyOf(url));
  return copy && Date.now() - Date.parse(copy.headers.get("Date")) < KEPT_MS ? copy : null;
}

async function keepCopy(url, reply) {
  if (reply.status !== 200 || reply.redirected) return;
  await (await caches.open(KEPT)).put(keyOf(url), reply);
}

// A copy says that it is one: its token may have been used.
async function marked(copy) {
  const page = (await copy.text()).replace("<html ", '<html data-kept="yes" ');
  const headers = new Headers(copy.headers);
  headers.delete("Content-Encoding");
  headers.delete("Content-Length");
  return new Response(page, { headers });
}

async function formOf(event, url) {
  const copy = await kept(url);
  const asked = fetch(event.request).then((reply) => {
    if (reply.status >= 500 && copy) throw reply;
    event.waitUntil(keepCopy(url, reply.clone()).catch(() => null));
    return reply;
  });
  if (!copy) return asked;
  const late = new Promise((resolve) => { setTimeout(resolve, SLOW_MS); });
  return await Promise.race([asked.catch(() => null), late]) || marked(copy);
}

self.addEventListener("install", () => self.skipWaiting());

self.addEventListener("activate", (event) => event.waitUntil((async () => {
  const old = (await caches.keys()).filter((name) => name.startsWith("forms ") && name !== KEPT);
  await Promise.all(old.map((name) => caches.delete(name)));
  await self.clients.claim();
})()));

self.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  if (event.request.method !== "GET" || !mayKeep(url)) return;
  if (SCRIPT.test(url.pathname)) event.respondWith(kept(url).then((copy) => copy || fetch(event.request)));
  else if (event.request.mode === "navigate") event.respondWith(formOf(event, url));
});

// A page that was loaded before this worker was there. Its bytes are in the browser's own cache: no second transfer.
self.addEventListener("message", (event) => event.waitUntil(Promise.all(
  event.data.keep.map((address) => new URL(address)).filter(mayKeep).map(async (url) => {
    if (await kept(url)) return;
    await keepCopy(url, await fetch(url.href, { cache: "force-cache" }));
  }),
)));

self.addEventListener("sync", (event) => {
  if (event.tag === "sheets") event.waitUntil(deliverWaiting());
});
