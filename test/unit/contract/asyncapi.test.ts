import { type Diagnostic, Parser } from '@asyncapi/parser';
import { Ajv } from 'ajv';
import formats from 'ajv-formats';
import { expect } from 'chai';
import { asyncApiDocument } from '../../../src/contract/asyncapi/document.js';
import { EXAMPLE_DIRECT_CHAT_ID, exampleCommands } from '../../../src/contract/examples/commands.js';
import { commandTypes } from '../../../src/contract/messages/commands.js';
import { decodeCommand } from '../../../src/contract/messages/decode-command.js';
import { directChatId } from '../../../src/contract/messages/direct-chat-id.js';
import { eventTypes } from '../../../src/contract/messages/events.js';

type Json = { [key: string]: unknown };

interface Message {
  name: string;
  payload: Json;
  headers: Json;
  bindings: { amqp: { 'x-properties': Json; 'x-examples': Record<string, { routingKey: string; properties: Json }> } };
  examples: { name: string; headers: Json; payload: Json }[];
}

/** The parser's own number for it. */
const SEVERITY_ERROR = 0;
const PARSING_TIMEOUT_MS = 120_000;

const document = asyncApiDocument({
  namespace: 'talk',
  partitions: 3,
  dispatchQueues: [
    { name: 'talk.dispatch', bindings: ['#'] },
    { name: 'push', bindings: ['message.#', 'chat.created.#'] },
  ],
  dispatchMaxBytes: 1024,
});
const { messages } = document.components as { messages: Record<string, Message> };
const ajv = new Ajv({ strict: false, allErrors: true });
// The package is CommonJS; its types put the function one level deeper than it is.
(formats as unknown as (ajv: Ajv) => void)(ajv);

const errors = (diagnostics: Diagnostic[]) =>
  diagnostics
    .filter(({ severity }) => severity === SEVERITY_ERROR)
    .map(({ path, message }) => `${path.join('.')}: ${message}`);

/** The paths of fields in a schema without a description. */
function undescribed(schema: unknown, path: string): string[] {
  if (typeof schema !== 'object' || schema === null) return [];
  const fields = Object.entries((schema as { properties?: Record<string, Json> }).properties ?? {});
  return [
    ...fields.flatMap(([name, field]) => (field.description === undefined ? [`${path}.${name}`] : [])),
    ...fields.flatMap(([name, field]) => undescribed(field, `${path}.${name}`)),
    ...Object.entries(schema).flatMap(([key, part]) => (key === 'properties' ? [] : undescribed(part, path))),
  ];
}

describe('The AsyncAPI document', function () {
  this.timeout(PARSING_TIMEOUT_MS);

  it('describes every field', () => {
    expect(undescribed({ properties: { a: { description: 'It.' }, b: { properties: { c: {} } } } }, '')).to.deep.equal([
      '.b',
      '.b.c',
    ]);
    for (const [id, { payload, headers, bindings }] of Object.entries(messages))
      expect(undescribed([payload, headers, bindings.amqp['x-properties']], id)).to.deep.equal([]);
  });

  it('is parsed by the official parser without an error, with every message', async () => {
    const { document: parsed, diagnostics } = await new Parser().parse(JSON.stringify(document));
    expect(errors(diagnostics)).to.deep.equal([]);
    const inChannel = (id: string) =>
      parsed
        ?.channels()
        .get(id)
        ?.messages()
        .all()
        .map((message) => message.name());
    expect(inChannel('commands')).to.deep.equal(commandTypes);
    expect(inChannel('events')).to.deep.equal(eventTypes);
    expect(inChannel('receipts')).to.deep.equal(['receipt']);
    expect(inChannel('dispatch1')).to.deep.equal(eventTypes);
  });

  it('is rejected by the parser and by these checks if a part is missing', async () => {
    const { receipt: _, ...rest } = messages;
    const spoilt = { ...document, components: { messages: rest } };
    const { diagnostics } = await new Parser().parse(JSON.stringify(spoilt));
    expect(errors(diagnostics).join('\n')).to.include('channels.receipts.messages.receipt');
  });

  it('describes a command and an event with the same type separately', () => {
    expect(Object.keys(messages.command_chat_read?.payload.properties as Json)).to.include('actorId');
    expect(Object.keys(messages.event_chat_read?.payload.properties as Json)).to.include('specversion');
  });

  for (const [key, { payload, headers, bindings, examples }] of Object.entries(messages))
    it(`has examples of ${key} that match its schema, with properties and headers`, () => {
      expect(examples).to.not.be.empty;
      expect(Object.keys(bindings.amqp['x-examples'])).to.deep.equal(examples.map(({ name }) => name));
      for (const example of examples) {
        const wire = bindings.amqp['x-examples'][example.name];
        for (const [schema, value] of [
          [payload, example.payload],
          [headers, example.headers],
          [bindings.amqp['x-properties'], wire?.properties],
        ] as const)
          expect(ajv.validate(schema, value), `${example.name}: ${ajv.errorsText()}`).to.equal(true);
      }
    });

  it('has example commands that the decoder accepts', () => {
    for (const { name, type, commandId, actorId, chatId, data } of exampleCommands) {
      const body = { actorId, ...(chatId === null ? {} : { chatId }), data };
      const decoded = decodeCommand({
        ...{ type, messageId: commandId, contentType: 'application/json', routingKey: chatId ?? actorId, headers: {} },
        body: Buffer.from(JSON.stringify(body)),
      });
      expect(decoded.outcome, name).to.equal('command');
    }
    expect(EXAMPLE_DIRECT_CHAT_ID).to.equal(directChatId('default', 'alice', 'bob'));
  });
});
