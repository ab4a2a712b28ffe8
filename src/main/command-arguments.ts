/** Parsers for what stands on the command line: each throws what commander says in one line. */
import { InvalidArgumentError } from 'commander';
import { TENANT_ID_PATTERN, USER_ID_PATTERN, UUID_PATTERN } from '../contract/identifiers.js';
import { duration } from '../infrastructure/config-values.js';

export function userId(text: string): string {
  if (!USER_ID_PATTERN.test(text)) throw new InvalidArgumentError('It must be a user id.');
  return text;
}

export function chatId(text: string): string {
  if (!UUID_PATTERN.test(text)) throw new InvalidArgumentError('It must be a chat id.');
  return text;
}

export function decisionId(text: string): string {
  if (!UUID_PATTERN.test(text)) throw new InvalidArgumentError('It must be a decision id.');
  return text;
}

export function tenantId(text: string): string {
  if (!TENANT_ID_PATTERN.test(text)) throw new InvalidArgumentError('It must be a tenant id.');
  return text;
}

export function seconds(text: string): number {
  if (!/^[1-9]\d{0,9}$/.test(text)) throw new InvalidArgumentError('It must be a whole number of seconds.');
  return Number(text);
}

export function count(text: string): number {
  if (!/^[1-9]\d{0,9}$/.test(text)) throw new InvalidArgumentError('It must be a whole number from 1 on.');
  return Number(text);
}

/** `24h`, in milliseconds. */
export function period(text: string): number {
  try {
    return duration({ min: 1 })(text);
  } catch (error) {
    throw new InvalidArgumentError(`It ${(error as Error).message}.`);
  }
}

/** For an option that may be given several times. */
export function each(text: string, before: string[] = []): string[] {
  return [...before, text];
}
