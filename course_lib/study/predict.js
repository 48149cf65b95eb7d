// A predict prompt: a group of radio buttons, or one number, and a live region that speaks the result.
const node = (tag, attributes, ...children) => {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
};
// `code` between backticks becomes <code>; only text nodes are made, so no wording can turn into markup
const words = (text) => text.split("`").map((part, i) => (i % 2 ? node("code", {}, part) : part));

function render({ model, el }) {
  const [prompt, options] = [model.get("prompt"), model.get("options")];
  const label = prompt.replaceAll("`", "");
  const result = node("div", { class: "predict-result", "aria-live": "polite" });
  const choose = (guess) => {
    if (model.get("right")) return;
    model.set("guess", guess); // shown at once, also while the kernel is busy; the kernel answers later
    model.send({ guess });
  };
  const radios = options.map((text) => {
    const radio = node("button", { type: "button", role: "radio" }, node("span", {}, ...words(text)));
    radio.addEventListener("click", () => choose(text));
    return radio;
  });
  const number = node("input", { type: "text", inputmode: "decimal", "aria-label": label });
  number.addEventListener("change", () => choose(number.value));
  const group = node("div", options.length ? { role: "radiogroup", "aria-label": label } : {}, ...radios);
  if (!options.length) group.append(number);
  const root = node("div", { class: "predict" }, node("p", {}, ...words(prompt)), group, result);
  root.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
    const here = radios.indexOf(event.target);
    if (event.key === "Escape") root.closest(".jp-Cell")?.focus();
    if (!step || here < 0) return;
    event.preventDefault();
    radios[(here + step + radios.length) % radios.length].focus(); // moves only: an arrow must not be a guess
  });
  // JupyterLab binds the arrows to whatever has the focus: keep them away there, but let Shift+Enter still run the cell
  const mute = (event) =>
    event.target.toggleAttribute("data-lm-suppress-shortcuts", !(event.shiftKey || event.ctrlKey || event.metaKey || event.altKey));
  for (const name of ["keydown", "keyup", "focusin"]) root.addEventListener(name, mute);
  const draw = () => {
    const [guess, right] = [model.get("guess"), model.get("right")];
    number.value = guess;
    number.readOnly = Boolean(right);
    radios.forEach((radio, i) => {
      radio.setAttribute("aria-checked", options[i] === guess);
      radio.setAttribute("aria-disabled", Boolean(right));
      radio.classList.toggle("predict-right", options[i] === right);
      radio.tabIndex = options[i] === guess || (!options.includes(guess) && i === 0) ? 0 : -1;
    });
  };
  const speak = () => result.replaceChildren(...model.get("lines").map((line) => node("p", {}, ...words(line))));
  model.on("change:guess change:right", draw);
  model.on("change:lines", speak);
  draw();
  speak();
  el.append(root);
}
export default { render };
