/** A chat of 100,000 messages in the chat page. A scripted gateway sends them: faster than a worker stores them. */
import { expect } from 'chai';
import type { Browser, WebSocketRoute } from 'playwright-core';
import { bannerOf, DevFolder } from '../../integration/main/dev/dev-harness.js';
import { onThisMachine } from '../../support/busy-machine.js';
import { eventually } from '../../support/eventually.js';
import type { TestProcess } from '../../support/fleet/processes.js';
import { ensureChromium, startChromium } from '../../support/services/chromium.js';
import { ChatTab, WITHIN_MS } from './chat-tab.js';

const TEST_TIMEOUT_MS = 180_000;
const MESSAGES = 100_000;
const PAGE = 1_000;
const PAGE_INTERVAL_MS = 100;
const SYNCED_WITHIN_MS = 120_000;
const CHAT_ID = '0199c1de-7c3a-7b1e-9a43-3f1b6a0f9d10';
const START = Date.UTC(2026, 0, 1);
const WORDS = 'shall we have tea at four bring the scones and some jam if there is any left'.split(' ');
/** The browser calls a script longer than this a long task. One frame of 20 may be as long as that. */
const LONG_TASK_MS = 50;

const chromium = ensureChromium();
const skipped = 'missing' in chromium ? ` (skipped: ${chromium.missing})` : '';

function bodyOf(sequence: number): string {
  const words = Array.from({ length: 3 + ((sequence * 7) % 40) }, (_, at) => WORDS[(sequence + at * 5) % WORDS.length]);
  return `${sequence}: ${words.join(' ')}`;
}

const chat = {
  ...{ chatId: CHAT_ID, tenantId: 'default', kind: 'group', title: 'Large', historyVisibility: 'full', metadata: {} },
  ...{ archived: false, hidden: false, createdBy: 'bob', memberCount: 2, role: 'member', unreadCount: 0 },
  ...{ createdAt: new Date(START).toISOString(), lastActivityAt: new Date(START + MESSAGES * 60_000).toISOString() },
  lastSequence: MESSAGES,
  membership: {
    ...{ userId: 'alice', role: 'member', mutedUntil: null, joinedAt: new Date(START).toISOString() },
    ...{ joinedSequence: 1, readSequence: MESSAGES, deliveredSequence: MESSAGES },
  },
};

function eventOf(sequence: number) {
  const createdAt = new Date(START + sequence * 60_000).toISOString();
  const about = { tenantId: 'default', chatId: CHAT_ID, actorId: 'bob', commandId: `c${sequence}`, sequence };
  if (sequence === 1)
    return {
      type: 'chat.created',
      data: {
        ...about,
        kind: 'group',
        title: 'Large',
        members: ['alice', 'bob'].map((userId) => ({ userId, role: 'member' })),
      },
    };
  return {
    type: 'message.created',
    data: {
      ...about,
      messageId: `0199c1df-0000-7000-8000-${sequence.toString(16).padStart(12, '0')}`,
      ...{ senderId: sequence % 3 === 0 ? 'alice' : 'bob', body: bodyOf(sequence), contentType: 'text/plain' },
      ...{ inReplyTo: null, threadRootId: null, mentions: [], attachments: [], metadata: {}, createdAt },
    },
  };
}

/** Greets, and sends everything on pages. */
function script(socket: WebSocketRoute): void {
  const send = (frame: object) => socket.send(JSON.stringify(frame));
  socket.onMessage((text) => {
    const { t } = JSON.parse(String(text)) as { t: string };
    if (t !== 'auth') return;
    send({
      ...{ t: 'hello', connectionId: 'scripted', userId: 'alice', tenantId: 'default', heartbeatMs: 300_000 },
      ...{ maxUnacked: 256, tokenExpiresAt: null },
      limits: { frameMaxBytes: 300_000, commandsPerSecond: 20, commandBurst: 60, openMax: 20, watchMax: 200 },
    });
    // Paced, so that the browser need not keep all of it in memory.
    let from = 1;
    const timer = setInterval(() => {
      const events = Array.from({ length: PAGE }, (_, at) => eventOf(from + at));
      const page = { items: [{ chatId: CHAT_ID, reset: false, chat, events }], next: `t${from}` };
      from += PAGE;
      send({ t: 'sync', page: { ...page, hasMore: from <= MESSAGES } });
      if (from > MESSAGES) clearInterval(timer);
    }, PAGE_INTERVAL_MS);
    socket.onClose(() => clearInterval(timer));
  });
}

interface Scrolled {
  frames: number[];
  longTasks: number[];
  rows: number;
  blank: number;
}

/** Scrolls by `step` pixels in each of `count` frames, and measures the frames and the main thread. */
const SCROLL = `async (from, step, count) => {
  const view = document.querySelector('.scroller');
  const longTasks = [];
  const observer = new PerformanceObserver((list) => longTasks.push(...list.getEntries().map(({ duration }) => duration)));
  observer.observe({ type: 'longtask' });
  const frame = () => new Promise(requestAnimationFrame);
  view.dispatchEvent(new WheelEvent('wheel'));
  view.scrollTop = from * view.scrollHeight;
  for (let wait = 0; wait < 10; wait += 1) await frame();
  const frames = [];
  let [rows, blank] = [0, 0];
  let last = await frame();
  for (let at = 0; at < count; at += 1) {
    view.scrollTop += step;
    const now = await frame();
    frames.push(now - last);
    last = now;
    rows = Math.max(rows, document.querySelectorAll('.slot').length);
    const { top, height } = view.getBoundingClientRect();
    const middle = document.elementFromPoint(view.getBoundingClientRect().left + 60, top + height / 2);
    if (middle !== null && middle.closest('.unknown') !== null) blank += 1;
  }
  observer.disconnect();
  return { frames, longTasks, rows, blank };
}`;

describe(`A chat of ${MESSAGES} messages in the chat page, in Chromium${skipped}`, function () {
  this.timeout(TEST_TIMEOUT_MS);
  const folder = new DevFolder();
  let dev: TestProcess | undefined;
  let browser: Browser | undefined;
  let tab: ChatTab;

  before(async function () {
    if ('missing' in chromium) return this.skip();
    dev = await folder.start({ rabbitmq: false, env: { STORE: 'memory', TRANSPORT: 'in-process' } });
    const [{ base }, started] = await Promise.all([bannerOf(dev), startChromium(chromium.path)]);
    browser = started;
    const context = await browser.newContext();
    await context.routeWebSocket(/\/v1\/realtime/, script);
    tab = await ChatTab.in(context, base);
    await tab.page.getByRole('button', { name: 'Alice' }).click();
    await tab.page.waitForSelector('[data-connection=live]', { state: 'attached', timeout: SYNCED_WITHIN_MS });
  });

  after(async () => {
    await browser?.close();
    await dev?.stop();
    await eventually(() => folder.processes().length === 0, { within: WITHIN_MS, what: 'the end of npm start' });
  });

  const scroll = (from: number, step: number, count: number) =>
    tab.page.evaluate(`(${SCROLL})(${from}, ${step}, ${count})`) as Promise<Scrolled>;

  it('opens at its end', async () => {
    await tab.enter('Large');
    await tab.sees(bodyOf(MESSAGES));
    expect(await tab.page.locator('.slot').count()).to.be.below(100);
  });

  for (const [name, from, step] of [
    ['up from the end', 1, -240],
    ['down from the middle', 0.5, 240],
    ['fast', 0.2, 3_000],
  ] as const)
    it(`scrolls ${name} without stutter`, async () => {
      const { frames, longTasks, rows } = await scroll(from, step, 120);
      const sorted = [...frames].sort((a, b) => a - b);
      const p95 = sorted[Math.floor(sorted.length * 0.95)] ?? 0;
      const figures = `p95 ${p95.toFixed(1)} ms, longest ${sorted.at(-1)?.toFixed(1)} ms, long tasks ${longTasks.length}`;
      console.log(`      ${figures}, ${rows} rows`);
      expect(p95, figures).to.be.below(onThisMachine(LONG_TASK_MS));
      expect(
        longTasks.filter((ms) => ms > onThisMachine(2 * LONG_TASK_MS)),
        figures,
      ).to.deep.equal([]);
      expect(rows).to.be.below(150);
    });

  it('shows each message once, in order, wherever it is scrolled to', async () => {
    for (const from of [0.9, 0.33, 0]) {
      await scroll(from, 0, 1);
      await tab.eventually('the messages', async () => {
        const numbers = (await tab.texts()).map((text) => Number.parseInt(text, 10));
        expect(numbers).to.have.length.above(5);
        expect(numbers).to.deep.equal(numbers.map((_, at) => (numbers[0] ?? 0) + at));
        return (await tab.page.locator('.unknown').count()) === 0;
      });
    }
    await tab.sees(bodyOf(2));
  });

  it('returns to its end', async () => {
    await tab.page.getByRole('button', { name: 'To the latest message' }).click();
    await tab.sees(bodyOf(MESSAGES));
  });
});
