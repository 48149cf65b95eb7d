// A pool: squares for seats, a rope, rings for those who wait, crosses for the refused; sliders when a model is behind it.
const node = (tag, attributes, ...children) => {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
};

function render({ model, el }) {
  const seats = node("div", { class: "pool-seats", "aria-hidden": "true" });
  const rope = node("div", { class: "pool-rope", "aria-hidden": "true" });
  const street = node("div", { class: "pool-street", "aria-hidden": "true" });
  const told = node("p", { class: "pool-told" });
  const spoken = node("p", { class: "pool-spoken", role: "status", "aria-live": "polite" });
  const note = node("p", { class: "pool-note", role: "alert" });
  const knobs = node("div", { class: "pool-knobs" });
  for (const knob of model.get("knobs")) {
    const value = node("span", { "aria-hidden": "true" }, String(knob.value)); // the slider says it itself
    const { min, max, step } = knob;
    const slider = node("input", { type: "range", min, max, step, value: knob.value, "aria-label": knob.name });
    slider.addEventListener("input", () => {
      value.textContent = slider.value;
      model.send({ kind: "knob", name: knob.name, value: Number(slider.value) });
    });
    knobs.append(node("label", {}, node("span", {}, knob.name), slider, value));
  }
  if (knobs.children.length) {
    const guest = node("button", { type: "button" }, "Send one more guest");
    guest.addEventListener("click", () => model.send({ kind: "guest" }));
    knobs.append(guest);
  }
  const rows = { "inside, each with a connection": seats, "at the rope, waiting for one": rope, "refused after the timeout": street };
  const named = Object.entries(rows).flatMap(([name, row]) => [node("p", { class: "pool-name", "aria-hidden": "true" }, name), row]);
  const root = node("div", { class: "pool", role: "group", "aria-label": "Pool" }, ...named, told, knobs, note, spoken);
  root.addEventListener("keydown", (event) => event.key === "Escape" && root.closest(".jp-Cell")?.focus());
  // JupyterLab binds the arrows to whatever has the focus: keep them away there, but let Shift+Enter still run the cell
  const mute = (event) =>
    event.target.toggleAttribute("data-lm-suppress-shortcuts", !(event.shiftKey || event.ctrlKey || event.metaKey || event.altKey));
  for (const name of ["keydown", "keyup", "focusin"]) root.addEventListener(name, mute);

  const marks = (row, count, kind) => {
    const drawn = Math.min(count, model.get("most_marks"));
    row.replaceChildren(...Array.from({ length: drawn }, () => node("span", { class: kind })));
    if (count > drawn) row.append(node("span", {}, `and ${count - drawn} more`));
  };
  const draw = () => {
    const size = model.get("size");
    seats.replaceChildren(
      ...model.get("seats").map((guest, number) => {
        const kind = `pool-seat pool-${guest ? "taken" : "free"}${number >= size ? " pool-overflow" : ""}`;
        return node("span", { class: kind }, guest || "free");
      }),
    );
    marks(rope, model.get("waiting"), "pool-guest");
    marks(street, model.get("refused"), "pool-refused");
    told.textContent = model.get("told");
    note.textContent = model.get("note");
    el.dataset.draws = Number(el.dataset.draws || 0) + 1;
  };
  let last = 0; // a screen reader hears the sentence at most once a second, and the last one always
  let later;
  const speak = () => {
    clearTimeout(later);
    const wait = Math.max(0, last + 1000 - performance.now());
    later = setTimeout(() => {
      last = performance.now();
      spoken.textContent = model.get("told");
    }, wait);
  };
  const both = () => (draw(), speak());
  model.on("change:frame change:note", both);
  both();
  el.append(root);
  return () => (clearTimeout(later), model.off("change:frame change:note", both));
}
export default { render };
