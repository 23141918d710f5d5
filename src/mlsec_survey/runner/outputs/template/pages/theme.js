// Before the page is painted, so that it does not flash in the other theme.
try {
  const chosen = localStorage.getItem("theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
} catch { /* A browser may refuse storage to a file; the system's theme holds then. */ }
