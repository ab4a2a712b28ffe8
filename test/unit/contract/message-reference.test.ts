import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { messageReference } from '../../../src/contract/asyncapi/message-reference.js';
import { commandTypes } from '../../../src/contract/messages/commands.js';
import { eventTypes } from '../../../src/contract/messages/events.js';
import { refusalCodes } from '../../../src/contract/messages/problems.js';
import { projectFolder } from '../../support/services/services.js';

const reference = messageReference('chat');

/** The text below a heading, up to the next heading of the same or a higher level. */
function section(heading: string): string {
  const [, text = ''] =
    new RegExp(`^${heading}\\n([^]*?)(?=^#{1,${heading.indexOf(' ')}} |$(?![^]))`, 'm').exec(reference) ?? [];
  return text;
}

describe('The message reference', () => {
  it('is committed as generated: `node dist/src/main/cli.js contract --reference --out docs/message-reference.md`', () => {
    const committed = readFileSync(join(projectFolder, 'docs', 'message-reference.md'), 'utf8');
    expect(committed).to.equal(reference);
  });

  it('has a section with fields or a statement, and an example, for each command and event', () => {
    for (const heading of [
      ...commandTypes.map((type) => `### Command ${type}`),
      ...eventTypes.map((type) => `### Event ${type}`),
    ]) {
      const text = section(heading);
      expect(text, heading).to.match(/^\| field \||No fields of its own|No fields in `data`/m);
      expect(text, heading).to.include('```json');
    }
  });

  it('gives type, bounds, presence and description of a field, nested fields with their path', () => {
    const text = section('### Command message.send');
    expect(text).to.match(/^\| `body` \| string, 1 to 16,384 characters \| yes \| /m);
    expect(text).to.match(/^\| `mentions\[\]` \| list of user id, at most 50 \| no \| /m);
    expect(text).to.match(/^\| `attachments\[\]\.size` \| integer, 0 or more \| yes \| /m);
    expect(section('### Command member.update')).to.match(/^\| `mutedUntil` \| time or null \| no \| /m);
  });

  it('lists every refusal code with its HTTP status', () => {
    for (const [code, { status }] of Object.entries(refusalCodes))
      expect(section('## Refusal codes')).to.match(new RegExp(`^\\| \`${code}\` \\| ${status} \\| `, 'm'));
  });
});
