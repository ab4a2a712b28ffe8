import type { Attributes, ObservableCounter } from '@opentelemetry/api';

interface Series {
  attributes: Attributes;
  count: number;
}

/** A counter for what happens with every command or event: an addition in a map, and the API is told only when somebody asks. */
export class Tally {
  private readonly series = new Map<string, Series>();

  constructor(counter: ObservableCounter) {
    counter.addCallback((result) => {
      for (const { attributes, count } of this.series.values()) result.observe(count, attributes);
    });
  }

  /** `key` stands for the attributes, one to one. */
  add(key: string, attributes: () => Attributes): void {
    const known = this.series.get(key);
    if (known === undefined) this.series.set(key, { attributes: attributes(), count: 1 });
    else known.count += 1;
  }
}
