// Cards, quiz and speed challenge: draws the view its model has, and sends back what the learner does on that view.
// Whatever the bank says becomes text nodes only, so no wording can turn into markup.
const PATIENCE_MS = 2000; // until we say that the kernel has not answered
const STEPS = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 };

const node = (tag, attributes, ...children) => {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
};
const words = (text) => text.split("`").map((part, i) => (i % 2 ? node("code", {}, part) : part));
const plain = (text) => text.replaceAll("`", "");
const line = (text, kind = "line") => (text ? [node("p", { class: `study-${kind}` }, ...words(text))] : []);
const capital = (text) => text[0].toUpperCase() + text.slice(1);
const rounded = (seconds) => `${Math.floor(seconds)} s`;

// --- parts of a screen; `act` sends an action, made by the element that is given with it

function button(act, action, attributes, ...children) {
  const made = node("button", { type: "button", ...attributes }, ...children);
  // the second half of a double click was meant for what stood there before
  made.addEventListener("click", (event) => event.detail > 1 || act(action, made));
  return made;
}

const controls = (...buttons) => node("div", { class: "study-controls" }, ...buttons);

function head(view, progress) {
  const clock = view.timed ? [node("span", { class: "study-clock" }, rounded(view.seconds))] : [];
  return node("div", { class: "study-head" }, node("span", {}, view.title), node("span", {}, progress), ...clock);
}

function side(name, text) {
  return node("div", { class: `study-side study-${name}` }, ...line(name, "name"), ...line(text, "text"));
}

function grades(view, act) {
  const made = view.grades.map(({ grade, next }, i) =>
    button(act, { do: "grade", grade }, { "data-choice": "" }, number(i), `${capital(grade)} `, node("span", { class: "study-next" }, `in ${next}`)),
  );
  return node("div", { class: "study-controls study-choices", role: "group", "aria-label": "How well did you know it?" }, ...made);
}

const number = (i) => node("kbd", { "aria-hidden": "true" }, String(i + 1));

function choices(view, act, id) {
  const isAsked = view.state === "asked";
  const rows = view.options.map((option, i) => {
    const state = { "aria-checked": option.chosen, "aria-disabled": !isAsked, tabindex: (isAsked ? i === 0 : option.chosen) ? 0 : -1 };
    const because = option.because ? { "aria-describedby": `${id}-because-${i}` } : {};
    const mark = [option.mark, option.chosen && option.mark ? "your answer" : ""].filter(Boolean).join(", ");
    const radio = button(
      isAsked ? act : () => {},
      { do: "answer", option: i },
      { role: "radio", "data-choice": "", class: `study-option study-${option.mark || "open"}`, ...state, ...because },
      number(i),
      node("span", {}, ...words(option.text)),
      ...(mark ? [node("span", { class: "study-mark" }, mark)] : []),
    );
    const reason = option.because ? [node("div", { class: "study-because", id: `${id}-because-${i}` }, ...words(option.because))] : [];
    return node("div", {}, radio, ...reason);
  });
  return node("div", { class: "study-choices", role: "radiogroup", "aria-labelledby": `${id}-question` }, ...rows);
}

const missed = (view) =>
  view.missed.length ? [...line("Worth another look:"), node("ul", {}, ...view.missed.map((text) => node("li", {}, ...words(text))))] : [];

function records(view) {
  const { best, best_untimed: any, best_streak: streak } = view;
  return [
    ...line(best ? `Your best with a clock: ${best.right} of ${best.of} right in ${best.seconds} s.` : ""),
    ...line(any ? `Your best, with a clock or without: ${any.right} of ${any.of} right.` : ""),
    ...line(streak ? `Most right answers in a row: ${streak}.` : ""),
  ];
}

// --- screens: what each state of each kind shows

function cards(view, act) {
  const progress = `${view.due} due, ${view.new} new`;
  const undo = view.can_undo ? [button(act, { do: "undo" }, {}, "Undo the last review")] : [];
  if (view.state === "done") return [head(view, progress), ...line(view.said), controls(button(act, { do: "refresh" }, {}, "Look again"), ...undo)];
  const front = [head(view, progress), ...line(view.said), side("front", view.front)];
  if (view.state === "front") return [...front, controls(button(act, { do: "flip" }, { class: "study-main" }, "Turn the card"), ...undo)];
  return [...front, side("back", view.back), ...line("How well did you know it?"), grades(view, act)];
}

function question(view, act, id, extra = []) {
  const streak = view.streak > 1 ? `, ${view.streak} in a row` : "";
  const asked = node("p", { class: "study-text", id: `${id}-question` }, ...words(view.question));
  const parts = [head(view, `Question ${view.number} of ${view.of}, ${view.right} right${streak}`), asked, choices(view, act, id)];
  if (view.state === "asked") return extra.length ? [...parts, controls(...extra)] : parts;
  const next = button(act, { do: "next" }, { class: "study-main" }, view.answered === view.of ? "See the result" : "Next question");
  return [...parts, ...line(view.said, "verdict"), controls(next, ...extra)];
}

function quiz(view, act, id) {
  if (view.state !== "done") return question(view, act, id);
  const best = view.best === null ? "" : `Your best round: ${view.best} of ${view.of} right.`;
  return [head(view, "done"), ...line(view.said, "verdict"), ...line(best), ...missed(view), controls(button(act, { do: "again" }, {}, "Once more"))];
}

function speed(view, act, id) {
  if (view.question) return question(view, act, id, [button(act, { do: "leave" }, {}, "Leave this round")]);
  const isDone = view.state === "done";
  const rule = isDone ? "" : "The clock stands still while you read why. Without a clock a round is worth the same.";
  const start = [["Start with a clock", true], ["Start without a clock", false]].map(([text, timed]) => button(act, { do: "start", timed }, {}, text));
  return [head(view, isDone ? "done" : ""), ...line(view.said, "verdict"), ...line(rule), ...records(view), ...missed(view), controls(...start)];
}

const SCREENS = { cards, quiz, speed };
const KEYS = {
  front: "Enter turns the card, Esc leaves.",
  back: "1 to 4 or Enter grade it, arrows move, Esc leaves.",
  asked: "Arrows move, Enter or a number answers, Esc leaves.",
};

// what a screen reader hears after an action; a question itself is the name of its group, which gets the focus
function told(view) {
  if (view.state === "front") return `${view.said} Front: ${view.front}`;
  if (view.state === "back") return `Back: ${view.back}`;
  const chosen = (view.options ?? []).find((option) => option.chosen);
  return [view.said, chosen?.because].filter(Boolean).join(" ");
}

// where the focus goes when the screen changes
const FIRST = ".study-main, [role=radio][aria-disabled=false][tabindex='0'], .study-choices:not([role=radiogroup]) button, .study-controls button";
const first = (screen) => FIRST.split(", ").map((one) => screen.querySelector(one)).find(Boolean);

// --- keys

function move(root, event) {
  const group = [...(event.target.closest(".study-choices")?.querySelectorAll("button") ?? [])];
  const next = group.at((group.indexOf(event.target) + STEPS[event.key]) % group.length);
  if (!next) return;
  event.preventDefault();
  if (next.role === "radio") for (const one of group) one.tabIndex = one === next ? 0 : -1;
  next.focus(); // moves only: an arrow must not be an answer
}

function press(root, event) {
  if (event.shiftKey || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.repeat && (event.key === "Enter" || event.key === " ")) event.preventDefault(); // a key held down acts once
  else if (event.key in STEPS) move(root, event);
  else if (event.key === "Escape") (root.closest(".jp-Cell") ?? event.target.blur() ?? document.body).focus();
  else if (/^[1-9]$/.test(event.key) && !event.repeat) root.querySelectorAll("[data-choice]")[event.key - 1]?.click();
}

// JupyterLab binds keys to whatever has the focus: keep them away there, but let Shift+Enter still run the cell
const mute = (event) =>
  event.target.toggleAttribute("data-lm-suppress-shortcuts", !(event.shiftKey || event.ctrlKey || event.metaKey || event.altKey));

// --- the widget

function render({ model, el }) {
  const id = `study-${Math.random().toString(36).slice(2)}`;
  const note = node("p", { class: "study-note" });
  const spoken = node("p", { class: "study-spoken" });
  const status = node("div", { role: "status", "aria-live": "polite" }, note, spoken);
  const root = node("div", { class: "study", role: "group", "aria-label": model.get("view").title }, node("div", {}), status);
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  let sent = null; // the action that waits for its reply, and the element it was made with
  let [turn, patience, ticking] = [null, 0, 0];

  const isLost = () => Boolean(el.closest(".jupyter-widgets-disconnected"));
  const remind = () => {
    note.textContent = isLost() ? "The kernel was restarted: run this cell again, it goes on where you were." : sent ? "The kernel is busy; your action is kept and counts once." : model.get("fault");
  };
  const act = (action, by) => {
    sent ??= { action: { ...action, turn }, by }; // whatever is pressed meanwhile sends the first action again
    sent.by.classList.add("study-sent");
    if (sent.by.role === "radio") sent.by.setAttribute("aria-checked", true);
    model.send(sent.action);
    clearTimeout(patience);
    patience = setTimeout(remind, isLost() ? 0 : PATIENCE_MS);
  };
  const settle = () => {
    clearTimeout(patience);
    sent?.by.classList.remove("study-sent");
    sent = null;
    remind();
    if (model.get("view").turn !== turn) draw(model.get("view"));
  };
  const draw = (view) => {
    turn = view.turn;
    const old = root.firstChild;
    const screen = node("div", { class: "study-screen", "data-state": view.state }, ...SCREENS[view.kind](view, act, id), ...line(KEYS[view.state] ?? "", "keys"));
    const hasFocus = old.contains(el.getRootNode().activeElement);
    old.after(screen); // before the old one goes: the focus must have somewhere to go
    if (hasFocus) first(screen).focus({ preventScroll: true });
    old.remove();
    if (hasFocus) first(screen).scrollIntoView({ block: "nearest" });
    spoken.textContent = plain(told(view));
    tick(view, screen.querySelector(".study-clock"), performance.now());
  };
  const tick = (view, clock, began) => {
    clearInterval(ticking);
    if (view.clock !== "runs" || calm.matches) return;
    ticking = setInterval(() => (clock.textContent = rounded(view.seconds + (performance.now() - began) / 1000)), 1000);
  };

  root.addEventListener("keydown", (event) => press(root, event));
  for (const name of ["keydown", "keyup", "focusin"]) root.addEventListener(name, mute);
  model.on("change:replies", settle);
  model.on("comm_live_update", remind);
  settle();
  el.append(root);
  return () => {
    clearTimeout(patience);
    clearInterval(ticking);
    model.off("change:replies", settle);
    model.off("comm_live_update", remind);
  };
}
export default { render };
