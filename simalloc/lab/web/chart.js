/* Draws a graph from plain data: curves with 95 % intervals, bounds, theory and published points, or bars.
   Used by the lab and by the explorable figures of the documentation. No library, nothing from elsewhere.
   Keyboard: the graph takes the focus; arrow keys go from point to point, and what is there is read aloud. */
(function () {
  "use strict";
  const COLOURS = ["#0072B2", "#D55E00", "#007A5A", "#B0568D", "#3A8FC4", "#A66F00", "#444444", "#7A4FA3"];
  const DASHES = ["", "9 4", "2 3", "9 3 2 3", "14 4", "5 2"];
  const MARKS = ["circle", "square", "triangle", "diamond"];
  const NS = "http://www.w3.org/2000/svg";

  function make(name, attributes, parent, text) {
    const node = document.createElementNS(NS, name);
    for (const key in attributes) node.setAttribute(key, attributes[key]);
    if (text !== undefined) node.textContent = text;
    if (parent) parent.appendChild(node);
    return node;
  }

  function html(name, attributes, parent, text) {
    const node = document.createElement(name);
    for (const key in attributes) node.setAttribute(key, attributes[key]);
    if (text !== undefined) node.textContent = text;
    if (parent) parent.appendChild(node);
    return node;
  }

  /* A number as people read it: three digits that count, all before the point. */
  function text(value) {
    if (value === null || value === undefined || !isFinite(value)) return "-";
    const size = Math.abs(value);
    if (size >= 1000) return Math.round(value).toLocaleString("en-US");
    if (size >= 100 || Number.isInteger(value)) return String(Math.round(value));
    return value.toPrecision(3);
  }

  function ticks(low, high, most) {
    const raw = (high - low) / Math.max(most, 1), scale = Math.pow(10, Math.floor(Math.log10(raw)));
    const step = [1, 2, 5, 10].map((each) => each * scale).find((each) => each >= raw * 0.999);
    const found = [];
    for (let i = Math.ceil(low / step - 1e-9); i * step <= high * (1 + 1e-9) + 1e-12; i++) found.push(i * step);
    return found;
  }

  function logTicks(low, high, values, room) {
    const found = values.filter((each) => each >= low && each <= high), step = Math.ceil(found.length / room);
    return found.filter((_, i) => i % step === 0);
  }

  function mark(kind, x, y, parent, attributes) {
    const r = 4;
    const d = { square: `M${x - r} ${y - r}h${2 * r}v${2 * r}h${-2 * r}z`, diamond: `M${x} ${y - 5}l5 5l-5 5l-5 -5z`,
      triangle: `M${x} ${y - 5}l5 9h-10z` }[kind];
    return d ? make("path", { d, ...attributes }, parent) : make("circle", { cx: x, cy: y, r, ...attributes }, parent);
  }

  function line(xs, ys, sx, sy) {
    return xs.map((x, i) => `${i ? "L" : "M"}${sx(x).toFixed(1)} ${sy(ys[i]).toFixed(1)}`).join("");
  }

  function extent(curves) {
    let top = 0;
    for (const curve of curves) {
      curve.y.forEach((y, i) => { top = Math.max(top, y + Math.min((curve.ci || [])[i] || 0, y)); });
      for (const more of [curve.theory, curve.published]) if (more) top = Math.max(top, ...more.y);
    }
    // A bound may be far above what is reached: it is cut off rather than flattening the curves.
    return top * 1.06 || 1;
  }

  function lines(host, spec, width, height, ids) {
    const small = width < 480, left = small ? 52 : 66, right = 14, top = 12, bottom = 46;
    const svg = make("svg", { viewBox: `0 0 ${width} ${height}`, width, height, class: "chart-svg", role: "img",
      tabindex: "0", "aria-label": summary(spec), xmlns: NS }, host);
    const curves = spec.curves, all = spec.xs || [...new Set(curves.flatMap((each) => each.x))].sort((a, b) => a - b);
    const low = spec.log ? all[0] : Math.min(0, all[0]), high = all[all.length - 1] * (spec.log ? 1.1 : 1.03) || 1;
    const most = spec.top || extent(curves);
    const from = (x) => (spec.log ? Math.log(x) : x);
    const sx = (x) => left + ((from(x) - from(low)) / (from(high) - from(low) || 1)) * (width - left - right);
    const sy = (y) => height - bottom - (y / most) * (height - top - bottom);
    const room = make("clipPath", { id: ids + "-room" }, make("defs", {}, svg));
    make("rect", { x: left, y: top - 6, width: width - left - right + 8, height: height - top - bottom + 8 }, room);
    for (const y of ticks(0, most, small ? 4 : 6)) {
      make("line", { x1: left, x2: width - right, y1: sy(y), y2: sy(y), stroke: "#dddddd" }, svg);
      make("text", { x: left - 6, y: sy(y) + 4, "text-anchor": "end", "font-size": 13, fill: "#222" }, svg, text(y));
    }
    const number = Math.max(3, Math.floor((width - left) / 62));
    for (const x of spec.log ? logTicks(low, high, all, number) : ticks(low, high, Math.min(number, 10))) {
      make("line", { x1: sx(x), x2: sx(x), y1: height - bottom, y2: height - bottom + 5, stroke: "#444" }, svg);
      make("text", { x: sx(x), y: height - bottom + 19, "text-anchor": "middle", "font-size": 13, fill: "#222" }, svg, text(x));
    }
    make("path", { d: `M${left} ${top}V${height - bottom}H${width - right}`, fill: "none", stroke: "#444" }, svg);
    make("text", { x: (left + width) / 2, y: height - 8, "text-anchor": "middle", "font-size": 14, fill: "#111" }, svg, spec.x);
    const plot = make("g", { "clip-path": `url(#${ids}-room)` }, svg);
    curves.forEach((curve, i) => {
      const colour = COLOURS[i % COLOURS.length];
      if (curve.ci && curve.ci.some((each) => each > 0) && curve.x.length > 1) {
        const upper = curve.y.map((y, k) => y + curve.ci[k]), lower = curve.y.map((y, k) => Math.max(0, y - curve.ci[k]));
        const back = line([...curve.x].reverse(), [...lower].reverse(), sx, sy).replace("M", "L");
        make("path", { d: line(curve.x, upper, sx, sy) + back + "z", fill: colour, opacity: 0.18 }, plot);
      }
      if (curve.bound) make("path", { d: line(curve.bound.x, curve.bound.y, sx, sy), fill: "none", stroke: colour, "stroke-width": 1.2, "stroke-dasharray": "1 4" }, plot);
      make("path", { d: line(curve.x, curve.y, sx, sy), fill: "none", stroke: colour, "stroke-width": 2.4, "stroke-dasharray": DASHES[i % DASHES.length], class: "chart-curve" }, plot);
      for (const [key, hollow] of [["theory", true], ["published", true]]) {
        if (curve[key]) curve[key].x.forEach((x, k) => mark(key === "theory" ? "circle" : "diamond", sx(x), sy(curve[key].y[k]), plot, { fill: hollow ? "white" : colour, "fill-opacity": 0.6, stroke: colour, "stroke-width": 1.6 }));
      }
      curve.x.forEach((x, k) => mark(MARKS[i % MARKS.length], sx(x), sy(curve.y[k]), plot, { fill: colour, transform: "", class: "chart-point" }));
    });
    if (spec.guess !== undefined && spec.guess !== null) make("line", { x1: left, x2: width - right, y1: sy(spec.guess), y2: sy(spec.guess), stroke: "#111", "stroke-dasharray": "3 3" }, plot);
    reading(host, svg, spec, all, sx, top, height - bottom);
    return svg;
  }

  /* What is at the cursor: by mouse, and by arrow keys. */
  function reading(host, svg, spec, all, sx, top, bottom) {
    const cursor = make("line", { y1: top, y2: bottom, stroke: "#111", "stroke-width": 1, visibility: "hidden" }, svg);
    const told = html("p", { class: "chart-reading", "aria-live": "polite" }, host, "");
    let at = -1;
    function show(place) {
      at = Math.max(0, Math.min(all.length - 1, place));
      const x = all[at];
      cursor.setAttribute("x1", sx(x)); cursor.setAttribute("x2", sx(x)); cursor.setAttribute("visibility", "visible");
      const parts = spec.curves.map((curve) => {
        const k = curve.x.indexOf(x);
        if (k < 0) return null;
        const half = (curve.ci || [])[k];
        return `${curve.name} ${text(curve.y[k])}${half ? " ± " + text(half) : ""}`;
      }).filter(Boolean);
      told.textContent = `${spec.x} ${text(x)}: ${parts.join("; ") || "not known yet"}`;
    }
    svg.addEventListener("mousemove", (event) => {
      const box = svg.getBoundingClientRect(), x = ((event.clientX - box.left) / box.width) * svg.viewBox.baseVal.width;
      let best = 0;
      all.forEach((each, i) => { if (Math.abs(sx(each) - x) < Math.abs(sx(all[best]) - x)) best = i; });
      show(best);
    });
    svg.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (step) { show(at + step); event.preventDefault(); }
    });
  }

  function bars(host, spec, width) {
    const row = 40, left = Math.min(220, width * 0.36), right = 96, height = spec.curves.length * row + 46;
    const svg = make("svg", { viewBox: `0 0 ${width} ${height}`, width, height, class: "chart-svg", role: "img", tabindex: "0", "aria-label": summary(spec), xmlns: NS }, host);
    const most = Math.max(...spec.curves.map((each) => Math.max(each.y + (each.ci || 0), each.published || 0))) * 1.02 || 1;
    const sx = (x) => left + (x / most) * (width - left - right);
    spec.curves.forEach((curve, i) => {
      const y = i * row + 8, label = curve.name.length > left / 7.2 ? curve.name.slice(0, Math.floor(left / 7.2) - 1) + "…" : curve.name;
      const name = make("text", { x: left - 8, y: y + 17, "text-anchor": "end", "font-size": 13, fill: "#111" }, svg, label);
      make("title", {}, name, curve.name);
      make("rect", { x: left, y, width: Math.max(0, sx(curve.y) - left), height: row - 14, fill: COLOURS[i % COLOURS.length] }, svg);
      if (curve.ci) make("path", { d: `M${sx(curve.y - curve.ci)} ${y + 13}H${sx(curve.y + curve.ci)}`, stroke: "#111", "stroke-width": 2 }, svg);
      if (curve.published) mark("diamond", sx(curve.published), y + 13, svg, { fill: "white", stroke: "#111", "stroke-width": 1.6 });
      make("text", { x: Math.max(sx(curve.y + (curve.ci || 0)), curve.published ? sx(curve.published) + 6 : 0) + 6, y: y + 17, "font-size": 13, fill: "#111" }, svg, text(curve.y));
    });
    make("text", { x: left, y: height - 10, "font-size": 14, fill: "#111" }, svg, spec.y);
    return svg;
  }

  /* Where cycles went: a bar each, in groups that add up. */
  function stacks(host, spec, width) {
    const row = 44, left = Math.min(220, width * 0.36), right = 70, height = spec.curves.length * row + 50;
    const svg = make("svg", { viewBox: `0 0 ${width} ${height}`, width, height, class: "chart-svg", role: "img", tabindex: "0", "aria-label": summary(spec), xmlns: NS }, host);
    const sums = spec.curves.map((each) => each.parts.reduce((a, b) => a + b, 0)), most = Math.max(...sums) || 1;
    const scale = (width - left - right) / most;
    const pattern = make("pattern", { id: host.dataset.chart + "-hatch", width: 7, height: 7, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" }, make("defs", {}, svg));
    make("rect", { width: 2, height: 7, fill: "white", opacity: 0.55 }, pattern);
    spec.curves.forEach((curve, i) => {
      let at = left;
      const y = i * row + 8, room = Math.floor(left / 7.2);
      const name = make("text", { x: left - 8, y: y + 18, "text-anchor": "end", "font-size": 13, fill: "#111" }, svg, curve.name.length > room ? curve.name.slice(0, room - 1) + "…" : curve.name);
      make("title", {}, name, curve.name);
      curve.parts.forEach((part, k) => {
        const group = spec.groups[k], shape = { x: at, y, width: Math.max(0, part * scale), height: row - 16 };
        make("title", {}, make("rect", { ...shape, fill: group.colour, stroke: "white" }, svg), `${group.name}: ${text(part)}`);
        if (group.hatched) make("rect", { ...shape, fill: `url(#${host.dataset.chart}-hatch)`, "pointer-events": "none" }, svg);
        at += part * scale;
      });
      make("text", { x: at + 6, y: y + 18, "font-size": 13, fill: "#111" }, svg, text(sums[i]));
    });
    make("text", { x: left, y: height - 10, "font-size": 14, fill: "#111" }, svg, spec.y);
    const list = html("ul", { class: "chart-legend" }, host);
    for (const group of spec.groups) {
      const item = html("li", {}, list);
      make("rect", { x: 1, y: 1, width: 20, height: 11, fill: group.colour, stroke: "#777" }, make("svg", { width: 22, height: 13, "aria-hidden": "true" }, item));
      html("span", {}, item, group.name);
    }
  }

  function summary(spec) {
    if (spec.kind === "stack") return `${spec.y}: ` + spec.curves.map((each) => `${each.name}: ${each.parts.map((part, k) => `${spec.groups[k].name} ${text(part)}`).join(", ")}`).join("; ");
    if (spec.kind === "bars") return `${spec.y}: ` + spec.curves.map((each) => `${each.name} ${text(each.y)}`).join(", ");
    const parts = spec.curves.filter((each) => each.x.length).map((each) => `${each.name} goes from ${text(each.y[0])} at ${text(each.x[0])} to ${text(each.y[each.y.length - 1])} at ${text(each.x[each.x.length - 1])}`);
    return `${spec.y} against ${spec.x}: ${parts.join("; ")}. The table below has all numbers.`;
  }

  function legend(host, spec) {
    const list = html("ul", { class: "chart-legend" }, host);
    function entry(words, draw) {
      const item = html("li", {}, list), svg = make("svg", { width: 34, height: 12, "aria-hidden": "true" }, item);
      draw(svg);
      html("span", {}, item, words);
    }
    spec.curves.forEach((curve, i) => entry(curve.name, (svg) => {
      const colour = COLOURS[i % COLOURS.length];
      make("path", { d: "M1 6H33", stroke: colour, "stroke-width": 2.4, "stroke-dasharray": DASHES[i % DASHES.length] }, svg);
      mark(MARKS[i % MARKS.length], 17, 6, svg, { fill: colour });
    }));
    const has = (key) => spec.curves.some((each) => each[key] && (each[key].x ? each[key].x.length : each[key].some((v) => v > 0)));
    if (has("theory")) entry("closed form", (svg) => mark("circle", 17, 6, svg, { fill: "white", stroke: "#555", "stroke-width": 1.6 }));
    if (has("published")) entry("published", (svg) => mark("diamond", 17, 6, svg, { fill: "white", stroke: "#555", "stroke-width": 1.6 }));
    if (has("bound")) entry("asymptotic bound, from one CPU alone", (svg) => make("path", { d: "M1 6H33", stroke: "#555", "stroke-dasharray": "1 4" }, svg));
    if (has("ci")) entry("95 % interval", (svg) => make("rect", { x: 1, y: 1, width: 32, height: 10, fill: "#555", opacity: 0.25 }, svg));
  }

  function table(host, spec, open) {
    const details = html("details", { class: "chart-table" }, host);
    if (open) details.setAttribute("open", "");
    html("summary", {}, details, "The numbers");
    const grid = html("table", {}, html("div", { class: "chart-scroll", tabindex: "0", role: "region", "aria-label": "table of the numbers" }, details));
    html("caption", {}, grid, spec.y);
    const head = html("tr", {}, html("thead", {}, grid)), body = html("tbody", {}, grid);
    if (spec.kind === "stack") {
      ["", ...spec.curves.map((each) => each.name)].forEach((each) => html("th", { scope: "col" }, head, each));
      spec.groups.forEach((group, k) => {
        const row = html("tr", {}, body);
        html("th", { scope: "row" }, row, group.name);
        spec.curves.forEach((each) => html("td", {}, row, text(each.parts[k])));
      });
      return;
    }
    if (spec.kind === "bars") {
      ["", "value", "± 95 %"].forEach((each) => html("th", { scope: "col" }, head, each));
      spec.curves.forEach((each) => {
        const row = html("tr", {}, body);
        html("th", { scope: "row" }, row, each.name); html("td", {}, row, text(each.y)); html("td", {}, row, each.ci ? text(each.ci) : "");
      });
      return;
    }
    html("th", { scope: "col" }, head, spec.x);
    spec.curves.forEach((each) => html("th", { scope: "col" }, head, each.name));
    for (const x of spec.xs || [...new Set(spec.curves.flatMap((each) => each.x))].sort((a, b) => a - b)) {
      const row = html("tr", {}, body);
      html("th", { scope: "row" }, row, text(x));
      for (const curve of spec.curves) {
        const k = curve.x.indexOf(x), half = k < 0 ? 0 : (curve.ci || [])[k];
        html("td", {}, row, k < 0 ? "" : text(curve.y[k]) + (half ? ` ± ${text(half)}` : ""));
      }
    }
  }

  let made = 0;
  function draw(host, spec) {
    const was = host.querySelector(".chart-table"), open = Boolean(was && was.open);
    const focused = document.activeElement && host.contains(document.activeElement) && document.activeElement.classList.contains("chart-svg");
    const ids = host.dataset.chart || (host.dataset.chart = "chart" + ++made);
    host.replaceChildren();
    host.spec = spec;
    if (!spec || !spec.curves || !spec.curves.length) {
      html("p", { class: "chart-none" }, host, (spec && spec.title) || "");
      return;
    }
    html("p", { class: "chart-y" }, host, spec.kind === "lines" ? spec.y : spec.title);
    const width = Math.max(280, Math.floor(host.clientWidth || 640)), height = spec.height || Math.max(260, Math.min(430, Math.round(width * 0.55)));
    if (spec.kind === "stack") {
      stacks(host, spec, width);
      table(host, spec, open);
      return;
    }
    const svg = spec.kind === "bars" ? bars(host, spec, width) : lines(host, spec, width, height, ids);
    if (spec.kind !== "bars") legend(host, spec);
    table(host, spec, open);
    if (focused) svg.focus({ preventScroll: true });
  }

  window.simallocChart = { draw, text };
})();
