// The search of the site: the index, and the pages that match, best first. It needs no browser.
(() => {
  // "frames", "framing" and "frame" are one word
  const stemOf = word => {
    const bare = word.toLowerCase().replace(/(?<=\p{L}{3})(?:ies|y)$/u, "i").replace(/(?<=\p{L}{2}[^su])s$/u, "")
      .replace(/(?<=\p{L}{4})(?:ing|ed)$|(?<=\p{L}{3})e$/u, "");
    return bare.replace(/([bdgmnprt])\1$/u, "$1");
  };
  const stems = new Map();
  const stem = word => {
    if (!stems.has(word)) stems.set(word, stemOf(word));
    return stems.get(word);
  };
  // A name is found by its parts, too: `image_resize_dims`, `HeatmapTracker`
  const split = text => (text.match(/[\p{L}\p{N}_]+/gu) ?? []).flatMap(word => {
    const parts = word.split(/_+|(?<=\p{Ll})(?=\p{Lu})/u).filter(Boolean);
    return parts.length > 1 ? [word, ...parts] : [word];
  });
  const words = text => split(text).map(stem);

  // The line of a part that has most of the words, at most 160 characters of it
  const bestLine = (part, terms) => {
    const count = line => new Set(words(line).filter(word => terms.has(word))).size;
    const lines = [part.lead, ...part.text.split("\n")].filter(Boolean);
    const best = lines.reduce((a, b) => count(b) > count(a) ? b : a, lines[0] ?? "");
    const first = [...best.matchAll(/[\p{L}\p{N}_]+/gu)].find(match => words(match[0]).some(word => terms.has(word)));
    const start = best.length <= 160 || !first ? 0 : best.lastIndexOf(" ", Math.max(0, first.index - 60)) + 1;
    return (start ? "… " : "") + best.slice(start, start + 160) + (start + 160 < best.length ? " …" : "");
  };

  // Cut a text into stretches that match and stretches that do not
  const marked = (text, terms) => text.split(/([\p{L}\p{N}_]+)/u).map((piece, i) =>
    ({text: piece, match: i % 2 === 1 && words(piece).some(word => terms.has(word))}));

  // pages: [{href, title, sections, parts: [[anchor, heading, first paragraph, further text]]}]
  const makeFinder = (MiniSearch, pages, {synonyms, stop, sections}) => {
    const parts = pages.flatMap(page => page.parts.map(([anchor, heading, lead, text], i) => ({
      page, lead, text, title: page.title, heading: i ? heading : page.title, shown: heading,
      href: page.href + (anchor && `#${anchor}`), name: i ? "" : page.href.replace(/\.html$/, ""),
    }))).map((part, id) => ({...part, id}));
    const skipped = new Set(stop.map(stem));
    const index = new MiniSearch({
      fields: ["title", "heading", "lead", "text", "name"], tokenize: split,
      processTerm: word => skipped.has(stem(word)) ? null : stem(word),
    });
    index.addAll(parts);

    const weight = ({page}) => {
      const known = page.sections.findLast(section => section in sections);
      return known ? sections[known] : 1;
    };
    const similar = new Map();
    for (const group of synonyms) {
      for (const word of group) {
        const key = words(word).join(" ");
        similar.set(key, [...similar.get(key) ?? [], ...group.filter(other => other !== word)]);
      }
    }
    const options = {
      boost: {title: 5, heading: 4, lead: 2, name: 2}, weights: {prefix: 0.2, fuzzy: 0.1},
      prefix: word => word.length > 1, boostDocument: id => weight(parts[id]),
    };
    const rarer = {combineWith: "AND", boostTerm: () => 0.5};   // a synonym weighs less than the word itself
    const alternatives = word => ({combineWith: "OR", queries: [{combineWith: "AND", queries: [word]},
      ...(similar.get(stem(word)) ?? []).map(other => ({...rarer, queries: [other]}))]});

    // One entry for each page, the best part of it: {href, title, heading, sections, line: [{text, match}]}
    return (query, limit = 12) => {
      const queries = (query.match(/[\p{L}\p{N}_]+/gu) ?? []).filter(word => !skipped.has(stem(word))).map(alternatives);
      const attempts = [{combineWith: "AND"}, {combineWith: "OR"}, {combineWith: "OR", fuzzy: 0.25}];
      const found = new Map();
      for (const attempt of queries.length ? attempts : []) {
        if (found.size >= (attempt.fuzzy ? 1 : 3)) break;
        for (const hit of index.search({queries, ...attempt}, options)) {
          const part = parts[hit.id], terms = new Set(hit.terms);
          if (found.has(part.page)) continue;
          found.set(part.page, {href: part.href, title: part.title, heading: part.shown, sections: part.page.sections,
            line: marked(bestLine(part, terms), terms), score: hit.score});
        }
      }
      return [...found.values()].slice(0, limit);
    };
  };
  globalThis.makeFinder = makeFinder;
})();
