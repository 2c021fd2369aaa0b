// What makes pages live; without it they can be read, and every form works. When something has happened, the page is asked
// for once more, and what differs is changed in place: what has the focus, is scrolled, opened or typed stays as it is.
(() => {
  "use strict";
  const LINES_MAX = 400, PAUSE_MS = 250, BETWEEN_MS = 1000, QUIET_MS = 4000, AGES_MS = 15000, BACK_MS = [500, 1000, 2000, 5000];
  // Of interest only as figures: the page may wait a little for them.
  const QUIET = /^(session\.(usage|cost|extended|conversation|self_reported)|checkpoint\.|notice\.|budget\.warned)/;
  const $ = (what, from = document) => from.querySelector(what);
  const all = (what, from = document) => [...from.querySelectorAll(what)];
  const main = $("#main"), link = $("#link");
  let seq = Number($("meta[name=convoy-seq]")?.content ?? NaN);
  const isLive = Number.isFinite(seq);
  const make = (name, text = "", set = {}) => Object.assign(document.createElement(name), { textContent: text, ...set });

  // The same page, changed where it differs.
  const key = (node) => node.nodeType !== 1 ? null
    : node.id || node.dataset.output || (/^(LI|TR)$/.test(node.tagName) && $("a", node)?.getAttribute("href")) || null;
  const typed = new WeakSet(), edited = (form) => typed.has(form) || form.contains(document.activeElement);
  document.addEventListener("input", ({ target }) => typed.add(target.form));
  const morph = (old, fresh) => {
    if (old.nodeType !== fresh.nodeType || old.nodeName !== fresh.nodeName) return void old.replaceWith(fresh);
    if (old.nodeType !== 1) { if (old.data !== fresh.data) old.data = fresh.data; return; }
    if (old.tagName === "FORM" && edited(old)) return;
    for (const { name, value } of [...fresh.attributes])
      if (name !== "open" && old.getAttribute(name) !== value) old.setAttribute(name, value);
    for (const { name } of [...old.attributes]) if (name !== "open" && !fresh.hasAttribute(name)) old.removeAttribute(name);
    // Of what is printed the page may have more by now.
    if (old.dataset.output) return [...old.childNodes].forEach((line) => { if (line.at < Number(old.dataset.from)) line.remove(); });
    // What scripts made stays where it is; the rest is the same thing if it has the same name, or the same place.
    const had = [...old.childNodes].filter((node) => !node.dataset?.js), named = new Map(had.map((node) => [key(node), node]));
    const loose = had.filter((node) => !key(node)), used = new Set();
    let here = old.firstChild;
    for (const node of [...fresh.childNodes]) {
      const name = key(node), same = name ? named.get(name) : loose.shift();
      while (here?.dataset?.js) here = here.nextSibling;
      if (same && !used.has(same) && same.nodeName === node.nodeName) {
        used.add(same);
        if (same === here) here = here.nextSibling; else old.insertBefore(same, here);
        morph(same, node);
      } else old.insertBefore(node, here);
    }
    for (const node of had) if (!used.has(node)) node.remove();
  };

  // Asking for it once more: soon after something has happened, and not too often.
  let timer = 0, asked = 0, asking = false;
  const soon = (wait = PAUSE_MS) => {
    const due = Math.max(Date.now() + wait, asked + BETWEEN_MS);
    if (timer && soon.due <= due) return;
    clearTimeout(timer);
    soon.due = due;
    timer = setTimeout(refresh, due - Date.now());
  };
  const refresh = async () => {
    timer = 0;
    if (document.hidden) return;
    if (asking) return soon();
    asking = true;
    asked = Date.now();
    try {
      const answer = await fetch(location.pathname + location.search, { headers: { accept: "text/html" } });
      if (!answer.ok) return;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = $("#main", page);
      if (!fresh) return;
      seq = Number($("meta[name=convoy-seq]", page)?.content ?? seq);
      morph(main, fresh);
      dress();
    } catch { /* The stream says whether the engine is there. */ } finally { asking = false; }
  };

  // What agents print. Text, never markup; the end stays in sight unless somebody scrolled away from it.
  const offsets = new Map(), fed = new WeakSet();
  const print = ({ session, worker, next, lines }) => {
    offsets.set(session, next);
    const box = all("[data-output]").find((box) => box.dataset.output === worker);
    if (!box || (box.dataset.session ?? session) !== session) return;
    // What stood there when the page was made is in the stream as well.
    if (!fed.has(box)) { fed.add(box); box.textContent = ""; }
    const sticks = box.scrollHeight - box.scrollTop - box.clientHeight < 40;
    for (const { offset, text } of lines) box.append(Object.assign(document.createTextNode(text + "\n"), { at: offset }));
    while (box.childNodes.length > LINES_MAX) box.firstChild.remove();
    if (sticks) box.scrollTop = box.scrollHeight;
  };

  // The stream: of a convoy or a worker if the page has outputs of one, else of everything.
  let stop = null, fails = 0, later = 0;
  const state = (on, text) => { link.className = on ? "link on" : "link"; link.textContent = text; };
  const happened = (name, at) => { if (!(at <= seq)) soon(QUIET.test(name) ? QUIET_MS : PAUSE_MS); };
  const began = (at) => { fails = 0; state(true, "live"); if (at > seq) soon(0); };
  const lost = () => {
    stop = null;
    if (document.hidden) return;
    state(false, "reconnecting");
    clearTimeout(later);
    later = setTimeout(connect, BACK_MS[Math.min(fails++, BACK_MS.length - 1)]);
  };
  const socket = (path) => {
    const seen = [...offsets].map(([session, at]) => `output=${encodeURIComponent(`${session}:${at}`)}`).join("&");
    const ws = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${path}${seen && "?" + seen}`);
    let over = false;
    ws.onmessage = ({ data }) => {
      const said = JSON.parse(data);
      if (said.type === "start") began(said.seq);
      else if (said.type === "event") happened(said.name, said.seq);
      else if (said.type === "output") print(said);
      else if (said.type === "missed") soon();
      else if (said.type === "end" && said.reason === "over") over = true;
    };
    // Nothing more comes of it by itself; what happens elsewhere may still begin it again.
    ws.onclose = () => { if (stop !== close) return; if (over) { stop = null; events(); } else lost(); };
    const close = () => { stop = null; ws.close(); };
    stop = close;
  };
  const events = async () => {
    const cut = new AbortController(), close = () => { stop = null; cut.abort(); };
    stop = close;
    try {
      const answer = await fetch(`/api/events?since=${seq}`, { headers: { accept: "text/event-stream" }, signal: cut.signal });
      if (!answer.ok) throw 0;
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      for (let rest = ""; ;) {
        const { value, done } = await reader.read();
        if (done) break;
        const parts = (rest + value).split("\n\n");
        rest = parts.pop();
        for (const part of parts) {
          const name = /^event: ?(.*)$/m.exec(part)?.[1], at = Number(/^id: ?(.*)$/m.exec(part)?.[1]);
          if (name === "start") began(at); else if (name) happened(name, at);
        }
      }
    } catch { /* Ended: see below. */ }
    if (stop === close) lost();
  };
  const connect = () => {
    clearTimeout(later);
    if (stop || document.hidden || !isLive) return;
    const path = $("[data-stream]")?.dataset.stream;
    all("[data-from]").forEach(({ dataset: { session, from } }) => { if (!offsets.has(session)) offsets.set(session, from); });
    if (path) socket(path); else events();
  };
  // A page that nobody sees holds no connection: browsers have few of them.
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) { clearTimeout(later); stop?.(); } else if (isLive) { ages(); soon(0); connect(); }
  });
  addEventListener("pagehide", () => stop?.());

  // Ages, as the pages are made with.
  const span = (ms) => {
    const m = Math.floor(ms / 60000), d = Math.floor(m / 1440), h = Math.floor(m / 60) % 24, rest = m % 60;
    if (m < 1) return "<1m";
    if (d) return h ? `${d}d ${h}h` : `${d}d`;
    return h ? (rest ? `${h}h ${rest}m` : `${h}h`) : `${rest}m`;
  };
  const ages = () => {
    if (document.hidden) return;
    for (const time of all("time[data-age]")) {
      const text = span(Math.max(0, Date.now() - Date.parse(time.dateTime)));
      if (time.textContent !== text) time.textContent = text;
    }
  };

  // Small things: commands can be copied, questions are asked in a dialog, nothing is sent twice.
  const dress = () => {
    for (const line of all("[data-copy]")) {
      if (line.nextElementSibling?.dataset.js === "copy") continue;
      const button = make("button", "Copy", { type: "button", className: "copy", ariaLabel: `Copy ${line.dataset.copy}` });
      button.dataset.js = "copy";
      button.onclick = async () => {
        await navigator.clipboard?.writeText(line.dataset.copy);
        button.textContent = "Copied";
        setTimeout(() => { button.textContent = "Copy"; }, 1500);
      };
      line.after(button);
    }
    ages();
  };
  const dialog = (ariaLabel, fill) => {
    const box = make("dialog", "", { ariaLabel });
    fill(box);
    box.onclose = () => box.remove();
    box.onclick = (event) => { if (event.target === box) box.close(); };
    document.body.append(box);
    box.showModal();
  };
  document.addEventListener("click", (event) => {
    const summary = event.target.closest?.("details.confirm > summary");
    if (!summary) return;
    event.preventDefault();
    dialog(summary.textContent, (box) => {
      const form = $("form", summary.parentElement).cloneNode(true), back = make("button", "Leave it", { type: "button", className: "button" });
      back.onclick = () => box.close();
      const row = make("div", "", { className: "actions" });
      row.append($("button", form), back);
      form.append(row);
      box.append(form);
    });
  });
  document.addEventListener("submit", (event) => {
    if (event.target.dataset.sent) return event.preventDefault();
    event.target.dataset.sent = "1";
  });
  addEventListener("pageshow", () => all("form[data-sent]").forEach((form) => delete form.dataset.sent));

  // Keys.
  const places = all("nav a[data-key]");
  const help = () => dialog("Keys", (box) => {
    const list = make("dl"), keys = places.map((a) => [`g ${a.dataset.key}`, a.textContent]);
    for (const [key, what] of [...keys, ["/", "The filter of the page"], ["?", "This"], ["Esc", "Away with it"]]) {
      const dt = make("dt");
      dt.append(make("kbd", key));
      list.append(dt, make("dd", what));
    }
    box.append(make("h2", "Keys"), list);
  });
  let going = 0;
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest?.("input,textarea,select,dialog")) return;
    const went = going && Date.now() - going < 1500;
    going = 0;
    const to = went && places.find((a) => a.dataset.key === event.key);
    const filter = event.key === "/" && $("main input[type=search], main .filter input, main .filter a");
    if (to) location.assign(to.href);
    else if (event.key === "g") going = Date.now();
    else if (event.key === "?") help();
    else if (filter) filter.focus();
    else return;
    event.preventDefault();
  });

  if (/[?&]did=/.test(location.search)) {
    const to = new URL(location.href);
    to.searchParams.delete("did");
    history.replaceState(null, "", to);
    all(".flash").forEach((flash) => { flash.dataset.js = "flash"; });
  }
  dress();
  connect();
  setInterval(ages, AGES_MS);
})();
