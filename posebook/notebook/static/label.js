const LABEL_KEYS = [["click", "place the selected keypoint", 1], ["drag", "move a keypoint, or the frame", 1],
  ["⇧ click", "place it near another keypoint, or move it here if it has a position"],
  ["right click", "remove the label of a keypoint"],
  ["W S", "previous, next keypoint", 1],
  ["← ↑ → ↓", "move the selected keypoint by one pixel; without a position: move the cross"],
  ["⇧ ← ↑ → ↓", "move by ten pixels"], ["space", "place the selected keypoint at the cross"],
  ["X", "occluded", 1], ["M", "missing", 1], ["⇧X ⇧M", "all unlabeled keypoints: occluded, missing"],
  ["0", "no animal here: all keypoints occluded"],
  ["Del", "remove the label of the keypoint under the pointer, or of the selected one"],
  ["Z", "undo (also Ctrl Z), as often as you like", 1], ["⇧Z", "redo (also Ctrl Y)"],
  ["⏎", "next frame that is not complete", 1], ["A D", "previous, next frame", 1],
  ["Q E", "while held: the frame before, after"], ["wheel", "zoom around the pointer", 1],
  ["+ −", "zoom"], ["F", "the whole frame"], ["N", "names"], ["?", "this table"]];

// A label is [x, y] in pixels of the frame, "occluded", "missing", or null: not labeled yet
class LabelView {
  constructor(model, el) {
    Object.assign(this, {model, el, names: [], colors: [], labels: new Map(), bitmaps: new Map(),
      lines: [], autoAdvance: false, image: null, keypoint: null, lastSent: 0, lastSaved: 0, saveError: null, savingTimer: null,
      hovered: null, pointer: null, cross: null, movedByKeys: null, placedAt: 0, showAllNames: false, neighborOffset: 0, noteLocked: false,
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
    this.hint = addElement("div", "pb-hint", el);
    this.hint.setAttribute("role", "status");
    const body = addElement("div", "pb-body", el);
    this.frameView = new FrameView(body, context => this.drawKeypoints(context));
    const side = addElement("div", "pb-side", body);
    this.list = addElement("div", "pb-list", side);
    this.addTools(addElement("div", "pb-tools", side));
    this.toggleHelp = addHelp(el, LABEL_KEYS);
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
    this.el.addEventListener("pointerdown", () => {
      this.endMoveByKeys(); this.el.focus({preventScroll: true});
    });
    this.el.addEventListener("keydown", event => this.handleKey(event));
    this.el.addEventListener("keyup", event => {
      this.endMoveByKeys();
      if ("qe".includes(event.key.toLowerCase())) this.showNeighbor(0);
    });
    this.el.addEventListener("blur", () => { this.endMoveByKeys(); this.showNeighbor(0); });
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
    const addButton = (text, key, action) => {
      const button = addElement("button", "", buttons, text);
      button.title = `key: ${key}`; button.addEventListener("click", action);
    };
    addButton("occluded", "X", () => this.setState(this.selectedNames, "occluded", true));
    addButton("missing", "M", () => this.setState(this.selectedNames, "missing", true));
    addButton("no animal here", "0", () => this.setState(this.names, "occluded", true));
    addButton("undo", "Z", () => this.sendEdit({kind: "undo"}));
    addButton("redo", "⇧Z", () => this.sendEdit({kind: "redo"}));
    addButton("fit", "F", () => this.frameView.fit());
    addButton("next to do", "⏎", () => this.goToUnfinished());
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
  get selectedNames() { return this.keypoint === null ? [] : [this.names[this.keypoint]]; }
  get canPlace() { // whether a click or the space bar places the selected keypoint
    return this.keypoint !== null && !Array.isArray(this.currentLabels[this.keypoint]);
  }
  isComplete(image) { return !this.labels.get(image).includes(null); }
  setLabels(labels, advance) { // draw now, then send
    if (!this.image || this.imageErrors.has(this.image)) return;
    const wasComplete = this.isComplete(this.image);
    for (const [name, label] of Object.entries(labels)) {
      this.currentLabels[this.names.indexOf(name)] = label;
    }
    this.lastEdits.set(this.image, this.lastSent + 1);
    if (advance) this.selectNextUnlabeled();
    this.drawList(); this.frameView.drawOverlay(); this.drawProgress();
    this.sendEdit({kind: "set_labels", image: this.image, labels});
    if (this.autoAdvance && !wasComplete && this.isComplete(this.image)) this.goToUnfinished();
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
    if (released) return this.setLabels({[this.names[keypoint]]: label}, false);
    this.draftLabel(keypoint, label);
  }
  draftLabel(keypoint, label) { // shown, and sent when the button or key is released
    this.currentLabels[keypoint] = label;
    this.lastEdits.set(this.image, this.lastSent + 1);
    this.frameView.drawOverlay();
  }
  click(event, near) { // a click places a keypoint; it moves none, except with ⇧
    if (near) { // the second click of a double click selects nothing
      if (performance.now() - this.placedAt > 500) this.selectKeypoint(near.keypoint);
      return;
    }
    if (this.canPlace || event.shiftKey) this.place(this.frameView.toFrame(event));
    this.hover(event);
  }
  place(position) {
    if (this.keypoint === null || !this.frameView.contains(position) || this.neighborOffset) return;
    this.placedAt = performance.now();
    this.setLabels({[this.names[this.keypoint]]: position}, true);
  }
  hover(event) {
    const near = event && this.keypointAt(event);
    this.hovered = near ? near.keypoint : null;
    const free = event && !near && this.canPlace && this.frameView.contains(this.frameView.toFrame(event));
    this.pointer = free ? this.frameView.pointerPosition(event) : null;
    if (event) this.cross = null;
    this.drawHint();
    this.frameView.overlayCanvas.style.cursor = near ? "grab" : free ? "none" : "default";
    this.frameView.drawOverlay();
  }

  // The keyboard: arrow keys move the selected keypoint, or the cross where it will be placed
  get crossPosition() {
    if (this.cross) return this.cross;
    const {clientWidth, clientHeight} = this.frameView.container;
    const {width, height} = this.frameView.bitmap;
    const [x, y] = this.frameView.fromCanvas(this.pointer || [clientWidth / 2, clientHeight / 2]);
    return [clamp(x, 0, width - 1), clamp(y, 0, height - 1)];
  }
  moveByKeys(dx, dy) {
    if (this.keypoint === null || this.neighborOffset || !this.frameView.bitmap) return;
    const {width, height} = this.frameView.bitmap;
    const [x, y] = this.canPlace ? this.crossPosition : this.currentLabels[this.keypoint];
    const position = [clamp(x + dx, -.5, width - .51), clamp(y + dy, -.5, height - .51)];
    if (this.canPlace) { this.cross = position; this.pointer = null; }
    else { this.movedByKeys = this.keypoint; this.draftLabel(this.keypoint, position); }
    this.frameView.reveal(position);
  }
  endMoveByKeys() { // one edit for an arrow key that was held, so that one undo reverts it
    const keypoint = this.movedByKeys;
    this.movedByKeys = null;
    if (keypoint !== null) this.setLabels({[this.names[keypoint]]: this.currentLabels[keypoint]}, false);
  }
  placeAtCross() {
    if (!this.canPlace || !this.frameView.bitmap) return;
    this.cross = this.crossPosition;
    this.place(this.cross);
    this.pointer = null; this.frameView.drawOverlay();
  }
  zoomByKeys(factor) { // around the cross or the selected keypoint
    if (!this.frameView.bitmap) return;
    const label = this.keypoint === null ? null : this.currentLabels[this.keypoint];
    const position = Array.isArray(label) ? label : this.crossPosition;
    this.frameView.zoomAt(this.pointer || this.frameView.toScreen(position), factor);
  }

  removeLabel(keypoint) {
    if (keypoint === undefined || keypoint === null || this.currentLabels[keypoint] === null) return;
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
  selectNextUnlabeled() { // nothing, if the frame is complete
    const number = this.names.length, start = this.keypoint ?? -1;
    const order = this.names.map((_, step) => (start + 1 + step) % number);
    this.keypoint = order.find(keypoint => this.currentLabels[keypoint] === null) ?? null;
  }

  handleKey(event) {
    const key = event.key.toLowerCase(), control = event.ctrlKey || event.metaKey;
    if (control && event.key === "s") {
      event.preventDefault();
      return this.showNote("each click is saved already");
    }
    if (control && !"zy".includes(key) || event.altKey) return;
    const {tagName} = event.target;
    if (tagName === "INPUT" && event.key.startsWith("Arrow")) return;
    if (tagName === "BUTTON" && (event.key === "Enter" || event.key === " ")) return;
    const action = this.keyAction(control && key === "y" ? "redo" : key, event.shiftKey);
    if (!action) return;
    if (!key.startsWith("arrow")) this.endMoveByKeys();
    event.preventDefault(); event.stopPropagation();
    if (!(event.repeat && "xm0zqe ?".includes(key))) action();
  }
  keyAction(key, shift) {
    const unlabeled = this.names.filter((_, keypoint) => this.currentLabels[keypoint] === null);
    const mark = state => this.setState(shift ? unlabeled : this.selectedNames, state, true);
    const pixels = shift ? 10 : 1, redo = () => this.sendEdit({kind: "redo"});
    const actions = {
      w: () => this.selectKeypoint((this.keypoint ?? 0) - 1),
      s: () => this.selectKeypoint((this.keypoint ?? -1) + 1),
      arrowleft: () => this.moveByKeys(-pixels, 0), arrowright: () => this.moveByKeys(pixels, 0),
      arrowup: () => this.moveByKeys(0, -pixels), arrowdown: () => this.moveByKeys(0, pixels),
      " ": () => this.placeAtCross(), "?": () => this.toggleHelp(),
      "+": () => this.zoomByKeys(1.5), "-": () => this.zoomByKeys(1 / 1.5),
      a: () => this.step(-1), d: () => this.step(1),
      x: () => mark("occluded"), m: () => mark("missing"),
      0: () => this.setState(this.names, "occluded", true),
      delete: () => this.removeLabel(this.hovered ?? this.keypoint),
      z: shift ? redo : () => this.sendEdit({kind: "undo"}), redo, enter: () => this.goToUnfinished(),
      f: () => this.frameView.fit(),
      n: () => { this.showAllNames = !this.showAllNames; this.frameView.drawOverlay(); },
      q: () => this.showNeighbor(-1), e: () => this.showNeighbor(1)};
    const synonyms = {backspace: "delete", "=": "+", "−": "-"};
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
      .find(image => !this.imageErrors.has(image) && !this.isComplete(image));
    if (next) this.goTo(next); else this.showNote(`all frames are complete; next, in a terminal: ${this.nextStep}`);
  }
  showNeighbor(offset) { // while a key is held: the frame before (-1) or after (1); 0: its own
    if (offset === this.neighborOffset || !this.image) return;
    this.neighborOffset = offset;
    const bitmap = this.bitmaps.get(this.image);
    if (offset) this.model.send({kind: "load_neighbor", image: this.image, offset});
    else if (bitmap) { this.frameView.show(bitmap); this.drawProgress(); }
  }

  goTo(image, keypoint) {
    this.endMoveByKeys();
    this.image = image; this.neighborOffset = 0; this.hovered = this.pointer = this.keypoint = null;
    if (keypoint === undefined) this.selectNextUnlabeled(); else this.keypoint = keypoint;
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

  on_all_labels({names, colors, lines, labels, image, auto_advance: autoAdvance, next_step: nextStep}) {
    Object.assign(this, {names, colors, lines, autoAdvance, nextStep, labels: new Map(labels)});
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
  on_undone({image, keypoint}) { // also for redo
    if (image !== this.image) this.goTo(image);
    const index = this.names.indexOf(keypoint);
    if (this.currentLabels[index] === null) return this.selectKeypoint(index);
    this.selectNextUnlabeled(); this.drawList(); this.frameView.drawOverlay();
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
    const alpha = this.neighborOffset ? .35 : 1;
    const positions = this.currentLabels.map(label => Array.isArray(label) && this.frameView.toScreen(label));
    drawSkeleton(context, this.lines, positions, () => alpha);
    context.globalAlpha = alpha;
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
    if (!this.canPlace || this.neighborOffset) return;
    const cross = this.cross ? this.frameView.toScreen(this.cross) : this.pointer;
    if (cross) this.drawCrosshair(context, cross);
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

  drawHint() { // what a click does now
    const {keypoint} = this, name = this.names[keypoint], images = this.imageNames;
    const complete = this.image && this.isComplete(this.image);
    const allComplete = images.every(image => this.imageErrors.has(image) || this.isComplete(image));
    let text = "W or S selects a keypoint";
    if (complete) text = allComplete ? "all frames are complete" : "complete: Enter for the next frame";
    if (name) text = this.canPlace ? `click places ${name}` : `${name} has a position: drag it, or use the arrow keys`;
    if (this.hovered !== null && this.canPlace && performance.now() - this.placedAt > 500) {
      // a click would select the keypoint under the pointer; it may have been placed just now
      text = `drag moves ${this.names[this.hovered]}; ⇧ click places ${name} here`;
    }
    this.hint.textContent = text;
    this.hint.dataset.complete = complete && !name ? "1" : "";
    this.hint.style.setProperty("--keypoint-color", name ? this.colors[keypoint] : "transparent");
  }
  drawList() {
    this.drawHint();
    this.list.replaceChildren();
    this.names.forEach((name, keypoint) => {
      const label = this.currentLabels[keypoint], placed = Array.isArray(label);
      const row = addElement("div", "pb-row", this.list);
      row.title = name;
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
    if (this.isComplete(image)) return "done";
    return labels.some(label => label !== null) ? "started" : "unlabeled";
  }
  drawProgress() {
    const images = this.imageNames, index = images.indexOf(this.image);
    const states = images.map(image => this.imageState(image));
    const done = states.filter(state => state === "done").length;
    const neighbors = {"-1": ", the frame before", 1: ", the frame after"};
    const name = (this.image || "").replace(/^labeled-data\//, "");
    this.title.textContent = name + (neighbors[this.neighborOffset] || "");
    this.frameView.overlayCanvas.setAttribute("aria-label", `${name} with its labels`);
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
    this.endMoveByKeys();
    this.stopReceiving();
    this.frameView.resizeObserver.disconnect();
    clearTimeout(this.savingTimer);
  }
}
export default {render({model, el}) {
  const view = new LabelView(model, el);
  return () => view.dispose();
}};
