/**
 * Texts for schema violations. Each text completes "data.body …" and says what is allowed. A schema can give a more
 * specific text with `expecting`.
 */
import type { z } from 'zod';

const KINDS: Readonly<Record<string, string>> = {
  string: 'a string',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a JSON object',
  record: 'a JSON object',
  null: 'null',
};

/** For `z.string(expecting('a user id'))`: "must be a user id, not a number". */
export function expecting(what: string): { error: z.core.$ZodErrorMap } {
  return { error: ({ code, input }) => (code === 'invalid_type' ? mustBe(what, input) : undefined) };
}

/** For `safeParse(value, { error: violationText })`. A schema's own texts have priority. */
export const violationText: z.core.$ZodErrorMap = (issue) => {
  const { input } = issue;
  switch (issue.code) {
    case 'invalid_type':
      return mustBe(KINDS[issue.expected] ?? `a ${issue.expected}`, input);
    case 'invalid_value':
      return oneOf(issue.values, input);
    case 'too_small':
      return mustBeWithin(issue.origin, Number(issue.minimum), 'least');
    case 'too_big':
      return mustBeWithin(issue.origin, Number(issue.maximum), 'most');
    case 'invalid_format':
      return `must be ${FORMATS[issue.format] ?? 'in the form that is documented for it'}`;
    case 'unrecognized_keys':
      return `has unknown fields: ${issue.keys.join(', ')}`;
    case 'invalid_key':
      return `is not an allowed name: it ${issue.issues[0]?.message ?? 'is not valid'}`;
    case 'invalid_union':
      return unionText(issue);
    default:
      return 'is not valid';
  }
};

const FORMATS: Readonly<Record<string, string>> = {
  datetime: 'an RFC 3339 time in UTC, such as 2026-11-20T20:15:00.123Z',
  uuid: 'a UUID',
};

function unionText({ input, errors, ...issue }: z.core.$ZodRawIssue<z.core.$ZodIssueInvalidUnion>): string {
  const { discriminator, options } = issue as { discriminator?: string; options?: unknown[] };
  if (discriminator !== undefined && options !== undefined)
    return oneOf(options, (input as { [field: string]: unknown })[discriminator]);
  return mustBe(alternatives(errors.flatMap(([first]) => (first === undefined ? [] : [kindIn(first)]))), input);
}

function kindIn(issue: z.core.$ZodIssue): string {
  return issue.code === 'invalid_type'
    ? (KINDS[issue.expected] ?? `a ${issue.expected}`)
    : issue.message.replace(/^must be /, '');
}

/** The text lists the choices and does not repeat the given value. */
function oneOf(choices: readonly unknown[], given: unknown): string {
  const what = alternatives(choices.map(String));
  return given === undefined ? mustBe(what, given) : `must be ${what}`;
}

function mustBe(what: string, input: unknown): string {
  if (input === undefined) return `is required, and must be ${what}`;
  const given = kindOf(input);
  return given === null || what.startsWith(given) || (given === 'a number' && what === KINDS.int)
    ? `must be ${what}`
    : `must be ${what}, not ${given}`;
}

/** Null if the kind of the value is not the problem. */
function kindOf(input: unknown): string | null {
  if (input === null) return 'null';
  if (Array.isArray(input)) return 'a list';
  switch (typeof input) {
    case 'string':
      return 'a string';
    case 'number':
      return 'a number';
    case 'boolean':
      return String(input);
    case 'object':
      return 'an object';
    default:
      return null;
  }
}

function mustBeWithin(origin: string, bound: number, end: 'least' | 'most'): string {
  if (origin === 'string') return `must have at ${end} ${counted(bound, 'character')}`;
  if (origin === 'array' || origin === 'set') return `must have at ${end} ${counted(bound, 'item')}`;
  if (origin === 'object' || origin === 'record' || origin === 'map')
    return `must have at ${end} ${counted(bound, 'field')}`;
  return `must be ${bound} or ${end === 'least' ? 'more' : 'less'}`;
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

function alternatives(words: readonly string[]): string {
  const all = [...new Set(words)];
  return all.length < 2 ? (all[0] ?? 'something else') : `${all.slice(0, -1).join(', ')} or ${all.at(-1)}`;
}
