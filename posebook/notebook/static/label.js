const KEYS = [["click", "place"], ["drag", "move"], ["W S", "keypoint"], ["A D", "frame"],
  ["X", "not visible"], ["⇧X", "all that are left"], ["Del", "take out"], ["Z", "undo"],
  ["⏎", "next frame to do"], ["wheel", "zoom"], ["F", "fit"], ["Q E", "hold: frame before, after"],
  ["N", "names"]];

class LabelView {
  constructor(model, el) {
    Object.assign(this, {model, el, names: [], colors: [], frames: new Map(), images: new Map(),
      at: null, k: 0, sent: 0, answered: 0, waiting: null, hovered: null, pointer: null,
      allNames: false, peek: 0, gone: new Map(), busy: new Map()});
    el.classList.add("pb"); el.tabIndex = 0;
    el.dataset.lmSuppressShortcuts = "true";     // JupyterLab's own keys: X would cut the cell
    el.labeling = this;                         // for the console, and for tests
    const head = make("div", "pb-head", el);
    this.title = make("span", "pb-title", head); this.count = make("span", "pb-count", head);
    this.status = make("span", "pb-status", head);
    this.strip = make("div", "pb-strip", el); this.note = make("div", "pb-note", el);
    const body = make("div", "pb-body", el);
    this.picture = new Picture(body, c => this.drawMarks(c));
    const side = make("div", "pb-side", body);
    this.list = make("div", "pb-list", side);
    this.tools(make("div", "pb-tools", side));
    const help = make("div", "pb-help", el);
    for (const [key, what] of KEYS) {
      const item = make("span", "", help);
      make("kbd", "", item, key); item.append(what);
    }
    this.picture.listen({grab: e => this.nearest(e), drag: (m, p) => this.move(m, p, false),
      drop: (m, p) => this.move(m, p, true), click: (e, m) => this.click(e, m),
      hover: e => this.hover(e), remove: e => this.remove(this.nearest(e)?.k)});
    el.addEventListener("pointerdown", () => el.focus({preventScroll: true}));
    el.addEventListener("keydown", e => this.key(e));
    el.addEventListener("keyup", e => { if ("qe".includes(e.key.toLowerCase())) this.look(0); });
    el.addEventListener("blur", () => this.look(0));
    this.hear = (message, buffers) => this["on_" + message.type]?.(message, buffers);
    model.on("msg:custom", this.hear);
    this.send({type: "hello"});
  }

  tools(parent) {
    const slider = name => {
      const label = make("label", "", parent, name), input = make("input", "", label);
      Object.assign(input, {type: "range", min: .3, max: 3, step: .05, value: 1});
      input.addEventListener("input", apply);
      input.addEventListener("dblclick", () => { input.value = 1; apply(); });
      return input;
    };
    const apply = () => {
      this.picture.under.style.filter = `brightness(${bright.value}) contrast(${contrast.value})`;
    };
    const bright = slider("brightness"), contrast = slider("contrast");
    const row = make("div", "pb-buttons", parent);
    const button = (text, f) => make("button", "", row, text).addEventListener("click", f);
    button("not visible", () => this.hide([this.names[this.k]], true));
    button("undo", () => this.send({type: "undo"}));
    button("fit", () => this.picture.fit());
    button("next to do", () => this.toDo());
  }

  send(message) {
    const counts = message.type === "label" || message.type === "undo";
    if (counts) message.id = ++this.sent;
    this.model.send(message);
    if (counts) this.saying();
  }
  saying() { // what the corner says of saving
    clearTimeout(this.waiting);
    const n = this.sent - this.answered;
    this.status.textContent = n || this.problem ? `${n || ""} not saved yet` : "saved";
    this.status.dataset.bad = this.problem || "";
    if (n) this.waiting = setTimeout(() => {
      const left = `${this.sent - this.answered} not saved yet`;
      if (!this.problem) this.status.textContent = `${left}: the kernel is busy, or gone`;
      this.status.dataset.bad = "1";
    }, 2500);
  }
  get said() { return this.frames.get(this.at) || this.names.map(() => null); }
  say(values, advance) { // draw now, then tell Python
    if (!this.at || this.gone.has(this.at)) return;
    for (const [k, v] of Object.entries(values)) this.said[this.names.indexOf(k)] = v;
    this.busy.set(this.at, this.sent + 1);
    if (advance) this.advance();
    this.drawList(); this.picture.mark(); this.drawProgress();
    this.send({type: "label", image: this.at, values});
  }

  nearest(e) { // the mark under the pointer
    if (e.shiftKey) return null;
    const r = this.picture.over.getBoundingClientRect(),
      p = [e.clientX - r.left, e.clientY - r.top];
    let best = null;
    this.said.forEach((v, k) => {
      if (!Array.isArray(v)) return;
      const [x, y] = this.picture.toScreen(v),
        far = Math.hypot(x - p[0], y - p[1]) - (k === this.k ? .5 : 0);
      const [fx, fy] = this.picture.toFrame(e);
      if (far <= 8 && (!best || far < best.far)) best = {k, far, off: [v[0] - fx, v[1] - fy]};
    });
    return best;
  }
  move(mark, [x, y], last) { // it stays as far from the pointer as it was when it was grabbed
    const {width, height} = this.picture.image;
    const to = [clamp(x + mark.off[0], -.5, width - .5), clamp(y + mark.off[1], -.5, height - .5)];
    this.k = mark.k;
    if (last) return this.say({[this.names[mark.k]]: to}, false);
    this.said[mark.k] = to;
    this.picture.mark();
  }
  click(e, mark) {
    if (mark) { this.choose(mark.k); return; }
    const p = this.picture.toFrame(e);
    if (!this.picture.inside(p) || this.peek) return;
    this.say({[this.names[this.k]]: p}, true);
    this.hover(e);
  }
  hover(e) {
    const near = e && this.nearest(e);
    this.hovered = near ? near.k : null;
    const free = e && !near && this.picture.inside(this.picture.toFrame(e));
    this.pointer = free ? [e.offsetX, e.offsetY] : null;
    this.picture.over.style.cursor = near ? "grab" : this.pointer ? "none" : "default";
    this.picture.mark();
  }

  remove(k) {
    if (k === undefined || this.said[k] === null) return;
    this.k = k;
    this.say({[this.names[k]]: null}, false);
  }
  choose(k) {
    this.k = (k + this.names.length) % this.names.length;
    this.drawList(); this.picture.mark();
  }
  advance() { // to the next keypoint of which nothing is said
    const n = this.names.length;
    for (let i = 1; i <= n; i++) {
      if (this.said[(this.k + i) % n] === null) { this.k = (this.k + i) % n; return; }
    }
  }

  key(e) {
    const held = e.ctrlKey || e.metaKey;
    if (held && e.key === "s") {
      e.preventDefault();
      return this.tell("each click is saved already");
    }
    if (held && e.key.toLowerCase() !== "z" || e.altKey) return;
    if (e.target.tagName === "INPUT" && e.key.startsWith("Arrow")) return;
    if (e.target.tagName === "BUTTON" && (e.key === "Enter" || e.key === " ")) return;
    const name = this.names[this.k], open = this.names.filter((_, k) => this.said[k] === null);
    const does = {
      w: () => this.choose(this.k - 1), arrowup: () => this.choose(this.k - 1),
      s: () => this.choose(this.k + 1), arrowdown: () => this.choose(this.k + 1),
      a: () => this.step(-1), arrowleft: () => this.step(-1),
      d: () => this.step(1), arrowright: () => this.step(1),
      x: () => e.shiftKey ? this.hide(open, false) : this.hide([name], true),
      delete: () => this.remove(this.hovered ?? this.k),
      backspace: () => this.remove(this.hovered ?? this.k),
      z: () => this.send({type: "undo"}), enter: () => this.toDo(),
      f: () => this.picture.fit(),
      n: () => { this.allNames = !this.allNames; this.picture.mark(); },
      q: () => this.look(-1), e: () => this.look(1)}[e.key.toLowerCase()];
    if (!does) return;
    e.preventDefault(); e.stopPropagation();
    if (!(e.repeat && "xzqe".includes(e.key.toLowerCase()))) does();
  }

  hide(names, advance) {
    if (names.length) this.say(Object.fromEntries(names.map(k => [k, "hidden"])), advance);
  }
  get order() { return [...this.frames.keys()]; }
  step(by) { const all = this.order, to = all[all.indexOf(this.at) + by]; if (to) this.go(to); }
  toDo() { // the next frame with something left to do, from here on and around
    const all = this.order, i = all.indexOf(this.at);
    const next = [...all.slice(i + 1), ...all.slice(0, i + 1)]
      .find(o => !this.gone.has(o) && this.frames.get(o).includes(null));
    if (next) this.go(next); else this.tell("all frames are done");
  }
  look(by) { // hold a key: the frame before or after
    if (by === this.peek || !this.at) return;
    this.peek = by;
    const own = this.images.get(this.at);
    if (by) this.send({type: "look", image: this.at, by});
    else if (own) { this.picture.show(own); this.drawProgress(); }
  }

  go(image, k) {
    this.at = image; this.peek = 0; this.hovered = this.pointer = null;
    const open = this.said.indexOf(null);
    this.k = k ?? (open < 0 ? 0 : open);
    this.tell(this.gone.get(image) || "", this.gone.has(image));
    if (this.images.has(image)) this.picture.show(this.images.get(image));
    else { this.picture.image = null; this.picture.draw(); this.send({type: "show", image}); }
    const next = this.order[this.order.indexOf(image) + 1];
    if (next && !this.images.has(next)) this.send({type: "show", image: next});
    this.drawList(); this.drawProgress();
  }

  on_table({names, colors, frames, at}) {
    Object.assign(this, {names, colors, frames: new Map(frames)});
    if (this.frames.has(this.at)) this.go(this.at, this.k); else this.go(at);
    this.saying();
  }
  on_rows({rows, id}) {
    this.heard(id);
    for (const [image, said] of rows) {
      if (!(this.busy.get(image) > id)) this.frames.set(image, said);
    }
    this.drawList(); this.drawProgress(); this.picture.mark();
  }
  heard(id) { this.lastHeard = Math.max(this.lastHeard || 0, id || 0); }
  on_saved({id}) { 
    const was = this.problem;
    this.answered = Math.max(this.answered, id); this.problem = null; this.saying();
    if (was) this.tell(this.gone.get(this.at) || "");
  }
  on_undone({image, keypoint}) {
    if (image !== this.at) this.go(image);
    this.choose(this.names.indexOf(keypoint));
  }

  on_unsaved({text}) { this.problem = text; this.saying(); this.tell(text, true); }
  on_problem({text}) { this.tell(text, true); }
  on_note({text}) { // stays to be read
    this.tell(text); this.kept = true;
    setTimeout(() => { this.kept = false; }, 8000);
  }
  on_gone({image, text}) {
    this.gone.set(image, text); this.drawProgress();
    if (image === this.at) this.tell(text, true);
  }
  async on_image({image, by}, [buffer]) {
    let bitmap;
    try { bitmap = await asImage(buffer); }
    catch { return this.on_gone({image, text: `${image}: the image is damaged`}); }
    if (by) {
      if (this.peek === by && image === this.at) { this.picture.show(bitmap); this.drawProgress(); }
      return;
    }
    this.images.delete(image); this.images.set(image, bitmap);
    if (this.images.size > 24) this.images.delete(this.images.keys().next().value);
    if (image === this.at && !this.peek) this.picture.show(bitmap);
  }

  drawMarks(c) {
    const dim = this.peek ? .35 : 1;
    this.said.forEach((v, k) => {
      if (!Array.isArray(v)) return;
      const p = this.picture.toScreen(v), now = k === this.k, r = now ? 7 : 5.5;
      c.globalAlpha = dim;
      ring(c, p, r, "rgba(0, 0, 0, .75)", 4); ring(c, p, r, this.colors[k], 2.2);
      if (now) ring(c, p, r + 3.5, "white", 1.2);
      c.fillStyle = this.colors[k]; c.fillRect(p[0] - 1, p[1] - 1, 2, 2);
      const named = this.allNames || k === this.hovered;
      if (named) pill(c, [p[0], p[1] - 14], this.names[k], this.colors[k]);
    });
    c.globalAlpha = 1;
    if (!this.pointer || this.peek) return;
    const [x, y] = this.pointer;
    const arms = [[-14, 0, -4, 0], [4, 0, 14, 0], [0, -14, 0, -4], [0, 4, 0, 14]];
    for (const [color, width] of [["rgba(0, 0, 0, .7)", 3.4], [this.colors[this.k], 1.6]]) {
      c.strokeStyle = color; c.lineWidth = width; c.beginPath();
      for (const [a, b, d, e] of arms) { c.moveTo(x + a, y + b); c.lineTo(x + d, y + e); }
      c.stroke();
    }
    pill(c, [x + 6, y - 16], this.names[this.k], this.colors[this.k]);
  }

  drawList() {
    this.list.replaceChildren();
    this.names.forEach((name, k) => {
      const v = this.said[k], row = make("div", "pb-row", this.list);
      row.dataset.state = Array.isArray(v) ? "placed" : v || "open";
      if (k === this.k) row.dataset.now = "1";
      make("i", "", row).style.setProperty("--c", this.colors[k]);
      make("span", "", row, name);
      const placed = Array.isArray(v) && v.map(o => o.toFixed(1)).join(", ");
      make("em", "", row, placed || (v ? "not visible" : ""));
      row.addEventListener("click", () => this.choose(k));
      if (k === this.k) {
        const low = row.offsetTop - this.list.offsetTop, {scrollTop, clientHeight} = this.list;
        if (low < scrollTop) this.list.scrollTop = low - 30;
        else if (low + 30 > scrollTop + clientHeight) this.list.scrollTop = low + 60 - clientHeight;
      }
    });
  }

  drawProgress() {
    const all = this.order, i = all.indexOf(this.at);
    const state = o => this.gone.has(o) ? "gone" : !this.frames.get(o).includes(null) ? "done"
      : this.frames.get(o).some(v => v !== null) ? "begun" : "todo";
    const states = all.map(state), done = states.filter(o => o === "done").length;
    const peeks = {"-1": ", the frame before", 1: ", the frame after"};
    const name = (this.at || "").replace(/^labeled-data\//, "");
    this.title.textContent = name + (peeks[this.peek] || "");
    this.count.textContent = `frame ${i + 1} · ${done} of ${all.length} frames done`;
    if (this.strip.children.length !== all.length) {
      this.strip.replaceChildren();
      const to = j => () => this.go(this.order[j]);
      all.forEach((o, j) => make("b", "", this.strip).addEventListener("click", to(j)));
    }
    [...this.strip.children].forEach((b, j) => {
      b.dataset.state = states[j]; b.title = all[j];
      if (j === i) b.dataset.now = "1"; else delete b.dataset.now;
    });
  }
  tell(text, bad) {
    if (this.kept && !text) return;
    if (!text && this.problem) [text, bad] = [this.problem, true];
    this.note.textContent = text; this.note.dataset.bad = bad ? "1" : "";
  }
  end() {
    this.model.off("msg:custom", this.hear);
    this.picture.watcher.disconnect();
    clearTimeout(this.waiting);
  }
}
export default {render({model, el}) {
  const view = new LabelView(model, el);
  return () => view.end();
}};
