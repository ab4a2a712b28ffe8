import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect } from 'chai';
import { projectFolder } from '../../support/services/services.js';

interface Stage {
  name: string;
  image: string;
  /** Instructions by their word, in order. */
  instructions: { word: string; text: string }[];
}

/** Enough of a Dockerfile's grammar for this one: comments, continued lines, ARG before the first FROM. */
function readStages(path: string): Stage[] {
  const args = new Map<string, string>();
  const stages: Stage[] = [];
  const source = readFileSync(join(projectFolder, path), 'utf8')
    .replace(/^#.*\n/gm, '')
    .replace(/\\\n\s*/g, ' ');
  for (const line of source.split('\n').filter((text) => text.trim() !== '')) {
    const [, word = '', text = ''] = /^([A-Z]+) (.*)$/.exec(line) ?? expect.fail(`not an instruction: ${line}`);
    if (word === 'ARG' && stages.length === 0) {
      const [name = '', value = ''] = text.split('=');
      args.set(name, value);
    } else if (word === 'FROM') {
      const [, image = '', name = ''] = /^(\S+)(?: AS (\S+))?$/.exec(text) ?? [];
      stages.push({
        name,
        image: image.replace(/\$\{(\w+)\}/g, (_, arg: string) => args.get(arg) ?? ''),
        instructions: [],
      });
    } else stages.at(-1)?.instructions.push({ word, text });
  }
  return stages;
}

const stages = readStages('Dockerfile');
const last = stages.at(-1) ?? expect.fail('no stage');
const all = (word: string) =>
  last.instructions.filter((instruction) => instruction.word === word).map(({ text }) => text);

const CHECK_TIMEOUT_MS = 20_000;

function exitCodeOf([, ...args]: string[], port: number): Promise<number> {
  return new Promise((resolve) => {
    const options = { env: { OPS_PORT: String(port) }, timeout: CHECK_TIMEOUT_MS };
    const child = execFile(process.execPath, args, options, () => resolve(child.exitCode ?? -1));
  });
}

describe('Dockerfile', () => {
  it('builds in stages on one image of a pinned version', () => {
    expect(stages.map(({ name }) => name)).to.deep.equal(['build', 'dependencies', '']);
    for (const { image } of stages) expect(image).to.match(/^node:\d+\.\d+-bookworm-slim$/);
    const { engines } = JSON.parse(readFileSync(join(projectFolder, 'package.json'), 'utf8')) as {
      engines: { node: string };
    };
    const [minimum = 0] = /\d+/.exec(engines.node)?.map(Number) ?? [];
    expect(Number(/:(\d+)/.exec(last.image)?.[1])).to.be.at.least(minimum);
  });

  it('copies only files of the build context or an earlier stage', () => {
    const sent = readFileSync(join(projectFolder, '.dockerignore'), 'utf8')
      .split('\n')
      .filter((line) => line.startsWith('!'))
      .map((line) => line.slice(1));
    let copied = 0;
    for (const [index, { instructions }] of stages.entries())
      for (const { word, text } of instructions) {
        if (word !== 'COPY') continue;
        copied += 1;
        const [, from, rest = ''] = /^(?:--from=(\S+) )?(.*)$/.exec(text) ?? [];
        const sources = rest.split(' ').slice(0, -1);
        if (from !== undefined) expect(stages.slice(0, index).map(({ name }) => name)).to.include(from);
        else
          for (const source of sources) {
            expect(existsSync(join(projectFolder, source)), source).to.equal(true);
            expect(sent, source).to.include(source);
          }
      }
    expect(copied).to.be.greaterThan(0);
  });

  it('installs only runtime dependencies in the final stage', () => {
    const [install] =
      stages.find(({ name }) => name === 'dependencies')?.instructions.filter(({ word }) => word === 'RUN') ?? [];
    expect(install?.text).to.match(/^npm ci --omit=dev --omit=optional --ignore-scripts( |$)/);
  });

  it('runs the command line as a user who is not root', () => {
    expect(all('USER')).to.deep.equal(['node']);
    expect(all('ENTRYPOINT')).to.deep.equal(['["node", "dist/src/main/cli.js"]']);
    expect(all('STOPSIGNAL')).to.deep.equal(['SIGTERM']);
  });

  it('contains the files that the program needs', () => {
    const copies = all('COPY').join('\n');
    // The migrations, and the package.json that makes the compiled files modules.
    expect(copies)
      .to.match(/^prisma prisma$/m)
      .and.to.match(/^package\.json .*\.\/$/m);
  });

  it('has a health check of /livez on the ops port', async () => {
    const command = JSON.parse(/CMD (\[.*\])$/.exec(all('HEALTHCHECK')[0] ?? '')?.[1] ?? '[]') as string[];
    expect(command[0]).to.equal('node');
    let status = 200;
    const asked: string[] = [];
    const server = createServer((request, response) => {
      asked.push(request.url ?? '');
      response.writeHead(status).end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    try {
      expect(await exitCodeOf(command, port)).to.equal(0);
      status = 503;
      expect(await exitCodeOf(command, port)).to.equal(1);
      expect(asked).to.deep.equal(['/livez', '/livez']);
    } finally {
      await new Promise((resolve) => server.close(resolve));
    }
    expect(await exitCodeOf(command, port)).to.equal(1);
  });
});
