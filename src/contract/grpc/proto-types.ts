/** Protobuf types from the schemas of the contract: the messages and enums that `parley.v1` needs. */
import type { z } from 'zod';
import { attachment, chatKind, deleteMode, historyVisibility, presence, role, userKind } from '../messages/commands.js';
import { type EventType, eventData, eventTypes } from '../messages/events.js';
import { reason, violation } from '../messages/problems.js';
import { receipt } from '../messages/receipts.js';
import {
  restChat,
  restChatListItem,
  restDecision,
  restEvent,
  restFoundMessage,
  restMember,
  restMembership,
  restMessage,
  restReaction,
  restReader,
  restRevision,
  restSyncItem,
  restUser,
} from '../rest/responses.js';
import { fieldNumbers } from './field-numbers.js';

export interface ProtoField {
  /** In the contract: `chatId`. The proto name is `chat_id`. */
  name: string;
  type: string;
  label: 'repeated' | 'optional' | null;
  description: string | null;
  /** Member of this oneof. */
  oneof?: string;
}

export interface ProtoMessage {
  name: string;
  description: string | null;
  fields: ProtoField[];
}

export interface ProtoEnum {
  name: string;
  values: string[];
  description: string | null;
}

/** The part of Zod's definitions that is read here. Its types differ by kind of schema. */
interface Definition {
  type: string;
  shape?: Record<string, z.ZodType>;
  element?: z.ZodType;
  innerType?: z.ZodType;
  in?: z.ZodType;
  options?: z.ZodType[];
  entries?: Record<string, string>;
  values?: unknown[];
  format?: string;
}

const definitionOf = (schema: z.ZodType) => schema._zod.def as unknown as Definition;

const TIMESTAMP = 'google.protobuf.Timestamp';
const STRUCT = 'google.protobuf.Struct';
/** Names of values that an enum can have. Other sets of strings stay strings, because they can grow in other ways. */
const ENUM_VALUE = /^[a-z]+(-[a-z]+)*$/;

const eventDataName = (type: EventType) =>
  `${type
    .split('.')
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join('')}Event`;

/** Names of the schemas that several messages use. A copy with another description is the same schema. */
const NAMES = new Map<Definition, string>([
  ...Object.entries({
    Attachment: attachment,
    Chat: restChat,
    ChatListItem: restChatListItem,
    Decision: restDecision,
    FoundMessage: restFoundMessage,
    Member: restMember,
    Membership: restMembership,
    Message: restMessage,
    Reaction: restReaction,
    Reader: restReader,
    Reason: reason,
    Receipt: receipt,
    Revision: restRevision,
    SyncItem: restSyncItem,
    User: restUser,
    Violation: violation,
    Event: restEvent,
    ChatKind: chatKind,
    DeleteMode: deleteMode,
    HistoryVisibility: historyVisibility,
    Presence: presence,
    Role: role,
    UserKind: userKind,
  }).map(([name, schema]): [Definition, string] => [definitionOf(schema), name]),
  ...eventTypes.map((type): [Definition, string] => [definitionOf(eventData[type]), eventDataName(type)]),
  // Two types of events have the same data.
  [definitionOf(eventData['message.reacted']), 'MessageReactionEvent'],
]);

export class ProtoTypes {
  /** In the order of their first use. */
  readonly messages = new Map<string, ProtoMessage>();
  readonly enums = new Map<string, ProtoEnum>();

  /** The fields of an object. `owner` names what its own parts are called after. */
  fieldsOf(schema: z.ZodType, owner: string): ProtoField[] {
    const { shape } = definitionOf(unwrapped(schema).schema);
    return Object.entries(shape ?? {}).map(([name, field]) => this.field(name, field, owner));
  }

  message(name: string, fields: ProtoField[], description: string | null = null): string {
    const known = this.messages.get(name);
    if (known === undefined) this.messages.set(name, { name, description, fields });
    else if (JSON.stringify(known.fields) !== JSON.stringify(fields))
      throw new Error(`two messages are called ${name}`);
    return name;
  }

  field(name: string, given: z.ZodType, owner: string): ProtoField {
    const { schema, isOptional, description } = unwrapped(given);
    const own = owner + name.charAt(0).toUpperCase() + name.slice(1);
    const definition = definitionOf(schema);
    if (definition.type === 'array') {
      const { element } = definition;
      if (element === undefined) throw new Error(`${own} has no element`);
      return { name, type: this.elementType(element, own), label: 'repeated', description };
    }
    const type = this.typeOf(schema, own, given);
    // The presence of a message is always visible.
    const label = isOptional && !this.messages.has(type) && !type.startsWith('google.') ? 'optional' : null;
    return { name, type, label, description };
  }

  private elementType(element: z.ZodType, own: string): string {
    const { schema } = unwrapped(element);
    const name = own.endsWith('s') ? own.slice(0, -1) : own;
    // Protobuf has no lists of lists.
    if (definitionOf(schema).type === 'array') return this.message(name, [this.field('parts', element, name)]);
    return this.typeOf(schema, name, element);
  }

  /** The type of a value that is neither optional nor a list. */
  private typeOf(schema: z.ZodType, own: string, given: z.ZodType): string {
    const definition = definitionOf(schema);
    const described = given.meta()?.type ?? schema.meta()?.type;
    if (described === 'integer') return own.endsWith('Limit') ? 'int32' : 'int64';
    if (described === 'boolean') return 'bool';
    const name = NAMES.get(definition);
    switch (definition.type) {
      case 'string':
        return isTime(schema, given) ? TIMESTAMP : 'string';
      case 'number':
        return definition.format === 'safeint' ? 'int64' : 'double';
      case 'boolean':
        return 'bool';
      case 'literal':
        return typeof definition.values?.[0] === 'boolean' ? 'bool' : 'string';
      case 'enum':
        return this.enumType(name ?? own, Object.values(definition.entries ?? {}), schema);
      case 'record':
      case 'custom':
        return STRUCT;
      case 'unknown':
        return 'google.protobuf.Value';
      case 'object': {
        const type = name ?? own;
        if (!this.messages.has(type)) this.message(type, this.fieldsOf(schema, type), descriptionOf(schema));
        return type;
      }
      case 'union':
        return this.unionType(name ?? own, definition.options ?? []);
      default:
        throw new Error(`${own}: a ${definition.type} has no protobuf type`);
    }
  }

  private enumType(name: string, values: string[], schema: z.ZodType): string {
    if (!values.every((value) => ENUM_VALUE.test(value))) return 'string';
    if (!this.enums.has(name)) this.enums.set(name, { name, values, description: descriptionOf(schema) });
    return name;
  }

  /** Events: the envelope, and one of the data. Other unions of objects: all their fields. */
  private unionType(name: string, options: z.ZodType[]): string {
    if (this.messages.has(name)) return name;
    const fields = new Map<string, ProtoField>();
    for (const option of options)
      for (const field of this.fieldsOf(option, name)) {
        if (name === 'Event' && field.name === 'data') {
          const type = String(definitionOf(definitionOf(option).shape?.type ?? option).values?.[0]);
          fields.set(type, { ...field, name: eventFieldName(type), oneof: 'data' });
        } else if (!fields.has(field.name)) fields.set(field.name, field);
      }
    return this.message(name, [...fields.values()]);
  }
}

/** Without what says that a value can be missing, has a default or is transformed. */
function unwrapped(given: z.ZodType): { schema: z.ZodType; isOptional: boolean; description: string | null } {
  let schema = given;
  let isOptional = false;
  let description = descriptionOf(given);
  for (;;) {
    const { type, innerType, in: input, options = [] } = definitionOf(schema);
    const notNull = options.filter((option) => definitionOf(option).type !== 'null');
    let next: z.ZodType | undefined;
    if (type === 'optional' || type === 'nullable' || type === 'default') next = innerType;
    else if (type === 'pipe') next = input;
    else if (type === 'union' && notNull.length === 1 && options.length === 2) next = notNull[0];
    if (next === undefined) return { schema, isOptional, description };
    if (type !== 'pipe') isOptional = true;
    schema = next;
    description ??= descriptionOf(schema);
  }
}

function descriptionOf(schema: z.ZodType): string | null {
  const description = schema.meta()?.description;
  return typeof description === 'string' ? description : null;
}

function isTime(schema: z.ZodType, given: z.ZodType): boolean {
  return (
    definitionOf(schema).format === 'datetime' ||
    schema.meta()?.format === 'date-time' ||
    given.meta()?.format === 'date-time'
  );
}

/** `messageCreated` for `message.created`. */
function eventFieldName(type: string): string {
  return type.replace(/\.([a-z])/g, (_dot, letter: string) => letter.toUpperCase());
}

export function snake(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** The number of a field never changes: clients know it. */
export function numberOf(message: string, field: string): number {
  const index = fieldNumbers[message]?.indexOf(field) ?? -1;
  if (index === -1)
    throw new Error(`${message}.${field} has no number: add it to the end of its list in field-numbers.ts`);
  return index + 1;
}
