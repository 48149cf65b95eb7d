// Cards, quiz and speed challenge: draws the view its model has, and sends back what the learner does on that view.
// Whatever the bank says becomes text nodes only, so no wording can turn into markup.
const PATIENCE_MS = 2000; // until we say that the kernel has not answered
const FRESH_MS = 400; // a key this soon after a new screen was meant for what stood there before
const ENDS = { Home: 0, End: -1 };
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
const twoDigits = (seconds) => String(Math.floor(seconds % 60)).padStart(2, "0");
const rounded = (seconds) => (seconds < 60 ? `${Math.floor(seconds)} s` : `${Math.floor(seconds / 60)}:${twoDigits(seconds)} min`);
const letter = (i) => String.fromCharCode(97 + i);

// --- parts of a screen; `act` sends an action, made by the element that is given with it

function button(act, action, attributes, ...children) {
  const made = node("button", { type: "button", ...attributes }, ...children);
  // the second half of a double click, or a key pressed twice, was meant for what stood there before
  const isHasty = (event) => event.detail > 1 || made.closest("[data-fresh]");
  made.addEventListener("click", (event) => isHasty(event) || act(action, made));
  return made;
}

const controls = (...buttons) => node("div", { class: "study-controls" }, ...buttons);

function head(view, progress) {
  const clock = node("span", { class: "study-clock" }, view.timed && view.question ? rounded(view.seconds) : "");
  return node("div", { class: "study-head" }, node("span", {}, view.title), node("span", {}, progress), clock);
}

function side(name, text) {
  const kind = name.split(",")[0].toLowerCase();
  return node("div", { class: `study-side study-${kind}` }, ...line(name, "name"), ...line(text, "text"));
}

const key = (sign) => node("kbd", { "aria-hidden": "true" }, sign); // the key that chooses it

function grades(view, act) {
  const made = view.grades.map(({ grade, next }, i) => {
    const text = node("span", {}, capital(grade), node("span", { class: "study-next" }, `in ${next}`));
    return button(act, { do: "grade", grade }, { "data-key": i + 1 }, key(i + 1), text);
  });
  const name = "How well did you know it?";
  return node("div", { class: "study-grades study-choices", role: "group", "aria-label": name }, ...made);
}

// an option that waits for an answer
function open(option, i, act) {
  const state = { role: "radio", "aria-checked": false, "aria-disabled": false, tabindex: i ? -1 : 0 };
  const text = node("span", {}, ...words(option.text));
  const look = { "data-key": letter(i), class: "study-option", ...state };
  return button(act, { do: "answer", option: i }, look, key(letter(i)), text);
}

// an option after the answer: its mark in words, and its reason
function marked(option, i, id) {
  const state = { role: "radio", "aria-checked": option.chosen, "aria-disabled": true, tabindex: option.chosen ? 0 : -1 };
  const look = { class: `study-option study-${option.mark}`, "aria-describedby": `${id}-because-${i}` };
  const mark = node("span", { class: "study-mark" }, option.chosen ? `${option.mark}, your answer` : option.mark);
  const text = node("span", {}, ...words(option.text));
  const radio = node("button", { type: "button", ...look, ...state }, key(letter(i)), text, mark);
  return node("div", {}, radio, node("div", { class: "study-because", id: `${id}-because-${i}` }, ...words(option.because)));
}

function choices(view, act, id) {
  const rows = view.options.map((option, i) => (view.state === "asked" ? open(option, i, act) : marked(option, i, id)));
  return node("div", { class: "study-choices", role: "radiogroup", "aria-labelledby": `${id}-question` }, ...rows);
}

function missed(view) {
  if (!view.missed.length) return [];
  return [...line("Worth another look:"), node("ul", {}, ...view.missed.map((text) => node("li", {}, ...words(text))))];
}

function records(view) {
  const { best, best_untimed: any, best_streak: streak } = view;
  return [
    ...line(best?.right ? `Your best with a clock: ${best.right} of ${best.of} right in ${best.seconds.toFixed(1)} s.` : ""),
    ...line(any?.right ? `Your best, with a clock or without: ${any.right} of ${any.of} right.` : ""),
    ...line(streak ? `Most right answers in a row: ${streak}.` : ""),
  ];
}

// --- screens: what each state of each kind shows

function undoing(view, act) {
  if (!view.can_undo) return [];
  return [button(act, { do: "undo" }, {}, node("span", {}, "Undo the review of: ", ...words(view.undoes)))];
}

function cards(view, act) {
  const repeat = view.repeat ? `, ${view.repeat} to repeat` : "";
  const top = [head(view, `${view.due} due, ${view.new} new${repeat}`), ...line(view.said)];
  const undo = undoing(view, act);
  if (view.state === "done") return [...top, controls(button(act, { do: "refresh" }, {}, "Check again"), ...undo)];
  const front = side(view.title === "Cards" ? `Front, lesson ${view.lesson.slice(0, 2)}` : "Front", view.front);
  if (view.state === "back") {
    const asked = line("How well did you know it?");
    return [...top, front, side("Back", view.back), ...asked, grades(view, act), controls(...undo)];
  }
  const turn = button(act, { do: "flip" }, { class: "study-main" }, "Turn the card");
  front.addEventListener("click", () => turn.click()); // a card is turned by touching it, too
  return [...top, front, controls(turn, ...undo)];
}

function question(view, act, id, leave = []) {
  const streak = view.streak > 1 ? `, ${view.streak} in a row` : "";
  const asked = node("p", { class: "study-text", id: `${id}-question` }, ...words(view.question));
  const top = head(view, `Question ${view.number} of ${view.of}, ${view.right} right${streak}`);
  const parts = [top, asked, choices(view, act, id)];
  if (view.state === "asked") return [...parts, ...(leave.length ? [controls(...leave)] : [])];
  const text = view.answered === view.of ? "See the result" : "Next question";
  const next = button(act, { do: "next" }, { class: "study-main" }, text);
  return [...parts, ...line(view.said, "verdict"), controls(next, ...leave)];
}

function quiz(view, act, id) {
  if (view.state !== "done") return question(view, act, id);
  const best = view.rounds > 1 ? `Your best round: ${view.best} of ${view.of} right.` : "";
  const again = button(act, { do: "again" }, {}, "Once more");
  return [head(view, "Done"), ...line(view.said, "verdict"), ...line(best), ...missed(view), controls(again)];
}

function paused(view, act, drop) {
  const text = "The kernel was restarted in the middle of this round. Its clock stands until you go on.";
  const on = button(act, { do: "resume" }, { class: "study-main" }, "Go on");
  return [head(view, `${view.answered} of ${view.of} answered`), ...line(text), controls(on, drop)];
}

function speed(view, act, id) {
  const drop = button(act, { do: "leave" }, { class: "study-apart" }, "Drop this round");
  if (view.question) return question(view, act, id, [drop]);
  if (view.state === "paused") return paused(view, act, drop);
  const isReady = view.state === "ready";
  const whose = view.title === "Speed challenge" ? " of the lessons you have met" : "";
  const rule = "The clock counts up, without a limit, and stands still while you read the reasons.";
  const start = (timed, text) => button(act, { do: "start", timed }, timed ? { class: "study-main" } : {}, text);
  const parts = [head(view, isReady ? "" : "Done"), ...line(view.said, "verdict"), ...line(isReady ? `${view.of} questions${whose}. ${rule}` : "")];
  const starts = controls(start(true, "Start with a clock"), start(false, "Start without a clock"));
  const isFirst = view.state === "done" && view.rounds < 2; // its figures would stand there twice
  return [...parts, ...(isFirst ? [] : records(view)), ...missed(view), starts];
}

// the same model in another cell
const moved = (view) => [head(view, ""), ...line(view.said)];

const SCREENS = { cards, quiz, speed, moved };
const KEYS = {
  front: "Enter turns the card",
  back: "1 to 4 or Enter grade it, arrows move",
  asked: "Arrows move, Enter or a letter answers",
  answered: "Enter goes on",
  paused: "Enter goes on, Tab moves",
  ready: "Enter starts, Tab moves",
  done: "Enter begins again, Tab moves",
};

// keys work where the focus is: before that, how to bring it here
function keys({ state }) {
  if (!(state in KEYS)) return [];
  const inside = line(`${KEYS[state]}; Esc: back to the notebook.`, "keys study-inside");
  return [...line("For keys, Tab into this box.", "keys study-outside"), ...inside];
}

// what a screen reader hears after an action; a question itself is the name of its group, which gets the focus
function told(view) {
  if (view.state === "front") return `${view.said} Front: ${view.front}`;
  if (view.state === "back") return `Back: ${view.back}`;
  const chosen = (view.options ?? []).find((option) => option.chosen);
  return [view.said, chosen?.because].filter(Boolean).join(" ");
}

// where the focus goes when the screen changes: what leads on, or the first choice
const first = (screen) => screen.querySelector(".study-main") ?? screen.querySelector("button") ?? screen;

// --- keys

const isModified = (event) => event.shiftKey || event.ctrlKey || event.metaKey || event.altKey;

function move(event) {
  const group = [...(event.target.closest(".study-choices")?.querySelectorAll("button") ?? [])];
  const next = group.at(ENDS[event.key] ?? (group.indexOf(event.target) + STEPS[event.key]) % group.length);
  if (!next) return;
  event.preventDefault();
  if (next.role === "radio") for (const one of group) one.tabIndex = one === next ? 0 : -1;
  next.focus(); // moves only: an arrow must not be an answer
}

function leave(root, from) {
  const cell = root.closest(".jp-Cell");
  if (cell) cell.focus();
  else from.blur();
}

function press(root, event) {
  const { key, repeat } = event;
  if (isModified(event)) return;
  if (repeat && (key === "Enter" || key === " ")) event.preventDefault(); // a key held down acts once
  else if (key in STEPS || key in ENDS) move(event);
  else if (key === "Escape") leave(root, event.target);
  else if (/^[1-9a-z]$/i.test(key) && !repeat) root.querySelector(`[data-key="${key.toLowerCase()}"]`)?.click();
}

// JupyterLab binds keys to whatever has the focus: keep them away there, but let Shift+Enter still run the cell
const mute = (event) => event.target.toggleAttribute("data-lm-suppress-shortcuts", !isModified(event));

// --- the widget

const LOST = "Not kept: the kernel was restarted. Run the first cell and this one again, it goes on where you were.";
const BUSY = "The kernel is busy: what you did is kept, and counts once.";

// say whether an action could be sent: it cannot once another kernel has taken the place of the widget's own
function delivers(model, action) {
  try {
    model.send(action);
    return true;
  } catch {
    return false;
  }
}

// seconds that run on the page; the ones that count are Python's. A page that is loaded again finds out how long it was
// away, if its machine's clock and the kernel's agree
function began(view) {
  const away = Date.now() / 1000 - (view.asked_at ?? Infinity);
  return performance.now() / 1000 - (away > 0 && away < 3600 ? away : 0);
}

function ticking(view, clock, since) {
  if (view.clock !== "runs") return 0;
  const show = () => (clock.textContent = rounded(view.seconds + performance.now() / 1000 - since));
  show();
  return matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : setInterval(show, 1000);
}

// put a screen in the place of another; where the focus was inside, it goes on in the new one. For a moment nothing below
// moves up: the second half of a double click must not hit what comes there
function replace(old, screen) {
  const hasFocus = old.contains(old.getRootNode().activeElement);
  screen.style.minHeight = `${old.offsetHeight}px`;
  old.after(screen); // before the old one goes: the focus must have somewhere to go
  if (hasFocus) first(screen).focus({ preventScroll: true });
  old.remove();
  screen.dataset.fresh = "";
  setTimeout(() => {
    delete screen.dataset.fresh;
    screen.style.minHeight = "";
  }, FRESH_MS);
  return hasFocus;
}

// a screen begins with what is asked; one that is too tall shows that, but of a turned card the grades
function bringIntoView(root, state) {
  const isTall = root.getBoundingClientRect().height > window.innerHeight * 0.7;
  root.scrollIntoView({ block: isTall ? (state === "back" ? "end" : "start") : "nearest" });
}

function render({ model, el }) {
  const id = `study-${Math.random().toString(36).slice(2)}`;
  const note = node("p", { class: "study-note" });
  const spoken = node("p", { class: "study-spoken" });
  const status = node("div", { role: "status", "aria-live": "polite" }, note, spoken);
  const { title } = model.get("view");
  const root = node("div", { class: "study", role: "group", "aria-label": title }, node("div", {}), status);
  let sent = null; // the action that waits for its reply, and the element it was made with
  let [turn, drawn, since, patience, clock, alarm] = [null, "", 0, 0, 0, 0];

  const act = (action, by) => {
    const took = performance.now() / 1000 - since; // a busy kernel hears of it later
    sent ??= { action: { ...action, turn, took }, by }; // whatever is pressed meanwhile sends the first action again
    clearTimeout(patience);
    if (!delivers(model, sent.action)) {
      clearInterval(clock);
      return void (note.textContent = LOST);
    }
    sent.by.classList.add("study-sent");
    if (sent.by.role === "radio") sent.by.setAttribute("aria-checked", true);
    patience = setTimeout(() => (note.textContent = BUSY), PATIENCE_MS);
  };
  const draw = (view) => {
    const state = { class: "study-screen", "data-state": view.state, tabindex: -1 };
    const screen = node("div", state, ...SCREENS[view.kind](view, act, id));
    screen.append(...keys(view));
    if (replace(root.firstChild, screen)) bringIntoView(root, view.state);
    spoken.textContent = plain(told(view));
    clearInterval(clock);
    since = began(view);
    clock = ticking(view, screen.querySelector(".study-clock"), since);
    clearTimeout(alarm);
    if (view.wakes_in) alarm = setTimeout(() => act({ do: "refresh" }, screen), view.wakes_in * 1000);
    drawn = JSON.stringify(view);
  };
  const settle = () => {
    clearTimeout(patience);
    sent?.by.classList.remove("study-sent");
    sent = null;
    note.textContent = model.get("fault");
    look();
  };
  // also when another box has changed what stands here
  const look = () => {
    const view = model.get("view");
    if (sent || JSON.stringify(view) === drawn) return;
    draw(view);
    turn = view.turn;
  };

  root.addEventListener("keydown", (event) => press(root, event));
  for (const name of ["keydown", "keyup", "focusin"]) root.addEventListener(name, mute);
  model.on("change:replies", settle);
  model.on("change:view", look);
  settle();
  el.append(root);
  return () => {
    clearTimeout(patience);
    clearTimeout(alarm);
    clearInterval(clock);
    model.off("change:replies", settle);
    model.off("change:view", look);
  };
}
export default { render };
