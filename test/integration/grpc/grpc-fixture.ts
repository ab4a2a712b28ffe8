/** `parley dev` in memory with gRPC, and clients that know only the committed .proto files. */
import { join } from 'node:path';
import { Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import { loadSync, type PackageDefinition, type ServiceDefinition } from '@grpc/proto-loader';
import { service as health } from 'grpc-health-check';
import { freePort } from '../../../src/infrastructure/free-port.js';
import { eventually } from '../../support/eventually.js';
import { startProcess, type TestProcess } from '../../support/fleet/processes.js';
import { projectFolder } from '../../support/services/services.js';
import { cli } from '../main/cli/run-cli.js';

const SECRET = 'a secret of the gRPC tests, long enough';
const UP_WITHIN_MS = 60_000;

export type Json = Record<string, unknown>;

export class GrpcFixture {
  private readonly clients: Client[] = [];

  private constructor(
    readonly dev: TestProcess,
    readonly address: string,
    private readonly definition: PackageDefinition,
  ) {}

  static async start(env: Record<string, string> = {}): Promise<GrpcFixture> {
    const port = String(await freePort());
    const dev = await startProcess({
      args: ['dev'],
      env: { STORE: 'memory', TRANSPORT: 'in-process', JWT_SECRET: SECRET, GRPC_PORT: port, ...env },
    });
    await dev.ready(UP_WITHIN_MS);
    const options = { keepCase: true, longs: Number, enums: String, includeDirs: [join(projectFolder, 'proto')] };
    const files = ['parley/v1/parley.proto', 'realchat/message/v1/message_api.proto'];
    return new GrpcFixture(dev, `127.0.0.1:${port}`, loadSync(files, options));
  }

  async token(actor: string): Promise<string> {
    const { stdout, stderr } = await cli(['token', '--actor', actor], { JWT_SECRET: SECRET });
    const token = stdout.at(-1);
    if (token === undefined) throw new Error(stderr.join());
    return token;
  }

  async as(actor: string): Promise<Caller> {
    return this.with({ authorization: `Bearer ${await this.token(actor)}` });
  }

  with(metadata: Record<string, string>): Caller {
    return new Caller(this.client(), this.definition, metadata);
  }

  private client(): Client {
    const client = new Client(this.address, credentials.createInsecure());
    this.clients.push(client);
    return client;
  }

  health(): Promise<Json> {
    return new Caller(this.client(), { 'grpc.health.v1.Health': health as ServiceDefinition }, {}).call(
      'grpc.health.v1.Health',
      'Check',
      {},
    );
  }

  async stop(): Promise<void> {
    for (const client of this.clients) client.close();
    await this.dev.stop();
  }
}

export class Caller {
  constructor(
    private readonly client: Client,
    private readonly definition: PackageDefinition,
    private readonly headers: Record<string, string>,
  ) {}

  call(service: string, method: string, request: object, deadlineMs = 20_000): Promise<Json> {
    const { path, requestSerialize, responseDeserialize } = this.method(service, method);
    return new Promise((resolve, reject) => {
      this.client.makeUnaryRequest<object, object>(
        ...([path, requestSerialize, responseDeserialize, request, this.metadata] as const),
        { deadline: Date.now() + deadlineMs },
        (error, response) => (error === null ? resolve(response as Json) : reject(error)),
      );
    });
  }

  command(method: string, request: object): Promise<Json> {
    return this.call('parley.v1.CommandService', method, request);
  }

  query(method: string, request: object): Promise<Json> {
    return this.call('parley.v1.QueryService', method, request);
  }

  subscribe(request: object) {
    const { path, requestSerialize, responseDeserialize } = this.method('parley.v1.EventService', 'Subscribe');
    return this.client.makeServerStreamRequest<object, object>(
      ...([path, requestSerialize, responseDeserialize, request, this.metadata] as const),
    );
  }

  /** The error of a call that must fail. */
  async refused(service: string, method: string, request: object): Promise<ServiceError> {
    const answer = await this.call(service, method, request).catch((error: ServiceError) => error);
    if (answer instanceof Error) return answer;
    throw new Error(`${method} was not refused: ${JSON.stringify(answer)}`);
  }

  private get metadata(): Metadata {
    return Metadata.fromHttp2Headers(this.headers);
  }

  private method(service: string, method: string) {
    const found = (this.definition[service] as ServiceDefinition | undefined)?.[method];
    if (found === undefined) throw new Error(`${service} has no ${method}`);
    return found;
  }
}

/** The items of a stream, as they come. */
export class Received {
  readonly responses: { items?: Json[]; next: string; is_caught_up?: boolean }[] = [];
  error: ServiceError | null = null;

  constructor(private readonly stream: ReturnType<Caller['subscribe']>) {
    stream.on('data', (response) => this.responses.push(response));
    stream.on('error', (error: ServiceError) => {
      this.error = error;
    });
  }

  get events(): Json[] {
    return this.responses.flatMap(({ items = [] }) => items.flatMap(({ events = [] }) => events as Json[]));
  }

  eventsOf(chatId: string): Json[] {
    const own = this.responses.flatMap(({ items = [] }) => items.filter(({ chat_id }) => chat_id === chatId));
    return own.flatMap(({ events = [] }) => events as Json[]);
  }

  async until(what: string, holds: () => boolean): Promise<void> {
    await eventually(
      () => {
        if (this.error !== null && !holds()) throw this.error;
        return holds();
      },
      { within: 20_000, what },
    );
  }

  cancel(): void {
    this.stream.cancel();
  }
}
