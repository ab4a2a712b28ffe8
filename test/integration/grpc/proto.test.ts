import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import protobuf from 'protobufjs';
import { protoDocument } from '../../../src/contract/grpc/proto-document.js';
import { realchatTypes } from '../../../src/contract/realchat/wire-types.js';
import { buf } from '../../support/buf.js';
import { projectFolder, scratchFolder } from '../../support/services/services.js';

const FILE = join('proto', 'parley', 'v1', 'parley.proto');

describe('The .proto files', function () {
  this.timeout(30_000);

  it('are what the contract generates', () => {
    const how = 'run: npm run build && node dist/src/main/cli.js contract --proto --out proto/parley/v1/parley.proto';
    expect(readFileSync(join(projectFolder, FILE), 'utf8'), how).to.equal(protoDocument());
  });

  it("describe RealChat's messages as the server has them", () => {
    const path = join(projectFolder, 'proto', 'realchat', 'message', 'v1', 'message_api.proto');
    const file = protobuf.parse(readFileSync(path, 'utf8'), { keepCase: true }).root;
    const server = new protobuf.Root();
    server.addJSON(realchatTypes as unknown as Record<string, protobuf.INamespace>);
    for (const name of ['Message', 'SendMessageRequest', 'DeleteMessageRequest', 'SyncMessagesRequest']) {
      const fieldsIn = (root: protobuf.Root) =>
        root.lookupType(`realchat.message.v1.${name}`).fieldsArray.map(({ name, id, type }) => [name, id, type]);
      expect(fieldsIn(file), name).to.deep.equal(fieldsIn(server));
    }
  });

  it('pass buf lint', () => buf('lint'));

  it('break no client of the last commit', async function () {
    const { status, stdout } = spawnSync('git', ['show', `HEAD:${FILE}`], { cwd: projectFolder, encoding: 'utf8' });
    if (status !== 0) {
      console.log('      skipped: needs a git checkout with the file');
      this.skip();
    }
    await buf('breaking', join(projectFolder, 'proto'), '--against', copyWith(stdout));
  });

  it('would not pass with a field that has another number', async () => {
    const changed = protoDocument().replace('string chat_id = 1;', 'string chat_id = 99;');
    const failure = await buf('breaking', copyWith(changed), '--against', copyWith(protoDocument())).then(
      () => null,
      (error: Error) => error.message,
    );
    expect(failure).to.match(/chat_id/);
  });
});

/** A copy of proto/ with another text of the file. */
function copyWith(text: string): string {
  const folder = scratchFolder('proto');
  cpSync(join(projectFolder, 'proto'), join(folder, 'proto'), { recursive: true });
  mkdirSync(dirname(join(folder, FILE)), { recursive: true });
  writeFileSync(join(folder, FILE), text);
  return join(folder, 'proto');
}
