const LINE_FEED = 0x0a;

/**
 * The lines of a stream, without line ends. If a line is longer than `maxBytes`, its beginning (more than `maxBytes`)
 * is the last item, and the stream ends.
 */
export async function* byteLines(input: AsyncIterable<Uint8Array>, maxBytes: number): AsyncGenerator<Uint8Array> {
  let begun: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of input) {
    let from = 0;
    for (let to = chunk.indexOf(LINE_FEED); to !== -1; to = chunk.indexOf(LINE_FEED, from)) {
      const last = chunk.subarray(from, to);
      yield begun.length === 0 ? last : Buffer.concat([...begun, last]);
      begun = [];
      length = 0;
      from = to + 1;
    }
    if (from === chunk.byteLength) continue;
    begun.push(chunk.subarray(from));
    length += chunk.byteLength - from;
    if (length > maxBytes) break;
  }
  if (begun.length > 0) yield Buffer.concat(begun);
}
