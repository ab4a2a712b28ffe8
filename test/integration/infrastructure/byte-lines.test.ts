import { expect } from 'chai';
import { byteLines } from '../../../src/infrastructure/byte-lines.js';

async function linesOf(chunks: readonly Uint8Array[], maxBytes = 100): Promise<string[]> {
  async function* stream() {
    yield* chunks;
  }
  const lines: string[] = [];
  for await (const line of byteLines(stream(), maxBytes)) lines.push(Buffer.from(line).toString('utf8'));
  return lines;
}

describe('The lines of a stream', () => {
  it('are the same for any chunks', async () => {
    const bytes = Buffer.from('first\n\nZoë 👩‍👩‍👧\r\nlast');
    const expected = ['first', '', 'Zoë 👩‍👩‍👧\r', 'last'];
    expect(await linesOf([bytes])).to.deep.equal(expected);
    expect(await linesOf([...bytes].map((byte) => Buffer.from([byte])))).to.deep.equal(expected);
    for (let cut = 0; cut <= bytes.length; cut += 1)
      expect(await linesOf([bytes.subarray(0, cut), bytes.subarray(cut)])).to.deep.equal(expected);
  });

  it('end with the last line end', async () => {
    expect(await linesOf([])).to.deep.equal([]);
    expect(await linesOf([Buffer.from('one\n')])).to.deep.equal(['one']);
    expect(await linesOf([Buffer.from('\n')])).to.deep.equal(['']);
  });

  it('are read only up to a line that is too long', async () => {
    let taken = 0;
    async function* endless() {
      yield Buffer.from('short\n');
      for (;;) {
        taken += 1;
        yield Buffer.from('x'.repeat(40));
      }
    }
    const lines: Uint8Array[] = [];
    for await (const line of byteLines(endless(), 100)) lines.push(line);
    expect(lines.map(({ byteLength }) => byteLength)).to.deep.equal([5, 120]);
    expect(taken).to.equal(3);
  });
});
