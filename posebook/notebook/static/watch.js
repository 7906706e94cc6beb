const svg = (tag, parent, attributes, text) => {
  const e = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [k, v] of Object.entries(attributes)) e.setAttribute(k, v);
  if (text !== undefined) e.textContent = text;
  parent.append(e);
  return e;
};
function chart(parent, title, lines, colors) { // on a logarithmic axis
  const w = 420, h = 210, pad = {left: 46, right: 12, top: 26, bottom: 30}, all = lines.flat();
  const s = svg("svg", parent, {viewBox: `0 0 ${w} ${h}`, class: "pb-chart"});
  svg("text", s, {x: pad.left, y: 15, class: "pb-chart-title"}, title);
  if (!all.length) return svg("text", s, {x: pad.left, y: h / 2}, "nothing is logged yet");
  const last = Math.max(1, ...all.map(o => o[0])), values = all.map(o => o[1]).filter(o => o > 0);
  const low = Math.min(...values) * .9, high = Math.max(...values) * 1.1;
  const x = v => pad.left + v / last * (w - pad.left - pad.right);
  const log = v => Math.log(Math.max(v, low) / low) / Math.log(high / low);
  const y = v => h - pad.bottom - log(v) * (h - pad.top - pad.bottom);
  const ticks = [];
  const nice = high / low > 30 ? [1, 3] : [1, 1.5, 2, 3, 5, 7];
  for (let p = -6; p < 7; p++) ticks.push(...nice.map(f => f * 10 ** p));
  for (const t of ticks.filter(t => t >= low && t <= high)) {
    svg("line", s, {x1: pad.left, x2: w - pad.right, y1: y(t), y2: y(t), class: "pb-grid"});
    svg("text", s, {x: pad.left - 6, y: y(t) + 4, "text-anchor": "end"}, String(+t.toPrecision(2)));
  }
  const rough = 10 ** Math.floor(Math.log10(last)),
    step = [.2, .5, 1, 2].map(f => f * rough).find(o => last / o <= 6);
  for (let v = 0; v <= last; v += Math.max(1, step)) {
    svg("text", s, {x: x(v), y: h - 12, "text-anchor": "middle"},
      `${v ? "" : "step "}${Math.round(v)}`);
  }
  lines.forEach((line, i) => {
    if (!line.length) return;
    svg("polyline", s, {points: line.map(o => `${x(o[0])},${y(o[1])}`).join(" "),
      stroke: colors[i], class: "pb-curve"});
    if (line.length > 40) return;
    for (const o of line) svg("circle", s, {cx: x(o[0]), cy: y(o[1]), r: 2.2, fill: colors[i]});
  });
}

export default {render({model, el}) {
  el.classList.add("pb");
  const head = make("div", "pb-head", el), title = make("span", "pb-title", head),
    count = make("span", "pb-count", head);
  const stop = make("button", "", head, "stop watching"), charts = make("div", "pb-charts", el);
  stop.addEventListener("click", () => model.send({type: "stop"}));
  const hear = message => {
    if (message.type === "problem") { count.textContent = message.text; return; }
    if (message.type !== "curves") return;
    title.textContent = message.name;
    count.textContent = message.said;
    stop.style.display = message.over ? "none" : "";
    charts.replaceChildren();
    for (const [title, lines] of Object.entries(message.curves)) {
      chart(charts, title, lines, message.colors);
    }
    const legend = make("div", "pb-legend", charts);
    ["train", "validation"].forEach((o, i) => {
      const item = make("span", "", legend, o);
      item.style.setProperty("--c", message.colors[i]);
    });
  };
  model.on("msg:custom", hear);
  model.send({type: "hello"});
  return () => model.off("msg:custom", hear);
}};
