import {
  OpenAPIRegistry,
  OpenApiGeneratorV31,
  type RouteConfig,
  zodToOpenAPIRegistry,
} from '@asteasolutions/zod-to-openapi';
import { attachment } from '../../../../contract/messages/commands.js';
import { type ProblemCode, problem, reason, violation } from '../../../../contract/messages/problems.js';
import { receipt } from '../../../../contract/messages/receipts.js';
import { type RealtimeOperation, realtimeOperations } from '../../../../contract/realtime/http-operations.js';
import { realtimePass } from '../../../../contract/realtime/server-frames.js';
import {
  commandHeaders,
  isCommandOperation,
  operationOf,
  pathSchemaOf,
  problemsByStatus,
  problemsOf,
  type RestOperationName,
  restOperationNames,
} from '../../../../contract/rest/operations.js';
import {
  addMembersBody,
  createChatBody,
  deliveredBody,
  editMessageBody,
  putProfileBody,
  readChatBody,
  sendMessageBody,
  updateChatBody,
  updateMemberBody,
} from '../../../../contract/rest/requests.js';
import {
  commandPending,
  restChat,
  restChatListItem,
  restDecision,
  restEvent,
  restMember,
  restMembership,
  restMessage,
  restReaction,
  restReader,
  restRevision,
  restSyncItem,
  restThread,
  restUnread,
  restUser,
} from '../../../../contract/rest/responses.js';
import { PROBLEM_CONTENT_TYPE } from '../response.js';

export type OpenApiDocument = ReturnType<OpenApiGeneratorV31['generateDocument']>;

/**
 * Schemas with a name. Each precedes the schemas that contain it; otherwise its name could get the nullable variant.
 */
const components = {
  Violation: violation,
  Reason: reason,
  Problem: problem,
  Receipt: receipt,
  CommandPending: commandPending,
  Attachment: attachment,
  Reaction: restReaction,
  Message: restMessage,
  Revision: restRevision,
  Thread: restThread,
  Reader: restReader,
  Member: restMember,
  Membership: restMembership,
  Chat: restChat,
  ChatListItem: restChatListItem,
  ChatEvent: restEvent,
  SyncItem: restSyncItem,
  Decision: restDecision,
  Profile: restUser,
  Unread: restUnread,
  RealtimePass: realtimePass,
  CreateChat: createChatBody,
  UpdateChat: updateChatBody,
  ReadChat: readChatBody,
  MarkDelivered: deliveredBody,
  AddMembers: addMembersBody,
  UpdateMember: updateMemberBody,
  SendMessage: sendMessageBody,
  EditMessage: editMessageBody,
  PutProfile: putProfileBody,
};

const DESCRIPTION = `The response to a command is its receipt. A refusal is a problem document (RFC 9457) whose \`type\` is
\`/problems/<code>\`; \`violations\` name paths in the command, where \`data\` is the request's body. Repeated requests with the same
\`Idempotency-Key\` and content have one effect and get the first receipt. If a problem with status 500 or above has a \`commandId\`, it is
unknown whether that command takes effect: repeat the request with that id as its \`Idempotency-Key\`.`;

const AUTHORIZATION = `A JWT whose \`sub\` is by default the caller's user id. If tokens are signed with \`JWT_SECRET\`,
\`parley token --actor alice\` prints one. In \`parley dev\` this page has a token for alice, which is valid for a day.`;

let document: OpenApiDocument | undefined;

/** The OpenAPI 3.1 document of all operations, generated from the contract's schemas. */
export function openApiDocument(): OpenApiDocument {
  document ??= generate();
  return document;
}

function generate(): OpenApiDocument {
  const registry = new OpenAPIRegistry();
  for (const [refId, schema] of Object.entries(components)) zodToOpenAPIRegistry.add(schema, { _internal: { refId } });
  registry.registerComponent('securitySchemes', 'bearer', {
    ...{ type: 'http', scheme: 'bearer', bearerFormat: 'JWT' },
    description: AUTHORIZATION,
  });
  for (const name of restOperationNames) registry.registerPath(routeOf(name));
  for (const [name, operation] of Object.entries(realtimeOperations))
    registry.registerPath(realtimeRouteOf(name, operation));
  const schemas = Object.values(components).map((schema) => ({ type: 'schema' as const, schema }));
  return new OpenApiGeneratorV31([...schemas, ...registry.definitions], {
    sortComponents: 'alphabetically',
  }).generateDocument({
    openapi: '3.1.0',
    info: { title: 'Parley', version: '1.0.0', description: DESCRIPTION },
    servers: [{ url: '/' }],
    security: [{ bearer: [] }],
  });
}

function routeOf(name: RestOperationName): RouteConfig {
  const { method, path, tag, summary, query, body, example, answers } = operationOf(name);
  return {
    operationId: name,
    method,
    path,
    tags: [tag],
    summary,
    request: {
      params: pathSchemaOf(name),
      ...(isCommandOperation(name) ? { headers: commandHeaders } : {}),
      ...(query === undefined ? {} : { query }),
      ...(body === undefined
        ? {}
        : {
            body: {
              required: true,
              content: { 'application/json': { schema: body, ...(example === undefined ? {} : { example }) } },
            },
          }),
    },
    responses: {
      ...Object.fromEntries(
        Object.entries(answers).map(([status, { description, schema }]) => [
          status,
          { description, content: { 'application/json': { schema } } },
        ]),
      ),
      ...problemResponses(problemsOf(name)),
    },
  };
}

function realtimeRouteOf(name: string, operation: RealtimeOperation): RouteConfig {
  const { method, path, summary, description, query, headers, answer, problems } = operation;
  return {
    ...{ operationId: name, method, path, tags: ['Realtime'], summary, description },
    request: { ...(headers === undefined ? {} : { headers }), ...(query === undefined ? {} : { query }) },
    responses: {
      200: { description: answer.description, content: { [answer.contentType]: { schema: answer.schema } } },
      ...problemResponses(problemsByStatus(problems)),
    },
  };
}

function problemResponses(byStatus: ReadonlyMap<number, readonly ProblemCode[]>) {
  return Object.fromEntries(
    [...byStatus].map(([status, codes]) => [
      status,
      {
        description: codes.map((code) => `\`${code}\``).join(', '),
        content: { [PROBLEM_CONTENT_TYPE]: { schema: problem } },
      },
    ]),
  );
}
