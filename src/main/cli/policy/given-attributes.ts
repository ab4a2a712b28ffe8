/**
 * Attributes from the command line: `message.isSender=true`, `target.role=none`, `message.ageMs=15m`,
 * `actor.claims.guest=true`.
 */
import { attributeValue } from '../../../adapters/policy/read-cases.js';
import { type Attribute, findAttribute } from '../../../application/policy/attributes/attribute-catalogue.js';
import type { Action, KnownAttributes } from '../../../application/ports/policy-decision-point.js';
import { StartupError } from '../../../infrastructure/process/startup-error.js';

/** Who asks is said otherwise. */
const SAID_ALREADY = ['actor.userId', 'actor.tenantId'];

interface Tree {
  [step: string]: unknown;
}

/**
 * The attributes with these besides, or instead. Throws a `StartupError` with a line for each that is none, or is not
 * known of the action.
 */
export function withGivenAttributes(attributes: KnownAttributes, given: readonly string[]): KnownAttributes {
  const all = structuredClone(attributes) as unknown as Tree;
  const faults: string[] = [];
  for (const text of given) {
    try {
      const { path, value } = readGiven(text, attributes.action);
      put(all, path, value);
    } catch (error) {
      faults.push(`--attribute ${text}: ${(error as Error).message}`);
    }
  }
  if (faults.length > 0) throw new StartupError(faults);
  return all as unknown as KnownAttributes;
}

function readGiven(text: string, action: Action): { path: string[]; value: unknown } {
  const at = text.indexOf('=');
  if (at < 0) throw new Error('must be name=value');
  const name = text.slice(0, at);
  const attribute = findAttribute(name);
  if (attribute === null) throw new Error('there is no such attribute');
  if (SAID_ALREADY.includes(name)) throw new Error('is set by --actor and --tenant');
  if (!attribute.on.includes(action)) throw new Error(`is not an attribute of ${action}`);
  return { path: name.split('.'), value: readValue(text.slice(at + 1), attribute) };
}

function readValue(text: string, attribute: Attribute): unknown {
  const value = attributeValue(attribute, wordsOnly(attribute) ? text : scalar(text));
  if (value === undefined) throw new Error(`must be ${expected(attribute)}`);
  return value;
}

function wordsOnly({ type }: Attribute): boolean {
  return type === 'text' || type === 'word' || type === 'role' || type === 'duration';
}

function scalar(text: string): string | number | boolean {
  if (text === 'true' || text === 'false') return text === 'true';
  return /^-?\d{1,15}(\.\d{1,9})?$/.test(text) ? Number(text) : text;
}

function expected(attribute: Attribute): string {
  if ('words' in attribute)
    return `one of ${[...attribute.words, ...(attribute.canBeNone === true ? ['none'] : [])].join(', ')}`;
  if (attribute.type === 'flag') return 'true or false';
  return attribute.type === 'duration' ? 'a duration such as 15m or 24h' : 'a number';
}

/**
 * Groups of attributes come to be as they are needed. Claims may be called anything that a name can be: each is the
 * object's own.
 */
function put(all: Tree, path: readonly string[], value: unknown): void {
  const [step = '', ...rest] = path;
  const own = Object.hasOwn(all, step) ? all[step] : undefined;
  const content = rest.length === 0 ? value : (own ?? {});
  if (rest.length > 0) put(content as Tree, rest, value);
  Object.defineProperty(all, step, { value: content, enumerable: true, configurable: true, writable: true });
}
