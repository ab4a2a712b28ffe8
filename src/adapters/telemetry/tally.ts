import type { Attributes, ObservableCounter } from '@opentelemetry/api';

interface Series {
  attributes: Attributes;
  count: number;
}

/**
 * A counter for events that occur with every command: it adds in a map, and the metrics API gets the values only on
 * collection.
 */
export class Tally {
  private readonly series = new Map<string, Series>();

  constructor(counter: ObservableCounter) {
    counter.addCallback((result) => {
      for (const { attributes, count } of this.series.values()) result.observe(count, attributes);
    });
  }

  /** `key` must be unique for the attributes. */
  add(key: string, attributes: () => Attributes): void {
    const known = this.series.get(key);
    if (known === undefined) this.series.set(key, { attributes: attributes(), count: 1 });
    else known.count += 1;
  }
}
