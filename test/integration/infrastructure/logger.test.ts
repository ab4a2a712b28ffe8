import { PassThrough } from 'node:stream';
import { type Context, type ContextManager, context, ROOT_CONTEXT, TraceFlags, trace } from '@opentelemetry/api';
import { expect } from 'chai';
import {
  createLogger,
  LINES_WAITING_MAX_BYTES,
  type LoggerOptions,
  type ProcessLogger,
} from '../../../src/infrastructure/logging/logger.js';
import { eventually } from '../../support/eventually.js';

/** The least that makes a span the active one: a stack. */
class StackContextManager implements ContextManager {
  readonly #stack: Context[] = [];
  active(): Context {
    return this.#stack.at(-1) ?? ROOT_CONTEXT;
  }
  with<A extends unknown[], F extends (...args: A) => ReturnType<F>>(
    to: Context,
    fn: F,
    thisArg?: ThisParameterType<F>,
    ...args: A
  ): ReturnType<F> {
    this.#stack.push(to);
    try {
      return fn.call(thisArg as ThisParameterType<F>, ...args);
    } finally {
      this.#stack.pop();
    }
  }
  bind<T>(_to: Context, target: T): T {
    return target;
  }
  enable(): this {
    return this;
  }
  disable(): this {
    return this;
  }
}

async function written(log: (logger: ProcessLogger) => void, options: Partial<LoggerOptions> = {}): Promise<string[]> {
  const output = new PassThrough();
  const chunks: Buffer[] = [];
  output.on('data', (chunk: Buffer) => chunks.push(chunk));
  const logger = createLogger({ level: 'info', format: 'json', service: 'test', output, ...options });
  log(logger);
  await logger.close();
  return Buffer.concat(chunks)
    .toString()
    .split('\n')
    .filter((line) => line !== '');
}

async function logged(fields: Record<string, unknown>): Promise<Record<string, unknown>> {
  const [line] = await written((logger) => logger.info('hello', fields));
  return JSON.parse(line as string) as Record<string, unknown>;
}

describe('the logger', () => {
  it('writes one JSON object per line, with time, level, message, service and the fields', async () => {
    const lines = await written((logger) => {
      logger.info('first', { partition: 3 });
      logger.error('second\nline');
    });
    expect(lines).to.have.length(2);
    const [first, second] = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(first).to.include({ level: 'info', message: 'first', service: 'test', partition: 3 });
    expect(new Date(first?.time as string).toISOString()).to.equal(first?.time);
    expect(second).to.include({ level: 'error', message: 'second\nline' });
  });

  it('omits lines below its level', async () => {
    const log = (logger: ProcessLogger) => {
      logger.debug('debug');
      logger.info('info');
      logger.warn('warn');
      logger.error('error');
    };
    const messages = async (level: LoggerOptions['level']) =>
      (await written(log, { level })).map((line) => (JSON.parse(line) as { message: string }).message);
    expect(await messages('debug')).to.deep.equal(['debug', 'info', 'warn', 'error']);
    expect(await messages('warn')).to.deep.equal(['warn', 'error']);
  });

  it('has written every line when it is closed', async () => {
    const COUNT = 2000;
    const lines = await written((logger) => {
      for (let index = 0; index < COUNT; index += 1) logger.info('line', { index });
    });
    expect(lines).to.have.length(COUNT);
    expect(JSON.parse(lines.at(-1) as string)).to.include({ index: COUNT - 1 });
  });

  it('buffers a bounded number of bytes for a stopped reader, and reports the number of dropped lines', async () => {
    const output = new PassThrough();
    const logger = createLogger({ level: 'info', format: 'json', service: 'test', output });
    const count = 20_000;
    const long = 'x'.repeat(1_000);
    for (let index = 0; index < count; index += 1) logger.info('line', { index, long });
    expect(output.writableLength).to.be.within(LINES_WAITING_MAX_BYTES / 2, LINES_WAITING_MAX_BYTES + 10_000);
    const chunks: Buffer[] = [];
    output.on('data', (chunk: Buffer) => chunks.push(chunk));
    await eventually(() => output.writableLength === 0, { within: 5_000, what: 'everything to be read' });
    logger.warn('read again');
    logger.info('and on');
    await logger.close();
    const lines = Buffer.concat(chunks).toString().trimEnd().split('\n');
    const [before, after] = lines.slice(-2).map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(before).to.include({ message: 'read again', linesLeftOut: count - (lines.length - 2) });
    expect(after).to.include({ message: 'and on' }).and.not.to.have.property('linesLeftOut');
  });

  it('drops fields named like a secret or a text, at any depth, in any spelling', async () => {
    const SECRET = 'must-not-be-seen';
    const line = await logged({
      token: SECRET,
      accessToken: SECRET,
      'refresh-token': SECRET,
      Authorization: SECRET,
      password: SECRET,
      JWT_SECRET: SECRET,
      'api-key': SECRET,
      body: SECRET,
      messageBody: { deep: SECRET },
      text: SECRET,
      headers: { authorization: SECRET, cookie: SECRET, 'chat-id': 'kept' },
      list: [{ body: SECRET, id: 1 }],
      map: new Map([['password', SECRET]]),
    });
    expect(JSON.stringify(line)).to.not.include(SECRET);
    expect(line.headers).to.deep.equal({ 'chat-id': 'kept' });
    expect(line.list).to.deep.equal([{ id: 1 }]);
  });

  it('keeps fields with similar names', async () => {
    const fields = { context: 'a', bodyBytes: 12, tokens: 3, routingKey: 'k', authorized: true, textLength: 5 };
    expect(await logged(fields)).to.include(fields);
  });

  it('masks passwords in URLs everywhere', async () => {
    const line = await logged({
      url: 'amqp://user:hunter2@host/v',
      error: new Error('connecting to postgresql://u:hunter2@db:5432/x failed'),
    });
    expect(JSON.stringify(line)).to.not.include('hunter2');
    expect(line.url).to.equal('amqp://user:***@host/v');
  });

  it('writes errors with name, message, stack, code and cause, and nothing else of theirs', async () => {
    const cause = new RangeError('inner');
    const error = Object.assign(new TypeError('outer', { cause }), { code: '23505', detail: 'Key (body)=(hello)' });
    const line = await logged({ error, both: new AggregateError([cause], 'several') });
    expect(line.error).to.deep.equal({
      name: 'TypeError',
      message: 'outer',
      stack: error.stack,
      code: '23505',
      cause: { name: 'RangeError', message: 'inner', stack: cause.stack },
    });
    expect(line.both).to.have.nested.property('errors[0].message', 'inner');
  });

  it('accepts any value', async () => {
    const circular: Record<string, unknown> = { big: 2n ** 70n, bytes: Buffer.alloc(10), call: () => undefined };
    circular.self = circular;
    const error = new Error('its own cause');
    error.cause = error;
    let deep: object = {};
    for (let level = 0; level < 100; level += 1) deep = { deep };
    const line = await logged({ circular, error, deep, long: 'x'.repeat(100_000), message: 'field', level: 'field' });

    expect(line).to.include({ message: 'hello', level: 'info' });
    expect(line.circular).to.include({ big: '1180591620717411303424', bytes: '[10 bytes]', self: '[circular]' });
    expect(JSON.stringify(line).length).to.be.lessThan(20_000);
  });

  it('names the active span, unless the fields name one', async () => {
    const manager = new StackContextManager();
    context.setGlobalContextManager(manager);
    try {
      const ids = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' };
      const active = trace.setSpanContext(ROOT_CONTEXT, { ...ids, traceFlags: TraceFlags.SAMPLED });
      const lines = await written((logger) => {
        logger.info('outside');
        context.with(active, () => {
          logger.info('inside');
          logger.info('explicit', { traceId: 'of-the-command' });
        });
      });
      const [outside, inside, explicit] = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
      expect(outside).to.not.have.property('traceId');
      expect(inside).to.include(ids);
      expect(explicit).to.include({ traceId: 'of-the-command' }).and.not.have.property('spanId');
    } finally {
      context.disable();
    }
  });

  it('writes a readable format with stacks below the line in `pretty`', async () => {
    const log = (logger: ProcessLogger) => logger.warn('careful', { partition: 3, error: new Error('broken') });
    const [head, ...stack] = await written(log, { format: 'pretty' });
    expect(head).to.match(/^\d\d:\d\d:\d\d\.\d{3} .*WARN.* careful partition=3 error="broken"$/);
    expect(stack.join('\n')).to.include('logger.test');
  });
});
