/** Reads a dead letter. Any program may have written its body, headers and properties, so nothing in it is trusted. */

import type { ConsumeMessage } from 'amqplib';
import { DEAD_LETTER_REASONS, type DeadLetter } from '../../../../application/ports/transport/dead-letter-queue.js';
import { isChatless } from '../../../../contract/messages/commands.js';
import { UUID_PATTERN } from '../../../../contract/messages/identifiers.js';
import { FORWARDED_HEADER } from '../consume/incoming-command.js';

export function readLetter({ properties, content }: ConsumeMessage): DeadLetter {
  const headers: Record<string, unknown> = properties.headers ?? {};
  const death = firstDeath(headers['x-death']);
  const written = headers['x-parley-reason'];
  const ours = DEAD_LETTER_REASONS.find((reason) => reason === written && reason !== 'x-death') ?? null;
  const type = text(properties.type);
  const routingKey =
    text(headers['x-parley-routing-key']) ??
    text(headers[FORWARDED_HEADER]) ??
    death?.routingKey ??
    keyInBody(content, type);
  return {
    messageId: text(properties.messageId),
    type,
    chatId: chatOf(type, routingKey, content),
    reason: ours ?? (death === null ? null : 'x-death'),
    detail: ours === null ? (death?.detail ?? null) : text(headers['x-parley-detail']),
    at: ours === null ? (death?.at ?? null) : time(headers['x-parley-at']),
    worker: ours === null ? null : text(headers['x-parley-worker']),
    routingKey,
  };
}

/** RabbitMQ's entry about the first dead-lettering of the message, which is the last of its list. */
function firstDeath(header: unknown): { detail: string; at: Date | null; routingKey: string | null } | null {
  if (!Array.isArray(header) || header.length === 0) return null;
  const entry: unknown = header.at(-1);
  if (typeof entry !== 'object' || entry === null) return { detail: 'no account', at: null, routingKey: null };
  const { reason, queue, time: at, 'routing-keys': keys } = entry as Record<string, unknown>;
  const seconds = typeof at === 'object' && at !== null ? (at as { value?: unknown }).value : undefined;
  return {
    detail: `${text(reason) ?? 'no reason'} in ${text(queue) ?? 'no queue'}`,
    at: typeof seconds === 'number' ? time(seconds * 1_000) : null,
    routingKey: Array.isArray(keys) ? text(keys[0]) : null,
  };
}

/** The routing key is the chat id. For a command about no chat it is the actor id. */
function chatOf(type: string | null, routingKey: string | null, body: Buffer): string | null {
  if (type !== null && isChatless(type)) return null;
  if (routingKey !== null && UUID_PATTERN.test(routingKey)) return routingKey;
  const chatId = fieldOf(body, 'chatId');
  return chatId !== null && UUID_PATTERN.test(chatId) ? chatId : null;
}

function keyInBody(body: Buffer, type: string | null): string | null {
  return fieldOf(body, type !== null && isChatless(type) ? 'actorId' : 'chatId');
}

function fieldOf(body: Buffer, name: 'actorId' | 'chatId'): string | null {
  try {
    const parsed: unknown = JSON.parse(body.toString('utf8'));
    if (typeof parsed !== 'object' || parsed === null || !Object.hasOwn(parsed, name)) return null;
    return text((parsed as Record<string, unknown>)[name]);
  } catch {
    return null; // Not JSON.
  }
}

function text(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

function time(value: unknown): Date | null {
  if (typeof value !== 'string' && typeof value !== 'number') return null;
  const date = new Date(value);
  return Number.isNaN(date.getTime()) ? null : date;
}
