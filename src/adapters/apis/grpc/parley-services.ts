/** The services of `parley.v1`: each method translates to an operation, and its answer back. It decides nothing. */
import {
  type handleServerStreamingCall,
  type handleUnaryCall,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceError,
  status,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import type { CallerSlots } from '../../../application/gateway/caller-slots.js';
import type { OperationCall } from '../../../application/gateway/operation-call.js';
import { realTime } from '../../../application/runtime/time.js';
import { ProtoTypes } from '../../../contract/grpc/proto-types.js';
import {
  buildServices,
  type FieldPlace,
  PACKAGE,
  type ProtoMethod,
  requestFields,
} from '../../../contract/grpc/services.js';
import type { Problem } from '../../../contract/messages/problems.js';
import type { RestOperationName } from '../../../contract/rest/operations.js';
import type { Logger } from '../../../infrastructure/logging/logger.js';
import { type Callers, textOf } from './callers.js';
import { grpcError, problemError, statusOf } from './grpc-status.js';
import type { GrpcSettings, Operations } from './operations.js';
import { type Message, UnreadableRequest, type Wire } from './wire.js';

const PENDING_STATUS = 202;
const REFUSED_STATUS = 400;
/** A stream whose client reads nothing for this long ends. */
export const STREAM_WRITE_TIMEOUT_MS = 60_000;
/** Events of one read. */
const STREAM_PAGE_LIMIT = '200';
const TRACE_HEADERS = ['traceparent', 'tracestate'];

export interface ParleyServicesDependencies {
  wire: Wire;
  callers: Callers;
  operations: Operations;
  streams: CallerSlots;
  settings: GrpcSettings;
  logger: Logger;
}

type UnaryCall = ServerUnaryCall<Message, Message>;
type StreamCall = ServerWritableStream<Message, Message>;

export class ParleyServices {
  private readonly openStreams = new Set<AbortController>();
  private isStopping = false;

  constructor(private readonly dependencies: ParleyServicesDependencies) {}

  /** Implementations by the full name of the service. */
  get implementations(): Map<string, UntypedServiceImplementation> {
    return new Map(
      buildServices().services.map(({ name, methods }) => [
        `${PACKAGE}.${name}`,
        Object.fromEntries(methods.map((method) => [method.name, this.handlerOf(method)])),
      ]),
    );
  }

  /** Ends all streams with `UNAVAILABLE`; clients resume them elsewhere. */
  endStreams(): void {
    this.isStopping = true;
    for (const stream of this.openStreams) stream.abort();
  }

  private handlerOf(
    method: ProtoMethod,
  ): handleUnaryCall<Message, Message> | handleServerStreamingCall<Message, Message> {
    const { operation } = method;
    if (operation === null) return (call: StreamCall) => void this.subscribe(call);
    const places = new Map([...requestFields(new ProtoTypes(), operation)].map(([{ name }, place]) => [name, place]));
    return (call: UnaryCall, callback) => {
      this.answer(method, operation, places, call).then(
        (message) => callback(null, message),
        (error: unknown) => callback(this.errorOf(error)),
      );
    };
  }

  private async answer(
    { request, response, wrapper }: ProtoMethod,
    operation: RestOperationName,
    places: ReadonlyMap<string, FieldPlace>,
    call: UnaryCall,
  ): Promise<Message> {
    const { wire, operations } = this.dependencies;
    const caller = await this.authenticate(call);
    const json = wire.toJson(wire.type(`${PACKAGE}.${request}`), call.request);
    const answer = await operations.run(operation, { ...caller, ...placed(json, places), headers: headersOf(call) });
    const body = this.bodyOf(answer);
    return wire.toMessage(wire.type(`${PACKAGE}.${response}`), wrapper === null ? body : { [wrapper]: body });
  }

  private async authenticate(call: UnaryCall | StreamCall) {
    const caller = await this.dependencies.callers.of(call.metadata);
    if (caller instanceof Error) throw caller;
    return caller;
  }

  /** Throws the error for the client if the answer is a problem, or the receipt did not come in time. */
  private bodyOf({ status: code, body }: { status: number; body: unknown }): unknown {
    const { wire } = this.dependencies;
    if (code >= REFUSED_STATUS) throw problemError(wire, body as Problem);
    if (code === PENDING_STATUS)
      throw grpcError(wire, status.DEADLINE_EXCEEDED, 'PENDING', {
        detail:
          'the receipt did not come in time; the command may still take effect: repeat it with the same command_id',
        commandId: (body as { commandId: string }).commandId,
      });
    return body;
  }

  private errorOf(error: unknown): ServiceError {
    const { wire, logger } = this.dependencies;
    if (error instanceof UnreadableRequest)
      return grpcError(wire, statusOf('bad_request'), 'BAD_REQUEST', { detail: error.message });
    if (error instanceof Error && 'code' in error && 'metadata' in error) return error as ServiceError;
    logger.error('request failed', { error });
    return grpcError(wire, statusOf('internal'), 'INTERNAL');
  }

  /** Pages of sync for as long as the call lasts. The next one is read when the client has taken the last one. */
  private async subscribe(call: StreamCall): Promise<void> {
    const { streams, settings, wire } = this.dependencies;
    const life = new AbortController();
    const { signal } = life;
    this.openStreams.add(life);
    if (this.isStopping) life.abort();
    call.on('cancelled', () => life.abort());
    let release: (() => void) | null = null;
    try {
      const { caller } = await this.authenticate(call);
      release = await streams.enter(caller);
      if (release === null)
        throw grpcError(wire, statusOf('rate_limited'), 'RATE_LIMITED', {
          detail: `at most ${settings.userStreamsMax} streams of one user are allowed`,
        });
      await this.stream(call, signal);
      if (this.isStopping)
        throw grpcError(wire, statusOf('unavailable'), 'UNAVAILABLE', { detail: 'the server is stopping' });
      call.end();
    } catch (error) {
      if (!call.cancelled) call.emit('error', this.errorOf(error));
    } finally {
      this.openStreams.delete(life);
      release?.();
    }
  }

  private async stream(call: StreamCall, signal: AbortSignal): Promise<void> {
    const { wire, operations, settings } = this.dependencies;
    const type = wire.type(`${PACKAGE}.SubscribeResponse`);
    let { since } = call.request;
    let wasCaughtUp = false;
    while (!signal.aborted) {
      // Each time: the token can expire or be revoked.
      const caller = await this.authenticate(call);
      const query = { limit: STREAM_PAGE_LIMIT, ...(typeof since === 'string' && since !== '' ? { since } : {}) };
      const answer = await operations.run('sync', { ...caller, query, ...NOTHING, headers: headersOf(call) });
      const limited = answer.status >= REFUSED_STATUS ? (answer.body as Problem).retryAfter : undefined;
      if (limited !== undefined) {
        await realTime.pause(limited * 1_000, signal);
        continue;
      }
      const page = this.bodyOf(answer) as { items: object[]; next: string; hasMore: boolean };
      since = page.next;
      const isCaughtUp = !page.hasMore;
      if (page.items.length > 0 || (isCaughtUp && !wasCaughtUp))
        await this.write(call, wire.toMessage(type, { ...page, isCaughtUp }), signal);
      wasCaughtUp = isCaughtUp;
      if (isCaughtUp) await realTime.pause(settings.streamPollMs, signal);
    }
  }

  /** Resolves when there is room for more: a client that reads slowly is read for slowly. */
  private async write(call: StreamCall, message: Message, signal: AbortSignal): Promise<void> {
    if (call.write(message)) return;
    const { wire } = this.dependencies;
    await new Promise<void>((resolve, reject) => {
      const done = () => {
        clearTimeout(timer);
        call.off('drain', done);
        signal.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(() => {
        done();
        reject(
          grpcError(wire, status.DEADLINE_EXCEEDED, 'SLOW_READER', { detail: 'the client does not read the stream' }),
        );
      }, STREAM_WRITE_TIMEOUT_MS);
      call.once('drain', done);
      signal.addEventListener('abort', done);
    });
  }
}

const NOTHING = { path: {}, body: undefined, idempotencyKey: undefined } as const;

/** The fields of a request, where its operation expects them. */
function placed(
  json: Message,
  places: ReadonlyMap<string, FieldPlace>,
): Omit<OperationCall, 'caller' | 'authorization' | 'headers'> {
  const path: Record<string, string> = {};
  const query: Record<string, string> = {};
  const body: Message = {};
  let idempotencyKey: string | undefined;
  for (const [name, value] of Object.entries(json)) {
    const place = places.get(name);
    if (place === 'path') path[name] = String(value);
    else if (place === 'commandId') idempotencyKey = String(value);
    else if (place === 'body') body[name] = value;
    // An empty list is no parameter.
    else if (!Array.isArray(value)) query[name] = String(value);
    else if (value.length > 0) query[name] = value.join(',');
  }
  return { path, query, body, idempotencyKey };
}

function headersOf({ metadata }: UnaryCall | StreamCall): Record<string, unknown> {
  return Object.fromEntries(TRACE_HEADERS.map((name) => [name, textOf(metadata, name)]));
}
