import { createHash } from 'node:crypto';
import type { ConsumeMessage } from 'amqplib';
import type { LetterDescription } from '../../../../application/ports/transport/dead-letter-queue.js';
import { isSecretName } from '../../../../infrastructure/logging/log-redaction.js';

const HIDDEN = '(hidden)';
/** Matches credentials in any header: a bearer token, or the three parts of a signed token. */
const TOKEN = /\bbearer\s+\S|\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*/i;

/** Everything except the body. Tokens, and headers with the name of a secret, are hidden. */
export function describeLetter({ fields, properties, content }: ConsumeMessage): LetterDescription {
  const { headers, ...rest } = properties;
  return {
    exchange: fields.exchange,
    routingKey: fields.routingKey,
    properties: words(rest),
    headers: words(headers ?? {}),
    bodyBytes: content.length,
    bodySha256: createHash('sha256').update(content).digest('hex'),
  };
}

function words(values: object): [string, string][] {
  return Object.entries(values)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => [name, isSecretName(name) ? HIDDEN : word(value)]);
}

function word(value: unknown): string {
  const text = typeof value === 'string' ? value : json(value);
  return TOKEN.test(text) ? HIDDEN : text;
}

/** Bytes are not shown: they may contain anything. */
function json(value: unknown): string {
  const redacted = (name: string, each: unknown) => {
    if (name !== '' && isSecretName(name)) return HIDDEN;
    const isBytes = typeof each === 'object' && each !== null && (each as { type?: unknown }).type === 'Buffer';
    return isBytes ? '(bytes)' : each;
  };
  try {
    return JSON.stringify(value, redacted) ?? String(value);
  } catch {
    return '(cannot be written down)';
  }
}
