/** A worker with REST, and gateways, on private services. */
import { v4 } from 'uuid';
import { signToken } from '../../src/infrastructure/jwt.js';
import { startProcess, type TestProcess } from '../../test/support/fleet/processes.js';
import { policyWithoutQuotas } from '../../test/support/policies/policy-with.js';
import { describeMachine, type Machine } from '../reporting/machine.js';
import { type PrivateServices, startPrivateServices } from '../running/private-services.js';

const SECRET = 'a secret of more than thirty-two bytes, for the bench';
const TOKEN_TTL_S = 24 * 3_600;
/** `chat.create` and `member.add` name at most so many users. */
const MEMBERS_AT_ONCE = 100;

export class Stand {
  readonly gateways: TestProcess[] = [];

  private constructor(
    private readonly services: PrivateServices,
    private readonly env: Record<string, string>,
    /** The worker with REST. */
    readonly api: TestProcess,
  ) {}

  static async start(): Promise<Stand> {
    const services = await startPrivateServices();
    try {
      const env = {
        DATABASE_URL: await services.createDatabase('realtime'),
        ...{ AMQP_URL: services.amqpUrl, HOST: '127.0.0.1', LOG_FORMAT: 'json', LOG_LEVEL: 'warn', JWT_SECRET: SECRET },
        ...{ POLICY_FILE: policyWithoutQuotas(), REST_RATE_LIMIT: '100000000', EVENT_RECIPIENTS_MAX: '1000' },
        ...{ GATEWAY_CONNECTIONS_MAX: '100000', GATEWAY_USER_CONNECTIONS_MAX: '10000' },
      };
      const api = await startProcess({ args: ['worker', 'api'], env });
      await api.ready();
      return new Stand(services, env, api);
    } catch (error) {
      await services.stop();
      throw error;
    }
  }

  get amqpUrl(): string {
    return this.services.amqpUrl;
  }

  /** The machine, as it is now. */
  machine(): Promise<Machine> {
    return describeMachine(this.env.DATABASE_URL ?? '', this.amqpUrl);
  }

  async addGateway(): Promise<TestProcess> {
    const gateway = await startProcess({ args: ['gateway'], env: this.env });
    await gateway.ready();
    this.gateways.push(gateway);
    return gateway;
  }

  token(userId: string): Promise<string> {
    return signToken(SECRET, { subject: userId }, TOKEN_TTL_S);
  }

  /** A group of these users; the first one owns it. */
  async createGroup(userIds: readonly string[]): Promise<string> {
    const [owner = '', ...others] = userIds;
    const { chatId } = await this.post(owner, '/v1/chats', {
      ...{ kind: 'group', title: 'bench', memberIds: others.slice(0, MEMBERS_AT_ONCE) },
    });
    for (let from = MEMBERS_AT_ONCE; from < others.length; from += MEMBERS_AT_ONCE)
      await this.post(owner, `/v1/chats/${chatId}/members`, { userIds: others.slice(from, from + MEMBERS_AT_ONCE) });
    return chatId ?? '';
  }

  /** Returns the sequence of the message. */
  async say(userId: string, chatId: string, body: string): Promise<number> {
    const { sequence } = await this.post(userId, `/v1/chats/${chatId}/messages`, { body });
    return sequence ?? 0;
  }

  async stop(): Promise<void> {
    for (const gateway of this.gateways) await gateway.kill();
    await this.api.stop();
    await this.services.stop();
  }

  private async post(userId: string, path: string, json: object): Promise<{ chatId?: string; sequence?: number }> {
    const response = await fetch(`http://127.0.0.1:${this.api.env.PORT}${path}`, {
      method: 'POST',
      headers: {
        ...{ authorization: `Bearer ${await this.token(userId)}`, 'content-type': 'application/json' },
        'idempotency-key': v4(),
      },
      body: JSON.stringify(json),
    });
    const body = (await response.json()) as { chatId?: string; sequence?: number };
    if (!response.ok) throw new Error(`POST ${path}: ${response.status} ${JSON.stringify(body)}`);
    return body;
  }
}

export const wsUrl = ({ env }: TestProcess) => `ws://127.0.0.1:${env.PORT}`;
