/** Heights of the rows of a long list. Each operation takes logarithmic time (a Fenwick tree). */
export class Heights {
  #values: Float32Array;
  #sums: Float64Array;
  #size: number;

  constructor(size: number, height: number) {
    this.#size = size;
    this.#values = new Float32Array(capacityFor(size)).fill(height, 0, size);
    this.#sums = sumsOf(this.#values);
  }

  get size(): number {
    return this.#size;
  }

  get total(): number {
    return this.offset(this.#size);
  }

  at(index: number): number {
    return this.#values[index] ?? 0;
  }

  /** The height of all rows before this one. */
  offset(index: number): number {
    let sum = 0;
    for (let at = index; at > 0; at -= at & -at) sum += this.#sums[at] ?? 0;
    return sum;
  }

  /** The row at this height. Rows without a height are never the answer, except at the end. */
  indexAt(y: number): number {
    let index = 0;
    let rest = y;
    for (let step = highestBit(this.#values.length); step > 0; step >>= 1) {
      const next = index + step;
      const sum = this.#sums[next];
      if (sum === undefined || next > this.#size || sum > rest) continue;
      index = next;
      rest -= sum;
    }
    return Math.min(index, Math.max(0, this.#size - 1));
  }

  set(index: number, height: number): void {
    const delta = height - this.at(index);
    if (delta === 0) return;
    this.#values[index] = height;
    for (let at = index + 1; at < this.#sums.length; at += at & -at) this.#sums[at] = (this.#sums[at] ?? 0) + delta;
  }

  /** Adds rows at the end, with this height. */
  grow(size: number, height: number): void {
    if (size > this.#values.length) {
      const values = new Float32Array(capacityFor(size));
      values.set(this.#values);
      this.#values = values;
      this.#sums = sumsOf(values);
    }
    const before = this.#size;
    this.#size = Math.max(size, before);
    for (let index = before; index < size; index += 1) this.set(index, height);
  }
}

function capacityFor(size: number): number {
  return Math.max(256, 2 ** Math.ceil(Math.log2(size + 1)));
}

function highestBit(value: number): number {
  return 2 ** Math.floor(Math.log2(Math.max(1, value)));
}

function sumsOf(values: Float32Array): Float64Array {
  const sums = new Float64Array(values.length + 1);
  for (let at = 1; at < sums.length; at += 1) {
    sums[at] = (sums[at] ?? 0) + (values[at - 1] ?? 0);
    const parent = at + (at & -at);
    if (parent < sums.length) sums[parent] = (sums[parent] ?? 0) + (sums[at] ?? 0);
  }
  return sums;
}
