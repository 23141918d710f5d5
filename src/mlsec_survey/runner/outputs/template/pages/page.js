// Nothing here is needed to read the page: it switches theme and code, sorts and folds tables, and
// shows what a term means where it stands.
(() => {
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const make = (tag, attributes = {}, ...children) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  };

  // Theme: the button names what it switches to.
  const theme = document.getElementById("theme"), root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme || (dark.matches ? "dark" : "light")) === "dark";
  const nameTheme = () => { theme.textContent = isDark() ? "Light theme" : "Dark theme"; };
  theme.hidden = false;
  nameTheme();
  dark.addEventListener("change", nameTheme);
  theme.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    try { localStorage.setItem("theme", root.dataset.theme); } catch { /* as in theme.js */ }
    nameTheme();
  });

  // Code: all at once.
  const toggle = document.getElementById("all-code"), code = all("details.code");
  toggle.hidden = !code.length;
  toggle.addEventListener("click", () => {
    const open = toggle.getAttribute("aria-pressed") !== "true";
    code.forEach((part) => { part.open = open; });
    toggle.setAttribute("aria-pressed", open);
    toggle.textContent = open ? "Hide all code" : "Show all code";
  });

  // On a phone the contents close when a place on this page is chosen.
  const menu = document.getElementById("menu");
  all("nav .links a[href^='#']").forEach((link) =>
    link.addEventListener("click", () => { menu.checked = false; }));

  // Tables.
  const WORDY = 36, narrow = matchMedia("(max-width: 34rem)");
  const limits = (table) => narrow.matches && table.classList.contains("cards")
    ? { long: 6, shown: 4 } : { long: 16, shown: 12 };
  const MISSING = new Set(["", "–", "(s)", "not estimable"]);
  const value = (cell) => {
    const text = cell.textContent.trim();
    if (MISSING.has(text)) return null;
    const number = text.replace(/,(?=\d{3})/g, "").replace("−", "-").match(/^[<>]?\s*(-?\d+(\.\d+)?)/);
    return number ? Number(number[1]) : text.toLowerCase();
  };
  const compare = (a, b) => {
    if (typeof a === "number" && typeof b === "number") return a - b;
    return String(a).localeCompare(String(b), "en", { numeric: true });
  };
  // Rows are sorted within their section; what is missing stays at the end.
  const sort = (table, column, sign) => {
    for (const body of table.tBodies) {
      const rows = all("tr", body).filter((row) => !row.classList.contains("section"));
      const keyed = rows.map((row, at) => [value(row.cells[column]), at, row]);
      keyed.sort(([a, i], [b, j]) => {
        if (a === null || b === null) return (a === null) - (b === null) || i - j;
        return sign * compare(a, b) || i - j;
      });
      body.append(...keyed.map(([, , row]) => row));
    }
    fold(table);
  };
  const fold = (table) => {
    const hide = table.dataset.folded === "true", { shown } = limits(table);
    let at = 0;
    all("tbody tr", table).forEach((row) => {
      row.classList.toggle("folded", hide && at >= shown);
      if (!row.classList.contains("section")) at += 1;
    });
  };
  const count = (table) => all("tbody tr:not(.section)", table).length;

  all("main table").forEach((table, number) => {
    const heads = table.tHead ? [...table.tHead.rows[0].cells] : [];
    const region = table.closest("div.table") || table.parentElement;
    const scroller = make("div", { class: "scroll" });
    table.replaceWith(scroller);
    scroller.append(table);
    const caption = table.caption || region.querySelector(".caption") ||
      (region.previousElementSibling?.matches(".caption") ? region.previousElementSibling : null);
    if (caption && !caption.id) caption.id = `caption-${number}`;

    // A region that scrolls can be reached by the keyboard and says what it is.
    const reach = () => {
      const wide = scroller.scrollWidth > scroller.clientWidth + 1;
      for (const [name, held] of [["tabindex", "0"], ["role", "region"]])
        if (wide) scroller.setAttribute(name, held); else scroller.removeAttribute(name);
      if (wide && caption) scroller.setAttribute("aria-labelledby", caption.id);
      else if (wide) scroller.setAttribute("aria-label", "Table, scrolls to the side");
      else { scroller.removeAttribute("aria-labelledby"); scroller.removeAttribute("aria-label"); }
      scroller.classList.toggle("wide", wide);
    };

    // Sorting: a button in each heading.
    if (heads.length && (table.hasAttribute("data-live") || count(table) > 2)) {
      heads.forEach((head, column) => {
        const text = head.textContent.trim();
        if (!text) return;
        const button = make("button", { type: "button", class: "sort", "aria-label": `Sort by ${text}` });
        head.append(button);
        button.addEventListener("click", () => {
          const sign = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
          heads.forEach((other) => other.removeAttribute("aria-sort"));
          head.setAttribute("aria-sort", sign === 1 ? "ascending" : "descending");
          sort(table, column, sign);
        });
      });
    }

    // The explorer's rows change and are few.
    const live = table.hasAttribute("data-live");
    // On a narrow screen a table of sentences reads as cards.
    const rows = all("tbody tr:not(.section)", table);
    const wordy = heads.some((_, column) => {
      const lengths = rows.map((row) => row.cells[column]?.textContent.length || 0);
      return column > 0 && lengths.reduce((a, b) => a + b, 0) / rows.length > WORDY;
    });
    if (wordy && !live) {
      table.classList.add("cards");
      // A short name, as of a hypothesis, never heads a card alone.
      const short = rows.every((row) => row.cells[0].textContent.trim().length < 4);
      table.classList.toggle("numbered", short);
      rows.forEach((row) => [...row.cells].forEach((cell, column) => {
        cell.dataset.label = heads[column]?.textContent.trim() || "";
        // A card leaves out what has no value.
        cell.classList.toggle("nothing", ["", "–"].includes(cell.textContent.trim()));
      }));
    }
    // Long tables show their first rows and how many there are; cards are long sooner.
    const button = make("button", { type: "button", class: "fold" });
    const set = (folded) => {
      table.dataset.folded = folded;
      button.setAttribute("aria-expanded", !folded);
      button.textContent = `Show ${folded ? "all" : "fewer of the"} ${rows.length} rows`;
      fold(table);
      reach();
    };
    const long = () => {
      const many = rows.length > limits(table).long;
      if (many && !button.isConnected) scroller.after(button);
      if (!many) button.remove();
      set(many);
    };
    button.addEventListener("click", () => set(table.dataset.folded !== "true"));
    if (!live) {
      narrow.addEventListener("change", long);
      long();
    }
    reach();
    new ResizeObserver(reach).observe(scroller);
  });

  // Terms: what one means, where it stands; the link leads to the glossary.
  const note = make("span", { id: "term-note", role: "tooltip", hidden: "" });
  document.body.append(note);
  let shown = null;
  const hide = () => {
    note.hidden = true;
    shown?.removeAttribute("aria-describedby");
    shown = null;
  };
  const show = (term) => {
    hide();
    shown = term;
    note.textContent = term.dataset.short;
    note.hidden = false;
    term.setAttribute("aria-describedby", "term-note");
    const box = term.getBoundingClientRect(), width = note.offsetWidth;
    const left = Math.min(Math.max(box.left, 8), document.documentElement.clientWidth - width - 8);
    const below = box.bottom + note.offsetHeight + 8 < innerHeight;
    note.style.left = `${left + scrollX}px`;
    note.style.top = `${(below ? box.bottom + 2 : box.top - note.offsetHeight - 2) + scrollY}px`;
  };
  // It stays while the pointer is on it, and goes with Escape.
  let leaving = 0;
  const stay = () => clearTimeout(leaving);
  const leave = () => { stay(); leaving = setTimeout(hide, 250); };
  all("a.term").forEach((term) => {
    term.addEventListener("pointerenter", (event) => {
      if (event.pointerType !== "touch") { stay(); show(term); }
    });
    term.addEventListener("pointerleave", leave);
    term.addEventListener("focus", () => { stay(); show(term); });
    term.addEventListener("blur", leave);
  });
  note.addEventListener("pointerenter", stay);
  note.addEventListener("pointerleave", leave);
  addEventListener("keydown", (event) => { if (event.key === "Escape") hide(); });

  // A link to a folded row, to code or to a number in a list opens what hides it.
  const open = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    for (let part = target; part; part = part.parentElement)
      if (part.tagName === "DETAILS") part.open = true;
    if (target.matches("details, .code")) target.closest("details").open = true;
    target.scrollIntoView();
  };
  addEventListener("hashchange", open);
  if (location.hash) open();
})();
