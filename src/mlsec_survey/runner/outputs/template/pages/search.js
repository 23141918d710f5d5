// Looks through the index that stands in this page; nothing is asked of anybody.
(() => {
  const index = JSON.parse(document.getElementById("search-index").textContent);
  const found = document.getElementById("found"), hits = document.getElementById("hits");
  const query = (new URLSearchParams(location.search).get("q") || "").trim();
  const field = document.getElementById("q");
  if (field) field.value = query;
  if (!query) return;
  const fold = (text) => text.normalize("NFD").replace(/\p{Diacritic}/gu, "").toLowerCase();
  const words = fold(query).split(/\s+/).filter(Boolean);
  const scored = index.map((entry) => {
    const head = fold(entry.title), text = fold(entry.text);
    let score = 0;
    for (const word of words) {
      const inHead = head.includes(word), at = text.indexOf(word);
      if (!inHead && at < 0) return null;
      score += (inHead ? 10 : 0) + (at >= 0 ? 1 + 1 / (1 + at / 200) : 0);
    }
    return [score + (entry.kind === "term" ? 8 : 0), entry];
  }).filter(Boolean).sort(([a], [b]) => b - a).slice(0, 40);
  found.textContent = scored.length
    ? `${scored.length === 40 ? "The first 40" : scored.length} ${scored.length === 1 ? "place" : "places"} with “${query}”`
    : `Nothing found for “${query}”. Try fewer or shorter words.`;
  document.title = `${query} · ${document.title}`;
  const marked = (text) => {
    const at = Math.max(fold(text).indexOf(words[0]), 0), start = Math.max(at - 80, 0);
    const long = text.length > start + 240;
    const piece = long ? text.slice(start, start + 240).replace(/\s+\S*$/, " …") : text.slice(start);
    const cut = start ? `… ${piece.replace(/^\S*\s+/, "")}` : piece;
    const parts = [], folded = fold(cut);
    let done = 0;
    // Folding may change the length of a text; marks are left out then.
    if (folded.length !== cut.length) return [cut];
    while (done < cut.length) {
      const next = words.map((word) => [folded.indexOf(word, done), word.length])
        .filter(([place]) => place >= 0).sort(([a], [b]) => a - b)[0];
      if (!next) break;
      parts.push(cut.slice(done, next[0]));
      const mark = document.createElement("mark");
      mark.textContent = cut.slice(next[0], next[0] + next[1]);
      parts.push(mark);
      done = next[0] + next[1];
    }
    return [...parts, cut.slice(done)];
  };
  for (const [, entry] of scored) {
    const item = document.createElement("li"), link = document.createElement("a");
    const where = document.createElement("span"), text = document.createElement("p");
    link.href = entry.href;
    link.textContent = entry.title;
    where.className = "where";
    where.textContent = entry.page;
    text.append(...marked(entry.text));
    item.append(link, " ", where, text);
    hits.append(item);
  }
})();
