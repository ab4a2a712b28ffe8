/**
 * Text and free-form JSON as the contract admits them.
 *
 * PostgreSQL refuses U+0000 and UTF-8 has no lone surrogates (RFC 3629, section 3), so both are refused at the door. Lengths
 * count code points, as JSON Schema's `maxLength` does.
 */
import { z } from 'zod';

export const METADATA_MAX_BYTES = 8 * 1024;

export function isStorableText(text: string): boolean {
  return !text.includes('\u0000') && text.isWellFormed();
}

function codePoints(text: string, stopAfter: number): number {
  let count = 0;
  for (const _ of text) {
    count += 1;
    if (count > stopAfter) break;
  }
  return count;
}

/** A string of `min` to `max` code points without U+0000 and lone surrogates. */
export function text(min: number, max: number) {
  return z
    .string()
    .refine((value) => value.length >= min, `must have at least ${min} character${min === 1 ? '' : 's'}`)
    .refine((value) => value.length <= max || codePoints(value, max) <= max, `must have at most ${max} characters`)
    .refine(isStorableText, 'must not contain U+0000 or lone surrogates')
    .meta({ minLength: min, maxLength: max });
}

/** Parsing alone would let through line breaks, which it strips, and blanks, which it escapes. */
const HTTPS_URL_PATTERN = /^https:\/\/[^\s\p{Cc}]+$/u;

/** An absolute https URL of at most 2,048 characters. */
export const httpsUrl = text(1, 2048)
  .refine((value) => HTTPS_URL_PATTERN.test(value) && URL.canParse(value), 'must be an https URL')
  .meta({ format: 'uri', pattern: '^https://', minLength: 1, maxLength: 2048 });

/** What can be written with a year of four digits in UTC: an offset may reach beyond it. */
const YEAR_1_MS = Date.parse('0001-01-01T00:00:00Z');
const YEAR_10000_MS = Date.parse('9999-12-31T23:59:59.999Z') + 1;

/** An RFC 3339 time with its offset, of the years 1 to 9999. */
export const time = z.iso
  .datetime({ offset: true })
  .refine((value) => {
    const milliseconds = Date.parse(value);
    return milliseconds >= YEAR_1_MS && milliseconds < YEAR_10000_MS;
  }, 'must be an RFC 3339 time of the years 1 to 9999')
  .meta({ format: 'date-time', example: '2026-11-20T20:15:00.123Z' });

/** Longest in UTF-16 code units; the longest sequences of Unicode's emoji lists have less than half of that. */
export const EMOJI_MAX_LENGTH = 64;
const EMOJI_NAME_PATTERN = /^:[A-Za-z0-9_+-]{1,62}:$/;
const graphemes = new Intl.Segmenter('und', { granularity: 'grapheme' });

function isOneGrapheme(value: string): boolean {
  if (value.length === 0 || value.length > EMOJI_MAX_LENGTH || /^[\s\p{Cc}]/u.test(value)) return false;
  const [first] = graphemes.segment(value);
  return first?.segment === value;
}

/** One extended grapheme cluster (UAX #29), or the name of a custom emoji: `:name:`. */
export const emoji = z
  .string()
  .refine(isStorableText, 'must not contain U+0000 or lone surrogates')
  .refine((value) => EMOJI_NAME_PATTERN.test(value) || isOneGrapheme(value), 'must be one grapheme cluster or :name:')
  .meta({ minLength: 1, maxLength: EMOJI_MAX_LENGTH, example: ':thumbsup:' });

export type JsonValue = null | boolean | number | string | JsonValue[] | { [key: string]: JsonValue };
export type JsonObject = { [key: string]: JsonValue };

/** Why a parsed JSON value cannot be stored and compared; undefined if it can. Recursive: only for values of bounded depth. */
export function jsonFault(value: unknown): string | undefined {
  switch (typeof value) {
    case 'string':
      return isStorableText(value) ? undefined : 'must not contain U+0000 or lone surrogates';
    case 'number':
      return Number.isFinite(value) ? undefined : 'must not contain numbers beyond the range of a double';
    case 'object':
      if (value === null) return undefined;
      if (Array.isArray(value)) return firstFault(value);
      if (Object.hasOwn(value, '__proto__')) return 'must not contain the key __proto__';
      return firstFault(Object.keys(value)) ?? firstFault(Object.values(value));
    default:
      return undefined;
  }
}

function firstFault(values: readonly unknown[]): string | undefined {
  for (const value of values) {
    const fault = jsonFault(value);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

/** A JSON object of at most 8 KiB in compact UTF-8. Its depth is bounded by the body's. */
export const metadata = z
  .custom<JsonObject>()
  .superRefine((value, context) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      context.addIssue({ code: 'custom', message: 'must be a JSON object' });
      return;
    }
    const fault =
      Buffer.byteLength(JSON.stringify(value)) > METADATA_MAX_BYTES
        ? `must be at most ${METADATA_MAX_BYTES} bytes of JSON`
        : jsonFault(value);
    if (fault !== undefined) context.addIssue({ code: 'custom', message: fault });
  })
  .meta({ type: 'object', additionalProperties: true, description: 'A JSON object of at most 8 KiB.' });
