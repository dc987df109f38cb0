// How long things have lasted, counted on by the second; and what arrives while one looks elsewhere.
"use strict";

const lasted = (seconds) => {
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${String(seconds % 60).padStart(2, "0")} s`;
  if (minutes >= 2 * 24 * 60) return `${Math.floor(minutes / (24 * 60))} jours`;
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")}`;
};

const count = () => {
  for (const time of document.querySelectorAll("time[data-since]")) {
    const text = lasted(Math.max(0, Math.floor((Date.now() - Date.parse(time.dateTime)) / 1000)));
    if (time.textContent !== text) time.textContent = text;
  }
};

const title = document.title;

// A call that the page shows already is not shown twice: what came first stays, with the note that
// is being written in it. One that rings is told by the title too.
const arrived = () => {
  const seen = new Set();
  for (const card of [...document.querySelectorAll("[data-call]")].reverse()) {
    if (seen.has(card.dataset.call)) card.remove();
    seen.add(card.dataset.call);
  }
  const ringing = document.querySelector("#state [data-ringing]");
  document.title = ringing ? `☎ Appel : ${ringing.dataset.ringing}` : title;
};

// The console sends something every ten seconds. When it does not, or when the link breaks for longer
// than it takes to mend by itself, the page says that what it shows is of the past.
const SILENT_MS = 25000, BROKEN_MS = 4000;
let heard = Date.now(), broken = null, over = false;

const follow = () => {
  const away = document.getElementById("away");
  if (!away) return;
  const now = Date.now();
  const lost = !over && ((broken !== null && now - broken > BROKEN_MS) || now - heard > SILENT_MS);
  if (lost === !away.hidden) return;
  const since = new Date(heard);
  document.getElementById("away-since").textContent =
    `${since.getHours()} h ${String(since.getMinutes()).padStart(2, "0")}`;
  away.hidden = !lost;
};

document.addEventListener("htmx:sseOpen", () => { heard = Date.now(); broken = null; follow(); });
document.addEventListener("htmx:sseError", () => { broken ??= Date.now(); });
document.addEventListener("htmx:sseClose", (event) => { over = event.detail.type === "message"; follow(); });

document.addEventListener("DOMContentLoaded", () => { count(); arrived(); });
document.addEventListener("htmx:afterSettle", () => { count(); arrived(); });
document.addEventListener("htmx:sseMessage", () => { heard = Date.now(); count(); arrived(); follow(); });
setInterval(() => { count(); follow(); }, 1000);
