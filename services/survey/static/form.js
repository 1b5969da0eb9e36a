// The form, where there is script; nothing here is needed. Answers outlive a reload, sending is tried again, and
// without a network the sheet waits on this phone.

const form = document.getElementById("survey");
const native = () => HTMLFormElement.prototype.submit.call(form);

function fieldsOf(filled) {
  const fields = new URLSearchParams();
  new FormData(filled).forEach((value, name) => {
    if (name !== "form_token") fields.append(name, value);
  });
  return fields.toString();
}

// Answers of an unfinished form: of this tab only, since the next citizen at a shared phone opens another.
const draft = {
  name: form && "draft " + form.dataset.code,
  save() {
    attempt(() => sessionStorage.setItem(draft.name, JSON.stringify({ at: Date.now(), fields: fieldsOf(form) })));
  },
  forget() {
    attempt(() => sessionStorage.removeItem(draft.name));
  },
  restore() {
    const saved = attempt(() => JSON.parse(sessionStorage.getItem(draft.name)));
    if (!saved || Date.now() - saved.at > DAY_MS) return draft.forget();
    new URLSearchParams(saved.fields).forEach((value, name) => {
      for (const field of form.elements) {
        if (field.name !== name) continue;
        if (field.type === "radio" || field.type === "checkbox") field.checked = field.checked || field.value === value;
        else if (field.type !== "hidden") field.value = value;
      }
    });
  },
};

const cameBack = () => performance.getEntriesByType("navigation")[0].type === "back_forward";

function syncLater() {
  if (!navigator.serviceWorker) return;
  navigator.serviceWorker.ready.then((registration) => registration.sync.register("sheets")).catch(() => null);
}

// Delivers what was left from before, and tries again while there is no answer: a network that is back may fail once
// more in its first moment. `tell` hears how many were taken.
let nextTry = null;
async function catchUp(tell = () => null, round = 0) {
  clearTimeout(nextTry);
  const taken = await deliverWaiting().catch((reason) => {
    clearTimeout(nextTry);
    if (reason instanceof Unanswered) nextTry = setTimeout(catchUp, backoffMs(reason, round), tell, round + 1);
    return 0;
  });
  await tell(taken);
}

function start() {
  const button = document.getElementById("send");
  const status = document.getElementById("status");
  const another = document.getElementById("another");
  const token = form.elements.form_token;
  // remembered with this page in the tab's history: whoever comes back to it sends the same sheet. Whoever opens it
  // anew, or scans the code again, is another person.
  const page = attempt(() => (cameBack() ? history.state : history.replaceState(null, ""))) || {};
  let sending = false;
  let wake = null;

  const say = (words) => { status.textContent = status.dataset[words] || ""; };

  function remember(facts) {
    Object.assign(page, facts);
    attempt(() => history.replaceState(Object.assign({}, page), ""));
  }

  function busy(is) {
    sending = is;
    button.setAttribute("aria-busy", String(is));
    button.setAttribute("aria-disabled", String(is));
  }

  // until the time has come, a network is back, or the citizen presses the button once more
  const pause = (ms) => new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    wake = () => { clearTimeout(timer); resolve(); };
  }).then(() => { wake = null; });

  async function sheetOf() {
    const id = page.sheet || newId();
    remember({ sheet: id });
    const before = await find(id).catch(() => null) || page;
    return {
      id,
      kind: "form",
      code: form.dataset.code,
      url: form.getAttribute("action"),
      body: fieldsOf(form),
      token: before.token || token.value,
      stale: before.token ? Boolean(before.stale) : Boolean(root.dataset.kept),
      at: Date.now(),
      sent: false,
    };
  }

  function thank(sheet) {
    remember({ sent: true, token: sheet.token });
    draft.forget();
    location.assign(form.dataset.thanks);
  }

  async function send() {
    // before anything is waited for: a second tap comes within the same moment
    busy(true);
    let sheet = await sheetOf();
    for (let round = 0; ; round += 1) {
      busy(true);
      say("sending");
      const kept = await keep(sheet).then(() => true, () => false);
      if (kept) draft.forget();
      try {
        sheet = await freshened(sheet);
        remember({ token: sheet.token });
        const answer = await deliver(sheet);
        await over(sheet);
        if (answer === 303) return thank(sheet);
        // the server's own page says what is wrong
        draft.save();
        token.value = sheet.token;
        return native();
      } catch (reason) {
        if (!(reason instanceof Unanswered)) throw reason;
        busy(false);
        say(kept ? "kept" : "waiting");
        another.parentNode.hidden = !kept;
        if (kept) attempt(syncLater);
        await pause(backoffMs(reason, round));
        // the service worker may have been first
        const now = kept && await find(sheet.id).catch(() => null);
        if (now && now.sent) return thank(now);
        sheet = Object.assign(now || sheet, { body: fieldsOf(form) });
      }
    }
  }

  async function tell(taken) {
    const mine = page.sheet && await find(page.sheet).catch(() => null);
    // what is being sent meanwhile says by itself how it stands
    if (sending || wake) return;
    if (mine && mine.sent) remember({ sent: true, token: mine.token });
    if (mine && !mine.sent) say("kept");
    else if (page.sent || taken) say(page.sent ? "again" : "earlier");
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (wake) wake();
    else if (!sending) send().catch(native);
  });
  another.addEventListener("click", draft.forget);
  form.addEventListener("input", draft.save);
  form.addEventListener("change", draft.save);
  addEventListener("online", () => (wake ? wake() : catchUp(tell)));
  addEventListener("pageshow", (event) => {
    if (event.persisted) busy(false);
  });
  if (!form.dataset.again) draft.restore();
  catchUp(tell);
}

// the next factor is read from its heading, not from the top of the document
addEventListener("hashchange", () => attempt(() => document.querySelector(location.hash.replace("#", ".") + " h2").focus()));
addEventListener("load", () => attempt(() => keepForOffline(form && !form.dataset.again)));
if (form) {
  attempt(start);
} else {
  addEventListener("online", () => catchUp());
  catchUp();
}
