/** Reads the cases of a decision table. A list of values stands for one case per value. */
import { z } from 'zod';
import {
  ACTIONS,
  type Attribute,
  CLAIM_ATTRIBUTE,
  findAttribute,
} from '../../application/policy/attributes/attribute-catalogue.js';
import { attributesByName, type NamedAttributes } from '../../application/policy/attributes/named-attributes.js';
import type { PolicyCase } from '../../application/policy/policy-case.js';
import type { Action } from '../../application/ports/policy-decision-point.js';
import { violationText } from '../../contract/messages/violation-text.js';
import { duration } from '../../infrastructure/config/config-values.js';
import { type PolicyFault, parseSource } from './policy-source.js';
import { faultsOf } from './schema-faults.js';

/** The version of the format. Each table names it. */
export const CASES_FORMAT = 1;
/** Maximum number of cases that the lists of one entry multiply to. */
const CASES_PER_ENTRY_MAX = 1_000;

const written = z.strictObject({
  'policy-cases': z.literal(CASES_FORMAT),
  producers: z.record(z.string(), z.array(z.string().min(1))).default({}),
  cases: z
    .array(
      z.strictObject({
        name: z.string().min(1),
        actions: z.array(z.enum(ACTIONS as [Action, ...Action[]])).min(1),
        attributes: z.record(z.string(), z.unknown()).default({}),
        expect: z.enum(['permit', 'deny']),
        by: z.string().optional(),
      }),
    )
    .min(1),
});

/** `producers` are in the policy's sets while the cases run. */
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
  const cases = parsed.data.cases.flatMap(({ name, actions, attributes, expect, by }, index) => {
    const choices = Object.entries(attributes).map(([attribute, value]) => {
      const read = valuesOf(attribute, value, actions);
      if ('fault' in read)
        faults.push(source.faultAt(['cases', index, 'attributes', attribute], `${attribute}: ${read.fault}`));
      return { attribute, values: 'fault' in read ? [] : read.values };
    });
    const combined = everyChoice(choices);
    if (combined.length * actions.length > CASES_PER_ENTRY_MAX)
      faults.push(source.faultAt(['cases', index], `expands to more than ${CASES_PER_ENTRY_MAX} cases`));
    return actions.flatMap((action) =>
      combined.map((given): PolicyCase => {
        const made = { name: caseName(name, action, given), attributes: attributesByName(action, given), expect };
        return by === undefined ? made : { ...made, by };
      }),
    );
  });
  return faults.length === 0 ? { ok: true, producers: parsed.data.producers, cases } : { ok: false, faults };
}

function caseName(name: string, action: Action, given: NamedAttributes): string {
  const attributes = Object.entries(given).map(
    ([attribute, value]) => `${attribute} ${value === null ? 'none' : String(value)}`,
  );
  return `${name} (${[action, ...attributes].join(', ')})`;
}

function everyChoice(choices: readonly { attribute: string; values: readonly unknown[] }[]): NamedAttributes[] {
  return choices.reduce<NamedAttributes[]>(
    (combined, { attribute, values }) =>
      combined.flatMap((given) => values.map((value) => ({ ...given, [attribute]: value }))),
    [{}],
  );
}

/** A claim keeps its value, also if it is a list. */
function valuesOf(name: string, value: unknown, actions: readonly Action[]): { values: unknown[] } | { fault: string } {
  const attribute = findAttribute(name);
  if (attribute === null) return { fault: 'there is no such attribute' };
  const strange = actions.filter((action) => !attribute.on.includes(action));
  if (strange.length > 0) return { fault: `is not available for ${strange.join(', ')}` };
  if (CLAIM_ATTRIBUTE.test(name)) return { values: [value] };
  const values = (Array.isArray(value) ? value : [value]).map((entry) => attributeValue(attribute, entry));
  const bad = values.indexOf(undefined);
  return bad < 0
    ? { values }
    : { fault: `${JSON.stringify(Array.isArray(value) ? value[bad] : value)} is not one of its values` };
}

/** Undefined if it is not a value of this attribute. */
export function attributeValue(attribute: Attribute, value: unknown): unknown {
  if (value === 'none' && attribute.canBeNone === true) return null;
  switch (attribute.type) {
    case 'flag':
      return typeof value === 'boolean' ? value : undefined;
    case 'number':
      return typeof value === 'number' ? value : undefined;
    case 'text':
      return typeof value === 'string' ? value : undefined;
    case 'word':
    case 'role':
      return typeof value === 'string' && attribute.words.includes(value) ? value : undefined;
    case 'duration':
      return typeof value === 'string' ? milliseconds(value) : undefined;
    case 'claim':
      return value;
    default: {
      const unknown: never = attribute;
      throw new Error(`an attribute of unknown type ${JSON.stringify(unknown)}`);
    }
  }
}

function milliseconds(text: string): number | undefined {
  try {
    return duration()(text);
  } catch {
    return undefined; // The caller reports it as an invalid value.
  }
}
