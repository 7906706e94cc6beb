class Picture {
  constructor(parent, drawMarks) {
    this.box = make("div", "pb-picture", parent);
    [this.under, this.over] = ["pb-under", "pb-over"].map(o => make("canvas", o, this.box));
    Object.assign(this, {drawMarks, image: null, zoom: 1, left: 0, top: 0, fitted: true});
    this.watcher = new ResizeObserver(() => this.fitted ? this.fit() : this.draw());
    this.watcher.observe(this.box);
    this.over.addEventListener("wheel", e => {
      e.preventDefault(); e.stopPropagation();
      const lines = e.deltaMode === 1 ? 16 : 1;
      this.zoomAt(e, Math.exp(-clamp(e.deltaY * lines, -200, 200) / 400));
    }, {passive: false});
    this.over.addEventListener("contextmenu", e => { e.preventDefault(); e.stopPropagation(); });
  }
  show(image) { // keeps the zoom, as long as the frames are of one size
    const same = this.image && this.image.width === image.width
      && this.image.height === image.height;
    this.image = image;
    if (same && !this.fitted) this.draw(); else this.fit();
  }
  toScreen([x, y]) { return [(x + .5) * this.zoom + this.left, (y + .5) * this.zoom + this.top]; }
  toFrame(e) { // of a pointer event
    const r = this.over.getBoundingClientRect();
    return [(e.clientX - r.left - this.left) / this.zoom - .5,
            (e.clientY - r.top - this.top) / this.zoom - .5];
  }
  inside([x, y]) {
    return this.image && x >= -.5 && y >= -.5 && x < this.image.width - .5
      && y < this.image.height - .5;
  }

  fit() {
    if (!this.image) return this.draw();
    const {clientWidth: w, clientHeight: h} = this.box;
    this.zoom = Math.min(w / this.image.width, h / this.image.height);
    this.left = (w - this.image.width * this.zoom) / 2;
    this.top = (h - this.image.height * this.zoom) / 2;
    this.fitted = true;
    this.draw();
  }
  zoomAt(e, factor) { // what is under the pointer stays there
    if (!this.image) return;
    const r = this.over.getBoundingClientRect(), x = e.clientX - r.left, y = e.clientY - r.top;
    const least = Math.min(this.box.clientWidth / this.image.width,
      this.box.clientHeight / this.image.height) / 2;
    const zoom = clamp(this.zoom * factor, Math.min(least, .5), 80);
    this.left = x - (x - this.left) * zoom / this.zoom;
    this.top = y - (y - this.top) * zoom / this.zoom;
    this.zoom = zoom; this.fitted = false;
    this.draw();
  }
  pan(dx, dy) { this.left += dx; this.top += dy; this.fitted = false; this.draw(); }
  draw() {
    const c = this.context(this.under);
    if (this.image) {
      c.imageSmoothingEnabled = this.zoom * (window.devicePixelRatio || 1) < 2;
      c.drawImage(this.image, this.left, this.top, this.image.width * this.zoom,
        this.image.height * this.zoom);
    }
    this.mark();
  }
  mark() { const c = this.context(this.over); if (this.image) this.drawMarks(c); }
  context(canvas) { // cleared, in CSS pixels
    const ratio = window.devicePixelRatio || 1, {clientWidth: w, clientHeight: h} = this.box;
    const [width, height] = [Math.round(w * ratio), Math.round(h * ratio)];
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, {width, height});
    const c = canvas.getContext("2d");
    c.setTransform(ratio, 0, 0, ratio, 0, 0);
    c.clearRect(0, 0, w, h);
    return c;
  }

  listen({grab, drag, drop, click, hover, remove}) {
    let press = null;
    const on = (name, f) => this.over.addEventListener(name, f);
    on("pointerdown", e => {
      this.over.setPointerCapture(e.pointerId);
      press = {x: e.clientX, y: e.clientY, lastX: e.clientX, lastY: e.clientY, button: e.button,
               moved: false, held: e.button === 0 && grab ? grab(e) : null};
      e.preventDefault();
    });
    on("pointermove", e => {
      if (!press) return hover && hover(e);
      press.moved ||= Math.hypot(e.clientX - press.x, e.clientY - press.y) > 3;
      if (!press.moved) return;
      if (press.held) drag(press.held, this.toFrame(e));
      else this.pan(e.clientX - press.lastX, e.clientY - press.lastY);
      [press.lastX, press.lastY] = [e.clientX, e.clientY];
    });
    on("pointerup", e => {
      const p = press; press = null;
      if (!p) return;
      if (p.moved) return p.held && drop(p.held, this.toFrame(e));
      if (p.button === 0 && click) click(e, p.held);
      if (p.button === 2 && remove) remove(e);
    });
    on("pointercancel", () => { press = null; });
    on("pointerleave", () => { if (!press && hover) hover(null); });
  }
}
const asImage = buffer => createImageBitmap(new Blob([buffer]));
const ring = (c, [x, y], r, color, width) => {
  c.beginPath(); c.arc(x, y, r, 0, 7); c.strokeStyle = color; c.lineWidth = width; c.stroke();
};
const pill = (c, [x, y], text, color) => { // a name beside a mark
  c.font = "600 12px system-ui, sans-serif"; c.textBaseline = "middle";
  const w = c.measureText(text).width, flip = x + 36 + w > c.canvas.clientWidth ? -w - 44 : 0;
  c.fillStyle = "rgba(20, 22, 26, .78)";
  c.beginPath(); c.roundRect(x + 10 + flip, y - 10, w + 24, 20, 5); c.fill();
  c.fillStyle = color; c.beginPath(); c.arc(x + 18 + flip, y, 4, 0, 7); c.fill();
  c.fillStyle = "white"; c.fillText(text, x + 27 + flip, y + .5);
};
