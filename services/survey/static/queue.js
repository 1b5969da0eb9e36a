"use strict";
// Sheets on their way. The form, the kiosk and the service worker each begin with this file, and two of them may
// deliver the same sheet at the same moment: it has one token, so one id, and counts once. A sheet from a kept copy of
// the form has a token that others may have used too; the fresh one is settled in one transaction, so that whoever
// comes second sends the same.
//
// A sheet is {id, kind: "form" or "kiosk", code, url, body, token, stale, at, sent}. Of one that was taken only id and
// token stay, so that sending the same page once more is still the same sheet.

const DAY_MS = 24 * 60 * 60 * 1000;
const KEPT_MS = 30 * DAY_MS;
const REPLY_MS = 20000;
const STORE = "sheets";

let database = null;

function opened() {
  const opening = new Promise((resolve, reject) => {
    // an in-app browser may lack it, refuse it, or never answer
    setTimeout(reject, 3000, new Error("no database"));
    const request = indexedDB.open("sipas", 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE, { keyPath: "id" });
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  // a disk that was slow once is asked again: a kiosk's page lives for weeks
  opening.catch(() => { database = null; });
  return opening;
}

// Resolves when the transaction is on disk, not when it was asked for: only then may the page say "kept".
async function inStore(mode, work) {
  const store = await (database = database || opened());
  return new Promise((resolve, reject) => {
    let answer = null;
    const transaction = store.transaction(STORE, mode, { durability: "strict" });
    transaction.oncomplete = () => resolve(answer);
    transaction.onerror = transaction.onabort = () => reject(transaction.error);
    work(transaction.objectStore(STORE), (value) => { answer = value; });
  });
}

const keep = (sheet) => inStore("readwrite", (sheets) => { sheets.put(sheet); });

const find = (id) => inStore("readonly", (sheets, answer) => {
  const found = sheets.get(id);
  found.onsuccess = () => answer(found.result);
});

const change = (id, changed) => inStore("readwrite", (sheets, answer) => {
  const found = sheets.get(id);
  found.onsuccess = () => {
    if (!found.result) return;
    const next = changed(found.result);
    sheets.put(next);
    answer(next);
  };
});

// The sheets of a kind that wait, oldest first; what is older than 30 days goes.
const waiting = (kind) => inStore("readwrite", (sheets, answer) => {
  const all = sheets.getAll();
  all.onsuccess = () => {
    const old = Date.now() - KEPT_MS;
    all.result.filter((sheet) => sheet.at < old).forEach((sheet) => sheets.delete(sheet.id));
    answer(all.result.filter((sheet) => sheet.at >= old && sheet.kind === kind && !sheet.sent)
      .sort((one, other) => one.at - other.at));
  };
});

const over = (sheet) => change(sheet.id, (found) => ({ id: found.id, token: found.token, at: found.at, sent: true }))
  .catch(() => null);

function newId() {
  // not crypto.randomUUID: it needs https
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = bytes[6] & 15 | 64;
  bytes[8] = bytes[8] & 63 | 128;
  const hex = Array.from(bytes, (byte) => (byte + 256).toString(16).slice(1)).join("");
  return hex.replace(/(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

// Nobody knows whether the sheet was taken: send it again.
class Unanswered extends Error {
  constructor(reply) {
    super("no answer");
    this.afterMs = reply ? 1000 * (parseInt(reply.headers.get("Retry-After"), 10) || 0) : 0;
  }
}

// How long to wait before trying once more, after so many rounds without an answer.
const backoffMs = (reason, round) => Math.max(reason.afterMs, Math.min(60000, 1000 * 2 ** round) * (0.5 + Math.random() / 2));

async function ask(url, options) {
  const limit = self.AbortController ? new AbortController() : null;
  const timer = setTimeout(() => limit && limit.abort(), REPLY_MS);
  try {
    return await fetch(url, Object.assign({ signal: limit ? limit.signal : undefined }, options));
  } catch (_) {
    throw new Unanswered();
  } finally {
    clearTimeout(timer);
  }
}

const post = (url, body) => ask(url, {
  method: "POST",
  headers: { "Content-Type": "application/x-www-form-urlencoded" },
  body,
});

// A sheet from a kept copy with a token of its own; every other sheet as it is.
async function freshened(sheet) {
  if (!sheet.stale) return sheet;
  const reply = await post("/" + sheet.code + "/token", "form_token=" + encodeURIComponent(sheet.token));
  const text = (await reply.text().catch(() => "")).trim();
  // 422: no token of ours, so no other is to be had for it. Anything else may come from a hotel's login page.
  const fresh = reply.status === 200 && /^[\w.-]+$/.test(text) ? text : reply.status === 422 ? sheet.token : null;
  if (fresh === null) throw new Unanswered(reply);
  const settled = (found) => found.stale ? Object.assign({}, found, { token: fresh, stale: false }) : found;
  return await change(sheet.id, settled).catch(() => null) || settled(sheet);
}

// The answer's status: 303 taken, 4xx refused for good. Raises Unanswered where it may be taken later.
async function deliver(sheet) {
  const reply = await post(sheet.url, sheet.body + "&form_token=" + encodeURIComponent(sheet.token));
  // a login page in our place would also answer 200
  if (reply.ok && reply.redirected && new URL(reply.url).pathname === "/thanks") return 303;
  if ([400, 404, 410, 413, 415, 422].includes(reply.status)) return reply.status;
  throw new Unanswered(reply);
}

// Delivers what waits; gives how many were taken. Raises Unanswered at the first that must wait on.
async function deliverWaiting() {
  let taken = 0;
  for (const sheet of await waiting("form")) {
    const status = await deliver(await freshened(sheet));
    // a 404 may come from whatever stands in our place today
    if (status !== 404) await over(sheet);
    taken += status === 303;
  }
  return taken;
}
