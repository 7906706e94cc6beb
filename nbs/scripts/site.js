// What every page of the site does: the search box, and the list of pages
(() => {
  const scripts = new URL(".", document.currentScript.src), root = new URL("..", scripts);
  const element = (tag, attributes = {}, ...children) => {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.append(...children);
    return made;
  };

  // The index is loaded as scripts, when the search is used for the first time: a page from the disk may fetch nothing
  const load = name => new Promise((loaded, failed) => {
    const script = element("script", {src: new URL(name, scripts)});
    script.onload = loaded;
    script.onerror = () => failed(new Error(`${name} was not loaded`));
    document.head.append(script);
  });
  let finder = null;
  const getFinder = () => finder ??= Promise.all(["minisearch.js", "find.js", "words.js", "pages.js"].map(load))
    .then(() => window.makeFinder(window.MiniSearch, window.searchPages, window.searchWords));

  const input = element("input", {type: "search", class: "form-control form-control-sm", placeholder: "Search",
    "aria-label": "Search", autocomplete: "off", role: "combobox", "aria-expanded": "false",
    "aria-autocomplete": "list", "aria-controls": "search-results", title: "Press / or Ctrl+K to search"});
  const results = element("div", {id: "search-results", role: "listbox", "aria-label": "Results", hidden: ""});
  const icon = element("i", {class: "bi bi-search", "aria-hidden": "true"});
  const box = element("div", {class: "site-search", role: "search"}, icon, input, results);
  let active = -1;

  const entries = () => [...results.querySelectorAll("a")];
  const select = number => {
    active = number;
    entries().forEach((entry, i) => entry.setAttribute("aria-selected", i === active));
    const entry = entries()[active];
    if (!entry) return input.removeAttribute("aria-activedescendant");
    input.setAttribute("aria-activedescendant", entry.id);
    entry.scrollIntoView({block: "nearest"});
  };
  const show = (...children) => {
    results.replaceChildren(...children);
    results.hidden = !children.length;
    input.setAttribute("aria-expanded", String(children.length > 0));
    select(-1);
  };
  const entryOf = ({href, title, heading, sections, line}, i) => element("a",
    {href: new URL(href, root), id: `search-result-${i}`, role: "option", tabindex: "-1", "aria-selected": "false"},
    element("span", {class: "site-search-section"}, sections.join(" › ")),
    element("span", {class: "site-search-title"}, heading === title ? title : `${title} › ${heading}`),
    element("span", {class: "site-search-line"}, ...line.map(o => o.match ? element("mark", {}, o.text) : o.text)));
  const search = async () => {
    const query = input.value.trim();
    if (query.length < 2) return show();
    let found = [];
    try { found = (await getFinder())(query); } catch (error) {
      finder = null;
      return show(element("p", {role: "status"}, `The search does not work: ${error.message}.`));
    }
    if (query !== input.value.trim()) return undefined;   // the reader has typed on
    results.dataset.query = query;
    return show(...found.length ? found.map(entryOf) : [element("p", {role: "status"}, `No page has “${query}”.`)]);
  };

  input.addEventListener("input", search);
  input.addEventListener("focus", () => { getFinder().catch(() => { finder = null; }); search(); });
  input.addEventListener("keydown", event => {
    const count = entries().length;
    if (event.key === "Escape") { show(); input.blur(); }
    if (!count || !["ArrowDown", "ArrowUp", "Enter"].includes(event.key)) return;
    event.preventDefault();
    if (event.key === "Enter") { entries()[Math.max(active, 0)].click(); return; }
    select(event.key === "ArrowDown" ? (active + 1) % count : (Math.max(active, 0) - 1 + count) % count);
  });
  results.addEventListener("click", event => event.target.closest("a") && show());   // the page may be this one
  document.addEventListener("click", event => box.contains(event.target) || show());
  document.addEventListener("focusin", event => box.contains(event.target) || show());
  document.addEventListener("keydown", event => {
    const typing = event.target.closest?.("input, textarea, select, [contenteditable]");
    const control = event.ctrlKey || event.metaKey;
    const asked = event.key === "/" ? !typing && !control : event.key === "k" && control;
    if (!asked || !input.offsetParent) return;
    event.preventDefault();
    input.focus();
    input.select();
  });
  // The renderer's own box makes way, before its script looks for it
  document.querySelector("#quarto-search")?.replaceWith(box);

  // The headings of the list of pages open and close by keyboard, too
  for (const heading of document.querySelectorAll("#quarto-sidebar a.sidebar-item-text[data-bs-toggle]")) {
    heading.setAttribute("role", "button");
    heading.tabIndex = 0;
    heading.addEventListener("keydown", event => {
      if (!["Enter", " "].includes(event.key)) return;
      event.preventDefault();
      heading.click();
    });
  }
  // A long list begins where the reader is
  addEventListener("load", () => {
    const list = document.querySelector("#quarto-sidebar"), here = list?.querySelector(".sidebar-link.active");
    const top = shown => shown.getBoundingClientRect().top;
    if (here) list.scrollTop += top(here) - top(list) - list.clientHeight / 2;
  });
})();
