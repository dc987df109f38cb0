// The editor of a question: drafts kept in the browser, questions that follow, the microphone.
"use strict";

(() => {
  const sheet = () => document.getElementById("sheet");
  const keyOf = (form) => "brouillon:" + form.dataset.draft;
  const IGNORED = ["csrf", "version", "appris"];

  const valuesOf = (form) =>
    [...new FormData(form)].filter(([name]) => !IGNORED.includes(name)).map(([name, value]) => [name, value.replace(/\r\n/g, "\n").trim()]);

  const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
  let saved = null;

  function addFollowUp() {
    const made = document.getElementById("suite-template").content.cloneNode(true);
    document.getElementById("suites").append(made);
    return document.getElementById("suites").lastElementChild;
  }

  function fill(form, values) {
    document.getElementById("suites").replaceChildren();
    const wanted = values.filter(([name]) => name === "suite_id").length;
    for (let n = 0; n < wanted; n++) addFollowUp();
    const used = {};
    for (const [name, value] of values) {
      const fields = form.querySelectorAll(`[name="${CSS.escape(name)}"]`);
      const field = fields[used[name] || 0];
      used[name] = (used[name] || 0) + 1;
      if (field) field.value = value;
    }
    form.dispatchEvent(new Event("input", { bubbles: true }));
  }

  function begin() {
    const form = sheet();
    if (!form || form.dataset.begun) return;
    form.dataset.begun = "1";
    saved = saved || valuesOf(form);
    let kept = null;
    try { kept = JSON.parse(localStorage.getItem(keyOf(form))); } catch { /* none */ }
    if (kept && !same(kept, valuesOf(form))) document.getElementById("draft-offer").hidden = false;
    form.addEventListener("input", () => {
      try { localStorage.setItem(keyOf(form), JSON.stringify(valuesOf(form))); } catch { /* full */ }
    });
    const fault = document.getElementById("save-fault");
    if (fault) fault.focus();
    if (navigator.mediaDevices && window.MediaRecorder) document.getElementById("speak").hidden = false;
    markWrong();
  }

  function markWrong() {
    for (const told of document.querySelectorAll("#verdict [data-beside]")) {
      const place = document.getElementById(told.dataset.beside);
      if (place) place.replaceChildren(...told.childNodes);
      told.remove();
    }
    for (const place of document.querySelectorAll(".wrong")) {
      const field = document.getElementById("f-" + place.id.slice(2));
      if (field) field.setAttribute("aria-invalid", place.textContent.trim() ? "true" : "false");
    }
  }

  document.addEventListener("click", (event) => {
    const form = sheet();
    if (!form) return;
    if (event.target.id === "draft-take") fill(form, JSON.parse(localStorage.getItem(keyOf(form))));
    if (event.target.id === "draft-drop") localStorage.removeItem(keyOf(form));
    if (event.target.id.startsWith("draft-")) document.getElementById("draft-offer").hidden = true;
    if (event.target.id === "add-suite") addFollowUp().querySelector("input").focus();
    if (event.target.classList.contains("remove-suite")) {
      event.target.closest("fieldset").remove();
      form.dispatchEvent(new Event("input", { bubbles: true }));
      document.getElementById("add-suite").focus();
    }
    if (event.target.id === "speak") speak(event.target);
  });

  document.addEventListener("htmx:afterRequest", (event) => {
    const form = sheet();
    if (form && event.detail.elt === form && event.detail.xhr.getResponseHeader("HX-Redirect"))
      localStorage.removeItem(keyOf(form));
  });
  document.addEventListener("htmx:afterSettle", () => { begin(); markWrong(); });
  document.addEventListener("DOMContentLoaded", begin);

  // --- the microphone ---

  let recorder = null;

  async function speak(button) {
    const place = document.getElementById("tried");
    if (recorder) { recorder.stop(); return; }
    const say = (text) => { place.innerHTML = ""; const p = document.createElement("p"); p.className = "help"; p.textContent = text; place.append(p); };
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ audio: true });
    } catch {
      say("Le micro n'est pas accessible : autorisez-le dans le navigateur, ou tapez la phrase.");
      return;
    }
    const pieces = [];
    recorder = new MediaRecorder(stream);
    recorder.ondataavailable = (event) => pieces.push(event.data);
    recorder.onstop = async () => {
      recorder = null;
      button.textContent = "Parler";
      stream.getTracks().forEach((track) => track.stop());
      say("Chargement… la parole est reconnue ; quelques secondes la première fois.");
      try {
        const wave = await toWav(new Blob(pieces));
        const token = JSON.parse(document.body.getAttribute("hx-headers"))["X-CSRF-Token"];
        const answer = await fetch(button.dataset.to, {
          method: "POST", body: wave, headers: { "Content-Type": "audio/wav", "X-CSRF-Token": token, "HX-Request": "true" },
        });
        place.innerHTML = await answer.text();
      } catch {
        say("L'enregistrement n'a pas pu être envoyé. Réessayez, ou tapez la phrase.");
      }
    };
    recorder.start();
    button.textContent = "Arrêter";
    say("Parlez… puis « Arrêter ». Vingt secondes au plus.");
    setTimeout(() => { if (recorder && recorder.stream === stream) recorder.stop(); }, 20000);
  }

  // 16 kHz, 16 bit, mono: what the recogniser hears
  async function toWav(blob) {
    const context = new AudioContext();
    const heard = await context.decodeAudioData(await blob.arrayBuffer());
    await context.close();
    const RATE = 16000;
    const line = new OfflineAudioContext(1, Math.max(1, Math.ceil(heard.duration * RATE)), RATE);
    const source = line.createBufferSource();
    source.buffer = heard;
    source.connect(line.destination);
    source.start();
    const samples = (await line.startRendering()).getChannelData(0);
    const view = new DataView(new ArrayBuffer(44 + samples.length * 2));
    const text = (at, letters) => [...letters].forEach((one, n) => view.setUint8(at + n, one.charCodeAt(0)));
    text(0, "RIFF"); view.setUint32(4, 36 + samples.length * 2, true); text(8, "WAVEfmt ");
    view.setUint32(16, 16, true); view.setUint16(20, 1, true); view.setUint16(22, 1, true);
    view.setUint32(24, RATE, true); view.setUint32(28, RATE * 2, true); view.setUint16(32, 2, true); view.setUint16(34, 16, true);
    text(36, "data"); view.setUint32(40, samples.length * 2, true);
    samples.forEach((one, n) => view.setInt16(44 + n * 2, Math.max(-1, Math.min(1, one)) * 32767, true));
    return view.buffer;
  }
})();
