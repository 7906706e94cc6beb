const REVIEW_KEYS = [["space", "play, pause", 1], ["A D", "previous, next frame (also ← →)", 1],
  ["⇧A ⇧D", "ten frames"],
  ["1 2 3 …", "next worst frame of a measure", 1], ["⇧1 ⇧2 …", "previous worst frame"],
  ["L", "label this frame", 1], ["click a name", "measure only this keypoint", 1],
  ["W S", "measure only the previous, next keypoint"], ["Esc", "measure all keypoints"],
  ["wheel", "zoom around the pointer", 1], ["+ −", "zoom"], ["drag", "move the frame"],
  ["F", "the whole frame (also a double click)"], ["N", "names"], ["?", "this table"]];

class ReviewView {
  constructor(model, el) {
    Object.assign(this, {model, el, names: [], colors: [], keypoints: [], timelines: [],
      canvases: [], frame: -1, requestedFrame: 0, isLoading: false, playStart: null, worstRanks: {},
      lines: [], measuredKeypoint: null, hovered: null, highlighted: null, hoveredTime: null,
      showAllNames: false});
    el.classList.add("pb"); el.tabIndex = 0; el.dataset.lmSuppressShortcuts = "true";
    el.reviewView = this;
    const header = addElement("div", "pb-header", el);
    this.title = addElement("span", "pb-title", header);
    this.count = addElement("span", "pb-count", header);
    this.playButton = addElement("button", "", header, "▶ play");
    this.labelButton = addElement("button", "", header, "label this frame");
    this.note = addElement("div", "pb-note", el);
    const body = addElement("div", "pb-body", el);
    this.frameView = new FrameView(body, context => this.drawKeypoints(context));
    this.list = addElement("div", "pb-list", addElement("div", "pb-side", body));
    this.timelineRows = addElement("div", "pb-timelines", el);
    this.toggleHelp = addHelp(el, REVIEW_KEYS);
    this.addHandlers();
    this.stopReceiving = receiveMessages(model, this);
  }
  addHandlers() {
    this.playButton.addEventListener("click", () => this.togglePlaying());
    this.labelButton.addEventListener("click", () => this.labelFrame());
    this.frameView.addPointerHandlers({hover: event => this.hover(event)});
    this.el.addEventListener("pointerdown", () => this.el.focus({preventScroll: true}));
    this.el.addEventListener("keydown", event => this.handleKey(event));
    this.resizeObserver = new ResizeObserver(() => this.drawTimelines());
    this.resizeObserver.observe(this.timelineRows);
  }

  goTo(frame) { // of frames requested while one is loading, only the last is loaded
    this.requestedFrame = clamp(frame, 0, this.numFrames - 1);
    this.highlighted = null;
    if (this.isLoading || this.requestedFrame === this.frame) return this.frameView.drawOverlay();
    this.isLoading = true;
    this.model.send({kind: "load_frame", frame: this.requestedFrame});
  }
  async on_frame({frame, keypoints}, [buffer]) {
    const bitmap = await decodeImage(buffer);
    Object.assign(this, {frame, keypoints, isLoading: false});
    this.frameView.show(bitmap);
    this.drawHeader(); this.drawList(); this.drawTimelines();
    if (this.requestedFrame !== frame) this.goTo(this.requestedFrame);
    if (this.playStart) requestAnimationFrame(() => this.playNext());
  }

  togglePlaying() {
    const frame = this.frame >= this.numFrames - 1 ? 0 : this.frame;
    this.playStart = this.playStart ? null : {time: performance.now(), frame};
    this.playButton.textContent = this.playStart ? "❚❚ pause" : "▶ play";
    if (this.playStart) this.playNext();
  }
  playNext() { // the frame that is due by the clock; where loading is slower, frames are left out
    if (!this.playStart) return;
    const seconds = (performance.now() - this.playStart.time) / 1000;
    const due = this.playStart.frame + Math.floor(seconds * this.fps);
    if (due >= this.numFrames) { this.togglePlaying(); return this.goTo(this.numFrames - 1); }
    if (due === this.frame) requestAnimationFrame(() => this.playNext()); else this.goTo(due);
  }
  goToWorst(row, step) { // the next (1) or previous (-1) worst frame of a measure
    const timeline = this.timelines[row], number = timeline?.worst_frames.length;
    if (!number) return;
    if (this.playStart) this.togglePlaying();
    const previous = this.worstRanks[row] ?? (step > 0 ? -1 : number);
    const rank = this.worstRanks[row] = (previous + step + number) % number;
    const keypoint = timeline.worst_keypoints[rank];
    const value = timeline.worst_values[rank].toFixed(timeline.low_is_worse ? 2 : 0);
    this.showNote(`${timeline.name}, number ${rank + 1} of ${number} from the worst: `
      + `${this.names[keypoint]}, ${value} ${timeline.unit}`);
    this.goTo(timeline.worst_frames[rank]); this.highlighted = keypoint;
  }
  labelFrame() { this.model.send({kind: "label_frame", frame: this.frame}); }
  measureOnly(index) { // null: all keypoints
    this.measuredKeypoint = index;
    this.worstRanks = {};
    const keypoint = this.measuredKeypoint === null ? null : this.names[index];
    this.model.send({kind: "measure", keypoint});
    this.drawList();
    this.frameView.drawOverlay();
  }

  on_video({names, colors, lines, num_frames: numFrames, fps, name, timelines}) {
    Object.assign(this, {names, colors, lines, numFrames, fps, name, timelines, frame: -1,
      isLoading: false});
    this.makeTimelines();
    this.goTo(this.requestedFrame);
  }
  on_timelines({timelines}) { this.timelines = timelines; this.drawTimelines(); }
  on_error({text}) {
    this.isLoading = false;
    if (this.playStart) this.togglePlaying();
    this.showNote(text, true);
  }
  on_note({text}) { this.showNote(text); }
  showNote(text, isError) {
    this.note.textContent = text; this.note.dataset.error = isError ? "1" : "";
  }

  handleKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) {
      if (event.key === "s") event.preventDefault();
      return;
    }
    if (event.target.tagName === "BUTTON" && (event.key === "Enter" || event.key === " ")) return;
    const action = this.keyAction(event);
    if (!action) return;
    event.preventDefault(); event.stopPropagation();
    action();
  }
  keyAction({key, code, shiftKey}) {
    const step = shiftKey ? 10 : 1, digit = /^Digit([1-9])$/.exec(code);
    if (digit) return () => this.goToWorst(digit[1] - 1, shiftKey ? -1 : 1);
    const back = () => this.goTo(this.requestedFrame - step);
    const forward = () => this.goTo(this.requestedFrame + step);
    const number = this.names.length, measured = this.measuredKeypoint;
    const {clientWidth, clientHeight} = this.frameView.container;
    const zoom = factor => this.frameView.zoomAt([clientWidth / 2, clientHeight / 2], factor);
    const actions = {
      " ": () => this.togglePlaying(), a: back, arrowleft: back, d: forward, arrowright: forward,
      w: () => this.measureOnly(((measured ?? 0) - 1 + number) % number),
      s: () => this.measureOnly(((measured ?? -1) + 1) % number),
      escape: () => this.measureOnly(null), "?": () => this.toggleHelp(),
      "+": () => zoom(1.5), "=": () => zoom(1.5), "-": () => zoom(1 / 1.5),
      l: () => this.labelFrame(), f: () => this.frameView.fit(),
      n: () => { this.showAllNames = !this.showAllNames; this.frameView.drawOverlay(); }};
    return actions[key.toLowerCase()];
  }
  hover(event) { // shows the name of the keypoint under the pointer
    let nearest = null;
    this.keypoints.forEach(([frameX, frameY], keypoint) => {
      if (frameX === null || !event) return;
      const [x, y] = this.frameView.toScreen([frameX, frameY]);
      const distance = Math.hypot(x - event.offsetX, y - event.offsetY);
      if (distance > 9 || nearest && distance >= nearest.distance) return;
      nearest = {keypoint, distance};
    });
    this.hovered = nearest ? nearest.keypoint : null;
    this.frameView.drawOverlay();
  }

  drawKeypoints(context) { // faint where the confidence is low, a ring where it is below a half
    const positions = this.keypoints.map(([x, y]) => x === null ? null : this.frameView.toScreen([x, y]));
    drawSkeleton(context, this.lines, positions, (start, end) =>
      .3 + .7 * Math.min(this.keypoints[start][2], this.keypoints[end][2]));
    this.keypoints.forEach(([frameX, frameY, confidence], keypoint) => {
      if (frameX === null) return;
      const [x, y] = this.frameView.toScreen([frameX, frameY]), color = this.colors[keypoint];
      const uncertain = confidence < .5;
      const named = [this.hovered, this.measuredKeypoint, this.highlighted].includes(keypoint);
      context.globalAlpha = named ? 1 : .3 + .7 * confidence;
      drawCircle(context, [x, y], 5, "rgba(0, 0, 0, .7)", uncertain ? 4 : 2.5);
      if (uncertain) drawCircle(context, [x, y], 5, color, 1.8);
      else drawDisk(context, [x, y], 4.5, color);
      if (named) drawCircle(context, [x, y], 9, "white", 1.4);
      const text = `${this.names[keypoint]}  ${confidence.toFixed(2)}`;
      if (named || this.showAllNames) drawNameTag(context, [x, y - 14], text, color);
    });
    context.globalAlpha = 1;
  }
  drawHeader() {
    this.title.textContent = this.name;
    this.frameView.overlayCanvas.setAttribute("aria-label", `${this.name}, frame ${this.frame}, with its keypoints`);
    const seconds = (this.frame / this.fps).toFixed(2);
    this.count.textContent = `frame ${this.frame} of 0 to ${this.numFrames - 1} · ${seconds} s`;
  }

  drawList() {
    this.list.replaceChildren();
    this.names.forEach((name, keypoint) => {
      const row = addElement("div", "pb-row", this.list);
      row.title = name;
      const confidence = this.keypoints[keypoint]?.[2] ?? 0;
      if (keypoint === this.measuredKeypoint) row.dataset.current = "1";
      row.dataset.state = confidence < .5 ? "uncertain" : "confident";
      addElement("i", "", row).style.setProperty("--keypoint-color", this.colors[keypoint]);
      addElement("span", "", row, name);
      addElement("u", "", addElement("s", "", row)).style.width = `${100 * confidence}%`;
      addElement("em", "", row, confidence.toFixed(2));
      row.addEventListener("click", () =>
        this.measureOnly(keypoint === this.measuredKeypoint ? null : keypoint));
    });
  }

  makeTimelines() {
    this.timelineRows.replaceChildren();
    this.canvases = this.timelines.map(({name}, row) => {
      const element = addElement("div", "pb-timeline", this.timelineRows);
      const caption = addElement("span", "", element);
      addElement("kbd", "", caption, String(row + 1)); caption.append(" " + name);
      const canvas = addElement("canvas", "", element);
      canvas.setAttribute("role", "img"); canvas.setAttribute("aria-label", `${name} over the frames`);
      addElement("button", "", element, "next worst")
        .addEventListener("click", () => this.goToWorst(row, 1));
      this.addTimelineHandlers(canvas, row);
      return canvas;
    });
    this.drawTimelines();
  }
  addTimelineHandlers(canvas, row) {
    let pressed = false;
    const fraction = event => clamp(event.offsetX / canvas.clientWidth, 0, .999999);
    const frameAt = event => Math.floor(fraction(event) * this.numFrames);
    canvas.addEventListener("pointerdown", event => {
      pressed = true; canvas.setPointerCapture(event.pointerId);
      if (this.playStart) this.togglePlaying();
      this.goTo(this.worstFrameNear(row, fraction(event), 3 / canvas.clientWidth));
    });
    canvas.addEventListener("pointermove", event => {
      this.hoveredTime = {row, x: event.offsetX, frame: frameAt(event)};
      if (pressed && event.movementX) this.goTo(frameAt(event));
      this.drawTimelines();
    });
    canvas.addEventListener("pointerup", () => { pressed = false; });
    canvas.addEventListener("pointerleave", () => {
      this.hoveredTime = null; this.drawTimelines();
    });
  }
  worstFrameNear(row, fraction, margin) { // a click within three pixels of a peak selects it
    const {frames, values, low_is_worse: lowIsWorse} = this.timelines[row];
    const severity = bin => {
      if (values[bin] === null) return -Infinity;
      return lowIsWorse ? -values[bin] : values[bin];
    };
    const binAt = position => clamp(Math.floor(position * frames.length), 0, frames.length - 1);
    const last = Math.min((fraction + margin) * frames.length, frames.length - 1);
    let worst = binAt(fraction);
    for (let bin = binAt(fraction - margin); bin <= last; bin++) {
      if (severity(bin) > severity(worst)) worst = bin;
    }
    return frames[worst];
  }

  drawTimelines() { this.canvases.forEach((canvas, row) => this.drawTimeline(canvas, row)); }
  drawTimeline(canvas, row) {
    const ratio = window.devicePixelRatio || 1, {clientWidth: width, clientHeight: height} = canvas;
    canvas.width = Math.round(width * ratio); canvas.height = Math.round(height * ratio);
    const context = canvas.getContext("2d"), style = getComputedStyle(this.el);
    const theme = name => style.getPropertyValue(`--pb-${name}`);
    const {values, worst_frames: worstFrames, worst_values: worstValues,
      low_is_worse: lowIsWorse, unit} = this.timelines[row];
    context.scale(ratio, ratio);
    const maximum = lowIsWorse ? 1 : Math.max(1e-6, ...values.map(value => value ?? 0));
    const frameX = frame => (frame + .5) / this.numFrames * width;
    const valueY = value => height - 3 - value / maximum * (height - 12);
    context.strokeStyle = context.fillStyle = theme("accent");
    context.lineWidth = 1.3; context.lineJoin = "round"; context.beginPath();
    values.forEach((value, bin) => {
      if (value !== null) context.lineTo((bin + .5) / values.length * width, valueY(value));
    });
    context.stroke();
    const base = lowIsWorse ? 0 : height;
    context.lineTo(width, base); context.lineTo(0, base);
    context.globalAlpha = .12; context.fill(); context.globalAlpha = 1;
    worstFrames.slice(0, 10).forEach((frame, rank) =>
      drawDisk(context, [frameX(frame), valueY(worstValues[rank])], 3, theme("warning")));
    context.fillStyle = theme("error"); context.fillRect(frameX(this.frame) - .75, 0, 1.5, height);
    context.font = "10.5px system-ui, sans-serif"; context.textBaseline = "top";
    context.fillStyle = theme("muted");
    const top = lowIsWorse ? "1" : maximum.toFixed(maximum < 10 ? 1 : 0);
    context.fillText(`${top} ${unit}`, 3, 2);
    if (this.hoveredTime?.row === row) this.drawHoveredValue(context, row, width, theme);
  }
  drawHoveredValue(context, row, width, theme) {
    const {values, unit} = this.timelines[row], {x, frame} = this.hoveredTime;
    const bin = clamp(Math.floor(x / width * values.length), 0, values.length - 1);
    const value = values[bin] === null ? "not measured" : `${values[bin].toFixed(2)} ${unit}`;
    const text = `frame ${frame}: ${value}`, textWidth = context.measureText(text).width;
    const left = clamp(x + 8, 0, width - textWidth - 8);
    context.fillStyle = theme("background"); context.fillRect(left - 4, 1, textWidth + 8, 14);
    context.fillStyle = theme("text"); context.fillText(text, left, 3);
  }
  dispose() {
    this.stopReceiving();
    this.resizeObserver.disconnect(); this.frameView.resizeObserver.disconnect();
    this.playStart = null;
  }
}
export default {render({model, el}) {
  const view = new ReviewView(model, el);
  return () => view.dispose();
}};
