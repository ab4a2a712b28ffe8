/** The file `proto/parley/v1/parley.proto`, from the contract. */
import { numberOf, type ProtoEnum, type ProtoField, type ProtoMessage, snake } from './proto-types.js';
import { buildServices, PACKAGE, type ProtoService } from './services.js';

const COMMENT_WIDTH = 110;

export function protoDocument(): string {
  const { types, services } = buildServices();
  const parts = [
    '// Generated from the contract by: parley contract --proto --out proto/parley/v1/parley.proto',
    'syntax = "proto3";',
    `package ${PACKAGE};`,
    ['struct', 'timestamp'].map((name) => `import "google/protobuf/${name}.proto";`).join('\n'),
    ...services.map(serviceText),
    ...[...types.messages.values()].map(messageText),
    ...[...types.enums.values()].map(enumText),
  ];
  return `${parts.join('\n\n')}\n`;
}

function comment(text: string | null, indent = ''): string {
  if (text === null) return '';
  const lines: string[] = [''];
  for (const word of text.split(' ')) {
    const line = `${lines.at(-1)}${lines.at(-1) === '' ? '' : ' '}${word}`;
    if (line.length > COMMENT_WIDTH - indent.length && lines.at(-1) !== '') lines.push(word);
    else lines[lines.length - 1] = line;
  }
  return lines.map((line) => `${indent}// ${line}\n`).join('');
}

function serviceText({ name, description, methods }: ProtoService): string {
  const rpcs = methods.map(
    (method) =>
      `${comment(method.description, '  ')}  rpc ${method.name}(${method.request}) returns (${
        method.isStream ? 'stream ' : ''
      }${method.response});`,
  );
  return `${comment(description)}service ${name} {\n${rpcs.join('\n')}\n}`;
}

function messageText({ name, description, fields }: ProtoMessage): string {
  const oneofs = new Set(fields.flatMap(({ oneof }) => oneof ?? []));
  const lines = fields.filter(({ oneof }) => oneof === undefined).map((field) => fieldText(name, field, '  '));
  for (const oneof of oneofs) {
    const members = fields.filter((field) => field.oneof === oneof).map((field) => fieldText(name, field, '    '));
    lines.push(`  oneof ${oneof} {\n${members.join('\n')}\n  }`);
  }
  return `${comment(description)}message ${name} {\n${lines.length === 0 ? '' : `${lines.join('\n')}\n`}}`;
}

function fieldText(message: string, { name, type, label, description }: ProtoField, indent: string): string {
  const labelled = label === null ? '' : `${label} `;
  return `${comment(description, indent)}${indent}${labelled}${type} ${snake(name)} = ${numberOf(message, snake(name))};`;
}

/** `HistoryVisibility` and `since-joined`: `HISTORY_VISIBILITY_SINCE_JOINED`. */
export function enumValueName(enumName: string, value: string): string {
  return `${snake(enumName).slice(1)}_${value.replaceAll('-', '_')}`.toUpperCase();
}

function enumText({ name, values, description }: ProtoEnum): string {
  const lines = [`  ${enumValueName(name, 'unspecified')} = 0;`];
  for (const value of values) lines.push(`  ${enumValueName(name, value)} = ${numberOf(name, value)};`);
  return `${comment(description)}enum ${name} {\n${lines.join('\n')}\n}`;
}
