"use strict";
(() => {
  const make = (tag, attributes = {}, ...children) => {
    const element = Object.assign(document.createElement(tag), attributes);
    element.append(...children);
    return element;
  };
  const minus = (text) => text.replace("-", "−");
  const shown = (number, digits = 4) => minus(String(Number(number.toPrecision(digits))));

  // --- links into what is folded -----------------------------------------------
  const unfold = () => {
    const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    for (let at = target; at; at = at.parentElement) if (at.tagName === "DETAILS") at.open = true;
    if (target) target.scrollIntoView();
  };
  addEventListener("hashchange", unfold);
  unfold();

  // --- tables: sort, filter ----------------------------------------------------
  const worth = (cell) => {
    const text = cell.dataset.value ?? cell.textContent.trim();
    const number = Number(text);
    return text === "" ? null : Number.isNaN(number) ? text.toLowerCase() : number;
  };
  const compare = (a, b) => typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), "en", { numeric: true });
  const sort = (table, column, direction) => {
    const body = table.tBodies[0];
    const rows = [...body.rows].map((row) => [worth(row.cells[column]), row]);
    // What has no number stays at the end either way.
    rows.sort(([a], [b]) => a === null || b === null ? (a === null) - (b === null) : direction * compare(a, b));
    body.append(...rows.map(([, row]) => row));
  };
  for (const table of document.querySelectorAll("table.sortable")) {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      const button = make("button", { type: "button" });
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const up = head.getAttribute("aria-sort") !== "ascending";
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", up ? "ascending" : "descending");
        sort(table, column, up ? 1 : -1);
      });
    });
    const tools = make("div", { className: "tools" });
    if (table.tBodies[0].rows.length > 6) {
      const input = make("input", { type: "search", placeholder: "text that a row must hold" });
      const count = make("span");
      count.setAttribute("role", "status");
      input.addEventListener("input", () => {
        const wanted = input.value.trim().toLowerCase();
        const rows = [...table.tBodies[0].rows];
        for (const row of rows) row.hidden = !row.textContent.toLowerCase().includes(wanted);
        count.textContent = wanted ? `${rows.filter((row) => !row.hidden).length} of ${rows.length} rows` : "";
      });
      tools.append(make("label", {}, "Filter ", input), count);
    }
    tools.append(save("CSV", () => [`${table.dataset.name}.csv`, "text/csv", csv(cellsOf(table))]));
    (table.closest(".wide") ?? table).before(tools);
  }
  function cellsOf(table) {
    return [...table.rows].map((row) => [...row.cells].map((cell) => cell.innerText.trim().replace(/\s+/g, " ")));
  }

  // --- curves: read with the pointer or the arrow keys -------------------------
  for (const drawing of document.querySelectorAll(".drawing:has(svg[data-plot])")) {
    const svg = drawing.querySelector("svg");
    const plot = JSON.parse(svg.dataset.plot);
    const guide = svg.querySelector(".guide");
    const longest = plot.lines.reduce((a, b) => (b.x.length > a.x.length ? b : a)).x;
    let readout = null;
    let place = -1;
    const hide = () => {
      guide.setAttribute("visibility", "hidden");
      readout?.remove();
      readout = null;
    };
    const nearest = (x, wanted) => x.reduce((best, value, i) => (Math.abs(value - wanted) < Math.abs(x[best] - wanted) ? i : best), 0);
    const show = (index) => {
      place = Math.min(Math.max(index, 0), longest.length - 1);
      const [low, high] = plot.range;
      const x = longest[place];
      const at = plot.left + (plot.width * (x - low)) / (high - low);
      guide.setAttribute("x1", at);
      guide.setAttribute("x2", at);
      guide.setAttribute("visibility", "visible");
      if (!readout) {
        readout = make("div", { className: "readout" });
        readout.setAttribute("role", "status");
        drawing.append(readout);
      }
      readout.replaceChildren(make("strong", {}, `${plot.x.split(" ")[0] || "x"} = ${shown(x)}`));
      for (const line of plot.lines.slice(0, 12)) {
        const i = nearest(line.x, x);
        const far = line.residual?.[i];
        const key = make("span", { className: "key" });
        key.style.setProperty("--colour", `var(--series-${line.series ? ((line.series - 1) % 6) + 1 : 0})`);
        const text = `${line.name}: ${shown(line.y[i])}${far == null ? "" : ` (${minus(far.toFixed(1))} s.e.)`}`;
        readout.append(make("div", {}, key, text));
      }
      const width = svg.viewBox.baseVal.width;
      readout.style.left = at < width / 2 ? `${(100 * at) / width + 2}%` : "";
      readout.style.right = at < width / 2 ? "" : `${100 - (100 * at) / width + 2}%`;
    };
    const follow = (event) => {
      const box = svg.getBoundingClientRect();
      const at = ((event.clientX - box.left) / box.width) * svg.viewBox.baseVal.width;
      const [low, high] = plot.range;
      const x = low + ((at - plot.left) / plot.width) * (high - low);
      if (at < plot.left - 8 || at > plot.left + plot.width + 8) hide();
      else show(nearest(longest, Math.min(Math.max(x, low), high)));
    };
    drawing.tabIndex = 0;
    drawing.setAttribute("role", "group");
    drawing.setAttribute("aria-label", `${drawing.dataset.name}: read with the arrow keys`);
    drawing.addEventListener("pointermove", follow);
    drawing.addEventListener("pointerdown", follow);
    drawing.addEventListener("pointerleave", hide);
    drawing.addEventListener("blur", hide);
    drawing.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1, Home: -longest.length, End: longest.length }[event.key];
      if (step) {
        event.preventDefault();
        show(place + step);
      } else if (event.key === "Escape") hide();
    });
  }

  // --- save: figures as SVG and PNG, curves and tables as CSV -------------------
  function csv(rows) {
    return rows.map((row) => row.map((cell) => {
      const text = String(cell ?? "");
      return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
    }).join(",")).join("\n") + "\n";
  }
  async function download(name, type, content) {
    const link = make("a", { download: name.replace(/[^\w.]+/g, "_"), href: URL.createObjectURL(new Blob([content], { type })) });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  }
  function save(label, content, what = "this table") {
    const button = make("button", { type: "button" }, label);
    button.setAttribute("aria-label", `save ${what} as ${label}`);
    button.addEventListener("click", async () => download(...(await content())));
    return make("span", { className: "save" }, button);
  }
  const painted = ["fill", "fill-opacity", "stroke", "stroke-width", "stroke-dasharray", "stroke-opacity", "font", "paint-order", "visibility", "display"];
  const alone = (svg) => {
    const { width, height } = svg.getBoundingClientRect();
    const copy = svg.cloneNode(true);
    const originals = [svg, ...svg.querySelectorAll("*")];
    [copy, ...copy.querySelectorAll("*")].forEach((element, i) => {
      const style = getComputedStyle(originals[i]);
      element.setAttribute("style", painted.map((name) => `${name}: ${style.getPropertyValue(name)}`).join("; "));
    });
    if (!copy.hasAttribute("viewBox")) copy.setAttribute("viewBox", `0 0 ${width} ${height}`);
    copy.setAttribute("width", width);
    copy.setAttribute("height", height);
    copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
    copy.removeAttribute("data-plot");
    copy.style.background = getComputedStyle(document.body).backgroundColor;
    return { text: new XMLSerializer().serializeToString(copy), width, height };
  };
  const bitmap = async (svg) => {
    const { text, width, height } = alone(svg);
    const image = new Image();
    image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`;
    await image.decode();
    const canvas = make("canvas", { width: 3 * width, height: 3 * height });
    canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
    return new Promise((done) => canvas.toBlob(done, "image/png"));
  };
  const points = (plot) => [
    ["volume", plot.x, plot.y, "difference_over_standard_error"],
    ...plot.lines.flatMap((line) => line.x.map((x, i) => [line.name, x, line.y[i], line.residual?.[i]])),
  ];
  for (const drawing of document.querySelectorAll(".drawing")) {
    const svg = drawing.querySelector("svg");
    const { name } = drawing.dataset;
    const tools = make("div", { className: "save" });
    tools.append(save("SVG", () => [`${name}.svg`, "image/svg+xml", alone(svg).text], name));
    tools.append(save("PNG", async () => [`${name}.png`, "image/png", await bitmap(svg)], name));
    if (svg.dataset.plot) tools.append(save("CSV", () => [`${name}.csv`, "text/csv", csv(points(JSON.parse(svg.dataset.plot)))], name));
    drawing.after(tools);
  }
  const record = document.getElementById("record");
  if (record && "DecompressionStream" in window) {
    record.addEventListener("click", async (event) => {
      event.preventDefault();
      const bytes = Uint8Array.from(atob(record.href.split(",")[1]), (character) => character.charCodeAt(0));
      const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
      download("results.json", "application/json", await new Response(stream).text());
    });
  }
})();
