import { readdirSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import { onThisMachine } from '../../../support/busy-machine.js';
import type { TestProcess } from '../../../support/fleet/processes.js';
import { cli } from '../cli/run-cli.js';
import { type Banner, bannerOf, DevFolder, history, say } from './dev-harness.js';

const IN_MEMORY = { STORE: 'memory', TRANSPORT: 'in-process' };
/** The documented limit on an idle machine. */
const UP_WITHIN_MS = 2_000;

/** How long the process was ready to run while other processes had the processors. */
function waitedForProcessorMs(pid: number): number {
  const [, waitedNs = '0'] = readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ');
  return Number(waitedNs) / 1e6;
}

describe('npm start with the in-memory store', () => {
  const folder = new DevFolder();
  let dev: TestProcess;
  let banner: Banner;
  let tookMs: number;

  before(async () => {
    const startedAt = Date.now();
    dev = await folder.start({ rabbitmq: false, env: IN_MEMORY });
    banner = await bannerOf(dev);
    tookMs = Date.now() - startedAt - waitedForProcessorMs(dev.pid);
  });
  after(() => dev.kill());

  it('is up within 2 s, prints that it keeps nothing, and leaves no file', () => {
    expect(tookMs).to.be.below(onThisMachine(UP_WITHIN_MS));
    expect(banner.text).to.include('NOTHING IS KEPT').and.to.include('in process');
    expect(banner.text).to.not.include('postgresql:').and.to.not.include('amqp:');
    expect(readdirSync(folder.cwd)).to.deep.equal([]);
  });

  it('accepts messages, finds them, and syncs', async () => {
    expect((await say(banner, 'some tea')).sequence).to.equal(2);
    expect((await history(banner)).map(({ body }) => body)).to.deep.equal(['some tea']);
    const get = async (path: string) => {
      const response = await fetch(`${banner.base}/v1${path}`, {
        headers: { authorization: `Bearer ${banner.token}` },
      });
      expect(response.status).to.equal(200);
      return (await response.json()) as { items: unknown[] };
    };
    expect((await get('/search/messages?q=tea')).items).to.have.length(1);
    expect((await get('/chats')).items).to.have.length(1);
    expect(await get('/sync')).to.be.an('object');
  });

  it('stops gracefully, and the next start is empty', async () => {
    expect(await dev.stop()).to.deep.equal({ code: 0, signal: null });
    dev = await folder.start({ rabbitmq: false, env: IN_MEMORY });
    banner = await bannerOf(dev);
    expect(await history(banner)).to.deep.equal([]);
  });

  for (const [args, env, reason] of [
    [['dev'], { STORE: 'memory' }, /^parley: STORE=memory needs TRANSPORT=in-process/],
    [['dev'], { ...IN_MEMORY, AMQP_URL: 'amqp://x' }, /^parley: TRANSPORT=in-process and AMQP_URL exclude each other/],
    [['dev'], { ...IN_MEMORY, DATABASE_URL: 'postgresql://x/x' }, /^parley: STORE=memory and DATABASE_URL exclude/],
    [['worker'], IN_MEMORY, /^parley: STORE=memory is for dev/m],
    [['worker'], IN_MEMORY, /^parley: TRANSPORT=in-process is for dev/m],
  ] as const)
    it(`refuses ${args.join(' ')} with ${Object.entries(env)
      .map((pair) => pair.join('='))
      .join(' ')} (${reason.source})`, async () => {
      const { code, stderr } = await cli([...args], env);
      expect(code).to.equal(1);
      expect(stderr.join('\n')).to.match(reason);
    });
});
