import { expect } from 'chai';
import type { Browser, Page, Response } from 'playwright-core';
import { realtimeOperations } from '../../../../src/contract/realtime/http-operations.js';
import { operationOf, type RestOperationName, restOperationNames } from '../../../../src/contract/rest/operations.js';
import { eventually } from '../../../support/eventually.js';
import type { TestProcess } from '../../../support/fleet/processes.js';
import { ensureChromium, startChromium } from '../../../support/services/chromium.js';
import { type Banner, bannerOf, DevFolder } from './dev-harness.js';

const TEST_TIMEOUT_MS = 180_000;
const ANSWER_TIMEOUT_MS = 15_000;

interface Answer {
  commandId?: string;
  replayed?: boolean;
}

/** Commands that have an effect each time. */
const isAgain = (name: RestOperationName) => ['createChat', 'sendMessage', 'putMe', 'updateChat'].includes(name);
/** By the default policy, only services may use them, and the page acts for a person. */
const FOR_SERVICES: readonly string[] = ['Webhooks', 'API keys'];
const chromium = ensureChromium();
const skipped = 'missing' in chromium ? ` (skipped: ${chromium.missing})` : '';

describe(`The page /docs of npm start, in Chromium${skipped}`, function () {
  this.timeout(TEST_TIMEOUT_MS);
  const folder = new DevFolder();
  const complaints: string[] = [];
  let dev: TestProcess | undefined;
  let banner: Banner;
  let browser: Browser | undefined;
  let page: Page;

  before(async function () {
    if ('missing' in chromium) return this.skip();
    dev = await folder.start({ rabbitmq: false });
    [banner, browser] = await Promise.all([bannerOf(dev), startChromium(chromium.path)]);
    page = await browser.newPage();
    page.on('console', (message) => {
      if (message.type() === 'error' && !/status of/.test(message.text())) complaints.push(message.text());
    });
    page.on('pageerror', (error) => complaints.push(error.message));
  });

  after(async () => {
    await browser?.close();
    await dev?.stop();
    await eventually(() => folder.processes().length === 0, { within: 30_000, what: 'the end of npm start' });
  });

  async function open(): Promise<void> {
    await page.goto(`${banner.base}/docs`);
    await page.waitForSelector('.opblock');
  }

  /** The answers of `times` executions. */
  function execute(name: RestOperationName, times = 1) {
    return executeIn({ name, ...operationOf(name) }, times);
  }

  /** Clicks as a reader would, and changes nothing that is filled in. */
  async function executeIn(
    { name, method, path, tag }: { name: string; method: string; path: string; tag: string },
    times: number,
  ): Promise<{ status: number; body: Answer }[]> {
    const asked = new RegExp(`^${path.replaceAll(/\{\w+\}/g, '[^/]+')}$`);
    const isAnswer = (response: Response) =>
      response.request().method() === method.toUpperCase() && asked.test(new URL(response.url()).pathname);
    const block = page.locator(`[id="operations-${tag.replaceAll(' ', '_')}-${name}"]`);
    await block.locator('.opblock-summary-control').dispatchEvent('click');
    await block.locator('.try-out__btn').dispatchEvent('click');
    const answers: { status: number; body: Answer }[] = [];
    for (let time = 0; time < times; time += 1) {
      const answered = page.waitForResponse(isAnswer, { timeout: ANSWER_TIMEOUT_MS });
      await block.locator('.execute').dispatchEvent('click');
      const response = await answered;
      answers.push({ status: response.status(), body: (await response.json()) as Answer });
    }
    await block.locator('.opblock-summary-control').dispatchEvent('click');
    return answers;
  }

  it('executes every operation without input, several times', async () => {
    await open();
    const refused: string[] = [];
    for (const name of restOperationNames) {
      const answers = await execute(name, isAgain(name) ? 2 : 1);
      const [{ status, body } = { status: 0, body: {} }, again] = answers;
      const { tag } = operationOf(name);
      if (FOR_SERVICES.includes(tag)) expect(status, name).to.be.oneOf([403, 404]);
      else if (status !== 200 && status !== 201) refused.push(`${name} ${status} ${JSON.stringify(body)}`);
      if (again === undefined) continue;
      expect([again.status, again.body.replayed], name).to.deep.equal([status, false]);
      expect(again.body.commandId, name).to.not.equal(body.commandId);
    }
    expect(refused).to.deep.equal([]);
  });

  it('executes the operations of the gateway, except the stream, which never ends', async () => {
    await open();
    for (const [name, { method, path }] of Object.entries(realtimeOperations)) {
      expect(await page.locator(`[id="operations-Realtime-${name}"]`).count(), name).to.equal(1);
      if (name === 'openStream') continue;
      const [answer] = await executeIn({ name, method, path, tag: 'Realtime' }, 1);
      expect(answer?.status, name).to.equal(200);
    }
  });

  it('works again after a reload', async () => {
    await open();
    for (const name of ['editMessage', 'deleteMessage', 'removeMember', 'getReceipt'] as const)
      expect((await execute(name))[0]?.status, name).to.equal(200);
  });

  it('stays within a strict content security policy', async () => {
    const { headers } = await fetch(`${banner.base}/docs/`);
    expect(headers.get('content-security-policy')).to.include("script-src 'self';");
    expect(complaints).to.deep.equal([]);
  });

  it('gives its token only to that page', async () => {
    const ask = (headers: Record<string, string>) =>
      fetch(`${banner.base}/docs/try-out`, { method: 'POST', headers, body: '{}' });
    const json = { 'content-type': 'application/json' };
    const own = await ask({ ...json, origin: banner.base });
    expect([own.status, own.headers.get('cache-control')]).to.deep.equal([200, 'no-store']);
    for (const headers of [{ ...json, origin: 'https://evil.example' }, { 'content-type': 'text/plain' }])
      expect((await ask(headers)).status, JSON.stringify(headers)).to.equal(404);
  });
});
