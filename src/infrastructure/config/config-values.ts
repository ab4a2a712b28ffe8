/**
 * Parsers for `config.ts`. Each converts the text of an environment variable to a value, or throws an Error whose
 * message completes "<NAME> "<text>" …". Bounds are inclusive.
 */

const MS_PER_UNIT: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const BYTES_PER_UNIT: Readonly<Record<string, number>> = {
  B: 1,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
  TiB: 1024 ** 4,
  kB: 1000,
  KB: 1000,
  MB: 1000 ** 2,
  GB: 1000 ** 3,
  TB: 1000 ** 4,
};
const HIGHEST_PORT = 65_535;

export interface Bounds {
  readonly min?: number;
  readonly max?: number;
}

/** `250ms`, `5s`, `10m`, `24h`, `7d`. Value and bounds in milliseconds. */
export function duration(bounds: Bounds = {}): (text: string) => number {
  return measure(MS_PER_UNIT, 'must be a duration such as 250ms, 5s, 10m, 24h or 7d', 'ms', { min: 0, ...bounds });
}

/** `512KiB`, `1GiB`, `100MB`, `42B`. Value and bounds in bytes. */
export function byteSize(bounds: Bounds = {}): (text: string) => number {
  return measure(BYTES_PER_UNIT, 'must be a size such as 512KiB, 1GiB or 100MB', ' bytes', { min: 0, ...bounds });
}

export function integer(bounds: Bounds = {}): (text: string) => number {
  return (text) => {
    const value = /^[+-]?\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    const { min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY } = bounds;
    if (!(value >= min && value <= max)) throw new Error(`must be a whole number${rangeText(bounds)}`);
    return value;
  };
}

/** 0 to 1. */
export function share(text: string): number {
  const value = /^[01](\.\d{1,9})?$/.test(text) ? Number(text) : Number.NaN;
  if (!(value <= 1)) throw new Error('must be a number from 0 to 1');
  return value;
}

/** 0 (any free one) to 65535. */
export function port(text: string): number {
  const value = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value <= HIGHEST_PORT)) throw new Error(`must be a port (0 to ${HIGHEST_PORT})`);
  return value;
}

/** An absolute URL of one of the schemes (`postgresql`, `https`, …), as written. */
export function url(...schemes: string[]): (text: string) => string {
  return (text) => {
    const expected = `must be a URL that starts with ${schemes.map((scheme) => `${scheme}://`).join(' or ')}`;
    const parsed = URL.canParse(text) ? new URL(text) : undefined;
    if (!parsed || !schemes.includes(parsed.protocol.slice(0, -1))) throw new Error(expected);
    if (parsed.hostname === '') throw new Error(`${expected} and names a host`);
    return text;
  };
}

export function oneOf<const T extends string>(...choices: readonly T[]): (text: string) => T {
  return (text) => {
    const choice = choices.find((candidate) => candidate === text);
    if (choice === undefined) throw new Error(`must be ${choices.join(' or ')}`);
    return choice;
  };
}

export function boolean(text: string): boolean {
  if (text === 'true' || text === '1' || text === 'yes') return true;
  if (text === 'false' || text === '0' || text === 'no') return false;
  throw new Error('must be true or false');
}

export interface TextRule {
  readonly pattern?: RegExp;
  readonly minLength?: number;
  /** The required format, completing "must be …". */
  readonly expected?: string;
}

export function text(rule: TextRule = {}): (text: string) => string {
  return (value) => {
    if (rule.minLength !== undefined && value.length < rule.minLength) {
      throw new Error(`must be at least ${rule.minLength} characters long`);
    }
    if (rule.pattern && !rule.pattern.test(value))
      throw new Error(`must be ${rule.expected ?? `like ${rule.pattern}`}`);
    return value;
  };
}

function measure(
  units: Readonly<Record<string, number>>,
  expected: string,
  unitShown: string,
  bounds: Bounds,
): (text: string) => number {
  return (text) => {
    const match = /^(\d{1,12}(?:\.\d{1,6})?) ?([A-Za-z]+)$/.exec(text);
    const factor = match?.[2] === undefined ? undefined : units[match[2]];
    if (factor === undefined) throw new Error(expected);
    return within(Math.round(Number(match?.[1]) * factor), bounds, unitShown);
  };
}

function rangeText({ min, max }: Bounds): string {
  if (min !== undefined && max !== undefined) return ` from ${min} to ${max}`;
  if (min !== undefined) return `, ${min} or more`;
  return max === undefined ? '' : `, ${max} or less`;
}

function within(value: number, { min, max }: Bounds, unit: string): number {
  if (min !== undefined && value < min) throw new Error(`must be at least ${min}${unit}`);
  if (max !== undefined && value > max) throw new Error(`must be at most ${max}${unit}`);
  return value;
}
