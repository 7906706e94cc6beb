const addElement = (tag, className, parent, text) => {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  parent.append(element);
  return element;
};
// The main keys in a line, and all keys in a table that the returned function shows and hides
const addHelp = (parent, keys) => { // keys: [key, effect, is in the line]
  const help = addElement("div", "pb-help", parent), line = addElement("div", "pb-main-keys", help);
  const table = addElement("div", "pb-keys", help);
  const addKey = (list, [key, effect]) => {
    const item = addElement("span", "", list);
    addElement("kbd", "", item, key); addElement("span", "", item, effect);
  };
  keys.filter(([, , isMain]) => isMain).forEach(key => addKey(line, key));
  keys.forEach(key => addKey(table, key));
  const button = addElement("button", "", line, "? all keys");
  const toggle = () => {
    table.hidden = !table.hidden; button.setAttribute("aria-expanded", String(!table.hidden));
  };
  table.hidden = true; button.title = "show or hide the table of keys (key: ?)";
  button.setAttribute("aria-expanded", "false");
  button.addEventListener("click", toggle);
  return toggle;
};
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
// A message from Python goes to the view's method on_KIND, as in Python's `MessageWidget`
const receiveMessages = (model, view) => {
  const receive = (message, buffers) => view["on_" + message.kind]?.(message, buffers);
  model.on("msg:custom", receive);
  model.send({kind: "ready"});
  return () => model.off("msg:custom", receive);
};
