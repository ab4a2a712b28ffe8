import { expect } from 'chai';
import { ClientWords } from './cutting-proxy.js';

/** A message of the protocol: its type, its length, and what it says. */
function message(type: string, text: string): Buffer {
  const head = Buffer.alloc(5, type);
  head.writeInt32BE(4 + text.length, 1);
  return Buffer.concat([head, Buffer.from(text, 'latin1')]);
}

describe('The proxy before PostgreSQL', () => {
  it('knows the batches of a prepared statement, of any length', () => {
    const unknown: number[] = [];
    for (let length = 0; length < 256; length += 1) {
      const words = new ClientWords();
      words.commit(message('P', `parley_10\0WITH moved AS (${' '.repeat(length)}\0\0\0`));
      const bound = words.commit(message('B', '\0parley_10\0\0\0\0\x01\0\0\0\x05{0,2}\0\0'));
      if (bound?.partitions.join() !== '0,2') unknown.push(length);
    }
    expect(unknown).to.deep.equal([]);
  });
});
