/** What options of the command line may say: each parser gives the value, or has the command refused in one line. */
import { InvalidArgumentError } from 'commander';
import { TENANT_ID_PATTERN, USER_ID_PATTERN, UUID_PATTERN } from '../../contract/messages/identifiers.js';
import { duration } from '../../infrastructure/config/config-values.js';

export function userId(text: string): string {
  if (!USER_ID_PATTERN.test(text)) throw new InvalidArgumentError('It must be a user id.');
  return text;
}

export function chatId(text: string): string {
  if (!UUID_PATTERN.test(text)) throw new InvalidArgumentError('It must be a chat id.');
  return text;
}

export function webhookId(text: string): string {
  if (!UUID_PATTERN.test(text)) throw new InvalidArgumentError('It must be a webhook id.');
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

/** 1 or more. */
export function count(text: string): number {
  if (!/^[1-9]\d{0,14}$/.test(text)) throw new InvalidArgumentError('It must be a whole number, 1 or more.');
  return Number(text);
}

/** 0 or more. */
export function partition(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError("It must be a partition's number.");
  return Number(text);
}

/** A time that is not in the future. */
export function instant(text: string): Date {
  const time = new Date(text);
  if (!/^\d{4}-\d\d-\d\dT/.test(text) || Number.isNaN(time.getTime()))
    throw new InvalidArgumentError('It must be a time like 2026-01-31T12:00:00Z.');
  if (time.getTime() > Date.now()) throw new InvalidArgumentError('It must not be in the future.');
  return time;
}

/** How long ago, in milliseconds. */
export function ago(text: string): number {
  try {
    return duration()(text);
  } catch (error) {
    throw new InvalidArgumentError(`It ${(error as Error).message}.`);
  }
}

/** For an option that may be given several times. */
export function several(text: string, earlier: readonly string[] = []): string[] {
  return [...earlier, text];
}
