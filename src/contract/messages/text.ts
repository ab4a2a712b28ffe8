/**
 * Text and free-form JSON that the contract allows.
 *
 * PostgreSQL refuses U+0000, and UTF-8 has no lone surrogates (RFC 3629, section 3), so validation refuses both.
 * Lengths count code points, as JSON Schema's `maxLength` does.
 */
import { z } from 'zod';
import { expecting } from './violation-text.js';

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
  return bounded(z.string(expecting(textOf(min, max))), min, max);
}

function textOf(min: number, max: number): string {
  return `a string of ${min} to ${max} characters`;
}

function bounded(schema: z.ZodString, min: number, max: number) {
  return schema
    .refine((value) => value.length >= min, `must have at least ${min} character${min === 1 ? '' : 's'}`)
    .refine((value) => value.length <= max || codePoints(value, max) <= max, `must have at most ${max} characters`)
    .refine(isStorableText, 'must not contain U+0000 or lone surrogates')
    .meta({ minLength: min, maxLength: max });
}

/**
 * A character that is not a space, a control or format character, a default-ignorable character, or the empty Braille
 * cell.
 */
const VISIBLE_PATTERN = /[^\s\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}\u2800]/u;

export function hasVisibleCharacter(value: string): boolean {
  return VISIBLE_PATTERN.test(value);
}

export const INVISIBLE = 'must have a visible character';

/** Maximum UTF-16 units in the decomposition of one character: six in Unicode 16, plus some reserve. */
export const DECOMPOSED_MAX_UNITS = 8;

/**
 * A name or title: a `text` with a visible character, in Normalization Form C (UAX #15), so that equal names compare
 * equal. A text that is too long in any form is not normalized: sorting a long run of accents takes quadratic time.
 */
export function name(min: number, max: number) {
  const normalized = z
    .string(expecting(textOf(min, max)))
    .overwrite((value) => (value.length <= DECOMPOSED_MAX_UNITS * max ? value.normalize('NFC') : value));
  return bounded(normalized, min, max).refine((value) => value === '' || hasVisibleCharacter(value), INVISIBLE);
}

const TOKEN = "[A-Za-z0-9!#$%&'*+.^_`|~-]+";
const MEDIA_TYPE_PATTERN = new RegExp(
  `^${TOKEN}/${TOKEN}([ \\t]*;[ \\t]*${TOKEN}=(${TOKEN}|"[\\x20\\x21\\x23-\\x5b\\x5d-\\x7e]*"))*$`,
);

/** A media type of at most 255 characters (RFC 9110, section 8.3.1). Consumers copy it into headers. */
export const mediaType = text(1, 255)
  .refine((value) => value === '' || MEDIA_TYPE_PATTERN.test(value), 'must be a media type such as text/plain')
  .meta({ pattern: `^${TOKEN}/${TOKEN}`, minLength: 3, maxLength: 255, example: 'text/plain' });

/** The URL parser strips line breaks and escapes spaces, so parsing alone would accept both. */
const HTTPS_URL_PATTERN = /^https:\/\/[^\s\p{Cc}]+$/u;

/** A host name of 253 characters (RFC 1035, section 2.3.4), a colon and a port. */
export const URL_AUTHORITY_MAX_LENGTH = 259;
/** The part before path, query and fragment, with any number of slashes. Browsers treat a backslash as a slash. */
const URL_AUTHORITY_PATTERN = /^https:[/\\]*([^/\\?#]*)/;

/** A long host is refused without parsing: for non-Latin scripts its conversion to ASCII takes quadratic time. */
function isHttpsUrl(value: string): boolean {
  if (!HTTPS_URL_PATTERN.test(value)) return false;
  const [, authority = ''] = URL_AUTHORITY_PATTERN.exec(value) ?? [];
  if (authority.length > URL_AUTHORITY_MAX_LENGTH || !URL.canParse(value)) return false;
  const { username, password } = new URL(value);
  return username === '' && password === '';
}

/**
 * An absolute https URL of at most 2,048 characters without credentials, as browsers read it (the URL standard).
 * Browsers accept more than RFC 3986, such as letters of any script or brackets in a query. So `format: uri` would
 * promise too much to consumers that validate events.
 */
export const httpsUrl = text(1, 2048)
  .refine(isHttpsUrl, 'must be an https URL without credentials')
  .meta({ pattern: '^https://\\S+$', minLength: 1, maxLength: 2048, example: 'https://images.example/alice.png' });

const HTTP_URL_PATTERN = /^http:\/\//;

/** A URL to which requests are sent. Whether its host may be called is decided when it is called. */
export const endpointUrl = text(1, 2048)
  .refine(
    (value) => isHttpsUrl(value) || (HTTP_URL_PATTERN.test(value) && isHttpsUrl(value.replace('http:', 'https:'))),
    'must be an https or http URL without credentials',
  )
  .meta({ pattern: '^https?://\\S+$', minLength: 1, maxLength: 2048, example: 'https://bot.example/hooks/parley' });

/**
 * The years that RFC 3339 can write in UTC and PostgreSQL can read. With an offset, a time can fall outside of them.
 */
const EARLIEST_TIME = Date.parse('0001-01-01T00:00:00.000Z');
const LATEST_TIME = Date.parse('9999-12-31T23:59:59.999Z');

/** An RFC 3339 time with offset, in UTC of the years 1 to 9999. */
export const time = z.iso
  .datetime({ offset: true, error: 'must be an RFC 3339 time such as 2026-11-20T20:15:00.123Z', abort: true })
  .refine((value) => {
    const at = Date.parse(value);
    return at >= EARLIEST_TIME && at <= LATEST_TIME;
  }, 'must be an RFC 3339 time of the years 1 to 9999')
  .meta({ format: 'date-time', example: '2026-11-20T20:15:00.123Z' });

/** Maximum length in UTF-16 code units. The longest sequences of Unicode's emoji lists have less than half of that. */
export const EMOJI_MAX_LENGTH = 64;
const EMOJI_NAME_PATTERN = /^:[A-Za-z0-9_+-]{1,62}:$/;
const graphemes = new Intl.Segmenter('und', { granularity: 'grapheme' });

/**
 * Matches a space or control character anywhere, or an invisible character at the start. With them, two emoji that look
 * alike would count separately.
 */
const NOT_SEEN_PATTERN = /[\s\p{Cc}]|^\p{Default_Ignorable_Code_Point}/u;

function isOneGrapheme(value: string): boolean {
  if (value.length === 0 || value.length > EMOJI_MAX_LENGTH || NOT_SEEN_PATTERN.test(value)) return false;
  const [first] = graphemes.segment(value);
  return first?.segment === value;
}

const VARIATION_SELECTORS = /[\ufe0e\ufe0f]/g;
/**
 * Emoji that are drawn as text unless U+FE0F follows. With a skin tone they are always emoji. Digits are emoji only in
 * a keycap.
 */
const TEXT_BY_DEFAULT = /(?!\p{Emoji_Presentation})(?![0-9#*](?!\u20e3))\p{Emoji}(?!\p{Emoji_Modifier})/gu;

/**
 * The single form in which an emoji is stored and compared: Normalization Form C, with U+FE0F exactly where Unicode's
 * "fully-qualified" form has it (UTS #51, ED-18). So forms that look alike are one reaction.
 */
export function canonicalEmoji(value: string): string {
  return value.normalize('NFC').replace(VARIATION_SELECTORS, '').replace(TEXT_BY_DEFAULT, '$&\ufe0f');
}

/** One extended grapheme cluster (UAX #29) in its canonical form, or the name of a custom emoji: `:name:`. */
export const emoji = z
  .string(expecting('one grapheme cluster or :name:'))
  .refine(isStorableText, { message: 'must not contain U+0000 or lone surrogates', abort: true })
  .overwrite((value) => (value.length <= EMOJI_MAX_LENGTH ? canonicalEmoji(value) : value))
  .refine((value) => EMOJI_NAME_PATTERN.test(value) || isOneGrapheme(value), 'must be one grapheme cluster or :name:')
  .meta({
    ...{ minLength: 1, maxLength: EMOJI_MAX_LENGTH, example: ':thumbsup:' },
    description: 'An emoji in its canonical form, or the name of a custom emoji: `:name:`.',
  });

export type JsonValue = null | boolean | number | string | JsonValue[] | { [key: string]: JsonValue };
export type JsonObject = { [key: string]: JsonValue };

/**
 * Why a parsed JSON value cannot be stored and compared. Undefined if it can. Recursive, so only for values of bounded
 * depth.
 */
export function jsonFault(value: unknown): string | undefined {
  switch (typeof value) {
    case 'string':
      return isStorableText(value) ? undefined : 'must not contain U+0000 or lone surrogates';
    case 'number':
      if (!Number.isFinite(value)) return 'must not contain numbers beyond the range of a double';
      // Parsing has already rounded the number, so the sent value is unknown.
      return Number.isInteger(value) && !Number.isSafeInteger(value)
        ? 'must not contain integers beyond ±(2^53 − 1): send them as strings'
        : undefined;
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

/** A JSON object of at most 8 KiB in compact UTF-8. The limit for the body bounds its depth. */
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
