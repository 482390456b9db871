/* Explorable figures: puts sliders over what was simulated when the site was built. Without it a plain figure stands there. */
(() => {
  "use strict";
  let number = 0;

  function make(name, attributes, parent, text) {
    const node = document.createElement(name);
    for (const key in attributes) node.setAttribute(key, attributes[key]);
    if (text !== undefined) node.textContent = text;
    parent.append(node);
    return node;
  }

  function explore(figure) {
    const data = JSON.parse(figure.querySelector("script").textContent);
    for (const plain of figure.querySelectorAll(".explorable-plain")) plain.hidden = true;
    const panel = make("div", { class: "explorable-sliders" }, figure), host = make("div", { class: "explorable-graph" }, figure);
    const inputs = data.sliders.map((slider) => {
      const id = `explorable-${++number}`, box = make("div", {}, panel), head = make("p", {}, box);
      make("label", { for: id }, head, slider.title);
      const output = make("output", { for: id }, head);
      const input = make("input", { id, type: "range", min: 0, max: slider.words.length - 1, step: 1, value: slider.start }, box);
      const tell = () => {
        output.textContent = slider.words[input.value];
        input.setAttribute("aria-valuetext", slider.words[input.value]);
      };
      input.addEventListener("input", () => {
        tell();
        draw();
      });
      tell();
      return input;
    });
    function draw() {
      const chart = data.charts[inputs.map((input) => input.value).join(",")];
      window.simallocChart.draw(host, { ...chart, top: data.top });
    }
    let width = 0;
    new ResizeObserver(() => {
      if (host.clientWidth !== width) {
        width = host.clientWidth;
        draw();
      }
    }).observe(host);
    draw();
  }

  document.addEventListener("DOMContentLoaded", () => document.querySelectorAll(".explorable").forEach(explore));
})();
