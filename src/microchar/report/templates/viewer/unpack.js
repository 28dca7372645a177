/** Return a function that has something drawn with the next frame, once however often it is called before. */
function onceAFrame(draw) {
  let waiting = false;
  return () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      draw();
    });
  };
}

/** Return the bytes of a text in base64. */
function bytesOf(text) {
  const characters = atob(text);
  const bytes = new Uint8Array(characters.length);
  for (let at = 0; at < bytes.length; at++) bytes[at] = characters.charCodeAt(at);
  return bytes;
}

/** Return the bytes that were compressed (zlib). */
async function inflated(text) {
  const stream = new Blob([bytesOf(text)]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** Return the labels of a packed volume, in C order: runs of equal labels, whose lengths are continued behind a 255. */
async function unpack(packed) {
  const [lengths, labelsOfRuns] = await Promise.all([inflated(packed.lengths), inflated(packed.labels)]);
  const [planes, rows, columns] = packed.shape;
  const labels = new Uint8Array(planes * rows * columns);
  let end = 0;
  let next = 0;
  for (const label of labelsOfRuns) {
    const begin = end;
    do end += lengths[next]; while (lengths[next++] === 255);
    labels.fill(label, begin, end);
  }
  return { shape: packed.shape, labels };
}
