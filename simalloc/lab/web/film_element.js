/* Slow motion: plays one call cycle by cycle. Drawn: masks, the CPU's page list, the buddy lists' changes, the lock's queue. */
const NS = "http://www.w3.org/2000/svg";
const COLOURS = { "own work": "#0072B2", "call overhead": "#A6D8F5", prepare: "#A6D8F5", statistics: "#A6D8F5", list: "#A6D8F5", "mask/unmask": "#222222", "buddy removal": "#5CC3A1", "buddy insertion": "#5CC3A1", "cache miss": "#F0E442", "lock acquire/release": "#7A4F9A", "line transfer": "#E69F00", spin: "#D55E00" };

export default {
  template: `
    <div class="film" role="group" :aria-label="'slow motion of ' + film.title">
      <div class="film-bar">
        <button type="button" @click="toggle">{{ playing ? "Pause" : "Play" }}</button>
        <button type="button" @click="go(-1)">Step back</button>
        <button type="button" @click="go(1)">Next step</button>
        <label>Speed <select v-model.number="seconds"><option :value="120">two minutes</option><option :value="30">half a minute</option><option :value="8">eight seconds</option></select></label>
        <output>cycle {{ Math.round(t) }} of {{ film.cycles }}</output>
      </div>
      <input type="range" min="0" :max="film.cycles" step="1" :value="t" @input="seek" aria-label="cycle of the film" :aria-valuetext="'cycle ' + Math.round(t) + ', ' + (now ? now.step : '')" />
      <div class="film-strip" aria-hidden="true"><span v-for="s in film.steps" :style="{ flexGrow: Math.max(s.cycles, 0.001), background: colour(s) }" :class="{ now: s === now }"></span></div>
      <p class="film-now" aria-live="polite"><strong>{{ now ? now.step : "the end" }}</strong><span v-if="now"> · {{ now.cycles }} cycles · {{ now.site }}</span><br /><span>{{ now ? now.about : "" }}</span></p>
      <div class="film-stage">
        <section><h4>CPU {{ film.cpu }}, in {{ film.context }}</h4>
          <ul class="film-masks"><li :class="{ off: masked }">interrupts {{ masked ? "off" : "on" }}</li><li :class="{ off: unpreempted }">preemption {{ unpreempted ? "off" : "on" }}</li><li v-if="usesBh" :class="{ off: bhOff }">bottom halves {{ bhOff ? "off" : "on" }}</li></ul>
        </section>
        <section v-if="pcp"><h4>This CPU's list (pcp)</h4><div ref="pcp"></div><p>{{ pcp.count }} pages; high {{ pcp.high }}, batch {{ pcp.batch }}{{ each > 1 ? "; a square is " + each + " pages" : "" }}</p></section>
        <section v-if="film.moved.length"><h4>Buddy lists of the zone</h4><div ref="buddy"></div><p>{{ buddyWords }}</p></section>
        <section v-for="lock in locksNow"><h4>{{ lock.name }}</h4><p class="film-queue"><span class="holder" :class="{ free: lock.holder === null }">{{ lock.holder !== null ? "CPU " + lock.holder : lock.queue.length ? "on its way" : "free" }}</span><span v-for="cpu in lock.queue.slice(0, 12)" class="waiter" :class="{ me: cpu === film.cpu }">CPU {{ cpu }}</span><span v-if="lock.queue.length > 12">and {{ lock.queue.length - 12 }} more</span></p><p>{{ lock.queue.length ? lock.queue.length + " waiting" : "nobody waits" }}</p></section>
      </div>
      <details><summary>All {{ film.steps.length }} steps</summary><ol class="film-steps"><li v-for="s in film.steps" :class="{ now: s === now }"><button type="button" @click="put(s.at)">{{ s.at }}</button> {{ s.step }}, {{ s.cycles }} cycles <span>{{ s.about }}</span></li></ol></details>
    </div>`,
  props: { film: Object },
  data() {
    return { t: 0, playing: false, seconds: 30 };
  },
  computed: {
    now() {
      return this.film.steps.find((s) => this.t >= s.at && this.t < s.at + s.cycles) || null;
    },
    masked() {
      return this.film.masked.some(([from, to]) => this.t >= from && this.t < to);
    },
    unpreempted() {
      return this.between("preempt_disable", "preempt_enable");
    },
    bhOff() {
      return this.between("bh_disable", "bh_enable");
    },
    usesBh() {
      return this.film.steps.some((s) => s.step.startsWith("bh_"));
    },
    pcp() {
      return this.film.pcp.filter((each) => each.at <= this.t).pop() || this.film.pcp[0];
    },
    most() {
      return Math.max(this.pcp.high, ...this.film.pcp.map((one) => one.count)) + 2;
    },
    each() {
      return Math.ceil(this.most / 240);
    },
    moved() {
      return this.film.moved.filter((each) => each.at <= this.t);
    },
    buddyWords() {
      const last = this.moved[this.moved.length - 1];
      const blocks = this.moved.reduce((sum, each) => sum + each.by * 2 ** each.order, 0);
      if (!last) return "nothing has moved yet";
      return `${blocks < 0 ? -blocks + " pages taken" : blocks + " pages given back"}; ${last.free.toLocaleString("en-US")} pages are free`;
    },
    locksNow() {
      return this.film.locks.map((lock) => {
        const in_ = ([, from, to]) => this.t >= from && this.t < to;
        const holder = lock.hold.find(in_);
        const queue = lock.wait.filter(in_).sort((a, b) => a[1] - b[1]).map((each) => each[0]);
        return { name: lock.name, holder: holder ? holder[0] : null, queue };
      });
    },
  },
  watch: {
    t() {
      this.$nextTick(this.paint);
    },
    film() {
      this.t = 0;
      this.playing = false;
      this.$nextTick(this.paint);
    },
  },
  mounted() {
    this.paint();
  },
  unmounted() {
    this.playing = false;
  },
  methods: {
    colour(s) {
      return COLOURS[s.activity] || "#999999";
    },
    between(off, on) {
      const done = this.film.steps.filter((s) => s.at + s.cycles <= this.t);
      return done.filter((s) => s.step === off).length > done.filter((s) => s.step === on).length;
    },
    put(t) {
      this.t = Math.max(0, Math.min(this.film.cycles, t));
    },
    seek(event) {
      this.playing = false;
      this.put(Number(event.target.value));
    },
    go(by) {
      this.playing = false;
      const places = [...new Set([...this.film.steps.map((s) => s.at), this.film.cycles])].sort((a, b) => a - b);
      const next = by > 0 ? places.find((at) => at > this.t) : places.filter((at) => at < this.t).pop();
      this.put(next === undefined ? this.t : next);
    },
    toggle() {
      if (this.t >= this.film.cycles) this.t = 0;
      this.playing = !this.playing;
      this.last = performance.now();
      if (this.playing) requestAnimationFrame(this.tick);
    },
    tick(time) {
      if (!this.playing) return;
      this.put(this.t + ((time - this.last) / 1000 / this.seconds) * this.film.cycles);
      this.last = time;
      if (this.t >= this.film.cycles) this.playing = false;
      else requestAnimationFrame(this.tick);
    },
    paint() {
      if (this.$refs.pcp && this.pcp) this.paintPcp(this.$refs.pcp);
      if (this.$refs.buddy) this.paintBuddy(this.$refs.buddy);
    },
    svg(host, width, height) {
      const svg = document.createElementNS(NS, "svg");
      svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
      svg.setAttribute("width", width);
      svg.setAttribute("height", height);
      svg.setAttribute("aria-hidden", "true");
      host.replaceChildren(svg);
      return (name, attributes, words) => {
        const node = document.createElementNS(NS, name);
        for (const key in attributes) node.setAttribute(key, attributes[key]);
        if (words !== undefined) node.textContent = words;
        svg.appendChild(node);
      };
    },
    paintPcp(host) {
      const { count, high } = this.pcp, each = this.each, squares = Math.ceil(this.most / each), row = 30;
      const add = this.svg(host, row * 10 + 4, Math.ceil(squares / row) * 10 + 4);
      for (let i = 0; i < squares; i++) {
        const x = (i % row) * 10 + 2, y = Math.floor(i / row) * 10 + 2, full = i * each < count, beyond = i * each >= high;
        add("rect", { x, y, width: 8, height: 8, fill: full ? (beyond ? "#D55E00" : "#0072B2") : "white", stroke: beyond ? "#D55E00" : "#9aa3ad" });
      }
    },
    paintBuddy(host) {
      const sums = Array(11).fill(0);
      for (const each of this.moved) if (each.order <= 10) sums[each.order] += each.by;
      const ends = Array(11).fill(0);
      for (const each of this.film.moved) if (each.order <= 10) ends[each.order] += Math.abs(each.by);
      const most = Math.max(1, ...ends), add = this.svg(host, 304, 112);
      add("line", { x1: 20, x2: 304, y1: 52, y2: 52, stroke: "#444" });
      sums.forEach((sum, order) => {
        const x = 24 + order * 25.5, size = (Math.abs(sum) / most) * 36;
        if (sum) add("rect", { x, y: sum > 0 ? 52 - size : 52, width: 18, height: size, fill: sum > 0 ? "#009E73" : "#D55E00" });
        if (sum) add("text", { x: x + 9, y: sum > 0 ? 48 - size : 64 + size, "text-anchor": "middle", "font-size": 11 }, (sum > 0 ? "+" : "−") + Math.abs(sum));
        add("text", { x: x + 9, y: 110, "text-anchor": "middle", "font-size": 11, fill: "#444" }, order);
      });
      add("text", { x: 0, y: 110, "font-size": 11, fill: "#444" }, "order");
    },
  },
};
