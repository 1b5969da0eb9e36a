// What the form and the kiosk share beside the queue.

const root = document.documentElement;

// What a browser lacks or forbids is left out, without a word.
const attempt = (work) => { try { return work(); } catch (_) { return null; } };

// Has the service worker keep this page and its script, so that they open without a network.
function keepForOffline(page) {
  if (!navigator.serviceWorker) return;
  const keep = Array.from(document.scripts, (script) => script.src).filter(Boolean);
  if (page && !root.dataset.kept) keep.push(location.href.split("#")[0]);
  navigator.serviceWorker.register("/sw.js")
    .then(() => navigator.serviceWorker.ready)
    .then((registration) => registration.active.postMessage({ keep }))
    .catch(() => null);
}
