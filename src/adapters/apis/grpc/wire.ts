/** The protobuf types of all services, and JSON of the contract from and to their messages. */
import { fromJSON, type PackageDefinition } from '@grpc/proto-loader';
import protobuf from 'protobufjs';
import { enumValueName, protoDocument } from '../../../contract/grpc/proto-document.js';
import { snake } from '../../../contract/grpc/proto-types.js';
import { statusTypes } from '../../../contract/grpc/status-types.js';
import { realchatTypes } from '../../../contract/realchat/wire-types.js';

const MS_PER_SECOND = 1_000;
const NANOSECONDS_PER_MS = 1_000_000;
const WELL_KNOWN = ['any', 'duration', 'struct', 'timestamp'];

/** A request that protobuf can say and the contract cannot, such as a time beyond the year 9999. */
export class UnreadableRequest extends Error {}

export type Message = Record<string, unknown>;

export class Wire {
  readonly root = new protobuf.Root();
  readonly services: PackageDefinition;

  private add(types: object): void {
    // The type of protobufjs wants the keys of every kind of descriptor in each.
    this.root.addJSON(types as Record<string, protobuf.INamespace>);
  }

  constructor() {
    for (const name of WELL_KNOWN) this.add(protobuf.common.get(`google/protobuf/${name}.proto`)?.nested ?? {});
    protobuf.parse(protoDocument(), this.root, { keepCase: true });
    this.add(realchatTypes);
    this.root.resolveAll();
    this.services = fromJSON(this.root.toJSON(), { keepCase: true, longs: Number, enums: String });
    this.add(statusTypes);
    this.root.resolveAll();
  }

  type(name: string): protobuf.Type {
    return this.root.lookupType(name);
  }

  encode(name: string, value: object): Buffer {
    const type = this.type(name);
    return Buffer.from(type.encode(type.fromObject(value)).finish());
  }

  /** From JSON of the contract. Null and what is missing are not set. */
  toMessage(type: protobuf.Type, json: unknown): Message {
    const given = json as Message;
    const message: Message = {};
    for (const field of type.fieldsArray) {
      const value = givenValue(field, given);
      if (value === undefined || value === null) continue;
      message[field.name] = field.repeated
        ? (value as unknown[]).map((one) => this.toValue(field, one))
        : this.toValue(field, value);
    }
    return message;
  }

  private toValue(field: protobuf.Field, value: unknown): unknown {
    const type = field.resolve().resolvedType;
    if (type instanceof protobuf.Enum) return enumValueName(type.name, String(value));
    if (!(type instanceof protobuf.Type)) return value;
    switch (type.fullName) {
      case '.google.protobuf.Timestamp':
        return timestampOf(String(value));
      case '.google.protobuf.Struct':
        return structOf(value as object);
      case '.google.protobuf.Value':
        return protoValueOf(value);
      default:
        // Protobuf has no lists of lists.
        return this.toMessage(type, Array.isArray(value) ? { parts: value } : value);
    }
  }

  /** To JSON of the contract. A field with presence that is not set is left out; others have their default. */
  toJson(type: protobuf.Type, message: Message): Message {
    const json: Message = {};
    for (const field of type.fieldsArray) {
      const name = protobuf.util.camelCase(field.name);
      if (isClearing(field, type)) continue;
      const value = message[field.name];
      const isCleared = message[`clear_${field.name}`] === true;
      if (field.repeated) {
        const items = Array.isArray(value) ? value.map((one) => this.fromValue(field, one)) : [];
        const isUnchanged = items.length === 0 && !isCleared && type.fields[`clear_${field.name}`] !== undefined;
        if (!isUnchanged) json[name] = items;
      } else if (isCleared) json[name] = null;
      else if (value !== undefined && value !== null) {
        const read = this.fromValue(field, value);
        if (read !== undefined) json[name] = read;
      } else if (!field.hasPresence && field.resolve().resolvedType === null) json[name] = field.typeDefault as unknown;
    }
    return json;
  }

  private fromValue(field: protobuf.Field, value: unknown): unknown {
    const type = field.resolve().resolvedType;
    if (type instanceof protobuf.Enum) return fromEnum(type.name, value);
    if (!(type instanceof protobuf.Type)) return value;
    switch (type.fullName) {
      case '.google.protobuf.Timestamp':
        return timeOf(value as { seconds?: number; nanos?: number });
      case '.google.protobuf.Struct':
        return objectOf(value as ProtoStruct);
      default:
        return this.toJson(type, value as Message);
    }
  }
}

/** The value of a field. The data of an event is a oneof, by the event's type. */
function givenValue(field: protobuf.Field, json: Message): unknown {
  const name = protobuf.util.camelCase(field.name);
  if (field.parent?.name === 'Event' && field.partOf?.name === 'data')
    return name.toLowerCase() === String(json.type).replaceAll('.', '') ? json.data : undefined;
  return json[name];
}

function isClearing(field: protobuf.Field, type: protobuf.Type): boolean {
  return field.name.startsWith('clear_') && type.fields[field.name.slice('clear_'.length)] !== undefined;
}

/** The value in the contract. Undefined if it is unspecified; an unknown number is left to validation. */
function fromEnum(name: string, value: unknown): unknown {
  const unspecified = enumValueName(name, 'unspecified');
  if (value === unspecified || value === 0) return undefined;
  if (typeof value !== 'string') return String(value);
  return value.slice(snake(name).length).toLowerCase().replaceAll('_', '-');
}

export function timestampOf(time: string): { seconds: number; nanos: number } {
  const ms = Date.parse(time);
  const seconds = Math.floor(ms / MS_PER_SECOND);
  return { seconds, nanos: (ms - seconds * MS_PER_SECOND) * NANOSECONDS_PER_MS };
}

function timeOf({ seconds = 0, nanos = 0 }: { seconds?: number; nanos?: number }): string {
  const date = new Date(Number(seconds) * MS_PER_SECOND + Math.floor(nanos / NANOSECONDS_PER_MS));
  if (Number.isNaN(date.getTime())) throw new UnreadableRequest('a time is out of range');
  return date.toISOString();
}

interface ProtoStruct {
  fields?: Record<string, ProtoValue>;
}
interface ProtoValue {
  nullValue?: unknown;
  numberValue?: number;
  stringValue?: string;
  boolValue?: boolean;
  structValue?: ProtoStruct;
  listValue?: { values?: ProtoValue[] };
}

/** `protobufjs` has the fields of well-known types in camel case. */
function structOf(json: object): ProtoStruct {
  return { fields: Object.fromEntries(Object.entries(json).map(([name, value]) => [name, protoValueOf(value)])) };
}

function protoValueOf(value: unknown): ProtoValue {
  switch (typeof value) {
    case 'number':
      return { numberValue: value };
    case 'string':
      return { stringValue: value };
    case 'boolean':
      return { boolValue: value };
    default:
      if (value === null || value === undefined) return { nullValue: 0 };
      if (Array.isArray(value)) return { listValue: { values: value.map(protoValueOf) } };
      return { structValue: structOf(value) };
  }
}

function objectOf({ fields = {} }: ProtoStruct): object {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, jsonOf(value)]));
}

function jsonOf(value: ProtoValue): unknown {
  const { numberValue, stringValue, boolValue, structValue, listValue } = value;
  if (numberValue !== undefined) {
    if (!Number.isFinite(numberValue)) throw new UnreadableRequest('a number is not finite');
    return numberValue;
  }
  if (structValue !== undefined) return objectOf(structValue);
  if (listValue !== undefined) return (listValue.values ?? []).map(jsonOf);
  return stringValue ?? boolValue ?? null;
}
