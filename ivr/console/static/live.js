// How long things have lasted, counted on by the second; and what arrives while one looks elsewhere.
"use strict";

const lasted = (seconds) => {
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${String(seconds % 60).padStart(2, "0")} s`;
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")}`;
};

const count = () => {
  for (const time of document.querySelectorAll("time[data-since]")) {
    const text = lasted(Math.max(0, Math.floor((Date.now() - Date.parse(time.dateTime)) / 1000)));
    if (time.textContent !== text) time.textContent = text;
  }
};

const title = document.title;

// A call that the page shows already is not shown twice; one that rings is told by the title too.
const arrived = () => {
  const seen = new Set();
  for (const card of document.querySelectorAll("[data-call]")) {
    if (seen.has(card.dataset.call)) card.remove();
    seen.add(card.dataset.call);
  }
  const ringing = document.querySelector("#state [data-ringing]");
  document.title = ringing ? `☎ Appel : ${ringing.dataset.ringing}` : title;
};

document.addEventListener("DOMContentLoaded", () => { count(); arrived(); });
document.addEventListener("htmx:afterSettle", () => { count(); arrived(); });
document.addEventListener("htmx:sseMessage", () => { count(); arrived(); });
setInterval(count, 1000);
