class FrameView {
  constructor(parent, drawKeypoints) {
    this.container = addElement("div", "pb-frame", parent);
    this.imageCanvas = addElement("canvas", "pb-image", this.container);
    this.overlayCanvas = addElement("canvas", "pb-overlay", this.container);
    this.overlayCanvas.setAttribute("role", "img");
    Object.assign(this, {drawKeypoints, bitmap: null, zoom: 1, left: 0, top: 0, fitted: true});
    this.resizeObserver = new ResizeObserver(() => this.fitted ? this.fit() : this.draw());
    this.resizeObserver.observe(this.container);
    this.overlayCanvas.addEventListener("wheel", event => {
      event.preventDefault(); event.stopPropagation();
      const pixelsPerUnit = event.deltaMode === 1 ? 16 : 1;
      this.zoomAt(this.pointerPosition(event),
        Math.exp(-clamp(event.deltaY * pixelsPerUnit, -200, 200) / 400));
    }, {passive: false});
    this.overlayCanvas.addEventListener("contextmenu", event => {
      event.preventDefault(); event.stopPropagation();
    });
  }
  show(bitmap) { // keeps the zoom, as long as the frames are of one size
    const sameSize = this.bitmap && this.bitmap.width === bitmap.width
      && this.bitmap.height === bitmap.height;
    this.bitmap = bitmap;
    if (sameSize && !this.fitted) this.draw(); else this.fit();
  }
  toScreen([x, y]) { return [(x + .5) * this.zoom + this.left, (y + .5) * this.zoom + this.top]; }
  pointerPosition(event) { // in CSS pixels of the canvas
    const bounds = this.overlayCanvas.getBoundingClientRect();
    return [event.clientX - bounds.left, event.clientY - bounds.top];
  }
  fromCanvas([x, y]) { // a position of the canvas in pixels of the frame
    return [(x - this.left) / this.zoom - .5, (y - this.top) / this.zoom - .5];
  }
  toFrame(event) { return this.fromCanvas(this.pointerPosition(event)); }
  contains([x, y]) {
    return this.bitmap && x >= -.5 && y >= -.5 && x < this.bitmap.width - .5
      && y < this.bitmap.height - .5;
  }

  fittingZoom() {
    return Math.min(this.container.clientWidth / this.bitmap.width,
      this.container.clientHeight / this.bitmap.height);
  }
  fit() {
    if (!this.bitmap) return this.draw();
    const {clientWidth, clientHeight} = this.container;
    this.zoom = this.fittingZoom();
    this.left = (clientWidth - this.bitmap.width * this.zoom) / 2;
    this.top = (clientHeight - this.bitmap.height * this.zoom) / 2;
    this.fitted = true;
    this.draw();
  }
  zoomAt([x, y], factor) { // this position of the canvas stays where it is
    if (!this.bitmap) return;
    const zoom = clamp(this.zoom * factor, Math.min(this.fittingZoom() / 2, .5), 80);
    this.left = x - (x - this.left) * zoom / this.zoom;
    this.top = y - (y - this.top) * zoom / this.zoom;
    this.zoom = zoom; this.fitted = false;
    this.draw();
  }
  reveal(position) { // if it is outside the canvas, move it to the middle
    const [x, y] = this.toScreen(position), {clientWidth, clientHeight} = this.container;
    if (x >= 0 && y >= 0 && x <= clientWidth && y <= clientHeight) this.drawOverlay();
    else this.pan(clientWidth / 2 - x, clientHeight / 2 - y);
  }
  pan(dx, dy) { this.left += dx; this.top += dy; this.fitted = false; this.draw(); }
  draw() {
    const context = this.clearedContext(this.imageCanvas);
    if (this.bitmap) {
      context.imageSmoothingEnabled = this.zoom * (window.devicePixelRatio || 1) < 2;
      context.drawImage(this.bitmap, this.left, this.top, this.bitmap.width * this.zoom,
        this.bitmap.height * this.zoom);
    }
    this.drawOverlay();
  }
  drawOverlay() {
    const context = this.clearedContext(this.overlayCanvas);
    if (this.bitmap) this.drawKeypoints(context);
  }
  clearedContext(canvas) { // in CSS pixels
    const ratio = window.devicePixelRatio || 1, {clientWidth, clientHeight} = this.container;
    const width = Math.round(clientWidth * ratio), height = Math.round(clientHeight * ratio);
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, {width, height});
    const context = canvas.getContext("2d");
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, clientWidth, clientHeight);
    return context;
  }

  addPointerHandlers({grab, drag, drop, click, hover, remove}) {
    let press = null;
    const on = (name, handler) => this.overlayCanvas.addEventListener(name, handler);
    on("pointerdown", event => {
      const {clientX, clientY, button, pointerId} = event;
      this.overlayCanvas.setPointerCapture(pointerId);
      press = {startX: clientX, startY: clientY, lastX: clientX, lastY: clientY, button,
        moved: false, grabbed: button === 0 && grab ? grab(event) : null};
      event.preventDefault();
    });
    on("pointermove", event => {
      if (!press) return hover && hover(event);
      const {clientX, clientY} = event;
      press.moved ||= Math.hypot(clientX - press.startX, clientY - press.startY) > 3;
      if (!press.moved) return;
      if (press.grabbed) drag(press.grabbed, press.position = this.toFrame(event));
      else this.pan(clientX - press.lastX, clientY - press.lastY);
      [press.lastX, press.lastY] = [clientX, clientY];
    });
    on("pointerup", event => {
      const ended = press; press = null;
      if (!ended) return;
      if (ended.moved) return ended.grabbed && drop(ended.grabbed, this.toFrame(event));
      if (ended.button === 0 && click) click(event, ended.grabbed);
      if (ended.button === 2 && remove) remove(event);
    });
    on("pointercancel", () => {
      if (press?.position) drop(press.grabbed, press.position);
      press = null;
    });
    if (!click) on("dblclick", () => this.fit());
    on("pointerleave", () => { if (!press && hover) hover(null); });
  }
}
const drawSkeleton = (context, lines, positions, opacity = () => 1) => { // null: not drawn
  for (const [start, end] of lines) {
    if (!positions[start] || !positions[end]) continue;
    context.globalAlpha = opacity(start, end);
    for (const [strokeStyle, lineWidth] of [["rgba(0, 0, 0, .45)", 3], ["rgba(255, 255, 255, .8)", 1.2]]) {
      Object.assign(context, {strokeStyle, lineWidth});
      context.beginPath(); context.moveTo(...positions[start]); context.lineTo(...positions[end]);
      context.stroke();
    }
  }
  context.globalAlpha = 1;
};
const decodeImage = buffer => createImageBitmap(new Blob([buffer]));
const drawCircle = (context, [x, y], radius, color, lineWidth) => {
  context.beginPath(); context.arc(x, y, radius, 0, 7);
  context.strokeStyle = color; context.lineWidth = lineWidth; context.stroke();
};
const drawDisk = (context, [x, y], radius, color) => {
  context.beginPath(); context.arc(x, y, radius, 0, 7); context.fillStyle = color; context.fill();
};
const drawNameTag = (context, [x, y], text, color) => { // on the left where the right has no room
  context.font = "600 12px system-ui, sans-serif"; context.textBaseline = "middle";
  const {width} = context.measureText(text);
  const left = x + 36 + width > context.canvas.clientWidth ? x - width - 44 : x;
  context.fillStyle = "rgba(20, 22, 26, .78)";
  context.beginPath(); context.roundRect(left + 10, y - 10, width + 24, 20, 5); context.fill();
  drawDisk(context, [left + 18, y], 4, color);
  context.fillStyle = "white"; context.fillText(text, left + 27, y + .5);
};
