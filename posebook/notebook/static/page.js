const make = (tag, name, parent, text) => {
  const e = document.createElement(tag);
  if (name) e.className = name;
  if (text !== undefined) e.textContent = text;
  if (parent) parent.append(e);
  return e;
};
const clamp = (v, low, high) => Math.min(Math.max(v, low), high);
