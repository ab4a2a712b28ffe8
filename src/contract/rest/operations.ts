/**
 * Every REST operation as data. Routes, validation of paths and queries, and the OpenAPI document are derived from this
 * table.
 *
 * To add an operation: its entry here or in the table of its subject, and its handler in `adapters/apis/http/`.
 */
import { z } from 'zod';
import { VIOLATIONS_MAX } from '../messages/decode-command.js';
import { chatId, commandId, decisionId, keyId, messageId, userId, webhookId } from '../messages/identifiers.js';
import { type ProblemCode, refusalCodes, requestProblems, type Violation } from '../messages/problems.js';
import { receipt } from '../messages/receipts.js';
import { emoji } from '../messages/text.js';
import { violationText } from '../messages/violation-text.js';
import { chatOperations } from './chat-operations.js';
import { messageOperations } from './message-operations.js';
import { creates, type RestOperation } from './operation.js';
import { findUsersQuery, listEventsQuery, putProfileBody, searchMessagesQuery, syncQuery } from './requests.js';
import {
  cursorPage,
  restDecision,
  restEvent,
  restUnread,
  restUser,
  searchPage,
  sequencePage,
  syncPage,
} from './responses.js';
import { webhookOperations } from './webhook-operations.js';

/** Formats of path parameters. Any other value is answered with 404. */
export const pathParameters = {
  chatId,
  messageId,
  userId,
  commandId,
  decisionId,
  webhookId,
  keyId,
  emoji: emoji.meta({ description: 'One grapheme cluster, or the name of a custom emoji: `:name:`. Percent-encoded.' }),
} as const;
type PathParameter = keyof typeof pathParameters;

export const restOperations = {
  ...chatOperations,
  ...messageOperations,
  ...webhookOperations,
  listEvents: {
    method: 'get',
    path: '/v1/chats/{chatId}/events',
    tag: 'Events',
    summary: "The chat's events in ascending sequence, for a client that was offline",
    query: listEventsQuery,
    answers: { 200: { description: 'A page of CloudEvents.', schema: sequencePage(restEvent) } },
  },
  sync: {
    method: 'get',
    path: '/v1/sync',
    tag: 'Events',
    summary: "Changes in all of the caller's chats since a token; a page has at most `limit` chats and `limit` events",
    query: syncQuery,
    answers: { 200: { description: 'A page of changes.', schema: syncPage } },
  },
  searchMessages: {
    method: 'get',
    path: '/v1/search/messages',
    tag: 'Messages',
    summary: 'Full-text search in all messages that the caller may read; newest first',
    query: searchMessagesQuery,
    isOptional: true,
    answers: { 200: { description: 'A page of messages.', schema: searchPage } },
  },
  getReceipt: {
    method: 'get',
    path: '/v1/receipts/{commandId}',
    tag: 'Receipts',
    summary: "The caller's stored receipt of a command",
    answers: { 200: { description: 'The receipt.', schema: receipt } },
  },
  getDecision: {
    method: 'get',
    path: '/v1/decisions/{decisionId}',
    tag: 'Decisions',
    summary:
      'Explains why a command or query was permitted or refused. For callers whom the policy permits `decision.view`',
    answers: { 200: { description: 'The decision.', schema: restDecision } },
  },
  getUser: {
    method: 'get',
    path: '/v1/users/{userId}',
    tag: 'Users',
    summary: 'Profile of a user',
    answers: { 200: { description: 'The profile.', schema: restUser } },
  },
  findUsers: {
    method: 'get',
    path: '/v1/users',
    tag: 'Users',
    summary: 'Profiles of named users, or of the users whose name or id begins with a text',
    query: findUsersQuery,
    answers: {
      200: {
        description:
          'A page of profiles. A page of a search can have fewer users than `limit`, or none, although `nextCursor` shows that there are more.',
        schema: cursorPage(restUser),
      },
    },
  },
  putMe: {
    method: 'put',
    path: '/v1/me',
    tag: 'Users',
    summary: "Write the caller's profile (`user.upsert`)",
    body: putProfileBody,
    example: { displayName: 'Alice' },
    answers: creates,
  },
  getUnread: {
    method: 'get',
    path: '/v1/me/unread',
    tag: 'Users',
    summary: "Number of unread messages in the caller's chats, except hidden chats",
    answers: { 200: { description: 'The counts.', schema: restUnread } },
  },
} as const satisfies Record<string, RestOperation>;

export type RestOperationName = keyof typeof restOperations;
export const restOperationNames = Object.keys(restOperations) as RestOperationName[];
type OperationOf<O extends RestOperationName> = (typeof restOperations)[O];

export type RestQuery<O extends RestOperationName> =
  OperationOf<O> extends { query: infer Q extends z.ZodObject } ? z.output<Q> : Record<never, never>;

type ParametersIn<P extends string> = P extends `${string}{${infer Name}}${infer Rest}`
  ? Name | ParametersIn<Rest>
  : never;
export type RestPath<O extends RestOperationName> = Record<ParametersIn<OperationOf<O>['path']>, string>;

/** The entry as the general type, without its own name. */
export function operationOf(name: RestOperationName): RestOperation {
  return restOperations[name];
}

/** True for operations that publish a command and wait for its receipt. */
export function isCommandOperation(name: RestOperationName): boolean {
  return 202 in restOperations[name].answers;
}

/** The schema of an operation's path parameters. */
export function pathSchemaOf(name: RestOperationName): z.ZodObject {
  const parameters = [...restOperations[name].path.matchAll(/\{(\w+)\}/g)].map(
    ([, parameter]) => parameter as PathParameter,
  );
  return z.object(Object.fromEntries(parameters.map((parameter) => [parameter, pathParameters[parameter]])));
}

/** The headers of a command's request. */
export const commandHeaders = z.object({
  'Idempotency-Key': commandId.optional().meta({
    description:
      'The command id (idempotency key), unique per caller. Default: a new id. It may be in double quotes, which are ignored.',
    // No example: a page that fills in examples would send each command with the same id.
    example: undefined,
  }),
});

const NO_PARAMETERS = z.strictObject({});

/** One violation per parameter. Zod reports all unknown ones in one issue. */
function violationsOf(issue: z.core.$ZodIssue): Violation[] {
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((path) => ({ path, message: 'is not a parameter of this operation' }));
  return [{ path: issue.path.map(String).join('.'), message: issue.message }];
}

export type ParsedQuery = { ok: true; query: unknown } | { ok: false; violations: Violation[] };

/** Reads query parameters. An unknown parameter is an error, so that a typing error is not ignored. */
export function parseQuery(name: RestOperationName, given: unknown): ParsedQuery {
  const { query = NO_PARAMETERS } = operationOf(name);
  const result = query.safeParse(given, { error: violationText });
  if (result.success) return { ok: true, query: result.data };
  return { ok: false, violations: result.error.issues.flatMap(violationsOf).slice(0, VIOLATIONS_MAX) };
}

const ANY: ProblemCode[] = ['bad_request', 'unauthenticated', 'not_found', 'rate_limited', 'internal', 'unavailable'];
const OF_COMMANDS: ProblemCode[] = [
  ...(Object.keys(refusalCodes) as ProblemCode[]),
  'malformed',
  'unsupported_media_type',
];

/** The caller may be in the chat and still not be permitted. */
const ABOUT_CHATS: ProblemCode[] = ['not_permitted'];

/** Of bodies that are no commands. */
const OF_BODIES: ProblemCode[] = ['invalid', 'too_large', 'malformed', 'unsupported_media_type', 'limit_reached'];

function codesOf(name: RestOperationName): ProblemCode[] {
  if (isCommandOperation(name)) return [...ANY, ...OF_COMMANDS];
  const { path, query, isOptional = false } = operationOf(name);
  const namesChat = path.includes('{chatId}') || Object.hasOwn(query?.shape ?? {}, 'chatId');
  const isAdministrative = Object.hasOwn(webhookOperations, name);
  const ofBody: ProblemCode[] = operationOf(name).body === undefined ? [] : OF_BODIES;
  return [
    ...ANY,
    ...(namesChat || isAdministrative ? ABOUT_CHATS : []),
    ...ofBody,
    ...(isOptional ? (['not_implemented'] as const) : []),
  ];
}

/** The problems with which an operation can answer, by HTTP status. */
export function problemsOf(name: RestOperationName): Map<number, ProblemCode[]> {
  return problemsByStatus(codesOf(name));
}

export function problemsByStatus(codes: readonly ProblemCode[]): Map<number, ProblemCode[]> {
  const byStatus = new Map<number, ProblemCode[]>();
  for (const code of new Set(codes)) {
    const status = problemKind(code).status;
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  return byStatus;
}

/** A problem's status and title. */
export function problemKind(code: ProblemCode): { status: number; title: string } {
  const kinds: Record<ProblemCode, { status: number; title: string }> = { ...refusalCodes, ...requestProblems };
  const { status, title } = kinds[code];
  return { status, title };
}
