/**
 * The services of `parley.v1`: one method for each operation of REST, except the administration of webhooks and API
 * keys; and a stream of events.
 */
import type { z } from 'zod';
import {
  isCommandOperation,
  operationOf,
  pathSchemaOf,
  type RestOperationName,
  restOperationNames,
} from '../rest/operations.js';
import { webhookOperations } from '../rest/webhook-operations.js';
import { type ProtoField, ProtoTypes } from './proto-types.js';

export const PACKAGE = 'parley.v1';

export interface ProtoMethod {
  name: string;
  request: string;
  response: string;
  isStream: boolean;
  description: string;
  /** The operation that answers it. Null for the stream. */
  operation: RestOperationName | null;
  /** The field of the response that has the whole answer. Null: the response has the fields of the answer. */
  wrapper: string | null;
}

export interface ProtoService {
  name: string;
  description: string;
  methods: ProtoMethod[];
}

/** The administration of webhooks and API keys is for REST alone. */
const isOffered = (name: RestOperationName) => !Object.hasOwn(webhookOperations, name);

/** Where a field of a request goes in its operation. */
export type FieldPlace = 'path' | 'query' | 'body' | 'commandId';

const COMMAND_ID: ProtoField = {
  name: 'commandId',
  type: 'string',
  label: 'optional',
  description: 'The command id (idempotency key), unique per caller. Default: a new id, which no retry can repeat.',
};

/** Parameters that are lists, although REST has them in one string. */
const LISTS = new Set(['findUsers.ids']);

export const clearName = (name: string) => `clear${name.charAt(0).toUpperCase()}${name.slice(1)}`;

/** Fields whose null or empty list has a meaning, which protobuf cannot say: `clear_<field>` says it. */
function isClearable(name: RestOperationName, field: ProtoField, schema: z.ZodType): boolean {
  const isPatch = operationOf(name).method === 'patch';
  if (field.label === 'repeated') return isPatch;
  return schema.isOptional() && schema.isNullable();
}

function shapeOf(schema: z.ZodType | undefined): Record<string, z.ZodType> {
  return ((schema?._zod.def as { shape?: Record<string, z.ZodType> } | undefined)?.shape ?? {}) as Record<
    string,
    z.ZodType
  >;
}

/** Each field of the request of an operation, and its place. */
export function requestFields(types: ProtoTypes, name: RestOperationName): Map<ProtoField, FieldPlace> {
  const { query, body } = operationOf(name);
  const owner = capital(name);
  const fields = new Map<ProtoField, FieldPlace>();
  for (const field of types.fieldsOf(pathSchemaOf(name), owner)) fields.set(field, 'path');
  if (isCommandOperation(name)) fields.set(COMMAND_ID, 'commandId');
  for (const [parameter, schema] of Object.entries(shapeOf(query))) {
    const field = types.field(parameter, schema, owner);
    fields.set(LISTS.has(`${name}.${parameter}`) ? { ...field, label: 'repeated' } : field, 'query');
  }
  for (const [property, schema] of Object.entries(shapeOf(body))) {
    const field = types.field(property, schema, owner);
    fields.set(field, 'body');
    if (isClearable(name, field, schema))
      fields.set(
        {
          name: clearName(property),
          type: 'bool',
          label: null,
          description:
            field.label === 'repeated'
              ? `True: \`${property}\` becomes empty. An empty list alone leaves it unchanged.`
              : `True: \`${property}\` is cleared. If it is only left out, it is unchanged.`,
        },
        'body',
      );
  }
  return fields;
}

/** The name under which a response has its one object. Null: the response has the fields of the answer. */
function wrapperOf(type: string): string | null {
  return type.endsWith('Answer') ? null : type.charAt(0).toLowerCase() + type.slice(1);
}

function responseFields(types: ProtoTypes, name: RestOperationName) {
  const { answers } = operationOf(name);
  const schema = (answers[200] ?? answers[201])?.schema;
  if (schema === undefined) throw new Error(`${name} has no answer`);
  // A second set of types, so that what is only unwrapped here leaves no message.
  const probe = new ProtoTypes();
  const field = probe.field('answer', schema, capital(name));
  const wrapper = wrapperOf(field.type);
  if (wrapper === null) return { wrapper, fields: types.fieldsOf(schema, capital(name)) };
  return { wrapper, fields: [{ ...types.field('answer', schema, capital(name)), name: wrapper, label: null }] };
}

export function capital(name: string): string {
  return name.charAt(0).toUpperCase() + name.slice(1);
}

/** All methods with the types that they need. */
export function buildServices(): { types: ProtoTypes; services: ProtoService[] } {
  const types = new ProtoTypes();
  const methodOf = (name: RestOperationName): ProtoMethod => {
    const request = types.message(`${capital(name)}Request`, [...requestFields(types, name).keys()]);
    const { fields, wrapper } = responseFields(types, name);
    const response = types.message(`${capital(name)}Response`, fields);
    return {
      name: capital(name),
      ...{ request, response, operation: name, isStream: false, wrapper },
      description: operationOf(name).summary,
    };
  };
  const methods = restOperationNames.filter(isOffered).map((name) => ({ name, method: methodOf(name) }));
  types.message('SubscribeRequest', [
    {
      name: 'since',
      type: 'string',
      label: 'optional',
      description:
        'The `next` of the last response that was processed. Default: sync everything. `now`: only what comes.',
    },
  ]);
  types.message('SubscribeResponse', [
    { name: 'items', type: 'SyncItem', label: 'repeated', description: 'Ordered by chat id; each chat at most once.' },
    {
      name: 'next',
      type: 'string',
      label: null,
      description: 'Resume from here when these items are processed. Opaque; valid only for the same caller and store.',
    },
    {
      name: 'isCaughtUp',
      type: 'bool',
      label: null,
      description: 'True: there is nothing more at present. The first such response comes even if it has no items.',
    },
  ]);
  const subscribe: ProtoMethod = {
    name: 'Subscribe',
    request: 'SubscribeRequest',
    response: 'SubscribeResponse',
    isStream: true,
    operation: null,
    wrapper: null,
    description: "Changes in all of the caller's chats, from a token on, for as long as the call lasts",
  };
  const of = (isCommand: boolean) =>
    methods.filter(({ name }) => isCommandOperation(name) === isCommand).map(({ method }) => method);
  return {
    types,
    services: [
      {
        name: 'CommandService',
        description: 'Commands. A response has the receipt: the effects are committed.',
        methods: of(true),
      },
      { name: 'QueryService', description: 'Queries.', methods: of(false) },
      { name: 'EventService', description: 'Events as they happen.', methods: [subscribe] },
    ],
  };
}
