/* A graph as an element of the page: it is drawn anew when its data or its width changes. */
export default {
  template: '<div class="lab-chart"></div>',
  props: { spec: Object },
  mounted() {
    this.width = 0;
    this.draw();
    this.watcher = new ResizeObserver(() => {
      if (this.$el.clientWidth !== this.width) this.draw();
    });
    this.watcher.observe(this.$el);
  },
  unmounted() {
    this.watcher.disconnect();
  },
  watch: {
    spec() {
      this.draw();
    },
  },
  methods: {
    draw() {
      this.width = this.$el.clientWidth;
      window.simallocChart.draw(this.$el, this.spec);
    },
  },
};
