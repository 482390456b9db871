/* Slow motion: plays one call cycle by cycle. Drawn: masks, the CPU's page list, the zone's buddy lists, the lock's queue. */
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
        <section v-if="pcp"><h4>This CPU's list (pcp)</h4><div ref="pcp"></div><p>{{ pcp.count }} pages (blue). At {{ pcp.high }} pages (pcp.high; from there on orange) a free gives pages back. A batch is {{ pcp.batch }} pages.{{ each > 1 ? " A square is " + each + " pages." : "" }}</p></section>
        <section v-for="zone in zonesNow" class="film-zone"><h4>Buddy lists of zone {{ zone.name }}</h4>
          <table class="film-buddy"><thead><tr><th scope="col">order</th><th scope="col">block</th><th scope="col" colspan="2">free blocks</th><th scope="col">change</th></tr></thead>
            <tbody><tr v-for="one in zone.orders" :class="{ changed: one.by }"><th scope="row">{{ one.order }}</th><td>{{ one.size }}</td><td aria-hidden="true" class="film-bar-cell"><span :style="{ width: one.width + '%' }"></span></td><td>{{ one.blocks.toLocaleString("en-US") }}</td><td>{{ one.by ? (one.by > 0 ? "▲ +" : "▼ −") + Math.abs(one.by).toLocaleString("en-US") : "" }}</td></tr></tbody></table>
          <p>{{ zone.words }} The scale of the bars is logarithmic.</p></section>
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
    zonesNow() {
      return this.film.areas.map((area) => {
        const done = area.states.filter((each) => each.at <= this.t);
        const now = done[done.length - 1], before = done[done.length - 2] || now;
        const most = Math.max(...area.states.flatMap((each) => each.blocks));
        const orders = now.blocks.map((blocks, order) => ({
          order,
          size: 4 << order < 1024 ? `${4 << order} KiB` : `${(4 << order) / 1024} MiB`,
          blocks,
          by: blocks - before.blocks[order],
          width: (100 * Math.log(blocks + 1)) / Math.log(most + 1),
        }));
        return { name: area.zone, orders, words: this.zoneWords(now, before) };
      });
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
    zoneWords(now, before) {
      const pages = (each) => each.blocks.reduce((sum, blocks, order) => sum + blocks * 2 ** order, 0);
      const free = `${pages(now).toLocaleString("en-US")} pages are free.`;
      if (now === before) return `Nothing has moved yet. ${free}`;
      const by = pages(now) - pages(before), many = Math.abs(by) === 1 ? "1 page" : `${Math.abs(by)} pages`;
      return `The last change: CPU ${now.by} ${by < 0 ? "took" : "gave back"} ${many}. ${free}`;
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
  },
};
