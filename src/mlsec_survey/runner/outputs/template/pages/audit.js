// What one organisation answers, beside the sample's counts; nothing leaves the page but by "save".
(() => {
  const data = JSON.parse(document.getElementById("audit-data").textContent);
  const at = (id) => document.getElementById(id);
  const asked = new Map(data.topics.flatMap((topic) => topic.questions).map((one) => [one.id, one]));
  const fields = [...at("answers").querySelectorAll("select, textarea")];
  const Z = data.z, VERSION = 1;
  const percent = (share) => `${(100 * share).toFixed(0)} %`;
  const beside = (question, answer) => {
    if (answer === "") return "";
    const count = question.counts[question.answers.indexOf(answer)];
    if (count === null || count === undefined || !question.n) return "Not shown for the sample: too few respondents.";
    const [low, high] = wilson(count, question.n, Z);
    return `${count} of ${question.n} respondents: ${percent(count / question.n)} (${percent(low)} to ${percent(high)}); ${data.status}`;
  };
  const labelOf = (field) => document.querySelector(`label[for="${field.id}"]`).textContent;
  const refresh = () => {
    for (const field of fields) {
      const question = asked.get(field.name);
      if (question) at(`s-${question.id}`).textContent = beside(question, field.value);
    }
    const open = fields.filter((field) => field.value.trim() === "");
    at("open-count").textContent = `${open.length} of ${fields.length} questions are open.`;
    at("open-list").replaceChildren(...open.map((field) => {
      const link = document.createElement("a"), entry = document.createElement("li");
      link.href = `#${field.closest(".question").id}`;
      link.textContent = labelOf(field);
      link.addEventListener("click", () => field.focus());
      entry.append(link);
      return entry;
    }));
  };
  const record = () => ({
    record: "self-assessment", version: VERSION, sample: data.status,
    answers: Object.fromEntries(fields.map((field) => [field.name, field.value])),
  });
  at("save").addEventListener("click", () => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([JSON.stringify(record(), null, 1)], { type: "application/json" }));
    link.download = "self-assessment.json";
    link.click();
    URL.revokeObjectURL(link.href);
    at("told").textContent = "Saved as self-assessment.json.";
  });
  at("load").addEventListener("change", async (event) => {
    const [file] = event.target.files;
    if (!file) return;
    let told = "This is no record of a self-assessment; nothing was changed.";
    try {
      const loaded = JSON.parse(await file.text());
      if (loaded.record === "self-assessment" && loaded.version === VERSION) {
        const unknown = [];
        for (const [name, value] of Object.entries(loaded.answers)) {
          const field = fields.find((one) => one.name === name);
          if (field && typeof value === "string") {
            field.value = value;
            if (field.value === value) continue;
            field.value = "";
          }
          unknown.push(name);
        }
        told = unknown.length ? `Loaded; not asked in this way any more: ${unknown.join(", ")}.` : "Loaded.";
      }
    } catch { /* what was told stands */ }
    at("told").textContent = told;
    // So that the same file, changed meanwhile, can be loaded again.
    event.target.value = "";
    refresh();
  });
  at("print").addEventListener("click", () => window.print());
  at("answers").addEventListener("input", refresh);
  at("answers").addEventListener("submit", (event) => event.preventDefault());
  refresh();
})();
