// What makes pages live; without it they can be read, and every form works. When something has happened, the page is asked
// for once more, and what differs is changed in place: what has the focus, is scrolled, opened or typed stays as it is.
(() => {
  "use strict";
  const LINES_MAX = 400, PAUSE_MS = 250, BETWEEN_MS = 1000, QUIET_MS = 4000, AGES_MS = 15000, BACK_MS = [500, 1000, 2000, 5000];
  // Fewer than the engine takes.
  const RESUMED_MAX = 200;
  // Of interest only as figures: the page may wait a little for them.
  const QUIET = /^(session\.(usage|cost|extended|conversation|self_reported)|checkpoint\.|notice\.|budget\.warned)/;
  const $ = (what, from = document) => from.querySelector(what);
  const all = (what, from = document) => [...from.querySelectorAll(what)];
  const main = $("#main"), link = $("#link");
  let seq = Number($("meta[name=convoy-seq]")?.content ?? NaN);
  const isLive = Number.isFinite(seq);
  const make = (name, text = "", set = {}) => Object.assign(document.createElement(name), { textContent: text, ...set });

  // The same page, changed where it differs. Things are the same that have the same name, by whatever gives them one; of
  // others, the first that looks alike.
  const name = (node) => node.getAttribute("id") || node.dataset.output || node.getAttribute("aria-labelledby")
    || (/^(LI|TR)$/.test(node.tagName) && $("a", node)?.getAttribute("href"))
    || (/^(FORM|DETAILS)$/.test(node.tagName) && (node.closest("form") ?? $("form", node))?.getAttribute("action"));
  const kind = (node) =>
    node.nodeType !== 1 ? node.nodeName : `${node.nodeName} ${name(node) || `.${node.getAttribute("class")}`}`;
  const typed = new WeakSet();
  const isIn = (form) => document.activeElement?.matches("input,textarea,select") && form.contains(document.activeElement);
  const holds = (node) => node.nodeType === 1 && (node.tagName === "FORM" ? [node] : all("form", node)).some((form) => typed.has(form));
  const own = /^(open|data-sent)$/;
  document.addEventListener("input", ({ target }) => { if (target.form) typed.add(target.form); });
  const morph = (old, fresh) => {
    if (old.nodeType !== 1) { if (old.data !== fresh.data) old.data = fresh.data; return; }
    if (old.tagName === "FORM" && (typed.has(old) || isIn(old))) return;
    for (const { name, value } of [...fresh.attributes])
      if (!own.test(name) && old.getAttribute(name) !== value) old.setAttribute(name, value);
    for (const { name } of [...old.attributes]) if (!own.test(name) && !fresh.hasAttribute(name)) old.removeAttribute(name);
    // Of what is printed the page has more by now.
    if (old.dataset.output && filled.get(old) === old.dataset.session)
      return [...old.childNodes].forEach((line) => { if (line.at < Number(old.dataset.from)) line.remove(); });
    // What scripts made stays where it is, and so does a form in which somebody has typed.
    const had = [...old.childNodes].filter((node) => !node.dataset?.js), spare = Map.groupBy(had, kind);
    const pairs = [...fresh.childNodes].map((node) => [node, spare.get(kind(node))?.shift()]);
    const left = new Set([...spare.values()].flat());
    for (const node of left) if (!holds(node)) node.remove();
    const next = (node) => { while (node?.dataset?.js || left.has(node)) node = node.nextSibling; return node; };
    let here = next(old.firstChild);
    for (const [node, same] of pairs) {
      // What goes down is moved when its place comes, so that the others need not be.
      if (same && here && next(here.nextSibling) === same) here = same;
      if (same === here) here = next(here.nextSibling); else old.insertBefore(same ?? node, here);
      if (same) morph(same, node);
    }
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
      const held = document.activeElement;
      morph(main, fresh);
      // What is moved loses it.
      if (held !== document.activeElement && held.isConnected) held.focus({ preventScroll: true });
      dress();
      if (stop && stop.path !== source()) { stop(); connect(); }
    } catch { /* The stream says whether the engine is there. */ } finally { asking = false; }
  };

  // What agents print, by session: up to where it is known, the last lines, and whether that was all. Text, never markup;
  // the end stays in sight unless somebody scrolled away from it.
  const printed = new Map(), filled = new WeakMap();
  const of = (session) => printed.get(session) ?? printed.set(session, { next: 0, lines: [], over: false }).get(session);
  const add = (box, lines) => {
    const sticks = box.scrollHeight - box.scrollTop - box.clientHeight < 40, from = Number(box.dataset.from ?? 0);
    for (const { offset, text } of lines)
      if (offset >= from) box.append(Object.assign(document.createTextNode(text + "\n"), { at: offset }));
    while (box.childNodes.length > LINES_MAX) box.firstChild.remove();
    if (sticks) box.scrollTop = box.scrollHeight;
  };
  // What stood there when the page was made is in the stream as well.
  const fill = (box) => {
    const { session } = box.dataset, lines = printed.get(session)?.lines;
    if (!lines?.length || filled.get(box) === session) return;
    filled.set(box, session);
    box.textContent = "";
    add(box, lines);
  };
  const boxes = () => all("[data-output]");
  const print = ({ session, next, lines }) => {
    const known = of(session), fresh = lines.filter(({ offset }) => offset >= known.next);
    known.next = Math.max(known.next, next);
    known.lines = [...known.lines, ...fresh].slice(-LINES_MAX);
    for (const box of boxes()) if (box.dataset.session === session) { if (filled.get(box) === session) add(box, fresh); else fill(box); }
  };

  // The stream: of a convoy or a worker while it has one, else of what happens: in the convoy that the page is of, or at all.
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
  const source = () => $("[data-stream]")?.dataset.stream ?? "";
  const socket = (path) => {
    const open = [...printed].filter(([, { over }]) => !over).slice(-RESUMED_MAX);
    const seen = open.map(([session, { next }]) => `output=${encodeURIComponent(`${session}:${next}`)}`).join("&");
    const ws = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${path}${seen && "?" + seen}`);
    let over = false;
    ws.onmessage = ({ data }) => {
      const said = JSON.parse(data);
      if (said.type === "start") began(said.seq);
      else if (said.type === "event") happened(said.name, said.seq);
      else if (said.type === "output") print(said);
      else if (said.type === "output_end") of(said.session).over = true;
      else if (said.type === "missed") soon();
      else if (said.type === "end" && said.reason === "over") over = true;
    };
    // Nothing more comes of it by itself; what happens may still begin it again.
    ws.onclose = () => { if (stop !== close) return; if (over) events(path); else lost(); };
    const close = () => { stop = null; ws.close(); };
    stop = Object.assign(close, { path });
  };
  const events = async (path) => {
    const cut = new AbortController(), close = () => { stop = null; cut.abort(); };
    stop = Object.assign(close, { path });
    const convoy = $("[data-convoy]")?.dataset.convoy;
    try {
      const address = `/api/events?since=${seq}${convoy ? `&convoy=${encodeURIComponent(convoy)}` : ""}`;
      const answer = await fetch(address, { headers: { accept: "text/event-stream" }, signal: cut.signal });
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
    for (const { dataset: { session, from } } of boxes()) if (from && !printed.has(session)) of(session).next = Number(from);
    const path = source();
    if (path) socket(path); else events(path);
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
  const copy = async ({ currentTarget: button }) => {
    const line = button.previousElementSibling;
    try {
      await navigator.clipboard.writeText(line.dataset.copy);
      button.textContent = "Copied";
    } catch {
      // Not every address may write there: then it is a key away.
      getSelection().selectAllChildren(line);
      button.textContent = "Selected";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  };
  const dress = () => {
    for (const button of all("[data-js=copy]")) if (!button.previousElementSibling?.dataset.copy) button.remove();
    for (const line of all("[data-copy]")) {
      const had = line.nextElementSibling?.dataset.js === "copy";
      const button = had ? line.nextElementSibling : make("button", "Copy", { type: "button", className: "copy", onclick: copy });
      button.ariaLabel = `Copy ${line.dataset.copy}`;
      if (had) continue;
      button.dataset.js = "copy";
      line.after(button);
    }
    const shown = boxes(), sessions = new Set(shown.map((box) => box.dataset.session));
    for (const [session, { over }] of printed) if (over && !sessions.has(session)) printed.delete(session);
    shown.forEach(fill);
    ages();
  };
  // Esc closes it, and so does its button: a click beside it would lose what was typed.
  const dialog = (ariaLabel, fill) => {
    const box = make("dialog", "", { ariaLabel });
    fill(box);
    box.onclose = () => box.remove();
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
    const filter = event.key === "/" && $("main .filter a, main .chooser select");
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
