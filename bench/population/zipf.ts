/** Picks indexes 0 … count-1 with probability ∝ 1/(index+1) (Zipf, exponent 1), the same sequence in every run. */
export function zipf(count: number, seed = 42): () => number {
  const cumulative = new Float64Array(count);
  let total = 0;
  for (let index = 0; index < count; index += 1) {
    total += 1 / (index + 1);
    cumulative[index] = total;
  }
  let state = seed;
  return () => {
    // A linear congruential generator is random enough for spreading load.
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const wanted = (state / 2 ** 32) * total;
    let low = 0;
    let high = count - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((cumulative[middle] ?? 0) < wanted) low = middle + 1;
      else high = middle;
    }
    return low;
  };
}
