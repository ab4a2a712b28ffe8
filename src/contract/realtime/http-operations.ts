/**
 * The HTTP operations of a gateway as data, for the OpenAPI document. They are no REST operations: `parley gateway`
 * answers them, `parley api` alone does not, and a stream never ends.
 */
import { z } from 'zod';
import type { ProblemCode } from '../messages/problems.js';
import { SYNC_TOKEN_MAX_CHARACTERS } from '../rest/requests.js';
import { STREAM_PATH } from './protocol.js';
import { realtimePass } from './server-frames.js';

export const PASS_PATH = '/v1/realtime/pass';

export interface RealtimeOperation {
  method: 'get' | 'post';
  path: string;
  summary: string;
  description: string;
  query?: z.ZodObject;
  headers?: z.ZodObject;
  answer: { description: string; contentType: string; schema: z.ZodType };
  problems: readonly ProblemCode[];
}

const resumeToken = z.string().max(SYNC_TOKEN_MAX_CHARACTERS).optional();

export const realtimeOperations = {
  openStream: {
    method: 'get',
    path: STREAM_PATH,
    summary: "Events of the caller's chats as server-sent events, until the client or the gateway ends the stream",
    description:
      'Each event of the stream is a frame of the gateway: `event` is its name, `data` the frame as JSON, `id` a token to resume from. A page of documents cannot show it, because it does not end: use `curl -N`. Served by `parley gateway`.',
    query: z.object({
      pass: z.string().optional().meta({
        description: 'A pass instead of the header `Authorization`, for clients that cannot send headers.',
      }),
      since: resumeToken.meta({
        description:
          'A token to resume from, or `now` for what happens from now on. Without it, everything. `Last-Event-ID` precedes it.',
      }),
    }),
    headers: z.object({
      'Last-Event-ID': resumeToken.meta({
        description: 'The last `id` of an earlier stream. An `EventSource` sends it by itself.',
      }),
    }),
    answer: {
      description: 'The stream. Its first frame is `hello`, or `bye` if the gateway is full.',
      contentType: 'text/event-stream',
      schema: z.string(),
    },
    problems: ['bad_request', 'unauthenticated', 'not_permitted', 'method_not_allowed', 'unavailable'],
  },
  issuePass: {
    method: 'post',
    path: PASS_PATH,
    summary: 'A pass for a stream or a WebSocket of the caller, for clients that cannot send headers',
    description:
      'The pass is the token of the request, sealed. It is valid for 30 s, and each gateway process takes it once. Served by `parley gateway`.',
    answer: { description: 'The pass.', contentType: 'application/json', schema: realtimePass },
    problems: ['unauthenticated', 'not_permitted', 'method_not_allowed', 'unavailable'],
  },
} satisfies Record<string, RealtimeOperation>;
