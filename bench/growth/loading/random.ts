const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** Pseudo-random numbers, the same for the same seed (Mulberry32). */
export class Random {
  constructor(private state: number) {}

  /** 0 to 2^32-1 */
  next(): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.state ^ (this.state >>> 15), this.state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  }

  /** 0 to limit-1 */
  below(limit: number): number {
    return Math.floor((this.next() / 2 ** 32) * limit);
  }

  /** A UUIDv4, as producers generate for chats and commands. */
  uuid(): string {
    return uuidOf(this.next(), this.next(), this.next(), this.next(), 4);
  }

  /** A UUIDv7, as Parley generates for messages. */
  orderedUuid(at: number): string {
    const high = Math.floor(at / 2 ** 16);
    return uuidOf(high, ((at % 2 ** 16) << 16) | (this.next() & 0xffff), this.next(), this.next(), 7);
  }
}

function uuidOf(a: number, b: number, c: number, d: number, version: 4 | 7): string {
  const second = (b & 0xffff0fff) | (version << 12);
  const third = (c & 0x3fffffff) | 0x80000000;
  return `${hex4(a)}-${hex2(second >>> 16)}-${hex2(second)}-${hex2(third >>> 16)}-${hex2(third)}${hex4(d)}`;
}

const hex2 = (bits: number) => `${HEX[(bits >>> 8) & 0xff]}${HEX[bits & 0xff]}`;
const hex4 = (bits: number) => `${hex2(bits >>> 16)}${hex2(bits)}`;
