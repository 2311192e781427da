// Keeps the page as the workspace is: sends forms without leaving, and redraws what changed.
const PARTS = ["sidebar", "timeline", "why", "tools", "wall", "modal"];
let running = false, again = false;

// Between a button's going down and up nothing is drawn: what is replaced meanwhile hears no click.
let isDown = false;
document.addEventListener("pointerdown", () => { isDown = true; }, true);
for (const kind of ["click", "pointercancel", "pointerup"])
  document.addEventListener(kind, () => setTimeout(() => { isDown = false; }), true);

function isPlaying(row) {
  return [...row.querySelectorAll("audio")].some((each) => !each.paused);
}

function replaceRows(old, fresh) {
  const known = new Map([...old.children].filter((each) => each.id).map((each) => [each.id, each]));
  const rows = [...fresh.children].map((row) => {
    const kept = row.id && known.get(row.id);
    return kept && (kept.dataset.drawn === row.outerHTML || isPlaying(kept)) ? kept : drawn(row);
  });
  const isAtEnd = old.scrollTop + old.clientHeight > old.scrollHeight - 80;
  // What stays is not moved: a player that leaves the document falls silent, and a focus is lost.
  for (const each of [...old.children]) if (!rows.includes(each)) each.remove();
  rows.forEach((row, at) => { if (old.children[at] !== row) old.insertBefore(row, old.children[at] ?? null); });
  if (isAtEnd) old.scrollTop = old.scrollHeight;
}

function drawn(row) {
  row.dataset.drawn = row.outerHTML;
  return row;
}

// What a person stands on, so that they stand on it again once it was drawn anew.
function signOf(element) {
  const { tagName, name, value, textContent } = element;
  const isChosen = element.matches("button, [type=radio], [type=checkbox]");
  const words = element.matches("a, button, summary") ? textContent : "";
  return JSON.stringify([tagName, element.closest("[id]")?.id, name, isChosen ? value : "", words]);
}

function focusAgain(sign) {
  if (document.activeElement !== document.body) return;
  const all = document.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea, summary");
  [...all].find((each) => signOf(each) === sign)?.focus();
}

function redraw(text) {
  const stoodOn = signOf(document.activeElement);
  const fresh = new DOMParser().parseFromString(text, "text/html");
  for (const id of PARTS) {
    const old = document.getElementById(id), now = fresh.getElementById(id);
    if (!old || !now || old.dataset.drawn === now.innerHTML) continue;
    if (id === "timeline") replaceRows(old, now);
    else if (id === "modal") replaceModal(old, now.innerHTML);
    else replacePart(old, now.innerHTML);
  }
  focusAgain(stoodOn);
}

function replacePart(part, shown) {
  const opened = [...part.querySelectorAll("details[open]")].map((each) => each.id);
  part.innerHTML = shown;
  for (const each of part.querySelectorAll("details")) each.open ||= opened.includes(each.id);
  part.dataset.drawn = shown;
}

// A view that the app changes keeps what was written into it, as in Slack.
function replaceModal(modal, shown) {
  const viewOf = () => modal.querySelector("[name=view]")?.value;
  const before = viewOf();
  const written = [...modal.querySelectorAll("[data-written]")];
  modal.innerHTML = shown;
  modal.dataset.drawn = shown;
  if (viewOf() !== before) { leadInto(modal); return; }
  for (const each of written) {
    const field = [...modal.querySelectorAll("input, textarea, select")].find((one) => one.name === each.name);
    if (field) { field.value = each.value; field.dataset.written = ""; }
  }
  if (!modal.querySelector("input:not([type=hidden]), textarea, select")) leadInto(modal);
}
document.addEventListener("input", (event) => {
  if (event.target.matches("input:not([type=checkbox]):not([type=radio]), textarea, select")) event.target.dataset.written = "";
});

// While a modal is open, nothing behind it can be reached; its first field is where one begins.
let cameFrom = null;
function leadInto(modal) {
  const isOpen = modal.querySelector("form") !== null;
  for (const each of document.querySelectorAll("nav, main, aside")) each.inert = isOpen;
  if (isOpen) modal.querySelector("textarea, select, input:not([type=hidden]), button.primary, button")?.focus();
  else if (cameFrom) focusAgain(cameFrom);
}

async function refresh() {
  if (running) { again = true; return; }
  running = true;
  try {
    do {
      again = false;
      const text = await (await fetch(location.href, { headers: { "X-Redraws": "1" } })).text();
      while (isDown) await new Promise((looked) => setTimeout(looked, 30));
      redraw(text);
    } while (again);
  } finally { running = false; }
}

async function send(form, submitter, extra = {}) {
  const data = new URLSearchParams(new FormData(form, submitter));
  for (const [name, value] of Object.entries(extra)) data.append(name, value);
  const to = submitter?.getAttribute("formaction") || form.getAttribute("action");
  if (form.id === "composer") form.elements.text.select();
  if (!form.closest("#modal")) cameFrom = signOf(submitter ?? document.activeElement);
  const told = document.getElementById("told");
  const answer = await fetch(to, { method: "POST", body: data });
  told.textContent = answer.ok ? "Sent." : `That did not work: ${answer.status}.`;
  await refresh();
}

// A file goes as it is; the answer names its call, or says what is wrong with it.
async function give(form) {
  const { file, mute } = form.elements, told = document.getElementById("own-told");
  const answer = await fetch(`/recording?mute=${encodeURIComponent(mute.value)}`, { method: "POST", body: file.files[0] });
  const words = await answer.text();
  told.textContent = answer.ok ? `The next call is ${words}: send the command.` : words;
  const text = document.querySelector("#composer [name=text]");
  if (answer.ok && text) text.value = `/callaudio ${words}`;
}

document.addEventListener("submit", (event) => {
  event.preventDefault();
  if (event.target.id === "own") { give(event.target); return; }
  const confirms = event.submitter?.dataset.confirm;
  if (!confirms || confirm(confirms)) send(event.target, event.submitter);
});
document.addEventListener("change", (event) => {
  const field = event.target;
  if (field.dataset.sends === undefined) return;
  const { action_id, type } = JSON.parse(field.dataset.action);
  send(field.form, undefined, { chosen: JSON.stringify({ action_id, type }) });
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") document.querySelector("#modal [formaction='/close']")?.click();
  if (event.key === "/" && !event.target.matches("input, textarea")) {
    event.preventDefault();
    document.querySelector("#composer [name=text]")?.focus();
  }
});
const timeline = document.getElementById("timeline");
if (timeline) {
  [...timeline.children].forEach(drawn);
  timeline.scrollTop = timeline.scrollHeight;
}
if (document.querySelector("#modal form")) leadInto(document.getElementById("modal"));
const isWide = matchMedia("(min-width: 1001px)").matches;
if (isWide) document.querySelector(".selected")?.scrollIntoView({ block: "center" });
else document.querySelector("#why .says")?.scrollIntoView({ block: "center" });
new EventSource(`/changes?since=${document.body.dataset.state}`).onmessage = refresh;
