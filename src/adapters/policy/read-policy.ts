/** Reads and checks a policy document. Reports all faults at once, each with line and column. */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { ACTIONS } from '../../application/policy/attributes/attribute-catalogue.js';
import type { PolicyDocument, PolicyRule } from '../../application/policy/policy-document.js';
import type { Action } from '../../application/ports/policy-decision-point.js';
import { QUOTA_KEYS } from '../../application/ports/quotas.js';
import { type CommandType, commandTypes, role } from '../../contract/messages/commands.js';
import { violationText } from '../../contract/messages/violation-text.js';
import { duration } from '../../infrastructure/config/config-values.js';
import { type Path, type PolicyFault, parseSource } from './policy-source.js';
import { readConditions } from './read-conditions.js';
import { faultsOf } from './schema-faults.js';

/** The version of the format. Each document names it. */
export const POLICY_FORMAT = 1;
const RULES_MAX = 1_000;
const QUOTAS_MAX = 100;
const PRODUCERS_MAX = 1_000;
const REASON_MAX_CHARACTERS = 300;
const DIGEST_DIGITS = 12;

const id = z.string().regex(/^[a-z][a-z0-9-]{0,63}$/, 'must be words of a-z and 0-9 joined by -');
const actions = z.array(z.enum(ACTIONS as [Action, ...Action[]])).min(1);
/** Read by `readConditions`. */
const conditions = z.record(z.string(), z.unknown()).default({});

const quotaWindow = z.string().transform((text, context) => {
  try {
    return duration({ min: 1_000, max: 86_400_000 })(text);
  } catch (error) {
    context.addIssue({ code: 'custom', message: (error as Error).message });
    return z.NEVER;
  }
});

const document = z.strictObject({
  'parley-policy': z.literal(POLICY_FORMAT),
  version: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, 'must be 1 to 64 of A-Z a-z 0-9 . _ -'),
  roles: z.record(id, z.array(z.string()).min(1)).default({}),
  producers: z.record(id, z.array(z.string().min(1)).max(PRODUCERS_MAX)).default({}),
  rules: z
    .array(
      z.strictObject({
        id,
        effect: z.enum(['permit', 'deny']),
        actions,
        subject: conditions,
        when: conditions,
        reason: z.string().min(1).max(REASON_MAX_CHARACTERS),
      }),
    )
    .max(RULES_MAX),
  quotas: z
    .array(
      z.strictObject({
        id,
        per: z.enum(QUOTA_KEYS),
        // Only commands are counted, so a quota on reading would limit nothing.
        actions: z
          .array(z.enum(commandTypes as [CommandType, ...CommandType[]]))
          .min(1)
          .default([...commandTypes]),
        limit: z.int().min(1).max(1_000_000_000),
        window: quotaWindow,
      }),
    )
    .max(QUOTAS_MAX)
    .default([]),
});

export type ReadPolicy = { ok: true; document: PolicyDocument } | { ok: false; faults: PolicyFault[] };

export function readPolicy(text: string): ReadPolicy {
  const source = parseSource(text);
  if (!source.ok) return source;
  const parsed = document.safeParse(source.value, { error: violationText });
  if (!parsed.success) return { ok: false, faults: faultsOf(parsed.error, source.faultAt) };

  const { version, roles, producers, rules, quotas } = parsed.data;
  const faults: PolicyFault[] = [];
  const fault = (path: Path, message: string) => faults.push(source.faultAt(path, message));
  for (const [name, members] of Object.entries(roles)) {
    const path = ['roles', name];
    if (isRole(name)) fault(path, `${name} is a role itself`);
    else if (!members.every(isRole)) fault(path, `must be roles: ${role.options.join(', ')}`);
  }
  for (const [name, listed] of Object.entries(producers)) {
    const repeated = listed.find((producer, index) => listed.indexOf(producer) < index);
    if (repeated !== undefined) fault(['producers', name], `${name}: ${repeated} is listed twice`);
  }
  tellRepeats('rules', rules, fault);
  tellRepeats('quotas', quotas, fault);
  const checked = rules.map(({ subject, when, ...rule }, index): PolicyRule => {
    const read = (part: 'subject' | 'when', written: { [attribute: string]: unknown }) =>
      readConditions({ part, actions: rule.actions, written, roles, producers }, (attribute, message) =>
        fault(['rules', index, part, attribute], `${attribute}: ${message}`),
      );
    return { ...rule, conditions: { ...read('subject', subject), ...read('when', when) } };
  });
  if (faults.length > 0) return { ok: false, faults: faults.sort((a, b) => a.line - b.line || a.column - b.column) };
  const digest = createHash('sha256').update(text).digest('hex').slice(0, DIGEST_DIGITS);
  return {
    ok: true,
    document: {
      version: `${version}@${digest}`,
      rules: checked,
      quotas: quotas.map(({ window, ...quota }) => ({ ...quota, windowMs: window })),
    },
  };
}

function isRole(name: string): boolean {
  return role.options.includes(name as (typeof role.options)[number]);
}

function tellRepeats(list: string, entries: { id: string }[], fault: (path: Path, message: string) => void): void {
  const seen = new Set<string>();
  for (const [index, { id: name }] of entries.entries()) {
    if (seen.has(name)) fault([list, index, 'id'], `the id ${name} is used twice`);
    seen.add(name);
  }
}
