/** From a decision table's text to its cases. A list of values stands for a case with each of them. */
import { z } from 'zod';
import { ACTIONS, CLAIM_FACT, type Fact, findFact } from '../../application/policy/fact-catalogue.js';
import type { Action } from '../../application/policy/facts.js';
import { factsByName, type NamedFacts } from '../../application/policy/named-facts.js';
import type { PolicyCase } from '../../application/policy/policy-case.js';
import { violationText } from '../../contract/violation-text.js';
import { duration } from '../../infrastructure/config-values.js';
import { type PolicyFault, parseSource } from './policy-source.js';
import { faultsOf } from './schema-faults.js';

/** The format; a table says which it is written in. */
export const CASES_FORMAT = 1;
/** Of one written case: what its lists multiply to. */
const CASES_PER_ENTRY_MAX = 1_000;

const written = z.strictObject({
  'policy-cases': z.literal(CASES_FORMAT),
  producers: z.record(z.string(), z.array(z.string().min(1))).default({}),
  cases: z
    .array(
      z.strictObject({
        name: z.string().min(1),
        actions: z.array(z.enum(ACTIONS as [Action, ...Action[]])).min(1),
        facts: z.record(z.string(), z.unknown()).default({}),
        expect: z.enum(['permit', 'deny']),
        by: z.string().optional(),
      }),
    )
    .min(1),
});

/** `producers`: listed in the policy's sets while the cases are tried. */
export interface DecisionTable {
  producers: { [set: string]: string[] };
  cases: PolicyCase[];
}

export type ReadCases = ({ ok: true } & DecisionTable) | { ok: false; faults: PolicyFault[] };

export function readCases(text: string): ReadCases {
  const source = parseSource(text);
  if (!source.ok) return source;
  const parsed = written.safeParse(source.value, { error: violationText });
  if (!parsed.success) return { ok: false, faults: faultsOf(parsed.error, source.faultAt) };
  const faults: PolicyFault[] = [];
  const cases = parsed.data.cases.flatMap(({ name, actions, facts, expect, by }, index) => {
    const choices = Object.entries(facts).map(([fact, value]) => {
      const read = valuesOf(fact, value, actions);
      if ('fault' in read) faults.push(source.faultAt(['cases', index, 'facts', fact], `${fact}: ${read.fault}`));
      return { fact, values: 'fault' in read ? [] : read.values };
    });
    const combined = everyChoice(choices);
    if (combined.length * actions.length > CASES_PER_ENTRY_MAX)
      faults.push(source.faultAt(['cases', index], `stands for more than ${CASES_PER_ENTRY_MAX} cases`));
    return actions.flatMap((action) =>
      combined.map((given): PolicyCase => {
        const made = { name: caseName(name, action, given), facts: factsByName(action, given), expect };
        return by === undefined ? made : { ...made, by };
      }),
    );
  });
  return faults.length === 0 ? { ok: true, producers: parsed.data.producers, cases } : { ok: false, faults };
}

function caseName(name: string, action: Action, given: NamedFacts): string {
  const facts = Object.entries(given).map(([fact, value]) => `${fact} ${value === null ? 'none' : String(value)}`);
  return `${name} (${[action, ...facts].join(', ')})`;
}

function everyChoice(choices: readonly { fact: string; values: readonly unknown[] }[]): NamedFacts[] {
  return choices.reduce<NamedFacts[]>(
    (combined, { fact, values }) => combined.flatMap((given) => values.map((value) => ({ ...given, [fact]: value }))),
    [{}],
  );
}

/** A claim is given as it is, a list included. */
function valuesOf(name: string, value: unknown, actions: readonly Action[]): { values: unknown[] } | { fault: string } {
  const fact = findFact(name);
  if (fact === null) return { fault: 'there is no such fact' };
  const strange = actions.filter((action) => !fact.on.includes(action));
  if (strange.length > 0) return { fault: `is not known of ${strange.join(', ')}` };
  if (CLAIM_FACT.test(name)) return { values: [value] };
  const values = (Array.isArray(value) ? value : [value]).map((entry) => factValue(fact, entry));
  const bad = values.indexOf(undefined);
  return bad < 0
    ? { values }
    : { fault: `${JSON.stringify(Array.isArray(value) ? value[bad] : value)} is not one of its values` };
}

/** Undefined: no value of this fact's. */
export function factValue(fact: Fact, value: unknown): unknown {
  if (value === 'none' && fact.canBeNone === true) return null;
  switch (fact.type) {
    case 'flag':
      return typeof value === 'boolean' ? value : undefined;
    case 'number':
      return typeof value === 'number' ? value : undefined;
    case 'text':
      return typeof value === 'string' ? value : undefined;
    case 'word':
    case 'role':
      return typeof value === 'string' && fact.words.includes(value) ? value : undefined;
    case 'duration':
      return typeof value === 'string' ? milliseconds(value) : undefined;
    case 'claim':
      return value;
    default: {
      const unknown: never = fact;
      throw new Error(`a fact of unknown type ${JSON.stringify(unknown)}`);
    }
  }
}

function milliseconds(text: string): number | undefined {
  try {
    return duration()(text);
  } catch {
    return undefined; // told as a value that does not fit
  }
}
