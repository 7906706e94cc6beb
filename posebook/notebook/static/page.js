const addElement = (tag, className, parent, text) => {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  parent.append(element);
  return element;
};
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
// A message from Python goes to the view's method on_KIND, as in Python's `MessageWidget`
const receiveMessages = (model, view) => {
  const receive = (message, buffers) => view["on_" + message.kind]?.(message, buffers);
  model.on("msg:custom", receive);
  model.send({kind: "ready"});
  return () => model.off("msg:custom", receive);
};
