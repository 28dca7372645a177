const LONGEST = 256; // voxels along an edge of a texture
const FRAME = 1.75; // edge of the picture for volumes of length one: the diagonal of a cube fits

const VERTEX = `#version 300 es
out vec2 at;
void main() {
  // A triangle that covers the picture.
  vec2 corner = vec2(gl_VertexID == 1 ? 3.0 : -1.0, gl_VertexID == 2 ? 3.0 : -1.0);
  at = corner * 0.5;
  gl_Position = vec4(corner, 0.0, 1.0);
}`;

// Vectors are x, y, z = axes 2, 1, 0. A ray goes from voxel to voxel until it meets a phase that is shown.
const FRAGMENT = `#version 300 es
precision highp float;
precision highp int;
precision highp usampler3D;
uniform usampler3D labels;
uniform vec3 voxels;       // number of voxels
uniform vec3 lengths;      // edges of the volume; the longest of all volumes is 1
uniform vec3 kept;         // number of voxels that the cut leaves
uniform mat3 view;         // directions to the right, upwards, towards the eye
uniform float frame;
uniform uint shown;        // a bit for each phase
uniform vec3 colours[16];
in vec2 at;
out vec4 colour;

const vec4 EDGE = vec4(0.5, 0.5, 0.5, 0.7);

bool seen(ivec3 voxel) {
  if (any(lessThan(voxel, ivec3(0))) || any(greaterThanEqual(vec3(voxel), kept))) return false;
  return ((shown >> texelFetch(labels, voxel, 0).r) & 1u) == 1u;
}

vec3 normalAt(ivec3 voxel) {
  vec3 inwards = vec3(0.0);
  for (int x = -2; x <= 2; x++)
    for (int y = -2; y <= 2; y++)
      for (int z = -2; z <= 2; z++)
        if (seen(voxel + ivec3(x, y, z))) inwards += vec3(x, y, z);
  return -inwards * voxels / lengths;
}

bool onEdge(vec3 point) {
  vec3 toFaces = min(point, kept - point) * lengths / voxels;
  return dot(vec3(lessThan(toFaces, vec3(0.004 * frame / 1.75))), vec3(1.0)) > 1.5;
}

void main() {
  colour = vec4(0.0);
  vec3 perLength = voxels / lengths;
  vec3 origin = (view * vec3(at * frame, 1.0)) * perLength + 0.5 * voxels;
  vec3 way = -view[2] * perLength;
  way += vec3(equal(way, vec3(0.0))) * 1e-6;
  vec3 first = min(-origin / way, (kept - origin) / way);
  vec3 last = max(-origin / way, (kept - origin) / way);
  float enter = max(first.x, max(first.y, first.z));
  float leave = min(last.x, min(last.y, last.z));
  if (enter >= leave) return;
  ivec3 voxel = ivec3(clamp(floor(origin + way * (enter + 1e-5)), vec3(0.0), kept - 1.0));
  ivec3 turn = ivec3(sign(way));
  vec3 width = abs(1.0 / way);
  vec3 next = (vec3(voxel) + max(vec3(turn), 0.0) - origin) / way;
  float met = enter;
  while (met < leave) {
    if (seen(voxel)) {
      uint label = texelFetch(labels, voxel, 0).r;
      vec3 normal = normalAt(voxel);
      float facing = max(dot(normal, view[2]), 0.0) / max(length(normal), 1e-6);
      float light = (0.4 + 0.65 * facing) * (1.1 - 0.4 * clamp(met * 0.5, 0.0, 1.0));
      colour = vec4(min(colours[label] * light, 1.0), 1.0);
      return;
    }
    met = min(next.x, min(next.y, next.z));
    if (next.x <= met) { voxel.x += turn.x; next.x += width.x; }
    else if (next.y <= met) { voxel.y += turn.y; next.y += width.y; }
    else { voxel.z += turn.z; next.z += width.z; }
  }
  if (onEdge(origin + way * enter) || onEdge(origin + way * leave)) colour = vec4(EDGE.rgb * EDGE.a, EDGE.a);
}`;

function compiled(gl) {
  const program = gl.createProgram();
  for (const [kind, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  return gl.getProgramParameter(program, gl.LINK_STATUS) ? program : null;
}

/** Return every n-th label along each axis, so that no edge is longer than a texture may be. */
function thinned({ shape, labels }, step) {
  if (step === 1) return { shape, labels };
  const [planes, rows, columns] = shape.map((n) => Math.ceil(n / step));
  const some = new Uint8Array(planes * rows * columns);
  let to = 0;
  for (let i = 0; i < planes; i++)
    for (let j = 0; j < rows; j++) {
      const line = (i * step * shape[1] + j * step) * shape[2];
      for (let k = 0; k < columns; k++) some[to++] = labels[line + k * step];
    }
  return { shape: [planes, rows, columns], labels: some };
}

/** Volumes in three dimensions, side by side, all turned and cut alike. */
class Scene {
  /** Return the scene, or null where there is no WebGL 2. */
  static on(canvas, data, volumes) {
    // What WebGL draws is copied to the page: a canvas of its own would be empty in print.
    const gl = document.createElement("canvas").getContext("webgl2", { antialias: false });
    const program = gl && compiled(gl);
    return program ? new Scene(gl, program, canvas, data, volumes) : null;
  }

  constructor(gl, program, canvas, data, volumes) {
    Object.assign(this, { gl, program, canvas, data, volumes });
    this.step = Math.ceil(Math.max(...volumes.flatMap(({ shape }) => shape)) / LONGEST);
    this.textures = new Map();
    this.uniform = (name) => gl.getUniformLocation(program, name);
    this.state = { volumes: [0], shown: 0, cut: null };
    this.redraw = onceAFrame(() => { if (this.inView) this.draw(); });
    // Nothing is drawn until the reader comes to the picture, or prints the page.
    this.inView = false;
    const look = (inView) => { this.inView = inView; this.redraw(); };
    new IntersectionObserver(([entry]) => look(entry.isIntersecting), { rootMargin: "200px" }).observe(canvas);
    addEventListener("beforeprint", () => this.draw());
    this.marks = [0, 1, 2].map((axis) => Object.assign(document.createElement("span"), { textContent: axis, ariaHidden: "true", hidden: true }));
    canvas.parentElement.append(...this.marks);
    gl.useProgram(program);
    gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
    gl.uniform3fv(this.uniform("colours"), data.colours.flat().map((level) => level / 255));
    this.reset();
  }

  reset() {
    [this.azimuth, this.elevation] = this.data.view;
    this.frame = FRAME;
    this.redraw();
  }

  turnBy(azimuth, elevation) {
    this.azimuth += azimuth;
    this.elevation = Math.min(Math.max(this.elevation + elevation, -90), 90);
    this.redraw();
  }

  zoomBy(factor) {
    this.frame = Math.min(Math.max(this.frame / factor, FRAME / 8), FRAME);
    this.redraw();
  }

  /** Return the texture of a volume, made when it is first shown, and its shape. */
  textureOf(number) {
    if (!this.textures.has(number)) {
      const { gl } = this;
      const { shape, labels } = thinned(this.volumes[number], this.step);
      const texture = gl.createTexture();
      gl.bindTexture(gl.TEXTURE_3D, texture);
      for (const filter of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER]) gl.texParameteri(gl.TEXTURE_3D, filter, gl.NEAREST);
      const [planes, rows, columns] = shape;
      gl.texImage3D(gl.TEXTURE_3D, 0, gl.R8UI, columns, rows, planes, 0, gl.RED_INTEGER, gl.UNSIGNED_BYTE, labels);
      this.textures.set(number, { texture, shape });
    }
    return this.textures.get(number);
  }

  /** Return the directions to the right, upwards and towards the eye, as x, y, z. */
  axes() {
    const [turn, rise] = [this.azimuth, this.elevation].map((degrees) => (degrees * Math.PI) / 180);
    const [c, s, ce, se] = [Math.cos(turn), Math.sin(turn), Math.cos(rise), Math.sin(rise)];
    return [[-s, c, 0], [-se * c, -se * s, ce], [ce * c, ce * s, se]];
  }

  lengthsOf(number) {
    const { voxels, voxelSize } = this.data;
    const lengths = (of) => of.map((n, axis) => n * voxelSize[axis]);
    const longest = Math.max(...voxels.flatMap(lengths));
    return lengths(voxels[number]).map((length) => length / longest);
  }

  draw() {
    const { gl, canvas } = this;
    const { volumes, shown, cut } = this.state;
    canvas.width = Math.round(canvas.clientWidth * Math.min(devicePixelRatio, 2)) || 1;
    canvas.height = Math.round(canvas.width / 2);
    Object.assign(gl.canvas, { width: canvas.width, height: canvas.height });
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT);
    gl.uniformMatrix3fv(this.uniform("view"), false, this.axes().flat());
    gl.uniform1f(this.uniform("frame"), this.frame);
    gl.uniform1ui(this.uniform("shown"), shown);
    const width = canvas.width / volumes.length;
    volumes.forEach((number, place) => {
      const { texture, shape } = this.textureOf(number);
      const kept = [...shape];
      if (cut) kept[cut.axis] = Math.min(kept[cut.axis], Math.floor(cut.plane / this.data.factor / this.step) + 1);
      // A picture is as high as the canvas, and stands in the middle of its share of the width.
      const left = Math.round(place * width + (width - canvas.height) / 2);
      gl.viewport(left, 0, canvas.height, canvas.height);
      gl.bindTexture(gl.TEXTURE_3D, texture);
      gl.uniform3fv(this.uniform("voxels"), shape.toReversed());
      gl.uniform3fv(this.uniform("kept"), kept.toReversed());
      gl.uniform3fv(this.uniform("lengths"), this.lengthsOf(number).toReversed());
      gl.drawArrays(gl.TRIANGLES, 0, 3);
    });
    canvas.getContext("2d").drawImage(gl.canvas, 0, 0);
    this.name(width);
  }

  /** Put the number of each axis at the end of the edge that begins at the first voxel of the reference. */
  name(width) {
    const [right, up] = this.axes();
    const { canvas, frame } = this;
    const lengths = this.lengthsOf(0).toReversed();
    this.marks.forEach((mark, axis) => {
      const end = lengths.map((length, other) => (other === 2 - axis ? 0.56 * length + 0.03 : -length / 2));
      const along = (direction) => direction.reduce((sum, part, other) => sum + part * end[other], 0) / frame;
      mark.style.left = `${(100 * (width / 2 + along(right) * canvas.height)) / canvas.width}%`;
      mark.style.top = `${100 * (0.5 - along(up))}%`;
      mark.hidden = frame < FRAME;
    });
  }
}
