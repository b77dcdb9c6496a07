// Draws the charts of a report from the JSON in #report-data; nothing else of the page depends on it.
"use strict";
(() => {
  const root = document.documentElement;
  const data = JSON.parse(document.getElementById("report-data").textContent);
  const charts = new Map();  // canvas id -> Chart
  const state = { hidden: new Set(), smooth: 1, axis: "iteration", logarithmic: new Map() };
  const PALETTE = 8;

  const css = (name) => getComputedStyle(root).getPropertyValue(name).trim();
  // Runs beyond the palette take hues in steps of the golden angle.
  const runColour = (run) => (run < PALETTE ? css("--c" + run) : `hsl(${(run * 137.5) % 360} 60% 50%)`);
  const faint = (colour, alpha) => (colour.startsWith("#") ? colour + alpha : colour.replace(")", " / 25%)"));
  // "0.00012", "1.2e-7", "3.14": five digits that mean something.
  const shown = (value) => {
    const size = Math.abs(value);
    return size !== 0 && (size < 1e-4 || size >= 1e7) ? value.toExponential(3) : String(Number(value.toPrecision(5)));
  };

  // Mean over a window of neighbours that ends at each point; gaps stay gaps.
  function smoothed(values, window) {
    if (window <= 1) return values;
    return values.map((value, at) => {
      if (value === null) return null;
      const near = values.slice(Math.max(0, at - window + 1), at + 1).filter((other) => other !== null);
      return near.reduce((sum, other) => sum + other, 0) / near.length;
    });
  }

  const overEpochs = (chart) => chart.byEpoch || (state.axis === "epoch" && data.runs.every((run) => run.iterationsPerEpoch > 0));
  function abscissa(chart, set) {
    if (chart.byEpoch || !overEpochs(chart)) return set.x;
    const per = data.runs[set.run].iterationsPerEpoch;
    return set.x.map((x) => x / per);
  }

  function datasets(chart) {
    const made = [];
    for (const set of chart.sets) {
      const x = abscissa(chart, set);
      const points = (values) => values.map((y, at) => ({ x: x[at], y }));
      // With one run, its lines differ by colour; with several, colour is the run's.
      const alone = data.runs.length === 1;
      const colour = runColour(alone && set.dashed ? 1 : set.run);
      const name = [data.runs.length > 1 ? data.runs[set.run].name : "", set.label].filter(Boolean).join(" · ");
      const base = { run: set.run, hidden: state.hidden.has(set.run), borderColor: colour, pointRadius: 0, spanGaps: false };
      if (set.low) {
        made.push({ ...base, data: points(set.low), borderWidth: 0, helper: true });
        made.push({ ...base, data: points(set.high), borderWidth: 0, fill: "-1", backgroundColor: faint(colour, "33"), helper: true });
      }
      const smooth = !chart.marked && state.smooth > 1;
      if (smooth) made.push({ ...base, data: points(set.y), borderColor: faint(colour, "44"), borderWidth: 1, helper: true });
      const few = set.x.length <= 40;
      made.push({
        ...base, data: points(smooth ? smoothed(set.y, state.smooth) : set.y), label: name || chart.title, backgroundColor: colour,
        borderWidth: 1.8, borderDash: set.dashed && !alone ? [5, 4] : [], pointRadius: chart.marked ? 3 : few ? 2 : 0,
        pointHoverRadius: 4, per: set.per, low: set.low, high: set.high,
      });
    }
    return made;
  }

  // The nearest point of every curve: runs are logged at different iterations.
  Chart.Interaction.modes.everyCurve = (chart, event) => {
    const items = [];
    chart.getSortedVisibleDatasetMetas().forEach((meta) => {
      if (chart.data.datasets[meta.index].helper || !meta.data.length) return;
      let best = -1;
      meta.data.forEach((element, at) => {
        if (element.skip) return;
        if (best < 0 || Math.abs(element.x - event.x) < Math.abs(meta.data[best].x - event.x)) best = at;
      });
      if (best >= 0) items.push({ element: meta.data[best], datasetIndex: meta.index, index: best });
    });
    const nearest = Math.min(...items.map((item) => Math.abs(item.element.x - event.x)));
    return items.filter((item) => Math.abs(item.element.x - event.x) <= nearest + 12);
  };

  // Dashed verticals where a run had an incident.
  const incidentLines = {
    id: "incidentLines",
    afterDatasetsDraw(chart) {
      const spec = chart.options.report;
      if (!spec || spec.id === "reliability") return;
      const { ctx, chartArea: area, scales } = chart;
      ctx.save();
      ctx.setLineDash([3, 3]);
      data.runs.forEach((run, index) => {
        if (state.hidden.has(index)) return;
        ctx.strokeStyle = faint(runColour(index), "99");
        for (const iteration of run.incidents) {
          const x = scales.x.getPixelForValue(overEpochs(spec) ? iteration / (run.iterationsPerEpoch || 1) : iteration);
          if (x < area.left || x > area.right) continue;
          ctx.beginPath();
          ctx.moveTo(x, area.top);
          ctx.lineTo(x, area.bottom);
          ctx.stroke();
        }
      });
      ctx.restore();
    },
  };

  function tooltipLabel(item) {
    const set = item.dataset;
    let text = `${set.label}: ${shown(item.parsed.y)}`;
    if (set.per > 1) text += ` (mean of ${set.per}; ${shown(set.low[item.dataIndex])} … ${shown(set.high[item.dataIndex])})`;
    return text;
  }

  function axis(title, type) {
    return {
      type, title: { display: Boolean(title), text: title, color: css("--muted") }, grid: { color: css("--grid"), borderColor: css("--edge") },
      ticks: { color: css("--muted"), maxRotation: 0, autoSkipPadding: 14, callback: (value) => shown(value) },
    };
  }

  // A click on a line's name takes its band and its raw points along; they stand before it.
  function toggle(event, item, legend) {
    const { chart } = legend;
    const visible = !chart.isDatasetVisible(item.datasetIndex);
    for (let at = item.datasetIndex; at === item.datasetIndex || chart.data.datasets[at]?.helper; --at) chart.setDatasetVisibility(at, visible);
    chart.update();
  }

  // Chart.js' own labels, dashed as the lines are.
  function names(chart) {
    return Chart.defaults.plugins.legend.labels.generateLabels(chart).map((label) => {
      const set = chart.data.datasets[label.datasetIndex];
      return { ...label, lineDash: set.borderDash || [], lineWidth: 2, strokeStyle: set.borderColor };
    });
  }

  // Smallest and largest of the values that are there.
  function extent(values) {
    let [low, high] = [Infinity, -Infinity];
    for (const value of values) {
      if (value === null) continue;
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
    return [low, high];
  }

  const several = (spec) => data.runs.length > 1 || new Set(spec.sets.map((set) => set.label)).size > 1;

  function options(spec) {
    const y = axis(spec.unit, state.logarithmic.get(spec.id) ? "logarithmic" : "linear");
    const [low, high] = extent(spec.sets.flatMap((set) => (set.low ? [...set.low, ...set.high] : set.y)));
    // A constant lies halfway between 0 and its double.
    if (high - low <= 1e-6 * Math.abs(high)) Object.assign(y, { suggestedMin: Math.min(0, 2 * low), suggestedMax: Math.max(0, 2 * high) });
    const x = { ...axis(overEpochs(spec) ? "epoch" : "iteration", "linear"), bounds: spec.byEpoch ? "ticks" : "data" };
    const [first, last] = extent(spec.sets.flatMap((set) => abscissa(spec, set)));
    if (first >= 0 && first < 0.05 * last) x.min = 0;
    if (y.type === "logarithmic") {
      // Powers of ten and, between few of them, 2 and 5.
      y.ticks.callback = (value, at, ticks) => {
        const lead = Number(value.toExponential()[0]);
        return lead === 1 || (ticks.length < 30 && (lead === 2 || lead === 5)) ? shown(value) : "";
      };
    }
    return {
      report: spec, animation: false, responsive: true, maintainAspectRatio: false,
      interaction: { mode: "everyCurve", intersect: false },
      scales: { x, y },
      plugins: {
        legend: {
          display: several(spec), position: "bottom",
          onClick: toggle,
          labels: {
            color: css("--text"), usePointStyle: true, pointStyle: "line", pointStyleWidth: 26, generateLabels: names,
            filter: (item, all) => !all.datasets[item.datasetIndex].helper,
          },
        },
        tooltip: {
          callbacks: {
            title: (items) => (items.length ? `${overEpochs(spec) ? "epoch" : "iteration"} ${shown(items[0].parsed.x)}` : ""),
            label: tooltipLabel,
          },
        },
      },
    };
  }

  function draw(spec) {
    const canvas = document.querySelector(`canvas[data-chart="${CSS.escape(spec.id)}"]`);
    if (!canvas) return;
    const old = charts.get(spec.id);
    if (old) old.destroy();
    charts.set(spec.id, new Chart(canvas, { type: "line", data: { datasets: datasets(spec) }, options: options(spec), plugins: [incidentLines] }));
  }

  function drawReliability() {
    const canvas = document.querySelector('canvas[data-chart="reliability"]');
    if (!canvas) return;
    const spec = { id: "reliability", sets: [], unit: "accuracy" };
    const sets = data.reliability.map((diagram, at) => {
      const images = diagram.bins.reduce((sum, bin) => sum + bin[2], 0);
      const colour = runColour(data.runs.length > 1 ? diagram.run : at);
      const earlier = data.reliability.slice(0, at).some((other) => other.run === diagram.run);
      return {
        run: diagram.run, hidden: state.hidden.has(diagram.run), borderColor: colour, backgroundColor: colour, borderWidth: 1.8,
        borderDash: earlier && data.runs.length > 1 ? [5, 4] : [],
        label: [data.runs.length > 1 ? data.runs[diagram.run].name : "", diagram.label].filter(Boolean).join(" · ") || "this run",
        data: diagram.bins.map((bin) => ({ x: bin[0], y: bin[1] })), images: diagram.bins.map((bin) => bin[2]),
        pointRadius: diagram.bins.map((bin) => 2 + 10 * Math.sqrt(bin[2] / images)),
      };
    });
    sets.push({ data: [{ x: 0, y: 0 }, { x: 1, y: 1 }], borderColor: css("--muted"), borderDash: [4, 4], borderWidth: 1, pointRadius: 0, helper: true });
    const made = options(spec);
    Object.assign(made.scales.x, { min: 0, max: 1, title: { ...made.scales.x.title, text: "confidence" } });
    Object.assign(made.scales.y, { min: 0, max: 1 });
    made.plugins.legend.display = true;
    made.plugins.tooltip.callbacks = {
      title: () => "",
      label: (item) => `${item.dataset.label}: confidence ${shown(item.parsed.x)}, accuracy ${shown(item.parsed.y)}, ${item.dataset.images[item.dataIndex]} images`,
    };
    const old = charts.get("reliability");
    if (old) old.destroy();
    charts.set("reliability", new Chart(canvas, { type: "line", data: { datasets: sets }, options: made }));
  }

  function drawAll() {
    Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
    document.querySelectorAll(".swatch[data-run]").forEach((mark) => { mark.style.background = runColour(Number(mark.dataset.run)); });
    data.charts.forEach(draw);
    drawReliability();
  }

  // A button for the scale where every value is positive.
  function addScaleButton(spec) {
    const values = spec.sets.flatMap((set) => set.low || set.y).filter((value) => value !== null);
    state.logarithmic.set(spec.id, spec.logarithmic);
    if (!values.length || values.filter((value) => value <= 0).length > 1) return;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "scale";
    button.textContent = "log";
    button.title = "logarithmic scale; values of 0 and below leave gaps";
    const press = () => button.setAttribute("aria-pressed", String(state.logarithmic.get(spec.id)));
    button.addEventListener("click", () => {
      state.logarithmic.set(spec.id, !state.logarithmic.get(spec.id));
      press();
      draw(spec);
    });
    press();
    document.querySelector(`canvas[data-chart="${CSS.escape(spec.id)}"]`).closest(".chart").querySelector("header").append(button);
  }

  function addControls() {
    const controls = document.querySelector(".controls");
    controls.hidden = data.charts.length === 0;
    if (data.runs.length > 1) data.runs.forEach((run, index) => {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "run";
      button.setAttribute("aria-pressed", "true");
      const mark = document.createElement("span");
      mark.className = "swatch";
      mark.dataset.run = index;
      button.append(mark, run.name);
      button.addEventListener("click", () => {
        if (!state.hidden.delete(index)) state.hidden.add(index);
        button.setAttribute("aria-pressed", String(!state.hidden.has(index)));
        drawAll();
      });
      controls.querySelector(".runs").append(button);
    });
    document.getElementById("smooth").addEventListener("change", (event) => { state.smooth = Number(event.target.value); drawAll(); });
    const over = document.getElementById("axis");
    over.closest("label").hidden = !data.runs.every((run) => run.iterationsPerEpoch > 0);
    over.addEventListener("change", (event) => { state.axis = event.target.value; drawAll(); });
  }

  function addSliders() {
    document.querySelectorAll(".samples").forEach((card) => {
      const slider = card.querySelector("input[type=range]");
      if (!slider) return;
      const grids = card.querySelectorAll("figure");
      slider.addEventListener("input", () => grids.forEach((grid, at) => { grid.hidden = at !== Number(slider.value); }));
    });
  }

  addControls();
  addSliders();
  data.charts.forEach(addScaleButton);
  drawAll();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
  root.dataset.charts = String(charts.size);
  root.dataset.report = "drawn";
})();
