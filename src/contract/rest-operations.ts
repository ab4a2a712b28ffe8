/**
 * Every REST operation as data: routes, validation of paths and queries, and the OpenAPI document come from this one table.
 *
 * Adding an operation: its entry here, its handler in `adapters/http/`.
 */
import { z } from 'zod';
import { chatId, commandId, messageId, userId } from './identifiers.js';
import { type ProblemCode, refusalCodes, requestProblems, type Violation } from './problems.js';
import { receipt } from './receipts.js';
import {
  addMembersBody,
  commandPending,
  createChatBody,
  cursorPage,
  listChatsQuery,
  listEventsQuery,
  listMembersQuery,
  listMessagesQuery,
  putProfileBody,
  restChat,
  restChatListItem,
  restEvent,
  restMember,
  restMessage,
  restUser,
  sendMessageBody,
  sequencePage,
} from './rest.js';

/** What a path's parameters look like: anything else names nothing and is 404. */
export const pathParameters = { chatId, messageId, userId, commandId } as const;
type PathParameter = keyof typeof pathParameters;

interface Operation {
  method: 'get' | 'post' | 'put' | 'delete';
  /** With `{parameter}`s from `pathParameters`. */
  path: string;
  tag: string;
  summary: string;
  query?: z.ZodObject;
  /** A command's body: described here, judged by the worker like any producer's. */
  body?: z.ZodType;
  /** Success answers by status. */
  answers: Partial<Record<200 | 201 | 202, { description: string; schema: z.ZodType }>>;
}

const pending = { description: 'No receipt in time: it will be found at `Location`.', schema: commandPending };
const changed = { description: 'Accepted. The receipt.', schema: receipt };
const unchanged = { description: 'Accepted, and changed nothing or was a repeat. The receipt.', schema: receipt };
const creates = { 201: changed, 200: unchanged, 202: pending };

export const restOperations = {
  listChats: {
    method: 'get',
    path: '/v1/chats',
    tag: 'Chats',
    summary: "The caller's chats, newest activity first",
    query: listChatsQuery,
    answers: { 200: { description: 'A page of chats.', schema: cursorPage(restChatListItem) } },
  },
  createChat: {
    method: 'post',
    path: '/v1/chats',
    tag: 'Chats',
    summary: 'Create a chat (`chat.create`)',
    body: createChatBody,
    answers: creates,
  },
  getChat: {
    method: 'get',
    path: '/v1/chats/{chatId}',
    tag: 'Chats',
    summary: "One chat with the caller's membership",
    answers: { 200: { description: 'The chat.', schema: restChat } },
  },
  listMembers: {
    method: 'get',
    path: '/v1/chats/{chatId}/members',
    tag: 'Members',
    summary: 'Members with roles, by user id',
    query: listMembersQuery,
    answers: { 200: { description: 'A page of members.', schema: cursorPage(restMember) } },
  },
  addMembers: {
    method: 'post',
    path: '/v1/chats/{chatId}/members',
    tag: 'Members',
    summary: 'Add members (`member.add`)',
    body: addMembersBody,
    answers: creates,
  },
  removeMember: {
    method: 'delete',
    path: '/v1/chats/{chatId}/members/{userId}',
    tag: 'Members',
    summary: 'Remove a member, or leave (`member.remove`)',
    answers: { 200: changed, 202: pending },
  },
  listMessages: {
    method: 'get',
    path: '/v1/chats/{chatId}/messages',
    tag: 'Messages',
    summary: 'History by sequence, either way; the latest messages where no place is given',
    query: listMessagesQuery,
    answers: { 200: { description: 'A page of messages.', schema: sequencePage(restMessage) } },
  },
  sendMessage: {
    method: 'post',
    path: '/v1/chats/{chatId}/messages',
    tag: 'Messages',
    summary: 'Send a message (`message.send`)',
    body: sendMessageBody,
    answers: creates,
  },
  getMessage: {
    method: 'get',
    path: '/v1/chats/{chatId}/messages/{messageId}',
    tag: 'Messages',
    summary: 'One message with its reactions',
    answers: { 200: { description: 'The message.', schema: restMessage } },
  },
  listEvents: {
    method: 'get',
    path: '/v1/chats/{chatId}/events',
    tag: 'Events',
    summary: "The chat's events by sequence: what a client that was away applies",
    query: listEventsQuery,
    answers: { 200: { description: 'A page of CloudEvents.', schema: sequencePage(restEvent) } },
  },
  getReceipt: {
    method: 'get',
    path: '/v1/receipts/{commandId}',
    tag: 'Receipts',
    summary: "The caller's stored receipt of a command",
    answers: { 200: { description: 'The receipt.', schema: receipt } },
  },
  getUser: {
    method: 'get',
    path: '/v1/users/{userId}',
    tag: 'Users',
    summary: 'A profile',
    answers: { 200: { description: 'The profile.', schema: restUser } },
  },
  putMe: {
    method: 'put',
    path: '/v1/me',
    tag: 'Users',
    summary: "Write the caller's profile (`user.upsert`)",
    body: putProfileBody,
    answers: creates,
  },
} as const satisfies Record<string, Operation>;

export type RestOperationName = keyof typeof restOperations;
export const restOperationNames = Object.keys(restOperations) as RestOperationName[];
type OperationOf<O extends RestOperationName> = (typeof restOperations)[O];

export type RestQuery<O extends RestOperationName> =
  OperationOf<O> extends { query: infer Q extends z.ZodObject } ? z.output<Q> : Record<never, never>;

type ParametersIn<P extends string> = P extends `${string}{${infer Name}}${infer Rest}`
  ? Name | ParametersIn<Rest>
  : never;
export type RestPath<O extends RestOperationName> = Record<ParametersIn<OperationOf<O>['path']>, string>;

/** An entry seen without its name. */
export function operationOf(name: RestOperationName): Operation {
  return restOperations[name];
}

/** True for what publishes a command and awaits its receipt. */
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
  'Idempotency-Key': commandId
    .optional()
    .meta({ description: 'The command id, unique per caller; drawn where absent.' }),
});

const NO_PARAMETERS = z.strictObject({});

/** Each names its parameter; zod tells of unknown ones together. */
function violationsOf(issue: z.core.$ZodIssue): Violation[] {
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((path) => ({ path, message: 'is not a parameter of this operation' }));
  return [{ path: issue.path.map(String).join('.'), message: issue.message }];
}

export type ParsedQuery = { ok: true; query: unknown } | { ok: false; violations: Violation[] };

/** Reads query parameters; one that the operation does not know is a fault, so that a typing error is not taken for a choice. */
export function parseQuery(name: RestOperationName, given: unknown): ParsedQuery {
  const { query = NO_PARAMETERS } = operationOf(name);
  const result = query.safeParse(given);
  if (result.success) return { ok: true, query: result.data };
  return { ok: false, violations: result.error.issues.flatMap(violationsOf) };
}

const ANY: ProblemCode[] = ['bad_request', 'unauthenticated', 'not_found', 'rate_limited', 'internal', 'unavailable'];
const OF_COMMANDS: ProblemCode[] = [
  ...(Object.keys(refusalCodes) as ProblemCode[]),
  'malformed',
  'unsupported_media_type',
];

/** Whoever asks about a chat may be in it, and yet not be permitted. */
const ABOUT_CHATS: ProblemCode[] = ['not_permitted'];

function codesOf(name: RestOperationName): ProblemCode[] {
  if (isCommandOperation(name)) return [...ANY, ...OF_COMMANDS];
  return operationOf(name).path.includes('{chatId}') ? [...ANY, ...ABOUT_CHATS] : ANY;
}

/** The problems an operation can answer with, by HTTP status. */
export function problemsOf(name: RestOperationName): Map<number, ProblemCode[]> {
  const byStatus = new Map<number, ProblemCode[]>();
  for (const code of new Set(codesOf(name))) {
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
