// Keeps the page as the workspace is: sends forms without leaving, and redraws what changed.
const PARTS = ["sidebar", "timeline", "wall", "modal"];
let running = false, again = false;

function isBusy(part) {
  const focused = document.activeElement;
  const isWriting = focused && part.contains(focused) && focused.matches("input:not([type=hidden]), textarea, select");
  return isWriting || [...part.querySelectorAll("audio")].some((each) => !each.paused);
}

function replaceRows(old, fresh) {
  const known = new Map([...old.children].filter((each) => each.id).map((each) => [each.id, each]));
  const rows = [...fresh.children].map((row) => {
    const kept = row.id && known.get(row.id);
    return kept && (kept.dataset.drawn === row.outerHTML || isBusy(kept)) ? kept : drawn(row);
  });
  const isAtEnd = old.scrollTop + old.clientHeight > old.scrollHeight - 80;
  old.replaceChildren(...rows);
  if (isAtEnd) old.scrollTop = old.scrollHeight;
}

function drawn(row) {
  row.dataset.drawn = row.outerHTML;
  return row;
}

function redraw(text) {
  const fresh = new DOMParser().parseFromString(text, "text/html");
  for (const id of PARTS) {
    const old = document.getElementById(id), now = fresh.getElementById(id);
    if (!old || !now || old.dataset.drawn === now.innerHTML) continue;
    if (id === "timeline") replaceRows(old, now);
    else if (!(id === "modal" && isBusy(old) && now.querySelector("form"))) {
      const shown = now.innerHTML;
      const isOpen = old.querySelector("details")?.open;
      old.innerHTML = shown;
      if (isOpen) old.querySelector("details").open = true;
      old.dataset.drawn = shown;
      if (id === "modal") old.querySelector("textarea, select, input:not([type=hidden]), button")?.focus();
    }
  }
}

async function refresh() {
  if (running) { again = true; return; }
  running = true;
  try {
    do {
      again = false;
      redraw(await (await fetch(location.href)).text());
    } while (again);
  } finally { running = false; }
}

async function send(form, submitter, extra = {}) {
  const data = new URLSearchParams(new FormData(form, submitter));
  for (const [name, value] of Object.entries(extra)) data.append(name, value);
  const to = submitter?.getAttribute("formaction") || form.getAttribute("action");
  if (form.id === "composer") form.elements.text.select();
  else document.activeElement?.blur();
  const told = document.getElementById("told");
  const answer = await fetch(to, { method: "POST", body: data });
  told.textContent = answer.ok ? "Sent." : `That did not work: ${answer.status}.`;
  await refresh();
}

document.addEventListener("submit", (event) => {
  event.preventDefault();
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
if (timeline) timeline.scrollTop = timeline.scrollHeight;
document.querySelector(".selected")?.scrollIntoView({ block: "center" });
new EventSource("/changes").onmessage = refresh;
