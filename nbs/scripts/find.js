// The search of the site: the index, and the pages that match, best first. It needs no browser.
(() => {
  // "frames", "framing" and "frame" are one word
  const stem = word => word.toLowerCase().replace(/(?<=\p{L}{3})(?:ies|y)$/u, "i").replace(/(?<=\p{L}{2}[^su])s$/u, "")
    .replace(/(?<=[aeiouy]\p{L}+)ing$|(?<=[aeiouy]\p{L}+)(?<!e)ed$|(?<=\p{L}{3})e$/u, "")
    .replace(/([bdgmnprt])\1$/u, "$1");
  // A name is found by its parts, too: `image_resize_dims`, `HeatmapTracker`, `--labeled-video`
  const partsOf = word => {
    const parts = word.split(/[_-]+|(?<=\p{Ll})(?=\p{Lu})/u).filter(Boolean);
    return parts.length > 1 ? parts : [];
  };
  const NAME = /[\p{L}\p{N}_]+(?:-[\p{L}\p{N}_]+)*/gu;
  const known = new Map();
  const stems = word => {
    if (!known.has(word)) known.set(word, [word, ...partsOf(word)].map(stem));
    return known.get(word);
  };
  const names = text => text.match(NAME) ?? [];
  const words = text => names(text).flatMap(stems);

  // The line of a part that has most of the words, at most 160 characters of it
  const bestLine = (part, terms) => {
    const count = line => new Set(words(line).filter(word => terms.has(word))).size;
    const lines = [part.lead, ...part.text.split("\n")].filter(Boolean);
    const best = lines.reduce((a, b) => count(b) > count(a) ? b : a, lines[0] ?? "");
    const first = [...best.matchAll(NAME)].find(match => words(match[0]).some(word => terms.has(word)));
    const start = best.length <= 160 || !first ? 0 : best.lastIndexOf(" ", Math.max(0, first.index - 60)) + 1;
    const end = start + 160 < best.length ? best.lastIndexOf(" ", start + 160) : best.length;
    return (start ? "… " : "") + best.slice(start, end) + (end < best.length ? " …" : "");
  };

  // Cut a text into stretches that match and stretches that do not
  const marked = (text, terms) => text.split(new RegExp(`(${NAME.source})`, "u")).map((piece, i) =>
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
    // "fine tune" in a question is one word, "fine-tune"
    const phrases = synonyms.flat().filter(word => word.includes(" "));
    const joined = query => phrases.reduce((text, phrase) =>
      text.replace(new RegExp(`\\b${phrase}\\b`, "iu"), phrase.replace(" ", "-")), query);
    const similar = new Map();
    for (const group of synonyms) {
      for (const word of group) {
        const key = stem(word.replace(" ", "-"));
        similar.set(key, [...similar.get(key) ?? [], ...group.filter(other => other !== word)]);
      }
    }
    const options = {boost: {title: 5, heading: 4, lead: 2}, weights: {prefix: 0.2, fuzzy: 0.1},
      boostDocument: id => weight(parts[id])};
    const all = {combineWith: "AND"}, any = {combineWith: "OR"};
    const rarer = {...all, boostTerm: () => 0.5};   // a synonym, or the parts of a name, weigh less than the word itself
    const alternatives = word => ({...any, queries: [{...all, queries: [word]},
      ...(partsOf(word).length ? [{...rarer, queries: partsOf(word)}] : []),
      ...(similar.get(stem(word)) ?? []).map(other => ({...rarer, queries: [other]}))]});
    // "set" is a word, so it does not find "setting"; "sett" is none, so it does
    const unfinished = word => word.length > 1 && !index.search(word, all).length;

    // One entry for each page, the best part of it: {href, title, heading, sections, line: [{text, match}]}
    return (query, limit = 12) => {
      const queries = names(joined(query)).filter(word => !skipped.has(stem(word))).map(alternatives);
      // Pages with all words come first; the other attempts are made if these are too few
      const attempts = [[limit, {...all, prefix: unfinished}], [limit, {...all, prefix: true}],
        [3, {...any, prefix: unfinished}], [1, {...any, fuzzy: 0.25}]];
      const found = new Map();
      for (const [enough, attempt] of queries.length ? attempts : []) {
        for (const hit of found.size < enough ? index.search({queries, ...attempt}, options) : []) {
          const {page, ...part} = parts[hit.id], terms = new Set(hit.terms);
          if (found.has(page)) continue;
          found.set(page, {...part, sections: page.sections, line: marked(bestLine(part, terms), terms)});
        }
      }
      return [...found.values()].slice(0, limit);
    };
  };
  globalThis.makeFinder = makeFinder;
})();
