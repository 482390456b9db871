/* A slider over named positions. While a person moves it, the page does not move it back. */
export default {
  template: `<input type="range" min="0" step="1" :max="words.length - 1" :aria-valuetext="words[at]" @input="moved" @change="rest" />`,
  props: { place: Number, words: Array },
  data() {
    return { at: this.place, moving: false };
  },
  mounted() {
    this.$el.value = this.at;
  },
  watch: {
    place(now) {
      if (!this.moving) this.put(now);
    },
    words() {
      this.$nextTick(() => this.put(this.place));
    },
  },
  methods: {
    put(place) {
      this.at = place;
      this.$el.value = place;
    },
    moved(event) {
      this.moving = true;
      this.at = Number(event.target.value);
      this.$emit("moved", this.at);
    },
    rest() {
      this.moving = false;
    },
  },
};
