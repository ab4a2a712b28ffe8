/** Reads a rule's `subject` and `when` and checks them against the known attributes. */
import { type Attribute, findAttribute } from '../../application/policy/attributes/attribute-catalogue.js';
import type { Comparable, Condition } from '../../application/policy/policy-document.js';
import type { Action } from '../../application/ports/policy-decision-point.js';
import { duration } from '../../infrastructure/config/config-values.js';

/** The keyword for a value that is known to be absent. */
const NONE = 'none';

/** The only attribute that can be compared with a set of producers: RabbitMQ checks it, unlike the app id. */
const CHECKED_PRODUCER = 'producer.userId';

type RoleSets = { readonly [name: string]: readonly string[] };
type ProducerSets = { readonly [name: string]: readonly string[] };
type Tell = (message: string) => void;

export interface WrittenConditions {
  part: Attribute['part'];
  actions: readonly Action[];
  written: { readonly [attribute: string]: unknown };
  roles: RoleSets;
  producers: ProducerSets;
}

export function readConditions(
  { part, actions, written, roles, producers }: WrittenConditions,
  fault: (attribute: string, message: string) => void,
): { [attribute: string]: Condition } {
  const conditions: { [attribute: string]: Condition } = {};
  for (const [name, value] of Object.entries(written)) {
    const attribute = findAttribute(name);
    const tell = (message: string) => fault(name, message);
    const strange = actions.filter((action) => attribute?.on.includes(action) === false);
    if (attribute === null) tell('there is no such attribute; docs/policy.md lists them');
    else if (attribute.part !== part) tell(`belongs under ${attribute.part}`);
    else if (strange.length > 0) tell(`is not available for ${strange.join(', ')}`);
    else {
      const condition = amongProducers(name, value, producers, tell) ?? readCondition(attribute, value, roles, tell);
      if (condition !== null && condition !== 'faulty') conditions[name] = condition;
    }
  }
  return conditions;
}

/** Null if it is another kind of condition. `faulty` if a fault was reported. */
function amongProducers(
  attribute: string,
  value: unknown,
  producers: ProducerSets,
  tell: Tell,
): Condition | 'faulty' | null {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null;
  const [[operator, set] = [], ...others] = Object.entries(value);
  if ((operator !== 'among' && operator !== 'notAmong') || others.length > 0) return null;
  if (attribute !== CHECKED_PRODUCER) {
    tell(`only ${CHECKED_PRODUCER} can be ${operator} listed producers`);
    return 'faulty';
  }
  const listed = typeof set === 'string' && Object.hasOwn(producers, set) ? producers[set] : undefined;
  if (typeof set !== 'string' || listed === undefined) {
    tell(`there is no ${String(set)} under producers`);
    return 'faulty';
  }
  return operator === 'among' ? { is: [...listed], among: set } : { isNot: [...listed], among: set };
}

function readCondition(attribute: Attribute, value: unknown, roles: RoleSets, tell: Tell): Condition | null {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    const is = comparables(attribute, value, roles, tell);
    return is === null ? null : { is };
  }
  const [operator, ...others] = Object.keys(value);
  const operand = (name: string) => (value as { [operator: string]: unknown })[name];
  if (operator === 'not' && others.length === 0) {
    const isNot = comparables(attribute, operand('not'), roles, tell);
    return isNot === null ? null : { isNot };
  }
  if (operator === 'present' && others.length === 0) {
    const present = operand('present');
    if (typeof present === 'boolean') return { present };
    tell('present must be true or false');
    return null;
  }
  const bounds = Object.keys(value);
  if (bounds.length > 0 && bounds.every((bound) => bound === 'atLeast' || bound === 'atMost')) {
    const limits: { atLeast?: number; atMost?: number } = {};
    for (const bound of bounds as ('atLeast' | 'atMost')[]) {
      const limit = measure(attribute, operand(bound), tell);
      if (limit === null) return null;
      limits[bound] = limit;
    }
    if ((limits.atLeast ?? Number.NEGATIVE_INFINITY) > (limits.atMost ?? Number.POSITIVE_INFINITY)) {
      tell('atLeast is above atMost: that never holds');
      return null;
    }
    return limits;
  }
  tell('must be a value, a list of them, or one of not, present, atLeast, atMost, among and notAmong');
  return null;
}

/** A value or a list of values. Null if a fault was reported. */
function comparables(attribute: Attribute, value: unknown, roles: RoleSets, tell: Tell): Comparable[] | null {
  const list = Array.isArray(value) ? value : [value];
  if (list.length === 0) {
    tell('the list is empty: that never holds');
    return null;
  }
  const read = list.map((entry) => comparable(attribute, entry, roles, tell));
  return read.includes(undefined) ? null : read.flatMap((entry) => entry ?? []);
}

/** Undefined if a fault was reported. Several values for a set of roles. */
function comparable(attribute: Attribute, value: unknown, roles: RoleSets, tell: Tell): Comparable[] | undefined {
  const wrong = (expected: string) => {
    tell(`${JSON.stringify(value)} must be ${expected}`);
    return undefined;
  };
  if (value === NONE && attribute.canBeNone === true) return [null];
  switch (attribute.type) {
    case 'flag':
      return typeof value === 'boolean' ? [value] : wrong('true or false');
    case 'text':
      return typeof value === 'string' ? [value] : wrong('text');
    case 'number':
      return Number.isFinite(value) ? [value as number] : wrong('a number');
    case 'claim':
      return typeof value === 'string' || Number.isFinite(value) || typeof value === 'boolean'
        ? [value as Comparable]
        : wrong('text, a number, true or false');
    case 'duration':
      return wrong('compared with atLeast or atMost');
    case 'word':
      return typeof value === 'string' && attribute.words.includes(value)
        ? [value]
        : wrong(`one of ${attribute.words.join(', ')}`);
    case 'role': {
      if (typeof value === 'string' && attribute.words.includes(value)) return [value];
      const set = typeof value === 'string' && Object.hasOwn(roles, value) ? roles[value] : undefined;
      if (set === undefined || set.some((role) => !attribute.words.includes(role)))
        return wrong(
          `one of ${attribute.words.join(', ')}${attribute.canBeNone ? `, ${NONE}` : ''}, or a set of these under roles`,
        );
      return [...set];
    }
    default: {
      const unknown: never = attribute;
      throw new Error(`an attribute of unknown type ${JSON.stringify(unknown)}`);
    }
  }
}

function measure(attribute: Attribute, value: unknown, tell: Tell): number | null {
  if (attribute.type === 'duration' && typeof value === 'string') {
    try {
      return duration()(value);
    } catch (error) {
      tell(`${JSON.stringify(value)} ${(error as Error).message}`);
      return null;
    }
  }
  if ((attribute.type === 'number' || attribute.type === 'claim') && Number.isFinite(value)) return value as number;
  tell(
    attribute.type === 'duration'
      ? 'must be a duration such as 15m or 24h'
      : 'cannot be compared with atLeast or atMost',
  );
  return null;
}
