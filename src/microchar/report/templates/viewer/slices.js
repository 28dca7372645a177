const ABOVE = "rgb(190 24 140 / 60%)";
const BELOW = "rgb(0 122 90 / 60%)";
const NEAREST = 40; // largest zoom

/** Return the two axes of a slice: the one that runs down, the one that runs to the right. */
function axesOf(axis) {
  return [0, 1, 2].filter((other) => other !== axis);
}

/** Return the pixel of each label; that of the labels outside the mask is transparent. */
function pixelsOf(colours) {
  const bytes = new Uint8Array(4 * 256);
  colours.forEach((colour, label) => bytes.set([...colour, 255], 4 * label));
  return new Uint32Array(bytes.buffer);
}

/** Draw the slice of a volume normal to an axis, a pixel for each voxel. */
function sliceImage(volume, axis, plane, pixelOf) {
  const [down, right] = axesOf(axis);
  const strides = [volume.shape[1] * volume.shape[2], volume.shape[2], 1];
  const image = new ImageData(volume.shape[right], volume.shape[down]);
  const pixels = new Uint32Array(image.data.buffer);
  let pixel = 0;
  for (let row = 0; row < volume.shape[down]; row++) {
    let voxel = plane * strides[axis] + row * strides[down];
    for (let column = 0; column < volume.shape[right]; column++, voxel += strides[right]) {
      pixels[pixel++] = pixelOf[volume.labels[voxel]];
    }
  }
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [image.width, image.height];
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}

/** Return 1, 2 or 5 times a power of ten, the largest that is not above a length. */
function roundLength(length) {
  const power = 10 ** Math.floor(Math.log10(length));
  return [5, 2, 1].find((digit) => digit * power <= length * 1.0001) * power;
}

/**
 * Slices of the reference, of a candidate, and of the reference half its length away, side by side.
 *
 * Lengths in a slice are in units of length; `state.planes` and positions are voxels of the volumes as they were
 * measured, of which every `data.factor`-th is in `volumes`.
 */
class Slices {
  constructor(data, volumes, canvases) {
    this.data = data;
    this.volumes = volumes;
    this.pixelOf = pixelsOf(data.colours);
    this.most = [0, 1, 2].map((axis) => Math.max(...data.voxels.map((voxels) => voxels[axis])));
    const extents = this.most.map((n, axis) => n * data.voxelSize[axis]);
    this.extents = extents;
    this.state = { axis: 0, planes: this.most.map((n) => this.onGrid(n / 2)), candidate: 1, flicker: false, layer: null };
    this.panels = canvases.map((canvas, number) => ({ canvas, number, key: "", image: null }));
    this.redraw = onceAFrame(() => { this.panels.forEach((panel) => this.draw(panel)); });
    this.reset();
  }

  /** Return a voxel of the measured volume, moved to the first of those that are drawn as one. */
  onGrid(voxel) {
    return Math.floor(voxel / this.data.factor) * this.data.factor;
  }

  reset() {
    this.zoom = 1;
    this.centre = this.extents.map((extent) => extent / 2);
    this.pointer = null;
    this.redraw();
  }

  /** Return which volume a panel shows, and which plane of it; the plane is null where the volume has ended. */
  shownBy(panel) {
    const { axis, planes, candidate, flicker } = this.state;
    const volume = panel.number === 1 && !flicker ? candidate : 0;
    const length = this.data.voxels[volume][axis];
    const away = panel.number === 2 ? Math.floor(length / 2) : 0;
    const plane = planes[axis];
    return { volume, plane: plane < length ? this.onGrid((plane + away) % length) : null };
  }

  /** Return the position in a volume, in voxels, below the pointer; null outside of it. */
  under(panel) {
    const { volume, plane } = this.shownBy(panel);
    if (this.pointer === null || plane === null) return null;
    const position = this.pointer.map((length, axis) => Math.floor(length / this.data.voxelSize[axis]));
    position[this.state.axis] = plane;
    return position.every((n, axis) => n >= 0 && n < this.data.voxels[volume][axis]) ? position : null;
  }

  /** Return the name of the phase at a position of a volume. */
  phaseAt(volume, position) {
    const [i, j, k] = position.map((n) => Math.floor(n / this.data.factor));
    const { shape, labels } = this.volumes[volume];
    return this.data.phases[labels[(i * shape[1] + j) * shape[2] + k]] ?? "outside the mask";
  }

  /** Return canvas pixels for a unit of length, and where the lengths 0, 0 lie on the canvas. */
  placed(canvas) {
    const [down, right] = axesOf(this.state.axis);
    const fit = Math.min(canvas.width / this.extents[right], canvas.height / this.extents[down]);
    const scale = fit * this.zoom;
    return { scale, x: canvas.width / 2 - this.centre[right] * scale, y: canvas.height / 2 - this.centre[down] * scale };
  }

  /** Return the lengths along the axes at a point of the window, for a canvas. */
  lengthsAt(canvas, clientX, clientY) {
    const box = canvas.getBoundingClientRect();
    const { scale, x, y } = this.placed(canvas);
    const [down, right] = axesOf(this.state.axis);
    const lengths = [0, 0, 0];
    lengths[right] = (((clientX - box.left - canvas.clientLeft) * canvas.width) / canvas.clientWidth - x) / scale;
    lengths[down] = (((clientY - box.top - canvas.clientTop) * canvas.height) / canvas.clientHeight - y) / scale;
    return lengths;
  }

  /** Zoom by a factor; what lies at `fixed` stays where it is. */
  zoomBy(factor, fixed = this.centre) {
    const zoom = Math.min(Math.max(this.zoom * factor, 1), NEAREST);
    const change = this.zoom / zoom;
    this.zoom = zoom;
    this.centre = this.centre.map((length, axis) => fixed[axis] + (length - fixed[axis]) * change);
    this.moveBy([0, 0, 0]);
  }

  /** Move what is shown by lengths along the axes; the middle of the picture stays on the volumes. */
  moveBy(lengths) {
    this.centre = this.centre.map((length, axis) => {
      const half = this.extents[axis] / 2;
      const free = half * (1 - 1 / this.zoom);
      return Math.min(Math.max(length - lengths[axis], half - free), half + free);
    });
    this.redraw();
  }

  /** Give the canvases the shape of the largest slice and the resolution of the screen. */
  fit() {
    const [down, right] = axesOf(this.state.axis);
    const ratio = Math.min(Math.max(this.extents[down] / this.extents[right], 0.4), 1.5);
    for (const { canvas } of this.panels) {
      const width = Math.round(canvas.clientWidth * Math.min(devicePixelRatio, 3)) || 1;
      const height = Math.round(width * ratio);
      if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
      canvas.classList.toggle("viewer-near", this.zoom > 1);
    }
  }

  draw(panel) {
    const { canvas } = panel;
    const [down, right] = axesOf(this.state.axis);
    const context = canvas.getContext("2d");
    context.clearRect(0, 0, canvas.width, canvas.height);
    const { volume, plane } = this.shownBy(panel);
    if (plane === null) return;
    const { scale, x, y } = this.placed(canvas);
    const length = (axis, voxels) => voxels * this.data.voxelSize[axis] * scale;
    const image = this.imageOf(panel, volume, plane);
    const voxels = this.data.voxels[volume];
    const { factor } = this.data;
    // The last voxels of a volume may stand for fewer than the others.
    context.save();
    context.beginPath();
    context.rect(x, y, length(right, voxels[right]), length(down, voxels[down]));
    context.clip();
    context.imageSmoothingEnabled = length(right, factor) < 1;
    context.drawImage(image, x, y, length(right, image.width * factor), length(down, image.height * factor));
    if (this.state.layer !== null && panel.number < 2) this.mark(context, volume, plane, { x, y, length });
    context.restore();
    this.cross(context, panel, { x, y, scale });
  }

  imageOf(panel, volume, plane) {
    const key = `${volume} ${this.state.axis} ${plane}`;
    if (panel.key !== key) {
      panel.key = key;
      panel.image = sliceImage(this.volumes[volume], this.state.axis, plane / this.data.factor, this.pixelOf);
    }
    return panel.image;
  }

  /** Mark the windows whose local values leave the range of the reference. */
  mark(context, volume, plane, { x, y, length }) {
    const { window: edges, maps } = this.data.layers[this.state.layer];
    const { shape, values } = maps[volume];
    const { axis } = this.state;
    const [down, right] = axesOf(axis);
    const at = [0, 0, 0];
    at[axis] = Math.floor(plane / edges[axis]);
    const [width, height] = [length(right, edges[right]), length(down, edges[down])];
    context.font = `bold ${Math.min(width, height) * 0.6}px sans-serif`;
    context.textAlign = "center";
    context.textBaseline = "middle";
    for (at[down] = 0; at[down] < shape[down]; at[down]++) {
      for (at[right] = 0; at[right] < shape[right]; at[right]++) {
        const value = values[(at[0] * shape[1] + at[1]) * shape[2] + at[2]];
        if (value === 1) continue;
        const [left, top] = [x + at[right] * width, y + at[down] * height];
        context.fillStyle = value > 1 ? ABOVE : BELOW;
        context.fillRect(left, top, width, height);
        context.fillStyle = "#fff";
        context.fillText(value > 1 ? "+" : "−", left + width / 2, top + height / 2);
      }
    }
  }

  /** Draw a small cross at the place of the pointer, in every panel. */
  cross(context, panel, { x, y, scale }) {
    if (this.pointer === null) return;
    const [down, right] = axesOf(this.state.axis);
    const [across, along] = [x + this.pointer[right] * scale, y + this.pointer[down] * scale];
    const arm = 7 * devicePixelRatio;
    for (const [width, colour] of [[4, "#fff"], [2, "#000"]]) {
      context.lineWidth = (width * devicePixelRatio) / 2;
      context.strokeStyle = colour;
      context.beginPath();
      for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
        context.moveTo(across + (dx * arm) / 3, along + (dy * arm) / 3);
        context.lineTo(across + dx * arm, along + dy * arm);
      }
      context.stroke();
    }
  }
}
