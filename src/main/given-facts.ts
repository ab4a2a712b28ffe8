/** Facts from the command line: `message.isSender=true`, `target.role=none`, `message.ageMs=15m`, `actor.claims.guest=true`. */
import { type Fact, findFact } from '../application/policy/fact-catalogue.js';
import type { Action, KnownFacts } from '../application/policy/facts.js';
import type { Comparable } from '../application/policy/policy-document.js';
import { duration } from '../infrastructure/config-values.js';
import { StartFault } from '../infrastructure/start-fault.js';

/** Who asks is said otherwise. */
const SAID_ALREADY = ['actor.userId', 'actor.tenantId'];
/** The word for: it is known that there is none. */
const NONE = 'none';

interface Tree {
  [step: string]: unknown;
}

/** The facts with these besides, or instead. Throws a `StartFault` with a line for each that is none, or is not known of the action. */
export function withGivenFacts(facts: KnownFacts, given: readonly string[]): KnownFacts {
  const all = structuredClone(facts) as unknown as Tree;
  const faults: string[] = [];
  for (const text of given) {
    try {
      const { path, value } = readGiven(text, facts.action);
      put(all, path, value);
    } catch (error) {
      faults.push(`--fact ${text}: ${(error as Error).message}`);
    }
  }
  if (faults.length > 0) throw new StartFault(faults);
  return all as unknown as KnownFacts;
}

function readGiven(text: string, action: Action): { path: string[]; value: Comparable } {
  const at = text.indexOf('=');
  if (at < 0) throw new Error('must be name=value');
  const name = text.slice(0, at);
  const fact = findFact(name);
  if (fact === null) throw new Error('there is no such fact');
  if (SAID_ALREADY.includes(name)) throw new Error('is said by --actor and --tenant');
  if (!fact.on.includes(action)) throw new Error(`is not known of ${action}`);
  return { path: name.split('.'), value: readValue(text.slice(at + 1), fact) };
}

function readValue(text: string, fact: Fact): Comparable {
  if (text === NONE && fact.canBeNone === true) return null;
  switch (fact.type) {
    case 'flag':
      return isFlag(text) ? text === 'true' : wrong('true or false');
    case 'number':
      return isNumber(text) ? Number(text) : wrong('a number');
    case 'duration':
      return duration()(text);
    case 'text':
      return text;
    case 'claim':
      if (isFlag(text)) return text === 'true';
      return isNumber(text) ? Number(text) : text;
    case 'word':
    case 'role':
      return fact.words.includes(text)
        ? text
        : wrong(`one of ${[...fact.words, ...(fact.canBeNone === true ? [NONE] : [])].join(', ')}`);
    default: {
      const unknown: never = fact;
      throw new Error(`a fact of unknown type ${JSON.stringify(unknown)}`);
    }
  }
}

function wrong(expected: string): never {
  throw new Error(`must be ${expected}`);
}

function isFlag(text: string): boolean {
  return text === 'true' || text === 'false';
}

function isNumber(text: string): boolean {
  return /^-?\d{1,15}(\.\d{1,9})?$/.test(text);
}

/** Groups of facts come to be as they are needed. Claims may be called anything that a name can be: each is the object's own. */
function put(all: Tree, path: readonly string[], value: Comparable): void {
  const [step = '', ...rest] = path;
  const own = Object.hasOwn(all, step) ? all[step] : undefined;
  const content = rest.length === 0 ? value : (own ?? {});
  if (rest.length > 0) put(content as Tree, rest, value);
  Object.defineProperty(all, step, { value: content, enumerable: true, configurable: true, writable: true });
}
