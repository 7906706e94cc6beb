const addSvgElement = (tag, parent, attributes, text) => {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (text !== undefined) element.textContent = text;
  parent.append(element);
  return element;
};
const valueTicks = (low, high) => {
  const factors = high / low > 30 ? [1, 3] : [1, 1.5, 2, 3, 5, 7], ticks = [];
  for (let power = -6; power < 7; power++) ticks.push(...factors.map(f => f * 10 ** power));
  return ticks.filter(tick => tick >= low && tick <= high);
};
const stepInterval = last => { // at most six intervals
  const power = 10 ** Math.floor(Math.log10(last));
  return Math.max(1, [.2, .5, 1, 2].map(f => f * power).find(interval => last / interval <= 6));
};
function drawChart(parent, title, curves, colors) { // on a logarithmic axis
  const width = 420, height = 210, pad = {left: 46, right: 12, top: 26, bottom: 30};
  const points = curves.flat();
  const chart = addSvgElement("svg", parent,
    {viewBox: `0 0 ${width} ${height}`, class: "pb-chart", role: "img",
      "aria-label": `${title} over the steps`});
  const addText = (x, y, text, attributes) =>
    addSvgElement("text", chart, {x, y, ...attributes}, text);
  addText(pad.left, 15, title, {class: "pb-chart-title"});
  if (!points.length) return addText(pad.left, height / 2, "nothing is logged yet");
  const last = Math.max(1, ...points.map(([step]) => step));
  const values = points.map(([, value]) => value).filter(value => value > 0);
  const low = Math.min(...values) * .9, high = Math.max(...values) * 1.1;
  const stepX = step => pad.left + step / last * (width - pad.left - pad.right);
  const logFraction = value => Math.log(Math.max(value, low) / low) / Math.log(high / low);
  const valueY = value =>
    height - pad.bottom - logFraction(value) * (height - pad.top - pad.bottom);
  for (const tick of valueTicks(low, high)) {
    const y = valueY(tick);
    addSvgElement("line", chart,
      {x1: pad.left, x2: width - pad.right, y1: y, y2: y, class: "pb-grid"});
    addText(pad.left - 6, y + 4, String(+tick.toPrecision(2)), {"text-anchor": "end"});
  }
  const interval = stepInterval(last);
  for (let step = 0; step <= last; step += interval) {
    addText(stepX(step), height - 12, `${step ? "" : "step "}${Math.round(step)}`,
      {"text-anchor": "middle"});
  }
  curves.forEach((curve, index) => {
    if (!curve.length) return;
    const positions = curve.map(([step, value]) => [stepX(step), valueY(value)]);
    addSvgElement("polyline", chart,
      {points: positions.join(" "), stroke: colors[index], class: "pb-curve"});
    if (curve.length > 40) return;
    for (const [cx, cy] of positions) {
      addSvgElement("circle", chart, {cx, cy, r: 2.2, fill: colors[index]});
    }
  });
}

class WatchView {
  constructor(model, el) {
    el.classList.add("pb");
    const header = addElement("div", "pb-header", el);
    this.title = addElement("span", "pb-title", header);
    this.count = addElement("span", "pb-count", header);
    this.stopButton = addElement("button", "", header, "stop watching");
    this.charts = addElement("div", "pb-charts", el);
    this.stopButton.addEventListener("click", () => model.send({kind: "stop"}));
    this.dispose = receiveMessages(model, this);
  }
  on_error({text}) { this.count.textContent = text; }
  on_curves({name, status, ended, curves, colors}) {
    this.title.textContent = name;
    this.count.textContent = status;
    this.stopButton.style.display = ended ? "none" : "";
    this.charts.replaceChildren();
    for (const [title, pair] of Object.entries(curves)) {
      drawChart(this.charts, title, pair, colors);
    }
    const legend = addElement("div", "pb-legend", this.charts);
    ["train", "validation"].forEach((split, index) => addElement("span", "", legend, split)
      .style.setProperty("--curve-color", colors[index]));
  }
}
export default {render({model, el}) {
  const view = new WatchView(model, el);
  return () => view.dispose();
}};
