/** Facts from the command line: `message.isSender=true`, `target.role=none`, `message.ageMs=15m`, `actor.claims.guest=true`. */
import { factValue } from '../adapters/casl/read-cases.js';
import { type Fact, findFact } from '../application/policy/fact-catalogue.js';
import type { Action, KnownFacts } from '../application/policy/facts.js';
import { StartFault } from '../infrastructure/start-fault.js';

/** Who asks is said otherwise. */
const SAID_ALREADY = ['actor.userId', 'actor.tenantId'];

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

function readGiven(text: string, action: Action): { path: string[]; value: unknown } {
  const at = text.indexOf('=');
  if (at < 0) throw new Error('must be name=value');
  const name = text.slice(0, at);
  const fact = findFact(name);
  if (fact === null) throw new Error('there is no such fact');
  if (SAID_ALREADY.includes(name)) throw new Error('is said by --actor and --tenant');
  if (!fact.on.includes(action)) throw new Error(`is not known of ${action}`);
  return { path: name.split('.'), value: readValue(text.slice(at + 1), fact) };
}

function readValue(text: string, fact: Fact): unknown {
  const value = factValue(fact, wordsOnly(fact) ? text : scalar(text));
  if (value === undefined) throw new Error(`must be ${expected(fact)}`);
  return value;
}

function wordsOnly({ type }: Fact): boolean {
  return type === 'text' || type === 'word' || type === 'role' || type === 'duration';
}

function scalar(text: string): string | number | boolean {
  if (text === 'true' || text === 'false') return text === 'true';
  return /^-?\d{1,15}(\.\d{1,9})?$/.test(text) ? Number(text) : text;
}

function expected(fact: Fact): string {
  if ('words' in fact) return `one of ${[...fact.words, ...(fact.canBeNone === true ? ['none'] : [])].join(', ')}`;
  if (fact.type === 'flag') return 'true or false';
  return fact.type === 'duration' ? 'a duration such as 15m or 24h' : 'a number';
}

/** Groups of facts come to be as they are needed. Claims may be called anything that a name can be: each is the object's own. */
function put(all: Tree, path: readonly string[], value: unknown): void {
  const [step = '', ...rest] = path;
  const own = Object.hasOwn(all, step) ? all[step] : undefined;
  const content = rest.length === 0 ? value : (own ?? {});
  if (rest.length > 0) put(content as Tree, rest, value);
  Object.defineProperty(all, step, { value: content, enumerable: true, configurable: true, writable: true });
}
