// The search of the site: the index, and the pages that match, best first. It needs no browser.
(() => {
  // "frames", "framing" and "frame" are one word
  const stem = word => word.toLowerCase().replace(/(?<=\p{L}{3})(?:ies|y)$/u, "i").replace(/(?<=\p{L}{2}[^su])s$/u, "")
    .replace(/(?<=\p{L}{4})(?:ing|ed)$|(?<=\p{L}{3})e$/u, "").replace(/([bdgmnprt])\1$/u, "$1");
  // A name is found by its parts, too: `image_resize_dims`, `HeatmapTracker`
  const withParts = word => {
    const parts = word.split(/_+|(?<=\p{Ll})(?=\p{Lu})/u).filter(Boolean);
    return (parts.length > 1 ? [word, ...parts] : [word]).map(stem);
  };
  const known = new Map();
  const stems = word => {
    if (!known.has(word)) known.set(word, withParts(word));
    return known.get(word);
  };
  const plainWords = text => text.match(/[\p{L}\p{N}_]+/gu) ?? [];
  const words = text => plainWords(text).flatMap(stems);

  // The line of a part that has most of the words, at most 160 characters of it
  const bestLine = (part, terms) => {
    const count = line => new Set(words(line).filter(word => terms.has(word))).size;
    const lines = [part.lead, ...part.text.split("\n")].filter(Boolean);
    const best = lines.reduce((a, b) => count(b) > count(a) ? b : a, lines[0] ?? "");
    const first = [...best.matchAll(/[\p{L}\p{N}_]+/gu)].find(match => words(match[0]).some(word => terms.has(word)));
    const start = best.length <= 160 || !first ? 0 : best.lastIndexOf(" ", Math.max(0, first.index - 60)) + 1;
    const end = start + 160 < best.length ? best.lastIndexOf(" ", start + 160) : best.length;
    return (start ? "… " : "") + best.slice(start, end) + (end < best.length ? " …" : "");
  };

  // Cut a text into stretches that match and stretches that do not
  const marked = (text, terms) => text.split(/([\p{L}\p{N}_]+)/u).map((piece, i) =>
    ({text: piece, match: i % 2 === 1 && words(piece).some(word => terms.has(word))}));

  // pages: [{href, title, sections, parts: [[anchor, heading, first paragraph, further text]]}]
  const makeFinder = (MiniSearch, pages, {synonyms, stop, sections}) => {
    const parts = pages.flatMap(page => page.parts.map(([anchor, heading, lead, text]) =>
      ({page, title: page.title, heading, lead, text, href: page.href + (anchor && `#${anchor}`)})));
    parts.forEach((part, id) => { part.id = id; });
    const skipped = new Set(stop.map(stem));
    const index = new MiniSearch({
      fields: ["title", "heading", "lead", "text"], tokenize: words,
      processTerm: word => skipped.has(word) ? null : word,
    });
    index.addAll(parts);

    const weight = ({page}) => {
      const section = page.sections.findLast(name => name in sections);
      return section ? sections[section] : 1;
    };
    const similar = new Map();
    for (const group of synonyms) {
      for (const word of group) {
        const key = words(word).join(" ");
        similar.set(key, [...similar.get(key) ?? [], ...group.filter(other => other !== word)]);
      }
    }
    const options = {
      boost: {title: 5, heading: 4, lead: 2}, weights: {prefix: 0.2, fuzzy: 0.1},
      prefix: word => word.length > 1, boostDocument: id => weight(parts[id]),
    };
    const rarer = {combineWith: "AND", boostTerm: () => 0.5};   // a synonym weighs less than the word itself
    const alternatives = word => ({combineWith: "OR", queries: [{combineWith: "AND", queries: [word]},
      ...(similar.get(stem(word)) ?? []).map(other => ({...rarer, queries: [other]}))]});

    // One entry for each page, the best part of it: {href, title, heading, sections, line: [{text, match}]}
    return (query, limit = 12) => {
      const queries = plainWords(query).filter(word => !skipped.has(stem(word))).map(alternatives);
      const attempts = [{combineWith: "AND"}, {combineWith: "OR"}, {combineWith: "OR", fuzzy: 0.25}];
      const found = new Map();
      for (const attempt of queries.length ? attempts : []) {
        if (found.size >= (attempt.fuzzy ? 1 : 3)) break;
        for (const hit of index.search({queries, ...attempt}, options)) {
          const part = parts[hit.id], terms = new Set(hit.terms);
          if (found.has(part.page)) continue;
          found.set(part.page, {href: part.href, title: part.title, heading: part.heading, sections: part.page.sections,
            line: marked(bestLine(part, terms), terms), score: hit.score});
        }
      }
      return [...found.values()].slice(0, limit);
    };
  };
  globalThis.makeFinder = makeFinder;
})();
