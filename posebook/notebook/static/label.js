const LABEL_KEYS = [["click", "place"], ["drag", "move"], ["W S", "keypoint"], ["A D", "frame"],
  ["X", "occluded"], ["M", "missing"], ["⇧X ⇧M", "all that are left"], ["0", "no animal here"],
  ["Del", "remove"], ["Z", "undo"],
  ["⏎", "next frame to do"], ["wheel", "zoom"], ["F", "fit"], ["Q E", "hold: frame before, after"],
  ["N", "names"]];

// A label is [x, y] in pixels of the frame, "occluded", "missing", or null: not labeled yet
class LabelView {
  constructor(model, el) {
    Object.assign(this, {model, el, names: [], colors: [], labels: new Map(), bitmaps: new Map(),
      image: null, keypoint: 0, lastSent: 0, lastSaved: 0, saveError: null, savingTimer: null,
      hovered: null, pointer: null, showAllNames: false, neighborOffset: 0, noteLocked: false,
      imageErrors: new Map(), lastEdits: new Map()});
    el.classList.add("pb"); el.tabIndex = 0;
    el.dataset.lmSuppressShortcuts = "true";     // JupyterLab's own keys: X would cut the cell
    el.labelView = this;                        // for the console, and for tests
    const header = addElement("div", "pb-header", el);
    this.title = addElement("span", "pb-title", header);
    this.count = addElement("span", "pb-count", header);
    this.status = addElement("span", "pb-status", header);
    this.progress = addElement("div", "pb-progress", el);
    this.note = addElement("div", "pb-note", el);
    const body = addElement("div", "pb-body", el);
    this.frameView = new FrameView(body, context => this.drawKeypoints(context));
    const side = addElement("div", "pb-side", body);
    this.list = addElement("div", "pb-list", side);
    this.addTools(addElement("div", "pb-tools", side));
    const help = addElement("div", "pb-help", el);
    for (const [key, effect] of LABEL_KEYS) {
      const item = addElement("span", "", help);
      addElement("kbd", "", item, key); item.append(effect);
    }
    this.addHandlers();
    this.stopReceiving = receiveMessages(model, this);
  }
  addHandlers() {
    this.frameView.addPointerHandlers({
      grab: event => this.keypointAt(event), click: (event, near) => this.click(event, near),
      drag: (near, position) => this.moveKeypoint(near, position, false),
      drop: (near, position) => this.moveKeypoint(near, position, true),
      hover: event => this.hover(event),
      remove: event => this.removeLabel(this.keypointAt(event)?.keypoint)});
    this.el.addEventListener("pointerdown", () => this.el.focus({preventScroll: true}));
    this.el.addEventListener("keydown", event => this.handleKey(event));
    this.el.addEventListener("keyup", event => {
      if ("qe".includes(event.key.toLowerCase())) this.showNeighbor(0);
    });
    this.el.addEventListener("blur", () => this.showNeighbor(0));
  }

  addTools(parent) {
    const sliders = {};
    const applyFilter = () => {
      const {brightness, contrast} = sliders;
      this.frameView.imageCanvas.style.filter =
        `brightness(${brightness.value}) contrast(${contrast.value})`;
    };
    for (const name of ["brightness", "contrast"]) {
      const label = addElement("label", "", parent, name), input = addElement("input", "", label);
      Object.assign(input, {type: "range", min: .3, max: 3, step: .05, value: 1});
      input.addEventListener("input", applyFilter);
      input.addEventListener("dblclick", () => { input.value = 1; applyFilter(); });
      sliders[name] = input;
    }
    const buttons = addElement("div", "pb-buttons", parent);
    const addButton = (text, action) =>
      addElement("button", "", buttons, text).addEventListener("click", action);
    for (const state of ["occluded", "missing"]) {
      addButton(state, () => this.setState([this.names[this.keypoint]], state, true));
    }
    addButton("no animal here", () => this.setState(this.names, "occluded", false));
    addButton("undo", () => this.sendEdit({kind: "undo"}));
    addButton("fit", () => this.frameView.fit());
    addButton("next to do", () => this.goToUnfinished());
  }

  sendEdit(message) { // with a number, which comes back when it is saved
    this.model.send({...message, id: ++this.lastSent});
    this.showSaving();
  }
  showSaving() { // in the upper right corner
    clearTimeout(this.savingTimer);
    const unsaved = () => this.lastSent - this.lastSaved, number = unsaved();
    this.status.textContent = number || this.saveError ? `${number || ""} not saved yet` : "saved";
    this.status.dataset.error = this.saveError || "";
    if (number) this.savingTimer = setTimeout(() => {
      const text = `${unsaved()} not saved yet: the kernel is busy, or gone`;
      if (!this.saveError) this.status.textContent = text;
      this.status.dataset.error = "1";
    }, 2500);
  }
  get currentLabels() { return this.labels.get(this.image) || this.names.map(() => null); }
  setLabels(labels, advance) { // draw now, then send
    if (!this.image || this.imageErrors.has(this.image)) return;
    for (const [name, label] of Object.entries(labels)) {
      this.currentLabels[this.names.indexOf(name)] = label;
    }
    this.lastEdits.set(this.image, this.lastSent + 1);
    if (advance) this.selectNextUnlabeled();
    this.drawList(); this.frameView.drawOverlay(); this.drawProgress();
    this.sendEdit({kind: "set_labels", image: this.image, labels});
  }

  keypointAt(event) { // the nearest one under the pointer
    if (event.shiftKey) return null;
    const [pointerX, pointerY] = this.frameView.pointerPosition(event);
    const [frameX, frameY] = this.frameView.toFrame(event);
    let nearest = null;
    this.currentLabels.forEach((label, keypoint) => {
      if (!Array.isArray(label)) return;
      const [x, y] = this.frameView.toScreen(label);
      const advantage = keypoint === this.keypoint ? .5 : 0;
      const distance = Math.hypot(x - pointerX, y - pointerY) - advantage;
      if (distance > 8 || nearest && distance >= nearest.distance) return;
      nearest = {keypoint, distance, offset: [label[0] - frameX, label[1] - frameY]};
    });
    return nearest;
  }
  moveKeypoint({keypoint, offset}, [x, y], released) { // keeps its distance from the pointer
    const {width, height} = this.frameView.bitmap;
    const label = [clamp(x + offset[0], -.5, width - .5), clamp(y + offset[1], -.5, height - .5)];
    this.keypoint = keypoint;
    if (released) return this.setLabels({[this.names[keypoint]]: label}, false);
    this.currentLabels[keypoint] = label;
    this.frameView.drawOverlay();
  }
  click(event, near) {
    if (near) { this.selectKeypoint(near.keypoint); return; }
    const position = this.frameView.toFrame(event);
    if (!this.frameView.contains(position) || this.neighborOffset) return;
    this.setLabels({[this.names[this.keypoint]]: position}, true);
    this.hover(event);
  }
  hover(event) {
    const near = event && this.keypointAt(event);
    this.hovered = near ? near.keypoint : null;
    const free = event && !near && this.frameView.contains(this.frameView.toFrame(event));
    this.pointer = free ? [event.offsetX, event.offsetY] : null;
    this.frameView.overlayCanvas.style.cursor = near ? "grab" : free ? "none" : "default";
    this.frameView.drawOverlay();
  }

  removeLabel(keypoint) {
    if (keypoint === undefined || this.currentLabels[keypoint] === null) return;
    this.keypoint = keypoint;
    this.setLabels({[this.names[keypoint]]: null}, false);
  }
  setState(names, state, advance) { // occluded or missing
    const labels = Object.fromEntries(names.map(name => [name, state]));
    if (names.length) this.setLabels(labels, advance);
  }
  selectKeypoint(keypoint) {
    this.keypoint = (keypoint + this.names.length) % this.names.length;
    this.drawList(); this.frameView.drawOverlay();
  }
  selectNextUnlabeled() {
    const number = this.names.length;
    for (let step = 1; step <= number; step++) {
      const keypoint = (this.keypoint + step) % number;
      if (this.currentLabels[keypoint] === null) { this.keypoint = keypoint; return; }
    }
  }

  handleKey(event) {
    const key = event.key.toLowerCase(), control = event.ctrlKey || event.metaKey;
    if (control && event.key === "s") {
      event.preventDefault();
      return this.showNote("each click is saved already");
    }
    if (control && key !== "z" || event.altKey) return;
    const {tagName} = event.target;
    if (tagName === "INPUT" && event.key.startsWith("Arrow")) return;
    if (tagName === "BUTTON" && (event.key === "Enter" || event.key === " ")) return;
    const action = this.keyAction(key, event.shiftKey);
    if (!action) return;
    event.preventDefault(); event.stopPropagation();
    if (!(event.repeat && "xm0zqe".includes(key))) action();
  }
  keyAction(key, shift) {
    const name = this.names[this.keypoint];
    const unlabeled = this.names.filter((_, keypoint) => this.currentLabels[keypoint] === null);
    const mark = state => shift ? this.setState(unlabeled, state, false) : this.setState([name], state, true);
    const actions = {
      w: () => this.selectKeypoint(this.keypoint - 1),
      s: () => this.selectKeypoint(this.keypoint + 1),
      a: () => this.step(-1), d: () => this.step(1),
      x: () => mark("occluded"), m: () => mark("missing"),
      0: () => this.setState(this.names, "occluded", false),
      delete: () => this.removeLabel(this.hovered ?? this.keypoint),
      z: () => this.sendEdit({kind: "undo"}), enter: () => this.goToUnfinished(),
      f: () => this.frameView.fit(),
      n: () => { this.showAllNames = !this.showAllNames; this.frameView.drawOverlay(); },
      q: () => this.showNeighbor(-1), e: () => this.showNeighbor(1)};
    const synonyms = {arrowup: "w", arrowdown: "s", arrowleft: "a", arrowright: "d",
      backspace: "delete"};
    return actions[synonyms[key] || key];
  }

  get imageNames() { return [...this.labels.keys()]; }
  step(by) {
    const image = this.imageNames[this.imageNames.indexOf(this.image) + by];
    if (image) this.goTo(image);
  }
  goToUnfinished() { // the next frame with an unlabeled keypoint, from here on and around
    const images = this.imageNames, index = images.indexOf(this.image);
    const next = [...images.slice(index + 1), ...images.slice(0, index + 1)]
      .find(image => !this.imageErrors.has(image) && this.labels.get(image).includes(null));
    if (next) this.goTo(next); else this.showNote(`all frames are done; next, in a terminal: ${this.nextStep}`);
  }
  showNeighbor(offset) { // while a key is held: the frame before (-1) or after (1); 0: its own
    if (offset === this.neighborOffset || !this.image) return;
    this.neighborOffset = offset;
    const bitmap = this.bitmaps.get(this.image);
    if (offset) this.model.send({kind: "load_neighbor", image: this.image, offset});
    else if (bitmap) { this.frameView.show(bitmap); this.drawProgress(); }
  }

  goTo(image, keypoint) {
    this.image = image; this.neighborOffset = 0; this.hovered = this.pointer = null;
    this.keypoint = keypoint ?? Math.max(this.currentLabels.indexOf(null), 0);
    this.showNote(this.imageErrors.get(image) || "", this.imageErrors.has(image));
    if (this.bitmaps.has(image)) this.frameView.show(this.bitmaps.get(image));
    else {
      this.frameView.bitmap = null; this.frameView.draw();
      this.model.send({kind: "load_image", image});
    }
    const next = this.imageNames[this.imageNames.indexOf(image) + 1];
    if (next && !this.bitmaps.has(next)) this.model.send({kind: "load_image", image: next});
    this.drawList(); this.drawProgress();
  }

  on_all_labels({names, colors, labels, image, next_step}) {
    Object.assign(this, {names, colors, labels: new Map(labels), nextStep: next_step});
    if (this.labels.has(this.image)) this.goTo(this.image, this.keypoint); else this.goTo(image);
    this.showSaving();
  }
  on_changed_labels({labels, id}) { // what was edited here since then is newer
    for (const [image, changed] of labels) {
      if (!(this.lastEdits.get(image) > id)) this.labels.set(image, changed);
    }
    this.drawList(); this.drawProgress(); this.frameView.drawOverlay();
  }
  on_saved({id}) {
    const failedBefore = this.saveError;
    this.lastSaved = Math.max(this.lastSaved, id); this.saveError = null; this.showSaving();
    if (failedBefore) this.showNote(this.imageErrors.get(this.image) || "");
  }
  on_undone({image, keypoint}) {
    if (image !== this.image) this.goTo(image);
    this.selectKeypoint(this.names.indexOf(keypoint));
  }
  on_save_error({text}) { this.saveError = text; this.showSaving(); this.showNote(text, true); }
  on_error({text}) { this.showNote(text, true); }
  on_note({text}) { // stays for eight seconds, to be read
    this.showNote(text); this.noteLocked = true;
    setTimeout(() => { this.noteLocked = false; }, 8000);
  }
  on_image_error({image, text}) {
    this.imageErrors.set(image, text); this.drawProgress();
    if (image === this.image) this.showNote(text, true);
  }
  async on_image({image}, [buffer]) {
    const bitmap = await this.decode(image, buffer);
    if (!bitmap) return;
    this.bitmaps.delete(image); this.bitmaps.set(image, bitmap);
    if (this.bitmaps.size > 24) this.bitmaps.delete(this.bitmaps.keys().next().value);
    if (image === this.image && !this.neighborOffset) this.frameView.show(bitmap);
  }
  async on_neighbor({image, offset}, [buffer]) {
    const bitmap = await this.decode(image, buffer);
    if (!bitmap || this.neighborOffset !== offset || image !== this.image) return;
    this.frameView.show(bitmap); this.drawProgress();
  }
  async decode(image, buffer) {
    try { return await decodeImage(buffer); }
    catch { this.on_image_error({image, text: `${image}: the image is damaged`}); }
  }

  drawKeypoints(context) {
    context.globalAlpha = this.neighborOffset ? .35 : 1;
    this.currentLabels.forEach((label, keypoint) => {
      if (!Array.isArray(label)) return;
      const [x, y] = this.frameView.toScreen(label), color = this.colors[keypoint];
      const current = keypoint === this.keypoint, radius = current ? 7 : 5.5;
      drawCircle(context, [x, y], radius, "rgba(0, 0, 0, .75)", 4);
      drawCircle(context, [x, y], radius, color, 2.2);
      if (current) drawCircle(context, [x, y], radius + 3.5, "white", 1.2);
      context.fillStyle = color; context.fillRect(x - 1, y - 1, 2, 2);
      const named = this.showAllNames || keypoint === this.hovered;
      if (named) drawNameTag(context, [x, y - 14], this.names[keypoint], color);
    });
    context.globalAlpha = 1;
    if (this.pointer && !this.neighborOffset) this.drawCrosshair(context, this.pointer);
  }
  drawCrosshair(context, [x, y]) {
    const color = this.colors[this.keypoint];
    for (const [strokeStyle, lineWidth] of [["rgba(0, 0, 0, .7)", 3.4], [color, 1.6]]) {
      Object.assign(context, {strokeStyle, lineWidth});
      context.beginPath();
      for (const [dx, dy] of [[-1, 0], [1, 0], [0, -1], [0, 1]]) {
        context.moveTo(x + 4 * dx, y + 4 * dy); context.lineTo(x + 14 * dx, y + 14 * dy);
      }
      context.stroke();
    }
    drawNameTag(context, [x + 6, y - 16], this.names[this.keypoint], color);
  }

  drawList() {
    this.list.replaceChildren();
    this.names.forEach((name, keypoint) => {
      const label = this.currentLabels[keypoint], placed = Array.isArray(label);
      const row = addElement("div", "pb-row", this.list);
      row.dataset.state = placed ? "placed" : label || "unlabeled";
      addElement("i", "", row).style.setProperty("--keypoint-color", this.colors[keypoint]);
      addElement("span", "", row, name);
      addElement("em", "", row, placed ? label.map(v => v.toFixed(1)).join(", ") : label || "");
      row.addEventListener("click", () => this.selectKeypoint(keypoint));
      if (keypoint !== this.keypoint) return;
      row.dataset.current = "1";
      const top = row.offsetTop - this.list.offsetTop, {scrollTop, clientHeight} = this.list;
      if (top < scrollTop) this.list.scrollTop = top - 30;
      else if (top + 30 > scrollTop + clientHeight) this.list.scrollTop = top + 60 - clientHeight;
    });
  }

  imageState(image) {
    const labels = this.labels.get(image);
    if (this.imageErrors.has(image)) return "error";
    if (!labels.includes(null)) return "done";
    return labels.some(label => label !== null) ? "started" : "unlabeled";
  }
  drawProgress() {
    const images = this.imageNames, index = images.indexOf(this.image);
    const states = images.map(image => this.imageState(image));
    const done = states.filter(state => state === "done").length;
    const neighbors = {"-1": ", the frame before", 1: ", the frame after"};
    const name = (this.image || "").replace(/^labeled-data\//, "");
    this.title.textContent = name + (neighbors[this.neighborOffset] || "");
    this.count.textContent = `frame ${index + 1} · ${done} of ${images.length} frames done`;
    if (this.progress.children.length !== images.length) {
      this.progress.replaceChildren();
      images.forEach((_, position) => addElement("b", "", this.progress)
        .addEventListener("click", () => this.goTo(this.imageNames[position])));
    }
    [...this.progress.children].forEach((segment, position) => {
      segment.dataset.state = states[position]; segment.title = images[position];
      if (position === index) segment.dataset.current = "1"; else delete segment.dataset.current;
    });
  }
  showNote(text, isError) {
    if (this.noteLocked && !text) return;
    if (!text && this.saveError) [text, isError] = [this.saveError, true];
    this.note.textContent = text; this.note.dataset.error = isError ? "1" : "";
  }
  dispose() {
    this.stopReceiving();
    this.frameView.resizeObserver.disconnect();
    clearTimeout(this.savingTimer);
  }
}
export default {render({model, el}) {
  const view = new LabelView(model, el);
  return () => view.dispose();
}};
