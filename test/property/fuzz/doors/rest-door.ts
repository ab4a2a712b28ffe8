/** REST on a real socket: every response is documented, and contains no data that the caller may not see. */
import { refusalCodes, requestProblems } from '../../../../src/contract/messages/problems.js';
import { assertDocumented } from '../../../unit/adapters/http/documented-answers.js';
import { RestHarness } from '../../../unit/adapters/http/rest-harness.js';
import { type HostileRequest, hostileRequest, requestBytes } from '../hostile-requests.js';
import { isGood, type Tokens, tokens } from '../hostile-tokens.js';
import { refusedBySchema } from './answer-oracle.js';
import { type Door, Finding, type OpenDoor } from './door.js';
import { type RawAnswer, sendRaw } from './raw-http.js';

const AT_ONCE = 16;
const NO_RATE_LIMIT = 1e9;
/** Part of every text that the callers must not see. */
const SECRET_TEXT = 'for-nobody-but-the-members';
const CODES = new Set([...Object.keys(refusalCodes), ...Object.keys(requestProblems)]);
/** Paths of this machine, and stack frames. */
const INSIDES = /node_modules|file:\/\/|\/dist\/|\n\s+at .+:\d+:\d+/;
const PLAIN_TARGET = /^\/[^\s\p{Cc}]*$/u;
const DOCUMENTS = /^\/(docs|openapi\.json|asyncapi\.json)/;
/** The server stops reading above this size. The response may be lost by the reset that follows. */
const READ_MAX_BYTES = 60_000;

/**
 * Node's parser does not report an error in the data after an upgrade request, and waits. The response comes after the
 * time limit.
 */
function isUpgradeCutShort({ headers, framing }: HostileRequest): boolean {
  return framing !== 'length' && headers.some(([name]) => name === 'Upgrade');
}

class RestDoor implements OpenDoor<HostileRequest> {
  private constructor(
    private readonly rest: RestHarness,
    private readonly known: Tokens,
    private readonly words: ReadonlyMap<string, string>,
  ) {}

  static async open(): Promise<RestDoor> {
    const rest = await new RestHarness({ limits: { requests: NO_RATE_LIMIT, windowSeconds: 10 } }).start();
    const secretChat = async (who: string) => {
      const chat = await rest.group(['yves'], { title: SECRET_TEXT }, who);
      const { messageId } = await rest.say(chat, `tea ${SECRET_TEXT}`, who);
      return { chat, messageId };
    };
    const chat = await rest.group(['bob', 'carol']);
    await rest.group(['bob']);
    const { messageId } = await rest.say(chat, 'Shall we have tea?');
    const [foreign, closed] = [await secretChat('acme/zoe2'), await secretChat('walter')];
    const profile = { json: { displayName: SECRET_TEXT }, as: 'acme2/bob' };
    await rest.call('PUT', '/v1/me', profile);
    const ofPage = async (path: string, as: string) => (await rest.get(path, { as })).body;
    const words = new Map([
      ...Object.entries({ chat, message: messageId, foreign: foreign.chat, foreignMessage: foreign.messageId }),
      ...Object.entries({ closed: closed.chat, closedMessage: closed.messageId, closedReceipt: 'of-walter' }),
      ['decision', String((await ofPage(`/v1/chats/${chat}/messages/${messageId}`, 'alice')).decisionId ?? chat)],
      ['cursor', (await ofPage('/v1/chats?limit=1', 'alice')).nextCursor],
      ['othersCursor', (await ofPage('/v1/chats?limit=1', 'bob')).nextCursor],
      ['sync', (await ofPage('/v1/sync', 'alice')).next],
      ['othersSync', (await ofPage('/v1/sync', 'walter')).next],
    ] as [string, string][]);
    rest.lines.length = 0;
    return new RestDoor(rest, await tokens(), words);
  }

  async take(inputs: readonly HostileRequest[]): Promise<string[]> {
    const outcomes: string[] = [];
    for (let at = 0; at < inputs.length; at += AT_ONCE)
      outcomes.push(...(await Promise.all(inputs.slice(at, at + AT_ONCE).map((input) => this.ask(input)))));
    // After all other requests have ended, also those without a waiting caller.
    const { status } = await this.rest.get('/v1/chats?limit=1');
    if (status !== 200) throw new Finding(`a good request was answered ${status}`);
    const error = this.rest.lines.find(({ level }) => level === 'error');
    this.rest.lines.length = 0;
    if (error !== undefined) throw new Finding(`logged: ${error.message} ${(error.fields.error as Error)?.stack}`);
    return outcomes;
  }

  close(): Promise<void> {
    return this.rest.stop();
  }

  private async ask(input: HostileRequest): Promise<string> {
    const fill = (text: string) => text.replaceAll(/~(\w+)~/g, (word, name) => this.words.get(name) ?? word);
    const bearer = input.token === null ? null : (this.known.get(input.token) ?? null);
    const bytes = requestBytes(input, fill, bearer);
    const answer = await sendRaw(this.rest.server.port, bytes);
    const told = () => `${bytes.toString('latin1', 0, 600)}\n=> ${JSON.stringify(answer).slice(0, 600)}`;
    if (typeof answer === 'string') {
      // Node's server closes an unsupported tunnel. Unread data may lose the response.
      if (input.method === 'CONNECT' || bytes.length > READ_MAX_BYTES || isUpgradeCutShort(input))
        return `no answer: ${answer}`;
      throw new Finding(`no answer but ${answer} to ${told()}`);
    }
    try {
      // As sent: one character per byte.
      this.check(input, answer, Buffer.from(fill(input.target), 'latin1').toString('latin1'));
    } catch (error) {
      throw new Finding(`${(error as Error).message}\n${told()}`);
    }
    return answer.status < 400 ? `answered ${answer.status}` : `problem ${answer.status}`;
  }

  private check({ method, token }: HostileRequest, { status, headers, body }: RawAnswer, target: string): void {
    const text = body.toString('utf8');
    const type = headers.get('content-type') ?? '';
    const path = target.split(/[?#]/)[0] ?? '';
    // The store in memory has no deliveries of webhooks.
    const isNotOffered = status === 501 && target.includes('/v1/webhooks');
    if (!(status >= 200 && status < 500) && !isNotOffered) throw new Error(`status ${status}`);
    if (headers.has('x-injected')) throw new Error('a header of the caller came back');
    if (text.includes(SECRET_TEXT)) throw new Error("what is others' was told");
    if (!DOCUMENTS.test(path) && INSIDES.test(text)) throw new Error('the answer tells of the insides');
    if (path.startsWith('/v1/') && method !== 'OPTIONS' && status < 400 && !isGood(token))
      throw new Error('nobody was proven, and yet it is answered');
    if (method === 'HEAD' || method === 'OPTIONS') return;
    if (status >= 400) {
      const problem = JSON.parse(text);
      const code = String(problem.type).replace('/problems/', '');
      if (!type.startsWith('application/problem+json')) throw new Error(`a problem as ${type}`);
      if (!CODES.has(code) || problem.status !== status) throw new Error('a problem that is none of the contract');
    }
    const parsed: unknown = type.includes('json') ? JSON.parse(text) : text;
    // A line break or a blank ends the target, so that the path is another one.
    if (PLAIN_TARGET.test(target)) assertDocumented(method, path, status, type, parsed);
    this.checkAccepted(parsed);
  }

  private checkAccepted(answer: unknown): void {
    const { commandId, status, replayed } = Object(answer) as {
      commandId?: string;
      status?: string;
      replayed?: boolean;
    };
    if (status !== 'accepted' || replayed) return;
    const asked = this.rest.gateway.published.filter((command) => command.commandId === commandId);
    const refusals = asked.map((command) => refusedBySchema(command.type, command.body));
    if (!refusals.includes(null)) throw new Error(`accepted, though the schema refuses it: ${refusals}`);
  }
}

export const restDoor: Door<HostileRequest> = {
  name: 'rest',
  input: hostileRequest,
  together: 100,
  perOpening: 2_000,
  watchesStalls: true,
  open: () => RestDoor.open(),
};
