// A kiosk: one question a screen, for whoever stands before it. Nothing of a citizen outlives a reset: what they
// chose is in `visit` and nowhere else, and the screens are in no history. A finished sheet waits in the queue without
// the device's key; the key is on the device, and in the address only until it was read.

const TEXTS = JSON.parse(document.getElementById("texts").textContent);
const IDLE_S = 45;
const WARNING_S = 20;
const THANKS_S = 8;
const AGAIN_MS = 60000;
const PATIENCE_MS = 6000;
const TAKEN = 202;
const WRONG_KEY = [401, 403];
const REFUSED = [400, 404, 410, 413, 422];

const screens = ["setup", "start", "choose", "question", "done"];
const part = (id) => document.getElementById(id);

let visit = null;
let keyInMemory = null;
let lastTouched = Date.now();
let focusedBefore = null;
let thankedAt = 0;
let outdated = false;
let delivering = false;

const key = {
  read: () => attempt(() => localStorage.getItem("sipas key")) || keyInMemory,
  set(value) {
    keyInMemory = value;
    attempt(() => (value ? localStorage.setItem("sipas key", value) : localStorage.removeItem("sipas key")));
  },
};

const texts = () => TEXTS.languages[visit.language];
const word = (name) => texts().words[name];

function show(name) {
  visit.screen = name;
  screens.forEach((screen) => { part(screen).hidden = screen !== name; });
  root.lang = visit.language;
  document.title = texts().title;
  part("counter").textContent = texts().counter;
  document.querySelectorAll("[data-word]").forEach((element) => { element.textContent = word(element.dataset.word); });
  part("language").hidden = name === "setup" || name === "done";
  part("language").lang = nextLanguage();
  part("language").textContent = TEXTS.languages[nextLanguage()].name;
  part("bar").hidden = name !== "question" && name !== "choose";
  const heading = part(name).querySelector("h1");
  heading.focus();
}

function nextLanguage() {
  const all = Object.keys(TEXTS.languages);
  return all[(all.indexOf(visit.language) + 1) % all.length];
}

function reset() {
  if (outdated) return location.reload();
  visit = { language: TEXTS.first, screen: "", at: 0, answers: {}, choice: null };
  hideWarning();
  part("status").textContent = "";
  part("key").value = "";
  if (key.read()) start();
  else show("setup");
}

function start() {
  visit.screen = "start";
  part("title").textContent = texts().title;
  part("about").textContent = texts().about;
  part("notice").textContent = texts().notice;
  show("start");
}

// Screen -1 asks for whom, where a counter serves several; then one question each.
const first = () => (texts().choices.length > 1 ? -1 : 0);

function pose() {
  const { questions, choices } = texts();
  const steps = questions.length - first();
  part("progress").textContent = visit.at - first() + 1 + "/" + steps;
  part("why").textContent = "";
  part("next").textContent = word(visit.at === questions.length - 1 ? "send" : "next");
  if (visit.at < 0) {
    part("choose-what").textContent = texts().choose;
    part("choices").replaceChildren(...choices.map((choice) => {
      const button = document.createElement("button");
      button.type = "button";
      button.dataset.choice = choice.value;
      button.textContent = choice.label;
      button.setAttribute("aria-pressed", String(visit.choice === choice.value));
      return button;
    }));
    return show("choose");
  }
  const question = questions[visit.at];
  part("factor").textContent = question.factor;
  part("text").textContent = question.text;
  document.querySelectorAll("[data-level]").forEach((button) => {
    const level = button.dataset.level;
    const chosen = visit.answers[question.code];
    button.querySelector(".label").textContent = texts().scale[level];
    button.setAttribute("aria-pressed", String(chosen !== undefined && level === String(chosen === null ? "" : chosen)));
  });
  return show("question");
}

function choose(button) {
  const { level, choice } = button.dataset;
  if (level !== undefined) visit.answers[texts().questions[visit.at].code] = level === "" ? null : Number(level);
  if (choice !== undefined) visit.choice = choice;
  button.parentNode.parentNode.querySelectorAll("[aria-pressed]").forEach((other) => {
    other.setAttribute("aria-pressed", String(other === button));
  });
  part("why").textContent = "";
}

function next() {
  if (visit.at < 0 && visit.choice === null) {
    part("why").textContent = word("choose-first");
  } else if (visit.at < texts().questions.length - 1) {
    visit.at += 1;
    pose();
  } else if (Object.values(visit.answers).every((level) => level === null)) {
    part("why").textContent = word("no-answer");
  } else {
    send();
  }
}

function back() {
  if (visit.at === first()) return start();
  visit.at -= 1;
  return pose();
}


// The status. Raises Unanswered where the sheet may be taken later.
async function deliverOne(sheet) {
  const reply = await ask(sheet.url, {
    method: "POST",
    headers: { "Content-Type": "application/json", "Authorization": "Bearer " + key.read() },
    body: sheet.body,
  });
  if (reply.status !== TAKEN && !WRONG_KEY.includes(reply.status) && !REFUSED.includes(reply.status)) {
    throw new Unanswered(reply);
  }
  if (WRONG_KEY.includes(reply.status)) refuseKey();
  // refused: the counter's questions or the counter changed since this page was loaded
  else if (reply.status === 410 || reply.status === 422) outdated = true;
  // a 404 may come from whatever stands in the survey's place today
  if (!WRONG_KEY.includes(reply.status) && reply.status !== 404) await over(sheet);
  return reply.status;
}

async function catchUp() {
  if (delivering || !key.read()) return;
  delivering = true;
  try {
    for (const sheet of await waiting("kiosk")) await deliverOne(sheet);
  } finally {
    delivering = false;
  }
}

function refuseKey() {
  key.set(null);
  reset();
  part("refused").textContent = word("key-refused");
}

async function send() {
  const sheet = { id: newId(), kind: "kiosk", url: "/v1/responses", at: Date.now(), sent: false };
  const [agency, sector] = (visit.choice || "").split("/");
  sheet.body = JSON.stringify({
    response_id: sheet.id,
    counter: TEXTS.counter,
    agency: agency || null,
    sector: sector || null,
    answers: visit.answers,
    language: visit.language,
  });
  part("next").setAttribute("aria-busy", "true");
  const kept = await keep(sheet).then(() => true, () => false);
  // whoever stands here is not kept waiting by a slow network: what is kept will be delivered
  const patience = new Promise((resolve) => { setTimeout(resolve, PATIENCE_MS, "later"); });
  const answer = await Promise.race([deliverOne(sheet).catch(() => "later"), patience]);
  part("next").removeAttribute("aria-busy");
  if (WRONG_KEY.includes(answer)) return;
  if (answer === TAKEN || (answer === "later" && kept)) {
    part("status").textContent = word(answer === TAKEN ? "thanks-kiosk" : "kept-kiosk");
    visit.answers = {};
    thankedAt = Date.now();
    show("done");
  } else {
    part("why").textContent = word("not-sent");
  }
}

function showWarning(leftS) {
  const warning = part("still-there");
  if (warning.hidden) {
    focusedBefore = document.activeElement;
    warning.hidden = false;
    part("more-time").focus();
  }
  part("left").textContent = leftS;
}

function hideWarning() {
  if (part("still-there").hidden) return;
  part("still-there").hidden = true;
  if (focusedBefore) focusedBefore.focus();
}

function touched() {
  lastTouched = Date.now();
  hideWarning();
}

function tick() {
  if (visit.screen === "done") {
    if (Date.now() - thankedAt >= THANKS_S * 1000) reset();
    return;
  }
  if (visit.screen === "setup" || (visit.screen === "start" && visit.language === TEXTS.first)) return;
  const leftS = IDLE_S - Math.floor((Date.now() - lastTouched) / 1000);
  if (leftS <= 0) reset();
  else if (leftS <= WARNING_S) showWarning(leftS);
}

function begin() {
  attempt(() => root.requestFullscreen().catch(() => null));
  attempt(() => navigator.wakeLock.request("screen").catch(() => null));
  visit.at = first();
  visit.answers = {};
  visit.choice = null;
  pose();
}

// #key=… sets the device's key, #reset forgets it; neither reaches a server, and neither stays in the address.
function readAddress() {
  const given = location.hash;
  if (given === "#reset") key.set(null);
  if (given.startsWith("#key=")) key.set(decodeURIComponent(given.slice(5)));
  if (given) attempt(() => history.replaceState(null, "", location.pathname + location.search));
}

function pressed(button) {
  if (button.dataset.level !== undefined || button.dataset.choice !== undefined) choose(button);
  if (button.id === "begin") begin();
  if (button.id === "next" && !button.hasAttribute("aria-busy")) next();
  if (button.id === "back") back();
  if (button.id === "over") reset();
  if (button.id === "language") {
    visit.language = nextLanguage();
    if (visit.screen === "start") start();
    else pose();
  }
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button) pressed(button);
  else if (visit.screen === "done") reset();
});
["pointerdown", "touchstart", "keydown"].forEach((event) => document.addEventListener(event, touched));
part("setup").addEventListener("submit", (event) => {
  event.preventDefault();
  key.set(part("key").value.trim() || null);
  part("refused").textContent = "";
  reset();
  catchUp().catch(() => null);
});
addEventListener("hashchange", () => { readAddress(); reset(); });
addEventListener("online", () => catchUp().catch(() => null));
addEventListener("load", () => attempt(() => keepForOffline(true)));
setInterval(() => catchUp().catch(() => null), AGAIN_MS);
setInterval(tick, 250);
readAddress();
reset();
catchUp().catch(() => null);
