// Chart, table, n and interval of what is chosen, from the counts in this page.
(() => {
  const released = JSON.parse(document.getElementById("released").textContent);
  const at = (id) => document.getElementById(id);
  const fields = { item: at("item"), by: at("by"), of: at("of") };
  const items = new Map(released.items.map((item) => [item.id, item]));
  const groupings = new Map(released.groupings.map((by) => [by.id, by]));
  const Z = released.z, HIDDEN = "(s)", NONE = "–", MANY = 5;
  const make = (tag, attributes = {}, ...children) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  };
  const percent = (share) => `${(100 * share).toFixed(1)} %`;

  // The view as rows: one per answer and group.
  const rowsOf = ({ item, by, of }) => {
    const entry = items.get(item), grouping = groupings.get(by), table = released.tables[item][by];
    const answers = of === "all" ? entry.answers : entry.answers.slice(0, entry.answered);
    const rows = [];
    answers.forEach((answer, column) => grouping.groups.forEach((group, row) => {
      const n = table.n[row][of === "all" ? 0 : 1], count = table.counts[row][column];
      if (table.n[row][0] === 0) return;
      const known = count !== null && n !== null && n > 0;
      const [low, high] = known ? wilson(count, n, Z) : [null, null];
      rows.push({ answer, group, count, n, share: known ? count / n : null, low, high });
    }));
    return rows;
  };
  const words = (row) => {
    const number = (value) => (value === null ? HIDDEN : String(value));
    const share = (value) => (value !== null ? percent(value) : row.n === 0 ? NONE : HIDDEN);
    return [number(row.count), number(row.n), share(row.share), share(row.low), share(row.high)];
  };

  const draw = (rows, grouped) => {
    const chart = at("view-chart"), known = rows.filter((row) => row.high !== null);
    const top = Math.max(0.1, ...known.map((row) => row.high));
    const end = Math.min(1, Math.ceil(top * 10) / 10), place = (share) => `${(100 * share) / end}%`;
    const parts = [];
    let last = null;
    for (const row of rows) {
      if (grouped && row.answer !== last) parts.push(make("p", { class: "answer-head" }, row.answer));
      last = row.answer;
      const track = make("span", { class: "track" });
      if (row.high !== null) {
        track.append(
          make("span", { class: "range", style: `left:${place(row.low)};width:calc(${place(row.high)} - ${place(row.low)})` }),
          make("span", { class: "dot", style: `left:${place(row.share)}` }));
      }
      const [count, n, share, low, high] = words(row);
      parts.push(make("p", { class: "bar" },
        make("span", { class: "of" }, grouped ? row.group : row.answer), track,
        make("span", { class: "said" }, row.high === null ? share : `${share} (${low.replace(" %", "")} to ${high}), ${count}/${n}`)));
    }
    parts.push(make("p", { class: "axis" }, make("span", {}, "0 %"), make("span", {}, percent(end).replace(".0", ""))));
    // The table below says the same to those who do not see it.
    chart.replaceChildren(make("div", { "aria-hidden": "true" }, ...parts));
  };

  const seen = new Set();
  const warn = () => {
    const looks = seen.size;
    at("warning").textContent = looks < MANY
      ? "Looking is not testing: among twenty comparisons one stands out by chance. What you find here is exploratory."
      : `You have looked at ${looks} views. Among so many some differences are sure to be chance; what stands out is a reason for a new study, no result of this one.`;
    at("warning").classList.toggle("many", looks >= MANY);
  };

  const quoted = (text) => {
    const plain = String(text), safe = /^\s*[=+\-@]/.test(plain) ? `'${plain}` : plain;
    return /[",\n]/.test(safe) ? `"${safe.replace(/"/g, '""')}"` : safe;
  };
  const show = (choice, announce) => {
    const entry = items.get(choice.item), grouping = groupings.get(choice.by);
    const rows = rowsOf(choice), grouped = choice.by !== "";
    at("view-title").textContent = grouped ? `${entry.label}, by ${grouping.label}` : entry.label;
    document.title = `${at("view-title").textContent} · ${document.title.split(" · ").pop()}`;
    at("view-of").textContent = choice.of === "all" ? "in all" : "who gave a substantive answer";
    at("view-caption").textContent = `${at("view-title").textContent}: counts, shares and intervals (${released.status}).`;
    const known = rows.filter((row) => row.share !== null);
    const most = known.reduce((best, row) => (best && best.share >= row.share ? best : row), null);
    const hidden = rows.length - known.length;
    at("view-summary").textContent =
      `${rows.length} rows` + (most ? `; the largest share is ${percent(most.share)}: ${most.answer}${grouped ? `, ${most.group}` : ""} (${percent(most.low)} to ${percent(most.high)}, ${most.count} of ${most.n})` : "") +
      (hidden ? `; ${hidden} without a share` : "") + ".";
    draw(rows, grouped);
    document.querySelectorAll("#view-table [aria-sort]").forEach((head) => head.removeAttribute("aria-sort"));
    at("view-table").querySelector("tbody").replaceChildren(...rows.map((row) =>
      make("tr", {}, make("th", { scope: "row" }, row.answer), make("td", {}, row.group),
        ...words(row).map((text) => make("td", { class: "number" }, text)))));
    const lines = [["data_basis", "item", "grouped_by", "answer", "group", "count", "n", "estimate", "low", "high"],
      ...rows.map((row) => [released.status, entry.label, grouped ? grouping.label : "", row.answer, row.group,
        row.count ?? "", row.n ?? "", row.share ?? "", row.low ?? "", row.high ?? ""])];
    const text = lines.map((line) => line.map(quoted).join(",")).join("\n") + "\n";
    at("view-csv").href = `data:text/csv;charset=utf-8,${encodeURIComponent(text)}`;
    const hash = `#${new URLSearchParams(choice)}`;
    at("view-link").href = hash;
    if (announce && location.hash !== hash) history.replaceState(null, "", hash);
    seen.add(hash);
    warn();
  };

  const fit = (choice) => {
    // An item says nothing about itself.
    for (const option of fields.by.options) option.disabled = option.value === choice.item;
    return choice.by === choice.item ? { ...choice, by: "" } : choice;
  };
  const chosen = () => fit({ item: fields.item.value, by: fields.by.value, of: fields.of.value });
  const set = (choice) => {
    for (const [name, value] of Object.entries(choice)) fields[name].value = value;
  };
  const fromAddress = () => {
    const wanted = new URLSearchParams(location.hash.slice(1));
    const first = items.has("exposure") ? "exposure" : released.items[0].id;
    const item = items.has(wanted.get("item")) ? wanted.get("item") : first;
    const by = groupings.has(wanted.get("by")) ? wanted.get("by") : "";
    return fit({ item, by, of: wanted.get("of") === "all" ? "all" : "answered" });
  };
  const read = (announce) => { const choice = fromAddress(); set(choice); show(choice, announce); };
  at("choice").addEventListener("change", () => { const choice = chosen(); set(choice); show(choice, true); });
  at("choice").addEventListener("submit", (event) => event.preventDefault());
  addEventListener("hashchange", () => read(false));
  read(false);
})();
