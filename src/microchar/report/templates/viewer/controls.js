const root = document.getElementById("viewer");
const element = (name) => document.getElementById(`viewer-${name}`);
const data = JSON.parse(element("data").textContent);
for (const { maps } of data.layers) for (const map of maps) map.values = bytesOf(map.values);

/** Connect the controls with the slices and the scene, which is null where there is none. */
function connect(slices, scene, redraw) {
  const { state } = slices;
  const axes = [0, 1, 2].filter((axis) => element(`axis-${axis}`));
  const choose = (axis, plane) => {
    state.axis = axis;
    const last = slices.onGrid(slices.most[axis] - 1);
    state.planes[axis] = Math.min(Math.max(slices.onGrid(plane), 0), last);
    redraw();
  };
  for (const axis of axes) {
    const slider = element(`plane-${axis}`);
    Object.assign(slider, { min: 0, step: data.factor, max: slices.onGrid(slices.most[axis] - 1), value: state.planes[axis] });
    slider.addEventListener("input", () => choose(axis, Number(slider.value)));
    element(`axis-${axis}`).addEventListener("change", () => choose(axis, state.planes[axis]));
  }
  state.axis = axes[0];
  const on = (name, event, act) => element(name)?.addEventListener(event, (happened) => {
    act?.(happened.currentTarget);
    redraw();
  });
  const flick = () => { state.flicker = data.names.length > 1 && !state.flicker; };
  const reset = () => { slices.reset(); scene?.reset(); };
  on("candidate", "change", (select) => { state.candidate = Number(select.value); state.flicker = false; });
  on("layer", "change", (select) => { state.layer = select.value === "" ? null : Number(select.value); });
  on("flicker", "click", flick);
  on("closer", "click", () => slices.zoomBy(1.5));
  on("farther", "click", () => slices.zoomBy(1 / 1.5));
  on("reset", "click", reset);
  on("cut", "change");
  data.phases.forEach((name, label) => on(`phase-${label}`, "change"));
  const nextLayer = () => {
    const select = element("layer");
    if (!select) return;
    select.selectedIndex = (select.selectedIndex + 1) % select.options.length;
    select.dispatchEvent(new Event("change"));
  };
  const steps = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: 10, PageDown: -10 };
  const turns = { ArrowLeft: [10, 0], ArrowRight: [-10, 0], ArrowUp: [0, -10], ArrowDown: [0, 10] };
  const keys = {
    f: flick, r: reset, d: nextLayer, c: () => element("cut")?.click(),
    "+": (target) => target.zoomBy(1.5), "=": (target) => target.zoomBy(1.5), "-": (target) => target.zoomBy(1 / 1.5),
  };
  root.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const inScene = scene && event.target === scene.canvas;
    const ownKeys = event.target.matches("select, input[type=range], input[type=radio], summary, a");
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (inScene && turns[key]) scene.turnBy(...turns[key]);
    else if (!ownKeys && steps[key]) choose(state.axis, state.planes[state.axis] + steps[key] * data.factor);
    else if (axes.length > 1 && axes.includes(Number(key)) && key !== " ") choose(Number(key), state.planes[Number(key)]);
    else if (keys[key] && !event.target.matches("select")) keys[key](inScene ? scene : slices);
    else return;
    event.preventDefault();
    redraw();
  });
}

/** Let pointers on a canvas move (`drag`, by pixels), zoom (`zoom`, at a point of the window) and point (`point`). */
function handle(canvas, { drag, zoom, point }) {
  const fingers = new Map();
  const spread = () => {
    const [a, b] = fingers.values();
    return b ? Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY) : 0;
  };
  canvas.addEventListener("pointerdown", (event) => {
    fingers.set(event.pointerId, event);
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    point?.(event);
    const before = fingers.get(event.pointerId);
    if (!before) return;
    const apart = spread();
    fingers.set(event.pointerId, event);
    if (fingers.size === 1) drag(event.clientX - before.clientX, event.clientY - before.clientY);
    else if (apart) zoom(spread() / apart, event);
  });
  const lift = (event) => fingers.delete(event.pointerId);
  canvas.addEventListener("pointerup", lift);
  canvas.addEventListener("pointercancel", lift);
  canvas.addEventListener("pointerleave", () => point?.(null));
  canvas.addEventListener("wheel", (event) => {
    // The page scrolls on unless the picture was chosen or the fingers pinch.
    if (document.activeElement !== canvas && !event.ctrlKey) return;
    event.preventDefault();
    zoom(1.0015 ** -event.deltaY, event);
  }, { passive: false });
}

/** Bring everything that depends on the state up to date. */
function refresh(slices, scene) {
  const { state } = slices;
  for (const axis of [0, 1, 2].filter((one) => element(`axis-${one}`))) {
    element(`axis-${axis}`).checked = axis === state.axis;
    element(`plane-${axis}`).value = state.planes[axis];
    element(`where-${axis}`).textContent = `plane ${state.planes[axis]} of ${slices.most[axis]}`;
  }
  element("flicker")?.setAttribute("aria-pressed", state.flicker);
  for (const panel of slices.panels) {
    const { volume, plane } = slices.shownBy(panel);
    const name = data.names[volume];
    const what = panel.number === 2 ? ", half its length away" : "";
    const where = plane === null ? `ends at plane ${data.voxels[volume][state.axis] - 1}` : `plane ${plane}`;
    element(`caption-${panel.number}`).replaceChildren(Object.assign(document.createElement("strong"), { textContent: name }), `${what}, ${where}`);
    panel.canvas.setAttribute("aria-label", `${name}${what}, slice normal to axis ${state.axis}, ${where}`);
  }
  slices.fit();
  const layer = state.layer === null ? null : data.layers[state.layer];
  element("layer-says").hidden = !layer;
  if (layer) element("layer-says").textContent = layer.sentences[state.candidate];
  const [down, right] = axesOf(state.axis);
  element("directions").textContent = `axis ${down} down, axis ${right} right`;
  sayPosition(slices);
  slices.redraw();
  if (!scene) return;
  scene.state.volumes = data.names.length > 1 ? [0, state.candidate] : [0];
  scene.state.shown = data.phases.reduce((bits, name, label) => bits | (element(`phase-${label}`).checked << label), 0);
  scene.state.cut = element("cut").checked ? { axis: state.axis, plane: state.planes[state.axis] } : null;
  if (element("scene-candidate")) element("scene-candidate").textContent = data.names[state.candidate];
  scene.redraw();
}

/** Say how long the bar is, and which phases lie below the pointer. */
function sayPosition(slices) {
  const { canvas } = slices.panels[0];
  const perLength = (slices.placed(canvas).scale * canvas.clientWidth) / canvas.width;
  const length = roundLength(canvas.clientWidth / 4 / perLength);
  element("scale").style.width = `${length * perLength}px`;
  element("scale-length").textContent = `${length} ${data.unit}${data.unit === "voxel" && length !== 1 ? "s" : ""};`;
  const places = slices.panels.map((panel) => ({ ...slices.shownBy(panel), position: slices.under(panel), panel }));
  const found = places.filter(({ position }) => position);
  const said = found.map(({ volume, position, panel }) => `${data.names[volume]}${panel.number === 2 ? " away" : ""}: ${slices.phaseAt(volume, position)}`);
  const at = found.length && `(${found[0].position.join(", ")}) ${said.join(" · ")}`;
  element("position").textContent = at || "Point at a slice to read it.";
}

async function start() {
  if (typeof DecompressionStream === "undefined") {
    element("fault").hidden = false;
    return;
  }
  const volumes = await Promise.all(data.packed.map(unpack));
  element("slices").hidden = false;
  const canvases = [0, 1, 2].map((number) => element(`slice-${number}`)).filter(Boolean);
  const slices = new Slices(data, volumes, canvases);
  const solid = element("solid");
  if (solid) solid.hidden = false;
  const scene = solid && Scene.on(element("scene"), data, volumes);
  if (solid) {
    solid.hidden = !scene;
    element("stills").hidden = Boolean(scene);
  }
  const redraw = () => refresh(slices, scene);
  connect(slices, scene, redraw);
  for (const { canvas } of slices.panels) {
    handle(canvas, {
      drag: (x, y) => {
        const [from, to] = [slices.lengthsAt(canvas, 0, 0), slices.lengthsAt(canvas, x, y)];
        slices.moveBy(to.map((length, axis) => length - from[axis]));
      },
      zoom: (factor, event) => { slices.zoomBy(factor, slices.lengthsAt(canvas, event.clientX, event.clientY)); redraw(); },
      point: (event) => {
        slices.pointer = event && slices.lengthsAt(canvas, event.clientX, event.clientY);
        sayPosition(slices);
        slices.redraw();
      },
    });
  }
  if (scene) {
    if (scene.step > 1) element("scene-says").textContent = `In three dimensions 1 of ${scene.step} of the voxels along each axis is drawn.`;
    handle(scene.canvas, { drag: (x, y) => scene.turnBy(-x / 2, y / 2), zoom: (factor) => scene.zoomBy(factor) });
    scene.gl.canvas.addEventListener("webglcontextlost", () => { solid.hidden = true; element("stills").hidden = false; });
  }
  new ResizeObserver(redraw).observe(root);
  redraw();
  return { slices, scene };
}

// For scripts and tests: what the page shows, once it is unpacked.
root.viewer = start();
