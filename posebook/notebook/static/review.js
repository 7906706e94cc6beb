const REVIEW_KEYS = [["space", "play"], ["A D", "frame"], ["⇧A ⇧D", "ten frames"],
  ["1 2 3 …", "next worst of a row"],
  ["⇧1 ⇧2 …", "back"], ["L", "label this frame"], ["wheel", "zoom"], ["F", "fit"], ["N", "names"],
  ["click a name", "measure only this keypoint"]];

class ReviewView {
  constructor(model, el) {
    Object.assign(this, {model, el, names: [], colors: [], points: [], strips: [],
      i: -1, want: 0, flying: false,
      playing: null, rank: {}, keypoint: null, hovered: null, shown: null, allNames: false});
    el.classList.add("pb"); el.tabIndex = 0; el.dataset.lmSuppressShortcuts = "true";
    el.reviewing = this;
    const head = make("div", "pb-head", el);
    this.title = make("span", "pb-title", head); this.count = make("span", "pb-count", head);
    this.playButton = make("button", "", head, "▶ play");
    this.labelButton = make("button", "", head, "label this frame");
    this.note = make("div", "pb-note", el);
    const body = make("div", "pb-body", el);
    this.picture = new Picture(body, c => this.drawMarks(c));
    this.list = make("div", "pb-list", make("div", "pb-side", body));
    this.rows = make("div", "pb-strips", el);
    const help = make("div", "pb-help", el);
    for (const [key, what] of REVIEW_KEYS) {
      const item = make("span", "", help);
      make("kbd", "", item, key); item.append(what);
    }
    this.playButton.addEventListener("click", () => this.play());
    this.labelButton.addEventListener("click", () => this.label());
    this.picture.listen({hover: e => this.hover(e)});
    el.addEventListener("pointerdown", () => el.focus({preventScroll: true}));
    el.addEventListener("keydown", e => this.key(e));
    this.watcher = new ResizeObserver(() => this.drawStrips());
    this.watcher.observe(this.rows);
    this.hear = (message, buffers) => this["on_" + message.type]?.(message, buffers);
    model.on("msg:custom", this.hear);
    model.send({type: "hello"});
  }

  go(i) { // ask for a frame; of many only the last is fetched
    this.want = clamp(i, 0, this.frames - 1);
    this.shown = null;
    if (this.flying || this.want === this.i) return this.picture.mark();
    this.flying = true;
    this.model.send({type: "show", frame: this.want});
  }
  async on_frame({frame, points}, [buffer]) {
    const bitmap = await asImage(buffer);
    this.i = frame; this.points = points; this.flying = false;
    this.picture.show(bitmap);
    this.drawHead(); this.drawList(); this.drawStrips();
    if (this.want !== frame) this.go(this.want);
    if (this.playing) requestAnimationFrame(() => this.tick());
  }

  play() {
    const from = this.i >= this.frames - 1 ? 0 : this.i;
    this.playing = this.playing ? null : {time: performance.now(), from};
    this.playButton.textContent = this.playing ? "❚❚ pause" : "▶ play";
    if (this.playing) this.tick();
  }
  tick() { // the frame that is due by the clock; where fetching is slower, frames are left out
    if (!this.playing) return;
    const seconds = (performance.now() - this.playing.time) / 1000;
    const due = this.playing.from + Math.floor(seconds * this.fps);
    if (due >= this.frames) { this.play(); return this.go(this.frames - 1); }
    if (due === this.i) requestAnimationFrame(() => this.tick()); else this.go(due);
  }
  jump(m, by) { // to the next worst frame of a measure
    const strip = this.strips[m];
    if (!strip || !strip.worst.length) return;
    if (this.playing) this.play();
    const n = strip.worst.length, before = this.rank[m] ?? (by > 0 ? -1 : n);
    const r = this.rank[m] = (before + by + n) % n;
    const k = strip.who[r], value = strip.height[r].toFixed(strip.low ? 2 : 0);
    const what = `${this.names[k]}, ${value} ${strip.unit}`;
    this.tell(`${strip.name}, number ${r + 1} of ${n} from the worst: ${what}`);
    this.go(strip.worst[r]); this.shown = k;
  }
  label() { this.model.send({type: "label_frame", frame: this.i}); }
  measure(k) { // only this keypoint, or all again
    this.keypoint = this.keypoint === k ? null : k; this.rank = {};
    const keypoint = this.keypoint === null ? null : this.names[this.keypoint];
    this.model.send({type: "measure", keypoint});
    this.drawList();
  }
  on_review(message) {
    Object.assign(this, message, {i: -1, flying: false});
    this.makeStrips();
    this.go(this.want);
  }
  on_strips({strips}) { this.strips = strips; this.drawStrips(); }
  on_problem({text}) { this.flying = false; if (this.playing) this.play(); this.tell(text, true); }
  on_note({text}) { this.tell(text); }
  tell(text, bad) { this.note.textContent = text; this.note.dataset.bad = bad ? "1" : ""; }

  key(e) {
    if (e.ctrlKey || e.metaKey || e.altKey) return e.key === "s" && e.preventDefault();
    if (e.target.tagName === "BUTTON" && (e.key === "Enter" || e.key === " ")) return;
    const far = e.shiftKey ? 10 : 1, digit = /^Digit([1-9])$/.exec(e.code);
    const does = digit ? () => this.jump(digit[1] - 1, e.shiftKey ? -1 : 1) : {
      " ": () => this.play(),
      a: () => this.go(this.want - far), arrowleft: () => this.go(this.want - far),
      d: () => this.go(this.want + far), arrowright: () => this.go(this.want + far),
      l: () => this.label(), f: () => this.picture.fit(),
      n: () => { this.allNames = !this.allNames; this.picture.mark(); }}[e.key.toLowerCase()];
    if (!does) return;
    e.preventDefault(); e.stopPropagation(); does();
  }
  hover(e) { // the name of the keypoint under the pointer
    let best = null;
    this.points.forEach(([x, y], k) => {
      if (x === null || !e) return;
      const [sx, sy] = this.picture.toScreen([x, y]),
        far = Math.hypot(sx - e.offsetX, sy - e.offsetY);
      if (far <= 9 && (!best || far < best.far)) best = {k, far};
    });
    this.hovered = best ? best.k : null;
    this.picture.mark();
  }

  drawMarks(c) { // faint where the model was unsure, hollow below a half
    this.points.forEach(([x, y, sure], k) => {
      if (x === null) return;
      const p = this.picture.toScreen([x, y]),
        now = [this.hovered, this.keypoint, this.shown].includes(k);
      c.globalAlpha = now ? 1 : .3 + .7 * sure;
      ring(c, p, 5, "rgba(0, 0, 0, .7)", sure < .5 ? 4 : 2.5);
      if (sure < .5) ring(c, p, 5, this.colors[k], 1.8);
      else { c.fillStyle = this.colors[k]; c.beginPath(); c.arc(...p, 4.5, 0, 7); c.fill(); }
      if (now) ring(c, p, 9, "white", 1.4);
      const text = `${this.names[k]}  ${sure.toFixed(2)}`;
      if (now || this.allNames) pill(c, [p[0], p[1] - 14], text, this.colors[k]);
    });
    c.globalAlpha = 1;
  }
  drawHead() {
    this.title.textContent = this.video;
    const seconds = (this.i / this.fps).toFixed(2);
    this.count.textContent = `frame ${this.i} of 0 to ${this.frames - 1} · ${seconds} s`;
  }

  drawList() {
    this.list.replaceChildren();
    this.names.forEach((name, k) => {
      const row = make("div", "pb-row", this.list), sure = this.points[k]?.[2] ?? 0;
      if (k === this.keypoint) row.dataset.now = "1";
      row.dataset.state = sure < .5 ? "open" : "placed";
      make("i", "", row).style.setProperty("--c", this.colors[k]);
      make("span", "", row, name);
      make("u", "", make("s", "", row)).style.width = `${100 * sure}%`;
      make("em", "", row, sure.toFixed(2));
      row.addEventListener("click", () => this.measure(k));
    });
  }

  makeStrips() {
    this.rows.replaceChildren();
    this.canvases = this.strips.map((strip, m) => {
      const row = make("div", "pb-measure", this.rows), name = make("span", "", row);
      make("kbd", "", name, String(m + 1)); name.append(" " + strip.name);
      const canvas = make("canvas", "", row), button = make("button", "", row, "next worst");
      button.addEventListener("click", () => this.jump(m, 1));
      let held = false;
      const share = e => clamp(e.offsetX / canvas.clientWidth, 0, .999999);
      const frame = e => Math.floor(share(e) * this.frames);
      canvas.addEventListener("pointerdown", e => {
        held = true; canvas.setPointerCapture(e.pointerId);
        if (this.playing) this.play();
        this.go(this.peak(m, share(e), 3 / canvas.clientWidth));
      });
      canvas.addEventListener("pointermove", e => {
        this.pointed = {m, x: e.offsetX, frame: frame(e)};
        if (held && e.movementX) this.go(frame(e));
        this.drawStrips();
      });
      canvas.addEventListener("pointerup", () => { held = false; });
      canvas.addEventListener("pointerleave", () => { this.pointed = null; this.drawStrips(); });
      return canvas;
    });
    this.drawStrips();
  }
  peak(m, x, near) { // the worst frame within three pixels of a click
    const {at, values, low} = this.strips[m],
      bad = j => values[j] === null ? -Infinity : low ? -values[j] : values[j];
    const from = clamp(Math.floor((x - near) * at.length), 0, at.length - 1);
    let best = clamp(Math.floor(x * at.length), 0, at.length - 1);
    const to = Math.min((x + near) * at.length, at.length - 1);
    for (let j = from; j <= to; j++) if (bad(j) > bad(best)) best = j;
    return at[best];
  }

  drawStrips() {
    (this.canvases || []).forEach((canvas, m) => {
      const ratio = window.devicePixelRatio || 1, {clientWidth: w, clientHeight: h} = canvas;
      Object.assign(canvas, {width: Math.round(w * ratio), height: Math.round(h * ratio)});
      const c = canvas.getContext("2d"), {values, worst, low, unit} = this.strips[m];
      c.scale(ratio, ratio);
      const top = low ? 1 : Math.max(1e-6, ...values.map(v => v ?? 0)), n = values.length;
      const x = f => (f + .5) / this.frames * w, y = v => h - 3 - v / top * (h - 12);
      const look = getComputedStyle(this.el), color = name => look.getPropertyValue(name);
      c.strokeStyle = color("--pb-blue"); c.lineWidth = 1.3; c.lineJoin = "round"; c.beginPath();
      values.forEach((v, j) => { if (v !== null) c.lineTo((j + .5) / n * w, y(v)); });
      c.stroke();
      c.lineTo(w, low ? 0 : h); c.lineTo(0, low ? 0 : h); c.globalAlpha = .12;
      c.fillStyle = color("--pb-blue"); c.fill();
      c.globalAlpha = 1; c.fillStyle = color("--pb-warn");
      worst.slice(0, 10).forEach((f, j) => {
        c.beginPath(); c.arc(x(f), y(this.strips[m].height[j]), 3, 0, 7); c.fill();
      });
      c.fillStyle = color("--pb-bad"); c.fillRect(x(this.i) - .75, 0, 1.5, h);
      c.font = "10.5px system-ui, sans-serif"; c.fillStyle = color("--pb-soft");
      c.textBaseline = "top";
      c.fillText(`${low ? "1" : top.toFixed(top < 10 ? 1 : 0)} ${unit}`, 3, 2);
      if (this.pointed?.m !== m) return;
      const v = values[clamp(Math.floor(this.pointed.x / w * n), 0, n - 1)];
      const said = v === null ? "not measured" : `${v.toFixed(2)} ${unit}`;
      const text = `frame ${this.pointed.frame}: ${said}`;
      const wide = c.measureText(text).width;
      const left = clamp(this.pointed.x + 8, 0, w - wide - 8);
      c.fillStyle = color("--pb-back"); c.fillRect(left - 4, 1, wide + 8, 14);
      c.fillStyle = color("--pb-ink"); c.fillText(text, left, 3);
    });
  }
  end() {
    this.model.off("msg:custom", this.hear);
    this.watcher.disconnect(); this.picture.watcher.disconnect();
    this.playing = null;
  }
}
export default {render({model, el}) {
  const view = new ReviewView(model, el);
  return () => view.end();
}};
