"use strict";
// The timeline: a lane per CPU. Only what is between `from` and `to` (cycles since the recording began) is drawn.
(() => {
  const source = document.getElementById("timeline-data");
  if (!source) return;
  const data = JSON.parse(source.textContent);
  const canvas = document.getElementById("timeline-canvas");
  const choice = document.getElementById("timeline-case");
  const range = document.getElementById("timeline-range");
  const tip = document.getElementById("timeline-tip");
  const pen = canvas.getContext("2d");

  const COLOURS = { idle: "#ffffff", task: "#56b4e9", softirq: "#f0e442", hardirq: "#a63c00", nmi: "#cc79a7" };
  const HOLD = "#0072b2";
  const INK = "#1c1f23";
  const GUTTER = 64;
  const AXIS = 28;
  const NEAREST = 20;  // cycles on the screen at the deepest zoom
  const LEAST_LABEL = 36;  // pixels
  const MOST_ARROWS = 300;

  const state = { recording: data.recordings[0], from: 0, to: data.recordings[0].cycles };
  window.simallocTimeline = state;  // for tests, and for those who look under the hood

  const laneHeight = () => (state.recording.cpus <= 16 ? 56 : 24);
  const width = () => canvas.clientWidth;
  const scale = () => (width() - GUTTER) / (state.to - state.from);
  const x = (cycle) => GUTTER + (cycle - state.from) * scale();
  const cycleAt = (pixel) => state.from + (pixel - GUTTER) / scale();
  const micros = (cycles) => cycles / state.recording.ghz / 1000;
  const number = (value, digits) => value.toLocaleString("en", { maximumFractionDigits: digits });

  // Where the parts of a lane are, as shares of its height.
  const PARTS = { context: [0.1, 0.5], locks: [0.65, 0.18], masked: [0.88, 0.06] };
  function box(cpu, part) {
    const [top, height] = PARTS[part];
    return [AXIS + (cpu + top) * laneHeight(), height * laneHeight()];
  }

  function hatched() {
    const tile = document.createElement("canvas");
    tile.width = tile.height = 6;
    const ink = tile.getContext("2d");
    ink.fillStyle = "#fff";
    ink.fillRect(0, 0, 6, 6);
    ink.strokeStyle = INK;
    ink.lineWidth = 1.2;
    for (const shift of [-6, 0, 6]) {
      ink.beginPath();
      ink.moveTo(shift, 6);
      ink.lineTo(shift + 6, 0);
      ink.stroke();
    }
    return pen.createPattern(tile, "repeat");
  }
  const hatch = hatched();

  const seen = (bars) => bars.filter((bar) => bar[1] < state.to && bar[1] + bar[2] > state.from);

  function fill(bar, part, colour, edge) {
    const [top, height] = box(bar[0], part);
    const left = Math.max(x(bar[1]), GUTTER);
    const right = Math.min(x(bar[1] + bar[2]), width());
    pen.fillStyle = colour;
    pen.fillRect(left, top, Math.max(right - left, 0.6), height);
    if (edge && right - left > 3) {
      pen.strokeStyle = edge;
      pen.lineWidth = 0.7;
      pen.strokeRect(left + 0.35, top + 0.35, right - left - 0.7, height - 0.7);
    }
    return [left, right, top, height];
  }

  function label(text, left, right, top, height, colour) {
    if (right - left < LEAST_LABEL || height < 10) return;
    pen.save();
    pen.beginPath();
    pen.rect(left, top, right - left - 3, height);
    pen.clip();
    pen.fillStyle = colour;
    pen.fillText(text, left + 4, top + height / 2);
    pen.restore();
  }

  function drawAxis(height) {
    const span = micros(state.to - state.from);
    const rough = span / Math.max(3, (width() - GUTTER) / 110);
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((each) => each * power).find((each) => each >= rough);
    const digits = Math.max(0, -Math.floor(Math.log10(step)));
    const start = micros(state.recording.start);
    pen.fillStyle = INK;
    pen.strokeStyle = "#d9dde2";
    pen.lineWidth = 1;
    pen.textAlign = "center";
    const first = Math.ceil((start + micros(state.from)) / step);
    const last = Math.floor((start + micros(state.to)) / step);
    for (let tick = first; tick <= last; tick += 1) {
      const at = x((tick * step - start) * state.recording.ghz * 1000);
      pen.beginPath();
      pen.moveTo(at, AXIS - 6);
      pen.lineTo(at, height);
      pen.stroke();
      pen.fillText(`${number(tick * step, digits)} us`, Math.min(Math.max(at, GUTTER + 24), width() - 28), 11);
    }
    pen.textAlign = "left";
  }

  function drawLanes() {
    const recording = state.recording;
    for (let cpu = 0; cpu < recording.cpus; cpu += 1) {
      const [top, height] = box(cpu, "context");
      pen.fillStyle = INK;
      pen.fillText(`CPU ${cpu}`, 8, top + height / 2);
    }
    for (const name of Object.keys(COLOURS)) {
      for (const bar of seen(recording.contexts)) {
        if (data.names[bar[4]] === name) fill(bar, "context", COLOURS[name], "#777");
      }
    }
    const functions = seen(recording.functions);
    for (const bar of functions) drawBox(bar, "#1c1f23");
    const near = state.to - state.from < 4000;
    if (near) for (const bar of seen(recording.steps)) drawBox(bar, "#8a939c", functions.length > 0);
    for (const bar of seen(recording.waits)) fill(bar, "locks", hatch, INK);
    for (const bar of seen(recording.holds)) fill(bar, "locks", HOLD, HOLD);
    for (const bar of seen(recording.masked)) fill(bar, "masked", INK);
  }

  // Functions are framed and named in the upper half of the context, steps in the lower one.
  function drawBox(bar, edge, below) {
    const near = state.to - state.from < 4000 && state.recording.steps.length > 0;
    const [top, whole] = box(bar[0], "context");
    const height = near ? whole / 2 : whole;
    const y = below ? top + height : top;
    const left = Math.max(x(bar[1]), GUTTER);
    const right = Math.min(x(bar[1] + bar[2]), width());
    if (right - left < 2) {
      pen.fillStyle = "rgb(28 31 35 / 35%)";
      pen.fillRect(left, y, Math.max(right - left, 0.5), height);
      return;
    }
    pen.strokeStyle = edge;
    pen.lineWidth = 0.8;
    pen.strokeRect(left + 0.4, y + 0.4, right - left - 0.8, height - 0.8);
    const end = bar[4] === undefined ? right : Math.min(right, x(bar[1] + bar[4]));
    label(data.names[bar[3]], left, end, y, height, INK);
  }

  function drawHandOvers() {
    const waits = seen(state.recording.waits).filter((bar) => bar[5] >= 0 && bar[6] >= 0);
    if (waits.length > MOST_ARROWS) return;
    pen.strokeStyle = pen.fillStyle = INK;
    pen.lineWidth = 1;
    for (const bar of waits) {
      const taken = bar[1] + bar[2];
      if (taken > state.to || bar[6] < state.from) continue;
      const [top, height] = box(bar[5], "locks");
      const [end, endHeight] = box(bar[0], "locks");
      arrow(x(bar[6]), top + height / 2, x(taken), end + endHeight / 2);
    }
  }

  function arrow(left, top, right, bottom) {
    const angle = Math.atan2(bottom - top, right - left);
    pen.beginPath();
    pen.moveTo(left, top);
    pen.lineTo(right, bottom);
    pen.stroke();
    pen.beginPath();
    pen.moveTo(right, bottom);
    for (const side of [2.7, -2.7]) {
      pen.lineTo(right + 7 * Math.cos(angle + side), bottom + 7 * Math.sin(angle + side));
    }
    pen.fill();
  }

  function draw() {
    const height = AXIS + state.recording.cpus * laneHeight() + 6;
    const dots = window.devicePixelRatio || 1;
    canvas.style.height = `${height}px`;
    canvas.width = Math.round(width() * dots);
    canvas.height = Math.round(height * dots);
    pen.setTransform(dots, 0, 0, dots, 0, 0);
    pen.font = '11px system-ui, "DejaVu Sans", sans-serif';
    pen.textBaseline = "middle";
    pen.fillStyle = "#fff";
    pen.fillRect(0, 0, width(), height);
    drawAxis(height);
    drawLanes();
    drawHandOvers();
    const start = micros(state.recording.start);
    const [from, to] = [state.from, state.to].map((cycle) => number(start + micros(cycle), 3));
    range.textContent = `${from} to ${to} us (${number(state.to - state.from, 0)} cycles)`;
  }

  function show(from, to) {
    const whole = state.recording.cycles;
    const span = Math.min(Math.max(to - from, Math.min(NEAREST, whole)), whole);
    state.from = Math.min(Math.max(from, 0), whole - span);
    state.to = state.from + span;
    tip.hidden = true;
    draw();
  }

  function zoom(factor, at) {
    const middle = at === undefined ? (state.from + state.to) / 2 : at;
    show(middle - (middle - state.from) * factor, middle + (state.to - middle) * factor);
  }

  function move(share) {
    const by = share * (state.to - state.from);
    show(state.from + by, state.to + by);
  }

  const acts = {
    in: () => zoom(0.5),
    out: () => zoom(2),
    left: () => move(-0.25),
    right: () => move(0.25),
    all: () => show(0, state.recording.cycles),
  };
  const keys = { "+": "in", "=": "in", "-": "out", ArrowLeft: "left", ArrowRight: "right", 0: "all", Home: "all" };

  // What a pointer is at

  function linesAt(cpu, cycle) {
    const recording = state.recording;
    const under = (bars) => seen(bars).filter((bar) => bar[0] === cpu && bar[1] <= cycle && cycle < bar[1] + bar[2]);
    const length = (bar) => `${number(bar[2], 0)} cycles (${number(micros(bar[2]), 3)} us)`;
    const lines = [`CPU ${cpu}, ${number(micros(recording.start + cycle), 3)} us`];
    const innermost = under(recording.contexts).sort((a, b) => b[1] - a[1])[0];
    if (innermost) lines.push(`${data.names[innermost[3]]}: ${length(innermost)}`);
    for (const bar of under(recording.functions)) lines.push(`${data.names[bar[3]]}: ${length(bar)}`);
    for (const bar of under(recording.steps)) lines.push(`step ${data.names[bar[3]]}: ${length(bar)}`);
    for (const bar of under(recording.waits)) {
      lines.push(`waits for ${data.names[bar[3]]}, CPU ${bar[4]} had it: ${length(bar)}`);
    }
    for (const bar of under(recording.holds)) lines.push(`holds ${data.names[bar[3]]}: ${length(bar)}`);
    for (const bar of under(recording.masked)) lines.push(`interrupts off in ${data.names[bar[3]]}: ${length(bar)}`);
    return lines;
  }

  function point(event) {
    const cpu = Math.floor((event.offsetY - AXIS) / laneHeight());
    if (event.offsetX < GUTTER || cpu < 0 || cpu >= state.recording.cpus) {
      tip.hidden = true;
      return;
    }
    tip.textContent = linesAt(cpu, cycleAt(event.offsetX)).join("\n");
    tip.hidden = false;
    const right = event.offsetX + 16 + tip.offsetWidth > width();
    tip.style.left = `${right ? event.offsetX - tip.offsetWidth - 8 : event.offsetX + 16}px`;
    tip.style.top = `${canvas.offsetTop + event.offsetY + 16}px`;
  }

  // Events

  let grabbed = null;
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) move(Math.sign(event.deltaX) * 0.1);
    else zoom(1.25 ** Math.sign(event.deltaY), cycleAt(event.offsetX));
  }, { passive: false });
  canvas.addEventListener("pointerdown", (event) => {
    grabbed = { pixel: event.offsetX, from: state.from, to: state.to };
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!grabbed) {
      point(event);
      return;
    }
    const by = (grabbed.pixel - event.offsetX) / scale();
    show(grabbed.from + by, grabbed.to + by);
  });
  for (const name of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(name, () => {
      grabbed = null;
    });
  }
  canvas.addEventListener("pointerleave", () => {
    tip.hidden = true;
  });
  canvas.addEventListener("dblclick", (event) => zoom(0.5, cycleAt(event.offsetX)));
  canvas.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !(event.key in keys)) return;
    event.preventDefault();
    acts[keys[event.key]]();
  });
  for (const button of document.querySelectorAll(".controls button")) {
    button.addEventListener("click", () => acts[button.dataset.act]());
  }
  choice.addEventListener("change", () => {
    state.recording = data.recordings[Number(choice.value)];
    show(0, state.recording.cycles);
  });
  window.addEventListener("resize", draw);
  window.addEventListener("beforeprint", draw);

  // The key, and the cases to choose from

  function keyEntry(text, paint) {
    const item = document.createElement("li");
    const picture = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    picture.setAttribute("viewBox", "0 0 24 12");
    picture.setAttribute("aria-hidden", "true");
    picture.innerHTML = paint;
    item.append(picture, text);
    return item;
  }

  const rectangle = (colour) => `<rect x="0.5" y="0.5" width="23" height="11" fill="${colour}" stroke="#777"/>`;
  const met = new Set(data.recordings.flatMap((each) => each.contexts.map((bar) => data.names[bar[4]])));
  const key = document.getElementById("timeline-key");
  for (const name of Object.keys(COLOURS)) if (met.has(name)) key.append(keyEntry(name, rectangle(COLOURS[name])));
  const stripes = '<path d="M0 12 12 0M6 12 18 0M12 12 24 0" stroke="#1c1f23" fill="none"/>';
  key.append(keyEntry("waits for a lock", rectangle("#fff") + stripes));
  key.append(keyEntry("holds it", rectangle(HOLD)));
  key.append(keyEntry("hand-over", '<path d="M0 6H16V2l8 4-8 4V6" stroke="#1c1f23" fill="#1c1f23"/>'));
  key.append(keyEntry("interrupts off", '<rect y="4" width="24" height="4" fill="#1c1f23"/>'));
  data.recordings.forEach((each, place) => choice.add(new Option(each.name, String(place))));
  draw();
})();
